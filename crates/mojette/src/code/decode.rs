//! Recovery. Lost rows are found one element after the other, each from the one bin in which it is the last unknown; lost parities
//! are then computed anew.
//!
//! Any e lost rows follow from any e parities: the determinant of their shifts has a single term of lowest degree, because the
//! slopes differ (rearrangement inequality), so it is not zero. Pairing ascending rows with descending slopes is that very term.

use super::{Code, Error, MAX_FRAGMENTS, kernel};
use kernel::decode::Fragments;
use kernel::steps::steps;
use kernel::zigzag::zigzag;

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
        let mut given: Fragments<'_> = [&[]; MAX_FRAGMENTS];
        for &(index, bytes) in have {
            given[index] = bytes;
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

    fn recover_rows(&self, given: &Fragments<'_>, lost: &mut [(usize, &mut [u8])]) {
        if !lost.is_empty() && !self.kernel.recover(self.geometry, given, lost) {
            self.recover_by_element(given, lost);
        }
    }

    #[inline(never)]
    fn recover_by_element(&self, given: &Fragments<'_>, lost: &mut [(usize, &mut [u8])]) {
        let steps = steps::<MAX_FRAGMENTS>(self.geometry, given, lost);
        zigzag(self.geometry.element(), &steps[..lost.len()], &given[..self.geometry.data()], lost);
    }

    fn recover_parities(
        &self,
        given: &Fragments<'_>,
        rows: &[(usize, &mut [u8])],
        parities: &mut [(usize, &mut [u8])],
    ) {
        if parities.is_empty() {
            return;
        }
        let k = self.geometry.data();
        let mut data = *given;
        for (index, bytes) in rows {
            data[*index] = bytes;
        }
        for (index, bins) in parities {
            self.project(*index - k, &data[..k], bins);
        }
    }
}
