//! What the inner loops need of a processor: registers that can be loaded, stored and XORed.
//!
//! The loops are written once over this trait and always inlined, so that each is compiled with the instructions of the kernel
//! that calls it.

/// A vector register.
///
/// A type that needs special instructions is private to its kernel's module, and all entries to that module are functions with those
/// instructions enabled. So no value of it can exist where the processor lacks them.
pub(crate) trait Vector: Copy {
    /// Its bytes in memory, at any address.
    type Bytes: Copy + 'static;

    /// How many of them the processor has.
    const REGISTERS: usize;

    /// All bits zero.
    fn zero() -> Self;
    /// Reads it.
    fn load(bytes: &Self::Bytes) -> Self;
    /// Reads it from byte `at` of `bytes`, zeros where they have none. Both count whole narrow elements.
    fn load_part(bytes: &[u8], at: isize) -> Self;
    /// Writes it.
    fn store(self, bytes: &mut Self::Bytes);
    /// Reads those of its narrow elements whose bits are set, and zeros for the others.
    ///
    /// SAFETY: these may be read.
    unsafe fn load_inside(bytes: *const Self::Bytes, inside: u64) -> Self;
    /// Writes those of its narrow elements whose bits are set.
    ///
    /// SAFETY: these may be written.
    unsafe fn store_inside(self, bytes: *mut Self::Bytes, inside: u64);
    /// The vector that begins so many narrow elements earlier, fewer than it has, where `before` is the one before it.
    fn later(self, before: Self, elements: usize) -> Self;
    /// The XOR of two.
    fn xor(self, other: Self) -> Self;
    /// The XOR of three, which some processors do at once.
    fn xor3(self, second: Self, third: Self) -> Self;
    /// The whole vectors at the beginning of `bytes`.
    fn cut(bytes: &[u8]) -> (&[Self::Bytes], &[u8]);
    /// The same, to be written.
    fn cut_mut(bytes: &mut [u8]) -> (&mut [Self::Bytes], &mut [u8]);
    /// Runs a job with the slopes that a vector of this width gives.
    fn stride(job: impl Strided);
}

/// Work that takes the slopes as constants.
pub(crate) trait Strided {
    /// Does it. `STRIDE` is the slope of one in vectors, `STEEP` that of two. Always inlined, as a [`Job`](super::Job).
    fn run_strided<V: Vector, const STRIDE: usize, const STEEP: usize>(self);
}

/// Bytes of a vector.
pub(crate) const fn width<V: Vector>() -> usize {
    size_of::<V::Bytes>()
}

/// The vector that [`Vector::load_part`] reads, word by word.
#[inline(always)]
pub(crate) fn part<const BYTES: usize>(bytes: &[u8], at: isize) -> [u8; BYTES] {
    let (mut part, words) = ([0; BYTES], bytes.as_chunks::<8>().0);
    for (target, at) in part.as_chunks_mut::<8>().0.iter_mut().zip((at..).step_by(8)) {
        // What lies before the bytes becomes a number that is too large.
        *target = *words.get(at as usize / 8).unwrap_or(&[0; 8]);
    }
    part
}

/// Does what [`Vector::load_inside`] does, element by element.
///
/// SAFETY: as there.
#[inline(always)]
pub(crate) unsafe fn load_inside<const BYTES: usize>(bytes: *const [u8; BYTES], inside: u64) -> [u8; BYTES] {
    let mut words = [0; BYTES];
    for (at, word) in words.as_chunks_mut::<8>().0.iter_mut().enumerate() {
        if inside >> at & 1 == 1 {
            // SAFETY: promised by the caller.
            *word = unsafe { *bytes.cast::<[u8; 8]>().add(at) };
        }
    }
    words
}

/// Does what [`Vector::store_inside`] does, element by element.
///
/// SAFETY: as there.
#[inline(always)]
pub(crate) unsafe fn store_inside<const BYTES: usize>(words: [u8; BYTES], bytes: *mut [u8; BYTES], inside: u64) {
    for (at, word) in words.as_chunks::<8>().0.iter().enumerate() {
        if inside >> at & 1 == 1 {
            // SAFETY: promised by the caller.
            unsafe { *bytes.cast::<[u8; 8]>().add(at) = *word };
        }
    }
}

/// Writes an `impl Vector` for a register of `$bytes` bytes.
macro_rules! vector {
    ($name:ident, $bytes:literal, $registers:literal, zero: $zero:expr, load: $load:expr, load_part: $load_part:expr, store: $store:expr,
        load_inside: $load_inside:expr, store_inside: $store_inside:expr, later: $later:expr, xor: $xor:expr, xor3: $xor3:expr) => {
        impl $crate::kernel::vector::Vector for $name {
            type Bytes = [u8; $bytes];

            const REGISTERS: usize = $registers;

            #[inline(always)]
            fn zero() -> Self {
                // SAFETY: the value can only be made where the processor has the instruction (see `Vector`).
                Self(unsafe { $zero })
            }

            #[inline(always)]
            fn load(bytes: &Self::Bytes) -> Self {
                // SAFETY: as above; the pointer comes from a reference to as many bytes as are read, at any alignment.
                Self(unsafe { $load(bytes.as_ptr().cast()) })
            }

            #[inline(always)]
            fn load_part(bytes: &[u8], at: isize) -> Self {
                // SAFETY: the processor has the instruction, as above; none of them reads outside `bytes`.
                Self(unsafe { $load_part(bytes, at) })
            }

            #[inline(always)]
            fn store(self, bytes: &mut Self::Bytes) {
                // SAFETY: as above; the pointer comes from a reference to as many bytes as are written, at any alignment.
                unsafe { $store(bytes.as_mut_ptr().cast(), self.0) }
            }

            #[inline(always)]
            unsafe fn load_inside(bytes: *const Self::Bytes, inside: u64) -> Self {
                // SAFETY: the processor has the instruction, as above; the rest is promised by the caller.
                Self(unsafe { $load_inside(bytes.cast(), inside) })
            }

            #[inline(always)]
            unsafe fn store_inside(self, bytes: *mut Self::Bytes, inside: u64) {
                // SAFETY: as above.
                unsafe { $store_inside(bytes.cast(), self.0, inside) }
            }

            #[inline(always)]
            fn later(self, before: Self, elements: usize) -> Self {
                // SAFETY: there are values of this type, so the processor has the instruction.
                Self(unsafe { $later(self.0, before.0, elements) })
            }

            #[inline(always)]
            fn xor(self, other: Self) -> Self {
                // SAFETY: there are values of this type, so the processor has the instruction.
                Self(unsafe { $xor(self.0, other.0) })
            }

            #[inline(always)]
            fn xor3(self, second: Self, third: Self) -> Self {
                // SAFETY: there are values of this type, so the processor has the instruction.
                Self(unsafe { $xor3(self.0, second.0, third.0) })
            }

            #[inline(always)]
            fn cut(bytes: &[u8]) -> (&[Self::Bytes], &[u8]) {
                bytes.as_chunks()
            }

            #[inline(always)]
            fn cut_mut(bytes: &mut [u8]) -> (&mut [Self::Bytes], &mut [u8]) {
                bytes.as_chunks_mut()
            }

            #[inline(always)]
            fn stride(job: impl $crate::kernel::vector::Strided) {
                job.run_strided::<Self, { 64 / $bytes }, { 128 / $bytes }>();
            }
        }
    };
}

pub(crate) use vector;
