//! The inner loops, one set for each instruction set, chosen at run time.

use std::fmt;

use crate::Error;
use vector::Vector;

#[cfg(target_arch = "x86_64")]
#[expect(unsafe_code, reason = "vector instructions are unsafe functions")]
mod avx2;
#[cfg(target_arch = "x86_64")]
#[expect(unsafe_code, reason = "vector instructions are unsafe functions")]
mod avx512;
pub(crate) mod crc;
pub(crate) mod decode;
#[expect(unsafe_code, reason = "what lies within its fragment is read and written without asking again, see there")]
mod eliminate;
#[expect(unsafe_code, reason = "rows are bare pointers, see there")]
pub(crate) mod encode;
mod gather;
#[expect(unsafe_code, reason = "lost rows are bare pointers, see there")]
mod lines;
#[expect(unsafe_code, reason = "rows and bins are bare pointers, see there")]
mod mixed;
#[expect(unsafe_code, reason = "rows and bins are bare pointers, see there")]
mod narrow;
#[cfg(target_arch = "aarch64")]
#[expect(unsafe_code, reason = "vector instructions are unsafe functions")]
mod neon;
#[expect(unsafe_code, reason = "rows and bins are bare pointers, see there")]
mod pair;
mod parities;
mod pattern;
pub(crate) mod portable;
#[expect(unsafe_code, reason = "rows and bins are bare pointers, see there")]
mod recover;
#[expect(unsafe_code, reason = "to read a list entry by entry, see there")]
mod rows;
pub(crate) mod steps;
#[expect(unsafe_code, reason = "rows and bins are bare pointers, see there")]
mod sweep;
#[expect(unsafe_code, reason = "parts of a vector are read where the rest does not exist, see there")]
mod vector;
#[expect(unsafe_code, reason = "parts of a vector are read where the rest does not exist, see there")]
mod word;
pub(crate) mod zigzag;

/// A set of inner loops. All give the same bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kernel {
    /// Safe Rust that the compiler vectorises for the machine it was built for.
    Portable,
    /// aarch64's vectors of 16 bytes.
    Neon,
    /// Vectors of 32 bytes (x86-64).
    Avx2,
    /// Vectors of 64 bytes (x86-64).
    Avx512,
}

impl Kernel {
    /// Every kernel, slowest first, whether it runs here or not.
    pub const ALL: [Self; 4] = [Self::Portable, Self::Neon, Self::Avx2, Self::Avx512];

    /// The fastest that this processor runs.
    pub fn best() -> Self {
        Self::ALL.into_iter().rev().find(|kernel| kernel.is_available()).unwrap_or(Self::Portable)
    }

    /// Whether this processor runs it. The answer costs a load: the standard library asks the processor once.
    #[inline(always)]
    pub fn is_available(self) -> bool {
        match self {
            Self::Portable => true,
            #[cfg(target_arch = "aarch64")]
            Self::Neon => std::arch::is_aarch64_feature_detected!("neon"),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => is_x86_feature_detected!("avx2"),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => is_x86_feature_detected!("avx512f"),
            #[cfg(not(target_arch = "aarch64"))]
            Self::Neon => false,
            #[cfg(not(target_arch = "x86_64"))]
            Self::Avx2 | Self::Avx512 => false,
        }
    }

    pub(crate) fn require(self) -> Result<Self, Error> {
        if self.is_available() { Ok(self) } else { Err(Error::KernelUnavailable { kernel: self }) }
    }

    /// Runs a job with this kernel's vectors. None, and nothing done, where it has none (the portable one) or the
    /// processor lacks them.
    ///
    /// Jobs of small blocks are two references, which are passed in registers. A larger one is copied in memory, and
    /// the copy can't be read before it has left the store buffer, which takes as long as a kilobyte of the work.
    #[inline(always)]
    #[expect(unsafe_code, reason = "code for a processor that is only known at run time is called this way alone")]
    pub(crate) fn run<J: Job>(self, job: J) -> Option<J::Output> {
        // A variant proves nothing, anybody can name it. To ask again is one load and one branch for a whole block.
        if !self.is_available() {
            return None;
        }
        match self {
            Self::Portable => None,
            #[cfg(target_arch = "aarch64")]
            // SAFETY: the processor has the instructions, as was just seen.
            Self::Neon => Some(unsafe { neon::run(job) }),
            #[cfg(target_arch = "x86_64")]
            // SAFETY: the processor has the instructions, as was just seen.
            Self::Avx2 => Some(unsafe { avx2::run(job) }),
            #[cfg(target_arch = "x86_64")]
            // SAFETY: the processor has the instructions, as was just seen.
            Self::Avx512 => Some(unsafe { avx512::run(job) }),
            #[cfg(not(target_arch = "aarch64"))]
            Self::Neon => None,
            #[cfg(not(target_arch = "x86_64"))]
            Self::Avx2 | Self::Avx512 => None,
        }
    }
}

/// Work that is written once for all vectors.
pub(crate) trait Job {
    /// What it returns.
    type Output;

    /// Does it. Always inlined, to be compiled with the instructions that `V` needs.
    fn run<V: Vector>(self) -> Self::Output;
}

impl fmt::Display for Kernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Portable => "portable",
            Self::Neon => "NEON",
            Self::Avx2 => "AVX2",
            Self::Avx512 => "AVX-512",
        })
    }
}

#[cfg(test)]
#[expect(unsafe_code, reason = "vectors have unsafe functions")]
mod tests;
