//! What every call refuses before it writes a byte.

use super::{Code, Error};

impl Code {
    pub(super) fn check_data(&self, lengths: impl ExactSizeIterator<Item = usize>) -> Result<(), Error> {
        check_count("data", lengths.len(), self.geometry.data())?;
        for (position, have) in lengths.enumerate() {
            check_length("data", Some(position), have, self.geometry.row_bytes())?;
        }
        Ok(())
    }

    pub(super) fn check_parity(&self, lengths: impl ExactSizeIterator<Item = usize>) -> Result<(), Error> {
        check_count("parity", lengths.len(), self.geometry.parity())?;
        for (position, have) in lengths.enumerate() {
            check_length("parity", Some(position), have, self.geometry.parity_bytes(position))?;
        }
        Ok(())
    }

    /// Checks both lists of a recovery, given as (fragment, bytes). Returns as bits what they list.
    pub(super) fn check_fragments(
        &self,
        have: impl Iterator<Item = (usize, usize)>,
        lost: impl Iterator<Item = (usize, usize)>,
    ) -> Result<(u32, u32), Error> {
        let mut listed = 0_u32;
        for (position, (index, bytes)) in have.enumerate() {
            self.check_fragment(&mut listed, "have", Some(position), index, bytes)?;
        }
        let kept = listed;
        for (position, (index, bytes)) in lost.enumerate() {
            self.check_fragment(&mut listed, "lost", Some(position), index, bytes)?;
        }
        let need = self.geometry.data();
        if (kept.count_ones() as usize) < need {
            return Err(Error::TooFew { have: kept.count_ones() as usize, need });
        }
        let index = listed.trailing_ones() as usize;
        if index < need { Err(Error::Unlisted { index }) } else { Ok((kept, listed ^ kept)) }
    }

    fn check_fragment(
        &self,
        listed: &mut u32,
        field: &'static str,
        position: Option<usize>,
        index: usize,
        bytes: usize,
    ) -> Result<(), Error> {
        let limit = self.geometry.fragments();
        let need = self.geometry.fragment_bytes(index).ok_or(Error::Index { field, position, index, limit })?;
        if *listed >> index & 1 == 1 {
            return Err(Error::Duplicate { field, position, index });
        }
        *listed |= 1 << index;
        check_length(field, position, bytes, need)
    }
}

pub(super) fn check_count(field: &'static str, have: usize, need: usize) -> Result<(), Error> {
    if have == need { Ok(()) } else { Err(Error::Count { field, have, need }) }
}

#[inline]
pub(super) fn check_length(
    field: &'static str,
    position: Option<usize>,
    have: usize,
    need: usize,
) -> Result<(), Error> {
    if have == need { Ok(()) } else { Err(Error::Length { field, position, have, need }) }
}
