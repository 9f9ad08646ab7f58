//! Recovery. Lost rows are found one element after the other, each from the one bin in which it is the last unknown; lost parities
//! are then computed anew.
//!
//! Any e lost rows follow from any e parities: the determinant of their shifts has a single term of highest degree, because the
//! slopes differ (rearrangement inequality), so it is not zero. Pairing ascending rows with descending slopes is that very term.

use super::{Code, Error, MAX_FRAGMENTS, kernel};
use kernel::zigzag::{Step, zigzag};

/// Rows and parities given by the caller, by number; an empty slice where there is none.
struct Given<'a> {
    fragments: [&'a [u8]; MAX_FRAGMENTS],
}

impl Code {
    /// Recovers every fragment of `lost` from `have`. What the buffers of `lost` held before does not matter.
    ///
    /// Shape: pairs of a fragment's number (rows 0 to k − 1, parities k to k + m − 1) and its bytes, in any order. `have` holds at least k
    /// fragments, and each data row is in one of the lists: recovering a row passes through all that are missing.
    /// `lost` is left sorted by number.
    /// Errors: `Index`, `Duplicate`, `Length`, `TooFew`, `Unlisted`; then nothing has been written.
    pub fn decode(&self, have: &[(usize, &[u8])], lost: &mut [(usize, &mut [u8])]) -> Result<(), Error> {
        let listed = self.check_fragments(
            have.iter().map(|(index, bytes)| (*index, bytes.len())),
            lost.iter().map(|(index, bytes)| (*index, bytes.len())),
        )?;
        let need = self.geometry.data();
        if have.len() < need {
            return Err(Error::TooFew { have: have.len(), need });
        }
        let index = listed.trailing_ones() as usize;
        if index < need {
            return Err(Error::Unlisted { index });
        }
        let mut given = Given { fragments: [&[]; MAX_FRAGMENTS] };
        for &(index, bytes) in have {
            given.fragments[index] = bytes;
        }
        // In ascending order, rows come before parities.
        if !lost.is_sorted_by_key(|(index, _)| *index) {
            lost.sort_unstable_by_key(|(index, _)| *index);
        }
        let rows = lost.iter().take_while(|(index, _)| *index < need).count();
        let (rows, parities) = lost.split_at_mut(rows);
        self.recover_rows(&given, rows);
        self.recover_parities(&given, rows, parities);
        Ok(())
    }

    fn recover_rows(&self, given: &Given<'_>, lost: &mut [(usize, &mut [u8])]) {
        if !lost.is_empty() && !self.kernel.recover(self.geometry, &given.fragments, lost) {
            self.recover_by_element(given, lost);
        }
    }

    #[inline(never)]
    fn recover_by_element(&self, given: &Given<'_>, lost: &mut [(usize, &mut [u8])]) {
        let count = lost.len();
        let k = self.geometry.data();
        // Parity numbers ascend with the steepness of the slope: the first ones waste the fewest steps.
        let mut parities = [0; MAX_FRAGMENTS];
        let available = (0..self.geometry.parity()).filter(|index| !given.fragments[k + index].is_empty());
        for (slot, index) in parities.iter_mut().zip(available.take(count)) {
            *slot = index;
        }
        let parities = &mut parities[..count];
        parities.sort_unstable_by_key(|&index| -crate::Geometry::slope(index));
        let mut steps = [Step::default(); MAX_FRAGMENTS];
        let steps = &mut steps[..count];
        let mut ahead = 0;
        for (at, (step, &parity)) in steps.iter_mut().zip(&*parities).enumerate() {
            let slope = crate::Geometry::slope(parity);
            if at > 0 {
                ahead -= (lost[at].0 - lost[at - 1].0) as isize * slope;
            }
            let lead = self.geometry.lead(parity, lost[at].0) / self.geometry.element().bytes();
            *step = Step { row: lost[at].0, slope, lead, ahead, bins: given.fragments[k + parity] };
        }
        zigzag(self.geometry.element(), steps, &given.fragments[..k], lost);
    }

    fn recover_parities(&self, given: &Given<'_>, rows: &[(usize, &mut [u8])], parities: &mut [(usize, &mut [u8])]) {
        if parities.is_empty() {
            return;
        }
        let k = self.geometry.data();
        let mut data = given.fragments;
        for (index, bytes) in rows {
            data[*index] = bytes;
        }
        for (index, bins) in parities {
            self.project(*index - k, &data[..k], bins);
        }
    }
}
