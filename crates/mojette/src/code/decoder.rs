//! Recovery of the same fragments of many blocks. What follows from their numbers alone is found once.

use super::arguments::{check_count, check_length};
use super::{Code, Error, MAX_FRAGMENTS, kernel};
use kernel::decode::{Left, Loss, Way, ones};
use kernel::steps::steps;
use kernel::zigzag::zigzag;

/// Recovers the same fragments of any number of blocks, from the same others. Holds no buffer and allocates nothing.
#[derive(Clone, Copy, Debug)]
pub struct Decoder {
    code: Code,
    /// The fragments to read and to recover, as bits.
    reads: u32,
    lost: u32,
    loss: Loss,
    way: Way,
}

impl Code {
    /// Prepares to recover the fragments `lost` when the fragments `have` are at hand.
    ///
    /// Shape: numbers of fragments (rows 0 to k − 1, parities k to k + m − 1), in any order. `have` names at least k,
    /// and each data row is in one of the lists: recovering a row passes through all that are missing. Errors: `Index`,
    /// `Duplicate`, `TooFew`, `Unlisted`.
    pub fn decoder(&self, have: &[usize], lost: &[usize]) -> Result<Decoder, Error> {
        let bytes = |&index: &usize| (index, self.geometry.fragment_bytes(index).unwrap_or(0));
        let (have, lost) = self.check_fragments(have.iter().map(bytes), lost.iter().map(bytes))?;
        Ok(self.decoder_of(have, lost))
    }

    /// The same of lists that have been checked, as bits.
    pub(super) fn decoder_of(&self, have: u32, lost: u32) -> Decoder {
        let k = self.geometry.data();
        let rows = (1_u64 << k) as u32 - 1;
        // The flattest have the lowest numbers.
        let (mut by, mut rest) = (0, have & !rows);
        for _ in 0..(lost & rows).count_ones() {
            by |= rest & rest.wrapping_neg();
            rest &= rest.wrapping_sub(1);
        }
        let loss = Loss {
            rows: (lost & rows) as usize,
            parities: ((lost & !rows) as u64 >> k) as usize,
            by: (by as u64 >> k) as usize,
        };
        let way = Way::of(self.kernel, self.geometry, loss);
        Decoder { code: *self, reads: have & rows | by, lost, loss, way }
    }
}

impl Decoder {
    /// Numbers of the fragments that [`decode`](Self::decode) reads, ascending: k of those at hand.
    pub fn reads(&self) -> impl Iterator<Item = usize> {
        ones(self.reads as usize)
    }

    /// Numbers of the fragments that it recovers, ascending.
    pub fn lost(&self) -> impl Iterator<Item = usize> {
        ones(self.lost as usize)
    }

    /// Recovers the fragments of one block. What the buffers of `lost` held before does not matter.
    ///
    /// Shape: `have` holds the fragments that [`reads`](Self::reads) names, `lost` those that [`lost`](Self::lost)
    /// names, both in that order. Errors: `Count` and `Length`; then nothing has been written.
    pub fn decode(&self, have: &[&[u8]], lost: &mut [&mut [u8]]) -> Result<(), Error> {
        if !self.recover(have, lost) {
            self.check(have, lost)?;
            self.recover_any(have, lost);
        }
        Ok(())
    }

    /// Recovers by the loops that are made for this loss. Returns whether there are any, and all sizes fit; otherwise
    /// nothing has been written.
    #[inline(always)]
    fn recover(&self, have: &[&[u8]], lost: &mut [&mut [u8]]) -> bool {
        let Code { geometry, kernel } = self.code;
        match self.way {
            Way::Once(run) => run(kernel, geometry.row_bytes(), have, lost),
            Way::Eight(find) => {
                self.fits(have, lost) && kernel.recover_eight(find, geometry.row_bytes(), self.loss, have, lost)
            }
            Way::Narrow(solve, ref plan) => {
                if !self.fits(have, lost) {
                    return false;
                }
                let (found, parities) = lost.split_at_mut(self.loss.rows.count_ones() as usize);
                let is_solved = solve(kernel, plan, have, found);
                if is_solved && !parities.is_empty() {
                    self.encode_lost(have, found, parities);
                }
                is_solved
            }
            Way::Any => false,
        }
    }

