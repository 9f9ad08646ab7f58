//! Which loop recovers what: a sum for one row, one pass for two fragments of (4, 2), a loop of its own for each
//! pattern of lost rows and parities of (8, 4) with wide elements, and for all others a gathering or line by line.

use std::ops::Range;

use super::Kernel;
use super::eliminate::{Eliminate, Plan};
use super::gather::{Gather, Source};
use super::lines::RecoverLines;
use super::mixed::Mixed;
use super::pair::Pair;
use super::parities::Parities;
use super::recover::{Given, Recover};
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

/// What is lost, and what it is recovered from, as bits. As many parities are taken as rows are lost.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Loss {
    pub(crate) rows: usize,
    pub(crate) parities: usize,
    pub(crate) by: usize,
}

/// The loops that recover one loss, of any number of blocks.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Way {
    /// One row as a sum, or two fragments of (4, 2) in one pass.
    Once(Once),
    /// Rows, or none, and parities of (8, 4).
    Eight(Finder),
    /// Several rows of narrow elements, perhaps with parities.
    Narrow(Solver, Plan),
    /// None that is made for it.
    Any,
}

/// Recovers the last list from the first, of rows of so many bytes. Returns whether their lengths fit, and the kernel
/// runs here.
type Once = fn(Kernel, usize, &[&[u8]], &mut [&mut [u8]]) -> bool;

/// Finds the lost rows up to the end of these columns, after those before them. Returns whether the kernel runs here.
type Finder = fn(Kernel, &Given<'_, 8>, &Range<usize>) -> bool;

/// Recovers the lost rows. Returns whether their lengths fit, and the kernel runs here.
type Solver = fn(Kernel, &Plan, &[&[u8]], &mut [&mut [u8]]) -> bool;

/// The finder of the pattern that is known by these bits, with the parities `PARITIES` (bits).
macro_rules! fixed {
    ($lost:ident, $e:literal, $parities:expr; $($known:literal)*) => {
        match $lost {
            $($known => Some(find::<$known, { $parities }, $e>),)*
            _ => None,
        }
    };
}

/// The solver for these spans, of eight rows or of four.
macro_rules! eliminate {
    ($plan:ident, $powers:expr, $e:literal of $k:literal; $($known:literal)*) => {
        match $plan.spans {
            $($known => Some(|kernel, plan, have, lost| {
                kernel.run(Eliminate::<$known, { $powers }, $e, { $k - $e }> { plan, have, lost }) == Some(true)
            }),)*
            _ => None,
        }
    };
}

impl Way {
    pub(crate) fn of(kernel: Kernel, geometry: Geometry, loss: Loss) -> Self {
        let Loss { rows, parities, by } = loss;
        match (kernel, geometry.element(), geometry.data()) {
            (Kernel::Portable, _, _) => Self::Any,
            (_, _, 2) if by == 1 && parities == 0 => Self::Once(sum::<2>),
            (_, _, 4) if by == 1 && parities == 0 => Self::Once(sum::<4>),
            (_, _, 8) if by == 1 && parities == 0 => Self::Once(sum::<8>),
            (_, Element::Wide, 4) => two_of_four(rows, parities, by).map_or(Self::Any, Self::Once),
            (_, Element::Narrow, k) => Plan::of(geometry, loss)
                .and_then(|plan| Some(Self::Narrow(solver(k, &plan)?, plan)))
                .unwrap_or(Self::Any),
            // See `Recover::run`: it has few patterns for few registers.
            (Kernel::Avx2, _, _) if by & (by + 1) != 0 => Self::Any,
            (_, Element::Wide, 8) if parities < 16 => finder(rows, by).map_or(Self::Any, Self::Eight),
            _ => Self::Any,
        }
    }
}

impl Kernel {
    /// Recovers rows, or none, and parities of (8, 4), all with the lengths of the geometry. Returns whether this
    /// kernel has loops; otherwise nothing has been written.
    ///
    /// Shape: `have` is the other rows, ascending, and as many parities as rows are lost; `lost` is rows, ascending,
    /// and parities.
    pub(crate) fn recover_eight(
        self,
        find: Finder,
        row_bytes: usize,
        loss: Loss,
        have: &[&[u8]],
        lost: &mut [&mut [u8]],
    ) -> bool {
        let (kept, bins) = have.split_at(8 - loss.rows.count_ones() as usize);
        let (rows, parities) = lost.split_at_mut(bins.len());
        let kept = ones(!loss.rows & 0xff).zip(kept.iter().copied());
        let rows = Rows::new(row_bytes, kept, ones(loss.rows).zip(rows.iter_mut().map(|row| &mut **row)));
        let Some(rows) = rows else { return false };
        let given = Given { rows, bins };
        if parities.is_empty() {
            return find(self, &given, &(0..row_bytes / Element::Wide.bytes()));
        }
        let mut wanted: [&mut [u8]; 4] = Default::default();
        for (index, bytes) in ones(loss.parities).zip(parities) {
            wanted[index] = bytes;
        }
        let mut ready = |columns| {
            let is_found = find(self, &given, &columns);
            debug_assert!(is_found, "the kernel runs here");
        };
        self.run(&mut Parities { rows: &given.rows, bins: &mut wanted, ready: &mut ready }).is_some()
    }

    /// Recovers lost rows of any geometry, at least one. Returns whether this kernel has loops; otherwise nothing has
    /// been written.
    pub(crate) fn recover(self, left: &Left<'_>, lost: Lost<'_, '_>) -> bool {
        if self == Self::Portable {
            return false;
        }
        if let [(row, bytes)] = lost {
            return self.recover_one(left, *row, bytes);
        }
        self.run(RecoverLines { left, lost }).is_some()
    }

    /// One row is the XOR of the others and of its bins.
    fn recover_one(self, left: &Left<'_>, lost: usize, out: &mut [u8]) -> bool {
        let Left { geometry, fragments, parities } = *left;
        let k = geometry.data();
        let parity = parities.trailing_zeros() as usize;
        let origin = geometry.lead(parity, lost) as isize;
        let mut sources = [Source::default(); MAX_FRAGMENTS];
        for (row, source) in sources[..k].iter_mut().enumerate() {
            let lead = geometry.lead(parity, row) as isize - origin;
            *source = Source { bytes: fragments[row], lead };
        }
        sources[lost] = Source { bytes: fragments[k + parity], lead: -origin };
        self.run(Gather { out, sources: &sources[..k] }).is_some()
    }
}

/// The numbers of the bits that are set, ascending.
pub(crate) fn ones(mut bits: usize) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let lowest = (bits != 0).then(|| bits.trailing_zeros() as usize)?;
        bits &= bits - 1;
        Some(lowest)
    })
}

