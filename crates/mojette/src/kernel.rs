//! The inner loops, one set for each instruction set, chosen at run time.

use std::fmt;

use crate::Error;

pub(crate) mod portable;
pub(crate) mod zigzag;

/// A set of inner loops. All give the same bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kernel {
    /// Safe Rust that the compiler vectorises for the machine it was built for.
    Portable,
}

impl Kernel {
    /// Every kernel, slowest first, whether it runs here or not.
    pub const ALL: [Self; 1] = [Self::Portable];

    /// The fastest that this processor runs.
    pub fn best() -> Self {
        Self::ALL.into_iter().rev().find(|kernel| kernel.is_available()).unwrap_or(Self::Portable)
    }

    /// Whether this processor runs it.
    pub fn is_available(self) -> bool {
        match self {
            Self::Portable => true,
        }
    }

    pub(crate) fn require(self) -> Result<Self, Error> {
        if self.is_available() { Ok(self) } else { Err(Error::KernelUnavailable { kernel: self }) }
    }
}

impl fmt::Display for Kernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Portable => "portable",
        })
    }
}