    /// Whether there are as many as there should be, and the parities are as long.
    #[inline(always)]
    fn fits(&self, have: &[&[u8]], lost: &[&mut [u8]]) -> bool {
        let Self { code: Code { geometry, .. }, loss, .. } = self;
        let rows = loss.rows.count_ones() as usize;
        if have.len() != geometry.data() || lost.len() != rows + loss.parities.count_ones() as usize {
            return false;
        }
        let (bins, wanted) = (&have[geometry.data() - rows..], &lost[rows..]);
        ones(loss.by).zip(bins).all(|(parity, bins)| bins.len() == geometry.parity_bytes(parity))
            && ones(loss.parities).zip(wanted).all(|(parity, bins)| bins.len() == geometry.parity_bytes(parity))
    }

    /// Computes lost parities, when all rows are there.
    #[inline(never)]
    fn encode_lost(&self, have: &[&[u8]], found: &[&mut [u8]], parities: &mut [&mut [u8]]) {
        let Self { code: Code { geometry, kernel }, loss, .. } = *self;
        let mut data = [&[][..]; MAX_FRAGMENTS];
        let data = &mut data[..geometry.data()];
        for (row, bytes) in self.reads().zip(have).take(data.len() - found.len()) {
            data[row] = bytes;
        }
        for (row, bytes) in ones(loss.rows).zip(found) {
            data[row] = bytes;
        }
        let mut bins: [&mut [u8]; 4] = Default::default();
        if geometry.parity() <= bins.len() {
            for (index, bytes) in ones(loss.parities).zip(parities.iter_mut()) {
                bins[index] = bytes;
            }
            if kernel.encode_some(geometry, loss.parities, data, &mut bins) {
                return;
            }
        }
        for (index, bins) in ones(loss.parities).zip(parities) {
            self.code.project(index, data, bins);
        }
    }

    /// What is wrong with the lists, said exactly.
    #[cold]
    #[inline(never)]
    fn check(&self, have: &[&[u8]], lost: &[&mut [u8]]) -> Result<(), Error> {
        check_count("have", have.len(), self.reads.count_ones() as usize)?;
        check_count("lost", lost.len(), self.lost.count_ones() as usize)?;
        let need = |index: usize| self.code.geometry.fragment_bytes(index).unwrap_or(0);
        for (position, (index, bytes)) in self.reads().zip(have).enumerate() {
            check_length("have", Some(position), bytes.len(), need(index))?;
        }
        for (position, (index, bytes)) in self.lost().zip(lost).enumerate() {
            check_length("lost", Some(position), bytes.len(), need(index))?;
        }
        Ok(())
    }

    /// Recovers what is of no layout.
    #[inline(never)]
    fn recover_any(&self, have: &[&[u8]], lost: &mut [&mut [u8]]) {
        let Self { code, loss, .. } = *self;
        let mut fragments = [&[][..]; MAX_FRAGMENTS];
        for (index, bytes) in self.reads().zip(have) {
            fragments[index] = bytes;
        }
        let count = loss.rows.count_ones() as usize;
        let (found, parities) = lost.split_at_mut(count);
        let mut pairs: [(usize, &mut [u8]); MAX_FRAGMENTS] = Default::default();
        for (pair, (row, bytes)) in pairs.iter_mut().zip(ones(loss.rows).zip(found.iter_mut())) {
            *pair = (row, bytes);
        }
        let rows = &mut pairs[..count];
        let left = &Left { geometry: code.geometry, fragments: &fragments, parities: loss.by };
        if !rows.is_empty() && !code.kernel.recover(left, rows) {
            let steps = steps::<MAX_FRAGMENTS>(left, rows);
            zigzag(code.geometry.element(), &steps[..rows.len()], &fragments[..code.geometry.data()], rows);
        }
        if !parities.is_empty() {
            self.encode_lost(have, found, parities);
        }
    }
}
