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
    /// None where a row is not of this length. Panics where one is not in exactly one of the lists, which give their
    /// numbers.
    #[inline(always)]
    pub(crate) fn new(
        bytes: usize,
        kept: impl Iterator<Item = (usize, &'a [u8])>,
        lost: impl Iterator<Item = (usize, &'a mut [u8])>,
    ) -> Option<Self> {
        let mut rows = Self { bytes, lost: 0, pointers: [std::ptr::null_mut(); K], borrowed: PhantomData };
        let (mut listed, mut is_even) = (0, true);
        for (row, buffer) in lost {
            is_even &= buffer.len() == bytes;
            rows.pointers[row] = buffer.as_mut_ptr();
            rows.lost |= 1 << row;
        }
        for (row, kept) in kept {
            is_even &= kept.len() == bytes;
            // Only to be read.
            rows.pointers[row] = kept.as_ptr().cast_mut();
            listed |= 1 << row;
        }
        assert!(listed | rows.lost == (1 << K) - 1 && listed & rows.lost == 0);
        is_even.then_some(rows)
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

/// Where rows begin, read entry by entry: see [`one_by_one`].
#[inline(always)]
pub(crate) fn pointers<const K: usize>(rows: &[&[u8]; K]) -> [*const u8; K] {
    // SAFETY: each comes from a reference.
    std::array::from_fn(|at| unsafe { std::ptr::read_volatile(&rows[at]) }.as_ptr())
}

/// A short list, read entry by entry. As a vector, which is how the compiler would rather have it, it could only be read when all entries
/// have left the store buffer; they were written a moment ago, and a small block would be done before.
#[inline(always)]
pub(crate) fn one_by_one<T: Copy, const K: usize>(list: &[T; K]) -> [T; K] {
    // SAFETY: each comes from a reference.
    std::array::from_fn(|at| unsafe { std::ptr::read_volatile(&list[at]) })
}
