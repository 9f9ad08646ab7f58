//! Eight bytes as a vector: one narrow element, on any processor.

use super::vector::{Strided, Vector, load_inside, part, store_inside};

/// The bytes of a narrow element.
#[derive(Clone, Copy)]
pub(crate) struct Word(u64);

impl Vector for Word {
    type Bytes = [u8; 8];

    const REGISTERS: usize = 16;

    #[inline(always)]
    fn zero() -> Self {
        Self(0)
    }

    #[inline(always)]
    fn load(bytes: &Self::Bytes) -> Self {
        Self(u64::from_ne_bytes(*bytes))
    }

    #[inline(always)]
    fn load_part(bytes: &[u8], at: isize) -> Self {
        Self::load(&part(bytes, at))
    }

    #[inline(always)]
    fn store(self, bytes: &mut Self::Bytes) {
        *bytes = self.0.to_ne_bytes();
    }

    #[inline(always)]
    unsafe fn load_inside(bytes: *const Self::Bytes, inside: u64) -> Self {
        // SAFETY: promised by the caller.
        Self::load(&unsafe { load_inside(bytes, inside) })
    }

    #[inline(always)]
    unsafe fn store_inside(self, bytes: *mut Self::Bytes, inside: u64) {
        // SAFETY: promised by the caller.
        unsafe { store_inside(self.0.to_ne_bytes(), bytes, inside) }
    }

    #[inline(always)]
    fn later(self, _: Self, _: usize) -> Self {
        // It has one element, and fewer are none.
        self
    }

    #[inline(always)]
    fn xor(self, other: Self) -> Self {
        Self(self.0 ^ other.0)
    }

    #[inline(always)]
    fn xor3(self, second: Self, third: Self) -> Self {
        Self(self.0 ^ second.0 ^ third.0)
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
    fn stride(job: impl Strided) {
        job.run_strided::<Self, 8, 16>();
    }
}
