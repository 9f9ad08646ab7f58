//! Which loop recovers what: a sum or a gathering for one row, a loop of its own for each pattern of lost rows and parities of (4, 2) and
//! (8, 4) with wide elements, and line by line for all others.

use std::ops::Range;

use super::Kernel;
use super::gather::{Gather, Source};
use super::lines::RecoverLines;
use super::parities::Parities;
use super::pattern::Pattern;
use super::recover::Recover;
use super::rows::Rows;
use crate::{Element, Geometry, MAX_FRAGMENTS};

/// What is left of a block.
pub(crate) struct Left<'a> {
    pub(crate) geometry: Geometry,
    /// By number, and empty where there is none; those that the code does not have may be missing.
    pub(crate) fragments: &'a [&'a [u8]],
    /// The parities that are there, as bits, the first lowest.
    pub(crate) parities: usize,
}

/// A list of lost fragments, ascending.
pub(crate) type Lost<'a, 'b> = &'a mut [(usize, &'b mut [u8])];

/// Finds the lost rows up to the end of these columns, after those before them.
type Finder<const K: usize> = fn(Kernel, &Rows<'_, K>, &Left<'_>, Range<usize>);

/// The finder of the pattern that is known by these bits, with the parities `PARITIES` (bits).
macro_rules! fixed {
    ($lost:ident, $k:literal, $e:literal, $parities:expr; $($known:literal)*) => {
        match $lost {
            $($known => Some(find::<$known, { $parities }, $k, $e>),)*
            _ => None,
        }
    };
}

impl Kernel {
    /// Recovers lost rows, at least one. Returns whether this kernel has a loop for them; otherwise nothing has been written.
    pub(crate) fn recover(self, left: &Left<'_>, lost: Lost<'_, '_>) -> bool {
        if self == Self::Portable {
            return false;
        }
        if self.recover_named(left, lost, &mut []) {
            return true;
        }
        if let [(row, bytes)] = lost {
            return self.recover_one(left, *row, bytes);
        }
        self.run(RecoverLines { left, lost }).is_ok()
    }

    /// Recovers lost rows (or none) and lost parities together, of the layouts with wide elements. Returns whether this kernel has loops
    /// for them; otherwise nothing has been written.
    pub(crate) fn recover_named(self, left: &Left<'_>, rows: Lost<'_, '_>, parities: Lost<'_, '_>) -> bool {
        match (self, left.geometry.element(), left.geometry.data()) {
            (Self::Portable, _, _) | (_, Element::Narrow, _) => false,
            (_, Element::Wide, 4) => {
                self.recover_mixed(left, rows, parities) || self.recover_wide(left, rows, parities, finder_of_four)
            }
            (_, Element::Wide, 8) => self.recover_wide(left, rows, parities, finder_of_eight),
            (_, Element::Wide, _) => false,
        }
    }

    #[inline]
    fn recover_wide<const K: usize>(
        self,
        left: &Left<'_>,
        lost: Lost<'_, '_>,
        parities: Lost<'_, '_>,
        finder: impl Fn(usize, usize) -> Option<Finder<K>>,
    ) -> bool {
        // The flattest have the lowest numbers.
        let (mut by, mut rest) = (0, left.parities);
        for _ in 0..lost.len() {
            by |= rest & rest.wrapping_neg();
            rest &= rest.wrapping_sub(1);
        }
        // See `Recover::run`: it has few patterns for few registers.
        if self == Self::Avx2 && by & (by + 1) != 0 {
            return false;
        }
        let bytes = left.geometry.row_bytes();
        let Some(fragments) = left.fragments.first_chunk() else { return false };
        let rows = Rows::<K>::new(fragments, bytes, lost);
        let find = if rows.lost() == 0 { Some(nothing as Finder<K>) } else { finder(rows.lost(), by) };
        let Some(find) = find else { return false };
        if parities.is_empty() {
            find(self, &rows, left, 0..bytes / Element::Wide.bytes());
            return true;
        }
        let mut bins: [&mut [u8]; 4] = Default::default();
        for (index, bytes) in parities {
            let Some(place) = bins.get_mut(*index - K) else { return false };
            *place = bytes;
        }
        self.run(Parities { rows: &rows, bins: &mut bins, ready: &mut |columns| find(self, &rows, left, columns) })
            .is_ok()
    }

    /// One row is the XOR of the others and of its bins.
    fn recover_one(self, left: &Left<'_>, lost: usize, out: &mut [u8]) -> bool {
        let Left { geometry, fragments, parities } = *left;
        let k = geometry.data();
        let parity = parities.trailing_zeros() as usize;
        let row = |row: usize| if row == lost { fragments[k + parity] } else { fragments[row] };
        match (parity, k) {
            (0, 2) => return self.sum(out, [0, 1].map(row)),
            (0, 4) => return self.sum(out, [0, 1, 2, 3].map(row)),
            (0, 8) => return self.sum(out, [0, 1, 2, 3, 4, 5, 6, 7].map(row)),
            _ => {}
        }
        let origin = geometry.lead(parity, lost) as isize;
        let mut sources = [Source::default(); MAX_FRAGMENTS];
        for (row, source) in sources[..k].iter_mut().enumerate() {
            let lead = geometry.lead(parity, row) as isize - origin;
            *source = Source { bytes: fragments[row], lead };
        }
        sources[lost] = Source { bytes: fragments[k + parity], lead: -origin };
        self.run(Gather { out, sources: &sources[..k] }).is_ok()
    }
}

