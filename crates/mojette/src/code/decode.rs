//! Recovery. Lost rows are found one element after the other, each from the one bin in which it is the last unknown; lost parities
//! are then computed anew.
//!
//! Any e lost rows follow from any e parities: the determinant of their shifts has a single term of lowest degree, because the
//! slopes differ (rearrangement inequality), so it is not zero. Pairing ascending rows with descending slopes is that very term.

use super::{Code, Error, MAX_FRAGMENTS, kernel};
use kernel::decode::Left;
use kernel::steps::steps;
use kernel::zigzag::zigzag;

/// Fragments of the smallest codes, and of small ones.
const FEWEST: usize = 6;
const FEW: usize = 12;

impl Code {
    /// Recovers every fragment of `lost` from `have`. What the buffers of `lost` held before does not matter.
    ///
    /// Shape: pairs of a fragment's number (rows 0 to k − 1, parities k to k + m − 1) and its bytes, in any order. `have` holds at least k
    /// fragments, and each data row is in one of the lists: recovering a row passes through all that are missing.
    /// `lost` is left sorted by number.
    /// Errors: `Index`, `Duplicate`, `Length`, `TooFew`, `Unlisted`; then nothing has been written.
    pub fn decode(&self, have: &[(usize, &[u8])], lost: &mut [(usize, &mut [u8])]) -> Result<(), Error> {
        if let [(row, out)] = lost {
            let is_done = match self.geometry.data() {
                2 => self.sum_up::<2>(have, *row, out),
                4 => self.sum_up::<4>(have, *row, out),
                8 => self.sum_up::<8>(have, *row, out),
                _ => false,
            };
            if is_done {
                return Ok(());
            }
        }
        // Most codes are small, and a short list is made sooner.
        if self.geometry.fragments() <= FEWEST {
            self.decode_among(&mut [&[][..]; FEWEST], have, lost)
        } else if self.geometry.fragments() <= FEW {
            self.decode_among(&mut [&[][..]; FEW], have, lost)
        } else {
            self.decode_among(&mut [&[][..]; MAX_FRAGMENTS], have, lost)
        }
    }

    /// Recovers a row from the K others and the flat parity alone, in any order: their XOR, with no list to be made. Returns whether
    /// these are what there is; otherwise nothing has been written.
    #[inline(always)]
    fn sum_up<const K: usize>(&self, have: &[(usize, &[u8])], lost: usize, out: &mut [u8]) -> bool {
        let Some(have) = have.as_array::<K>() else { return false };
        // As many bits as numbers: then none is there twice.
        let (mut listed, mut most) = (1_u64 << (lost % 64), lost);
        for (index, _) in have {
            listed |= 1 << (index % 64);
            most = most.max(*index);
        }
        let is_plain = lost < K && most <= K && listed == (2 << K) - 1 && out.len() == self.geometry.row_bytes();
        is_plain && self.kernel.sum(out, std::array::from_fn::<_, K, _>(|at| have[at].1))
    }

    /// Decodes by way of a list of all fragments, which is empty and long enough.
    #[inline(always)]
    fn decode_among<'a>(
        &self,
        fragments: &mut [&'a [u8]],
        have: &[(usize, &'a [u8])],
        lost: &mut [(usize, &mut [u8])],
    ) -> Result<(), Error> {
        let geometry = self.geometry;
        let need = geometry.data();
        let fragments = &mut fragments[..geometry.fragments()];
        let fits = |index: usize, bytes: usize| bytes == geometry.parity_bytes(index.saturating_sub(need));
        let mut is_fine = have.len() >= need && have.len() + lost.len() <= fragments.len();
        // Numbers as bits. Where one is there twice, their sum is not their union.
        let (mut kept, mut sum) = (0_u64, 0_u64);
        for &(index, bytes) in have {
            let Some(place) = fragments.get_mut(index) else {
                is_fine = false;
                continue;
            };
            *place = bytes;
            is_fine &= fits(index, bytes.len());
            kept |= 1 << index;
            sum = sum.wrapping_add(1 << index);
        }
        let (mut listed, mut rows, mut last, mut is_sorted) = (kept, 0, 0, true);
        for (index, bytes) in lost.iter() {
            is_fine &= *index < fragments.len() && fits(*index, bytes.len());
            listed |= 1 << (index % 64);
            sum = sum.wrapping_add(1 << (index % 64));
            rows += usize::from(*index < need);
            is_sorted &= *index >= last;
            last = *index;
        }
        if !is_fine || listed != sum || !listed & ((1 << need) - 1) != 0 {
            self.check_lists(have, lost)?;
        }
        // In ascending order, rows come before parities.
        if !is_sorted {
            lost.sort_unstable_by_key(|(index, _)| *index);
        }
        let (rows, parities) = lost.split_at_mut(rows);
        let left = &Left { geometry, fragments, parities: kept as usize >> need };
        if parities.is_empty() {
            self.recover_rows(left, rows);
        } else if !self.kernel.recover_named(left, rows, parities) {
            self.recover_rows(left, rows);
            self.recover_parities(left, rows, parities);
        }
        Ok(())
    }

    /// What is wrong with the lists, said exactly.
    #[cold]
    #[inline(never)]
    fn check_lists(&self, have: &[(usize, &[u8])], lost: &[(usize, &mut [u8])]) -> Result<(), Error> {
        let need = self.geometry.data();
        let listed = self.check_fragments(
            have.iter().map(|(index, bytes)| (*index, bytes.len())),
            lost.iter().map(|(index, bytes)| (*index, bytes.len())),
        )?;
        if have.len() < need {
            return Err(Error::TooFew { have: have.len(), need });
        }
        let index = listed.trailing_ones() as usize;
        if index < need { Err(Error::Unlisted { index }) } else { Ok(()) }
    }

    #[inline(always)]
    fn recover_rows(&self, left: &Left<'_>, lost: &mut [(usize, &mut [u8])]) {
        if !lost.is_empty() && !self.kernel.recover(left, lost) {
            self.recover_by_element(left, lost);
        }
    }

    #[inline(never)]
    fn recover_by_element(&self, left: &Left<'_>, lost: &mut [(usize, &mut [u8])]) {
        let steps = steps::<MAX_FRAGMENTS>(left, lost);
        zigzag(self.geometry.element(), &steps[..lost.len()], &left.fragments[..self.geometry.data()], lost);
    }

    #[inline(never)]
    fn recover_parities(&self, left: &Left<'_>, rows: &[(usize, &mut [u8])], parities: &mut [(usize, &mut [u8])]) {
        let k = self.geometry.data();
        let mut data = [&[][..]; MAX_FRAGMENTS];
        data[..k].copy_from_slice(&left.fragments[..k]);
        for (index, bytes) in rows {
            data[*index] = bytes;
        }
        for (index, bins) in parities {
            self.project(*index - k, &data[..k], bins);
        }
    }
}
