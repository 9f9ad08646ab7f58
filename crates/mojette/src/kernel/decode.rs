//! Which loop recovers what: a sum or a gathering for one row, a loop of its own for each pattern of lost rows and parities of (4, 2) and
//! (8, 4) with wide elements, and line by line for all others.

use super::Kernel;
use super::encode::Sum;
use super::gather::{Gather, Source};
use super::lines::RecoverLines;
use super::pattern::Pattern;
use super::recover::Recover;
use crate::{Element, Geometry, MAX_FRAGMENTS};

/// What is left of a block: fragments by number, empty where there is none.
pub(crate) type Fragments<'a> = [&'a [u8]; MAX_FRAGMENTS];

/// A list of lost rows, ascending.
pub(crate) type Lost<'a, 'b> = &'a mut [(usize, &'b mut [u8])];

/// Runs the loop of the pattern that is known by these bits, with the parities `PARITIES` (bits).
macro_rules! fixed {
    ($kernel:ident, $rows:expr, $bins:expr, $lost:ident, $k:literal, $e:literal, $parities:expr; $($known:literal)*) => {
        match bits($lost) {
            $($known => {
                let parities = const { Pattern::<$k, $e>::new($known, $parities).parities };
                let bins = parities.map(|parity| $bins[$k + parity]);
                let job = Recover::<$known, { $parities }, $k, $e> { rows: $rows, bins, lost: $lost };
                $kernel.run(job).unwrap_or(false)
            })*
            _ => false,
        }
    };
}

impl Kernel {
    /// Recovers lost rows, at least one. Returns whether this kernel has a loop for them; otherwise nothing has been written.
    pub(crate) fn recover(self, geometry: Geometry, given: &Fragments<'_>, lost: Lost<'_, '_>) -> bool {
        if self == Self::Portable {
            return false;
        }
        if geometry.element() == Element::Wide && self.recover_fixed(geometry, given, lost) {
            return true;
        }
        if let [(row, bytes)] = lost {
            return self.recover_one(geometry, given, *row, bytes);
        }
        self.run(RecoverLines { geometry, given, lost }).is_ok()
    }

    /// One row is the XOR of the others and of its bins.
    fn recover_one(self, geometry: Geometry, given: &Fragments<'_>, lost: usize, out: &mut [u8]) -> bool {
        let k = geometry.data();
        let parity = available(geometry, given).trailing_zeros() as usize;
        let row = |row: usize| if row == lost { given[k + parity] } else { given[row] };
        match (parity, k) {
            (0, 2) => self.run(Sum { out, rows: [row(0), row(1)] }).is_ok(),
            (0, 4) => self.run(Sum { out, rows: [row(0), row(1), row(2), row(3)] }).is_ok(),
            (0, 8) => {
                let rows = [row(0), row(1), row(2), row(3), row(4), row(5), row(6), row(7)];
                self.run(Sum { out, rows }).is_ok()
            }
            _ => self.gather_one(geometry, given, lost, parity, out),
        }
    }

    fn gather_one(self, geometry: Geometry, given: &Fragments<'_>, lost: usize, parity: usize, out: &mut [u8]) -> bool {
        let k = geometry.data();
        let origin = geometry.lead(parity, lost) as isize;
        let mut sources = [Source::default(); MAX_FRAGMENTS];
        for (row, source) in sources[..k].iter_mut().enumerate() {
            let lead = geometry.lead(parity, row) as isize - origin;
            *source = Source { bytes: given[row], lead };
        }
        sources[lost] = Source { bytes: given[k + parity], lead: -origin };
        self.run(Gather { element: geometry.element(), out, sources: &sources[..k] }).is_ok()
    }

    /// Recovers what has a loop of its own.
    fn recover_fixed(self, geometry: Geometry, given: &Fragments<'_>, lost: Lost<'_, '_>) -> bool {
        let mut parities = available(geometry, given);
        while parities.count_ones() as usize > lost.len() {
            // The flattest have the lowest numbers.
            parities &= !(1 << parities.ilog2());
        }
        match (geometry.data(), lost.len(), parities) {
            (4, 1, 0b10) => self.recover_one_of_four::<0b10>(given, lost),
            (4, 2, 0b11) => self.recover_two_of_four(given, lost),
            (8, 1, 0b0010) => self.recover_one_of_eight::<0b0010>(given, lost),
            (8, 1, 0b0100) => self.recover_one_of_eight::<0b0100>(given, lost),
            (8, 1, 0b1000) => self.recover_one_of_eight::<0b1000>(given, lost),
            (8, 2, 0b0011) => self.recover_two_of_eight::<0b0011>(given, lost),
            (8, 2, 0b0101) => self.recover_two_of_eight::<0b0101>(given, lost),
            (8, 2, 0b1001) => self.recover_two_of_eight::<0b1001>(given, lost),
            (8, 2, 0b0110) => self.recover_two_of_eight::<0b0110>(given, lost),
            (8, 2, 0b1010) => self.recover_two_of_eight::<0b1010>(given, lost),
            (8, 2, 0b1100) => self.recover_two_of_eight::<0b1100>(given, lost),
            (8, 3, 0b0111) => self.recover_three_of_eight::<0b0111>(given, lost),
            (8, 3, 0b1011) => self.recover_three_of_eight::<0b1011>(given, lost),
            (8, 3, 0b1101) => self.recover_three_of_eight::<0b1101>(given, lost),
            (8, 3, 0b1110) => self.recover_three_of_eight::<0b1110>(given, lost),
            (8, 4, 0b1111) => self.recover_four_of_eight(given, lost),
            _ => false,
        }
    }