fn sum<const K: usize>(kernel: Kernel, bytes: usize, have: &[&[u8]], lost: &mut [&mut [u8]]) -> bool {
    match (have.as_array::<K>(), lost) {
        (Some(have), [row]) if row.len() == bytes => kernel.sum(row, have),
        _ => false,
    }
}

/// The one pass for two fragments of (4, 2).
fn two_of_four(rows: usize, parities: usize, by: usize) -> Option<Once> {
    macro_rules! once {
        ($job:ident<$first:literal, $second:literal>) => {
            |kernel, bytes, have, lost| match (have.as_array(), lost.as_mut_array()) {
                (Some(have), Some(lost)) if lost[0].len() == bytes => {
                    kernel.run($job::<$first, $second> { have, lost }) == Some(true)
                }
                _ => false,
            }
        };
    }
    Some(match (rows, parities, by) {
        (0b0011, 0, 0b11) => once!(Pair<0, 1>),
        (0b0101, 0, 0b11) => once!(Pair<0, 2>),
        (0b1001, 0, 0b11) => once!(Pair<0, 3>),
        (0b0110, 0, 0b11) => once!(Pair<1, 2>),
        (0b1010, 0, 0b11) => once!(Pair<1, 3>),
        (0b1100, 0, 0b11) => once!(Pair<2, 3>),
        (0b0001, 0b10, 0b01) => once!(Mixed<0, 0>),
        (0b0010, 0b10, 0b01) => once!(Mixed<1, 0>),
        (0b0100, 0b10, 0b01) => once!(Mixed<2, 0>),
        (0b1000, 0b10, 0b01) => once!(Mixed<3, 0>),
        (0b0001, 0b01, 0b10) => once!(Mixed<0, 1>),
        (0b0010, 0b01, 0b10) => once!(Mixed<1, 1>),
        (0b0100, 0b01, 0b10) => once!(Mixed<2, 1>),
        (0b1000, 0b01, 0b10) => once!(Mixed<3, 1>),
        _ => return None,
    })
}

fn find<const LOST: usize, const PARITIES: usize, const E: usize>(
    kernel: Kernel,
    given: &Given<'_, 8>,
    columns: &Range<usize>,
) -> bool {
    kernel.run(Recover::<LOST, PARITIES, 8, E> { given, columns }).is_some()
}

