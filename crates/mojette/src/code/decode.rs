//! Recovery. Lost rows are found one element after the other, each from the one bin in which it is the last unknown; lost parities
//! are then computed anew.
//!
//! Any e lost rows follow from any e parities: the determinant of their shifts has a single term of lowest degree, because the
//! slopes differ (rearrangement inequality), so it is not zero. Pairing ascending rows with descending slopes is that very term.

use super::{Code, Error, MAX_FRAGMENTS};

/// Fragments of the smallest codes, and of small ones.
const FEWEST: usize = 6;
const FEW: usize = 12;

impl Code {
    /// Recovers every fragment of `lost` from `have`. What the buffers of `lost` held before does not matter. A
    /// [`Decoder`](super::Decoder) does the same for many blocks in less time.
    ///
    /// Shape: pairs of a fragment's number (rows 0 to k − 1, parities k to k + m − 1) and its bytes, in any order. `have` holds at least k
    /// fragments, and each data row is in one of the lists: recovering a row passes through all that are missing.
    /// `lost` is left sorted by number.
    /// Errors: `Index`, `Duplicate`, `Length`, `TooFew`, `Unlisted`; then nothing has been written.
    pub fn decode(&self, have: &[(usize, &[u8])], lost: &mut [(usize, &mut [u8])]) -> Result<(), Error> {
        // Most codes are small, and a short list is made sooner.
        if self.geometry.fragments() <= FEWEST {
            self.decode_among::<FEWEST>(have, lost)
        } else if self.geometry.fragments() <= FEW {
            self.decode_among::<FEW>(have, lost)
        } else {
            self.decode_among::<MAX_FRAGMENTS>(have, lost)
        }
    }

    /// Puts both lists in order, of a code that has at most N fragments.
    #[inline(always)]
    fn decode_among<const N: usize>(
        &self,
        have: &[(usize, &[u8])],
        lost: &mut [(usize, &mut [u8])],
    ) -> Result<(), Error> {
        let (kept, gone) = self.check_fragments(
            have.iter().map(|(index, bytes)| (*index, bytes.len())),
            lost.iter().map(|(index, bytes)| (*index, bytes.len())),
        )?;
        let decoder = self.decoder_of(kept, gone);
        let mut fragments = [&[][..]; N];
        for (index, bytes) in have {
            fragments[*index] = bytes;
        }
        let mut given = [&[][..]; N];
        for (given, index) in given.iter_mut().zip(decoder.reads()) {
            *given = fragments[index];
        }
        if !lost.is_sorted_by_key(|(index, _)| *index) {
            lost.sort_unstable_by_key(|(index, _)| *index);
        }
        let count = lost.len();
        let mut found: [&mut [u8]; N] = std::array::from_fn(|_| &mut [][..]);
        for (found, (_, bytes)) in found.iter_mut().zip(lost) {
            *found = bytes;
        }
        decoder.decode(&given[..self.geometry.data()], &mut found[..count])
    }
}