fn find<const LOST: usize, const PARITIES: usize, const K: usize, const E: usize>(
    kernel: Kernel,
    rows: &Rows<'_, K>,
    left: &Left<'_>,
    columns: Range<usize>,
) {
    let parities = const { Pattern::<K, E>::new(LOST, PARITIES).parities };
    let bins = parities.map(|parity| left.fragments[K + parity]);
    let is_done = kernel.run(Recover::<LOST, PARITIES, K, E> { rows, bins, columns }).is_ok();
    debug_assert!(is_done, "the kernel has been seen to run here");
}

fn nothing<const K: usize>(_: Kernel, _: &Rows<'_, K>, _: &Left<'_>, _: Range<usize>) {}

/// The loops for (4, 2), by lost rows and by parities to find them from (bits).
fn finder_of_four(lost: usize, by: usize) -> Option<Finder<4>> {
    match by {
        0b01 => one_of_four::<0b01>(lost),
        0b10 => one_of_four::<0b10>(lost),
        0b11 => fixed!(lost, 4, 2, 0b11; 0x3 0x5 0x6 0x9 0xa 0xc),
        _ => None,
    }
}

/// The loops for (8, 4), by lost rows and by parities to find them from (bits).
fn finder_of_eight(lost: usize, by: usize) -> Option<Finder<8>> {
    match by {
        0b0001 => one_of_eight::<0b0001>(lost),
        0b0010 => one_of_eight::<0b0010>(lost),
        0b0100 => one_of_eight::<0b0100>(lost),
        0b1000 => one_of_eight::<0b1000>(lost),
        0b0011 => two_of_eight::<0b0011>(lost),
        0b0101 => two_of_eight::<0b0101>(lost),
        0b1001 => two_of_eight::<0b1001>(lost),
        0b0110 => two_of_eight::<0b0110>(lost),
        0b1010 => two_of_eight::<0b1010>(lost),
        0b1100 => two_of_eight::<0b1100>(lost),
        0b0111 => three_of_eight::<0b0111>(lost),
        0b1011 => three_of_eight::<0b1011>(lost),
        0b1101 => three_of_eight::<0b1101>(lost),
        0b1110 => three_of_eight::<0b1110>(lost),
        0b1111 => four_of_eight(lost),
        _ => None,
    }
}

fn one_of_four<const PARITIES: usize>(lost: usize) -> Option<Finder<4>> {
    fixed!(lost, 4, 1, PARITIES; 0x1 0x2 0x4 0x8)
}

fn one_of_eight<const PARITIES: usize>(lost: usize) -> Option<Finder<8>> {
    fixed!(lost, 8, 1, PARITIES; 0x1 0x2 0x4 0x8 0x10 0x20 0x40 0x80)
}

fn two_of_eight<const PARITIES: usize>(lost: usize) -> Option<Finder<8>> {
    fixed!(lost, 8, 2, PARITIES; 0x3 0x5 0x6 0x9 0xa 0xc 0x11 0x12 0x14 0x18 0x21 0x22 0x24 0x28 0x30 0x41 0x42 0x44 0x48 0x50 0x60 0x81 0x82
    0x84 0x88 0x90 0xa0 0xc0)
}

fn three_of_eight<const PARITIES: usize>(lost: usize) -> Option<Finder<8>> {
    fixed!(lost, 8, 3, PARITIES; 0x7 0xb 0xd 0xe 0x13 0x15 0x16 0x19 0x1a 0x1c 0x23 0x25 0x26 0x29 0x2a 0x2c 0x31 0x32 0x34 0x38 0x43 0x45 0x46
    0x49 0x4a 0x4c 0x51 0x52 0x54 0x58 0x61 0x62 0x64 0x68 0x70 0x83 0x85 0x86 0x89 0x8a 0x8c 0x91 0x92 0x94 0x98
    0xa1 0xa2 0xa4 0xa8 0xb0 0xc1 0xc2 0xc4 0xc8 0xd0 0xe0)
}

fn four_of_eight(lost: usize) -> Option<Finder<8>> {
    fixed!(lost, 8, 4, 0b1111; 0xf 0x17 0x1b 0x1d 0x1e 0x27 0x2b 0x2d 0x2e 0x33 0x35 0x36 0x39 0x3a 0x3c 0x47 0x4b 0x4d 0x4e 0x53 0x55 0x56
    0x59 0x5a 0x5c 0x63 0x65 0x66 0x69 0x6a 0x6c 0x71 0x72 0x74 0x78 0x87 0x8b 0x8d 0x8e 0x93 0x95 0x96 0x99 0x9a
    0x9c 0xa3 0xa5 0xa6 0xa9 0xaa 0xac 0xb1 0xb2 0xb4 0xb8 0xc3 0xc5 0xc6 0xc9 0xca 0xcc 0xd1 0xd2 0xd4 0xd8 0xe1
    0xe2 0xe4 0xe8 0xf0)
}