fn nothing(_: Kernel, _: &Given<'_, 8>, _: &Range<usize>) -> bool {
    true
}

/// The loops for (8, 4), by lost rows and by parities to find them from (bits).
fn finder(lost: usize, by: usize) -> Option<Finder> {
    match by {
        0 => Some(nothing),
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

fn one_of_eight<const PARITIES: usize>(lost: usize) -> Option<Finder> {
    fixed!(lost, 1, PARITIES; 0x1 0x2 0x4 0x8 0x10 0x20 0x40 0x80)
}

fn two_of_eight<const PARITIES: usize>(lost: usize) -> Option<Finder> {
    fixed!(lost, 2, PARITIES; 0x3 0x5 0x6 0x9 0xa 0xc 0x11 0x12 0x14 0x18 0x21 0x22 0x24 0x28 0x30 0x41 0x42 0x44 0x48 0x50 0x60 0x81 0x82
    0x84 0x88 0x90 0xa0 0xc0)
}

fn three_of_eight<const PARITIES: usize>(lost: usize) -> Option<Finder> {
    fixed!(lost, 3, PARITIES; 0x7 0xb 0xd 0xe 0x13 0x15 0x16 0x19 0x1a 0x1c 0x23 0x25 0x26 0x29 0x2a 0x2c 0x31 0x32 0x34 0x38 0x43 0x45 0x46
    0x49 0x4a 0x4c 0x51 0x52 0x54 0x58 0x61 0x62 0x64 0x68 0x70 0x83 0x85 0x86 0x89 0x8a 0x8c 0x91 0x92 0x94 0x98
    0xa1 0xa2 0xa4 0xa8 0xb0 0xc1 0xc2 0xc4 0xc8 0xd0 0xe0)
}

fn four_of_eight(lost: usize) -> Option<Finder> {
    fixed!(lost, 4, 0b1111; 0xf 0x17 0x1b 0x1d 0x1e 0x27 0x2b 0x2d 0x2e 0x33 0x35 0x36 0x39 0x3a 0x3c 0x47 0x4b 0x4d 0x4e 0x53 0x55 0x56
    0x59 0x5a 0x5c 0x63 0x65 0x66 0x69 0x6a 0x6c 0x71 0x72 0x74 0x78 0x87 0x8b 0x8d 0x8e 0x93 0x95 0x96 0x99 0x9a
    0x9c 0xa3 0xa5 0xa6 0xa9 0xaa 0xac 0xb1 0xb2 0xb4 0xb8 0xc3 0xc5 0xc6 0xc9 0xca 0xcc 0xd1 0xd2 0xd4 0xd8 0xe1
    0xe2 0xe4 0xe8 0xf0)
}

/// The loops for several lost rows of narrow elements.
fn solver(rows: usize, plan: &Plan) -> Option<Solver> {
    match (rows, plan.powers) {
        (4, 0b11) => eliminate!(plan, 0b11, 2 of 4; 0x3 0x5 0x9),
        (8, 0b11) => solver_of_two::<0b11>(plan),
        (8, 0b101) => solver_of_two::<0b101>(plan),
        (8, 0b1001) => solver_of_two::<0b1001>(plan),
        (8, 0b111) => solver_of_three::<0b111>(plan),
        (8, 0b1011) => solver_of_three::<0b1011>(plan),
        (8, 0b1101) => solver_of_three::<0b1101>(plan),
        (8, 0b1111) => {
            eliminate!(plan, 0b1111, 4 of 8; 0xf 0x17 0x1b 0x1d 0x27 0x2b 0x2d 0x33 0x35 0x39 0x47 0x4b 0x4d 0x53 0x55 0x59 0x63 0x65 0x69 0x71 0x87 0x8b 0x8d 0x93 0x95 0x99 0xa3 0xa5 0xa9 0xb1 0xc3 0xc5 0xc9 0xd1 0xe1)
        }
        _ => None,
    }
}

fn solver_of_two<const POWERS: usize>(plan: &Plan) -> Option<Solver> {
    eliminate!(plan, POWERS, 2 of 8; 0x3 0x5 0x9 0x11 0x21 0x41 0x81)
}

fn solver_of_three<const POWERS: usize>(plan: &Plan) -> Option<Solver> {
    eliminate!(plan, POWERS, 3 of 8; 0x7 0xb 0xd 0x13 0x15 0x19 0x23 0x25 0x29 0x31 0x43 0x45 0x49 0x51 0x61 0x83 0x85 0x89 0x91 0xa1 0xc1)
}
