//! The rows of a block while some of them are being found: each is read again, by the same loop and by others, as soon as a part of it is
//! there. So they are bare pointers, taken once.

use std::marker::PhantomData;

/// K rows of the same length. It keeps what it was made of borrowed: lost rows to be written, the others to be read.
pub(crate) struct Rows<'a, const K: usize> {
    bytes: usize,
    /// The lost rows, as bits.
    lost: usize,
    pointers: [*mut u8; K],
    borrowed: PhantomData<&'a mut [u8]>,
}

impl<'a, const K: usize> Rows<'a, K> {
    /// Panics where a row is not of this length. What `kept` says of a lost row is not used.
    #[inline(always)]
    pub(crate) fn new(kept: &[&'a [u8]; K], bytes: usize, lost: &'a mut [(usize, &mut [u8])]) -> Self {
        // Made in its place: to move it takes longer than to make it.
        let mut rows = Self { bytes, lost: 0, pointers: [std::ptr::null_mut(); K], borrowed: PhantomData };
        for (row, buffer) in lost {
            assert_eq!(buffer.len(), bytes);
            rows.pointers[*row] = buffer.as_mut_ptr();
            rows.lost |= 1 << *row;
        }
        for (row, kept) in kept.iter().enumerate() {
            if rows.lost >> row & 1 == 0 {
                assert_eq!(kept.len(), bytes);
                // Only to be read.
                rows.pointers[row] = kept.as_ptr().cast_mut();
            }
        }
        rows
    }

    /// Of each row.
    #[inline(always)]
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// As bits.
    #[inline(always)]
    pub(crate) fn lost(&self) -> usize {
        self.lost
    }

    /// All may be read, and the lost ones written, while this is borrowed, by one thread at a time.
    #[inline(always)]
    pub(crate) fn pointers(&self) -> [*mut u8; K] {
        one_by_one(&self.pointers)
    }
}

/// A short list, read entry by entry. As a vector, which is how the compiler would rather have it, it could only be read when all entries
/// have left the store buffer; they were written a moment ago, and a small block would be done before.
#[inline(always)]
pub(crate) fn one_by_one<T: Copy, const K: usize>(list: &[T; K]) -> [T; K] {
    // SAFETY: each comes from a reference.
    std::array::from_fn(|at| unsafe { std::ptr::read_volatile(&list[at]) })
}