    fn recover_one_of_four<const PARITIES: usize>(self, given: &Fragments<'_>, lost: Lost<'_, '_>) -> bool {
        fixed!(self, rows(given), given, lost, 4, 1, PARITIES; 0x1 0x2 0x4 0x8)
    }

    fn recover_two_of_four(self, given: &Fragments<'_>, lost: Lost<'_, '_>) -> bool {
        fixed!(self, rows(given), given, lost, 4, 2, 0b11; 0x3 0x5 0x6 0x9 0xa 0xc)
    }

    fn recover_one_of_eight<const PARITIES: usize>(self, given: &Fragments<'_>, lost: Lost<'_, '_>) -> bool {
        fixed!(self, rows(given), given, lost, 8, 1, PARITIES; 0x1 0x2 0x4 0x8 0x10 0x20 0x40 0x80)
    }

    fn recover_two_of_eight<const PARITIES: usize>(self, given: &Fragments<'_>, lost: Lost<'_, '_>) -> bool {
        fixed!(self, rows(given), given, lost, 8, 2, PARITIES;
        0x3 0x5 0x6 0x9 0xa 0xc 0x11 0x12 0x14 0x18 0x21 0x22 0x24 0x28 0x30 0x41 0x42 0x44 0x48 0x50 0x60 0x81 0x82
        0x84 0x88 0x90 0xa0 0xc0)
    }

    fn recover_three_of_eight<const PARITIES: usize>(self, given: &Fragments<'_>, lost: Lost<'_, '_>) -> bool {
        fixed!(self, rows(given), given, lost, 8, 3, PARITIES;
        0x7 0xb 0xd 0xe 0x13 0x15 0x16 0x19 0x1a 0x1c 0x23 0x25 0x26 0x29 0x2a 0x2c 0x31 0x32 0x34 0x38 0x43 0x45 0x46
        0x49 0x4a 0x4c 0x51 0x52 0x54 0x58 0x61 0x62 0x64 0x68 0x70 0x83 0x85 0x86 0x89 0x8a 0x8c 0x91 0x92 0x94 0x98
        0xa1 0xa2 0xa4 0xa8 0xb0 0xc1 0xc2 0xc4 0xc8 0xd0 0xe0)
    }

    fn recover_four_of_eight(self, given: &Fragments<'_>, lost: Lost<'_, '_>) -> bool {
        fixed!(self, rows(given), given, lost, 8, 4, 0b1111;
        0xf 0x17 0x1b 0x1d 0x1e 0x27 0x2b 0x2d 0x2e 0x33 0x35 0x36 0x39 0x3a 0x3c 0x47 0x4b 0x4d 0x4e 0x53 0x55 0x56
        0x59 0x5a 0x5c 0x63 0x65 0x66 0x69 0x6a 0x6c 0x71 0x72 0x74 0x78 0x87 0x8b 0x8d 0x8e 0x93 0x95 0x96 0x99 0x9a
        0x9c 0xa3 0xa5 0xa6 0xa9 0xaa 0xac 0xb1 0xb2 0xb4 0xb8 0xc3 0xc5 0xc6 0xc9 0xca 0xcc 0xd1 0xd2 0xd4 0xd8 0xe1
        0xe2 0xe4 0xe8 0xf0)
    }
}

/// The first K fragments.
fn rows<'a, const K: usize>(given: &Fragments<'a>) -> [&'a [u8]; K] {
    std::array::from_fn(|row| given[row])
}

/// The lost rows as bits.
fn bits(lost: &[(usize, &mut [u8])]) -> usize {
    lost.iter().fold(0, |bits, (row, _)| bits | 1 << row)
}

/// The parities that are left, as bits.
fn available(geometry: Geometry, given: &Fragments<'_>) -> usize {
    let parities = &given[geometry.data()..geometry.fragments()];
    parities.iter().rev().fold(0, |bits, bins| bits << 1 | usize::from(!bins.is_empty()))
}
