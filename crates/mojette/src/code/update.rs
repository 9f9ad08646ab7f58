//! Changing some bytes of a row: the parities take the difference, wherever the rest of the block is.

use super::arguments::check_length;
use super::{Code, Error, kernel};

/// New bytes for a part of one row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change<'a> {
    /// The row (0 to k − 1).
    pub row: usize,
    /// First byte, counted in the row.
    pub start: usize,
    /// What to write there.
    pub bytes: &'a [u8],
}

impl Code {
    /// Writes `changes` to the rows and brings all parities up to date, without reading anything else: for u bytes it reads and writes
    /// (1 + m) · u. The changes stand in ascending order (by row, then start) and don't overlap.
    ///
    /// Errors: `Count`, `Length`, `Index`, `Range`, `Overlap`; then nothing has been written.
    pub fn update(
        &self,
        changes: &[Change<'_>],
        data: &mut [&mut [u8]],
        parity: &mut [&mut [u8]],
    ) -> Result<(), Error> {
        self.check_data(data.iter().map(|row| row.len()))?;
        self.check_parity(parity.iter().map(|bins| bins.len()))?;
        self.check_changes(changes)?;
        for change in changes {
            let old = &mut data[change.row][change.start..][..change.bytes.len()];
            for (index, bins) in parity.iter_mut().enumerate() {
                let at = self.geometry.lead(index, change.row) + change.start;
                kernel::portable::xor_change(&mut bins[at..at + change.bytes.len()], old, change.bytes);
            }
            old.copy_from_slice(change.bytes);
        }
        Ok(())
    }

    /// Applies a change to parity `parity` (0 to m − 1) alone, where nothing else of the block is at hand: `change.bytes` is the XOR of the
    /// bytes before and after. Differences may be applied in any order.
    ///
    /// Errors: `Index`, `Length`, `Range`; then nothing has been written.
    pub fn update_parity(&self, parity: usize, change: Change<'_>, bins: &mut [u8]) -> Result<(), Error> {
        let limit = self.geometry.parity();
        if parity >= limit {
            return Err(Error::Index { field: "parity", position: None, index: parity, limit });
        }
        check_length("bins", None, bins.len(), self.geometry.parity_bytes(parity))?;
        self.check_change("change", None, &change)?;
        let at = self.geometry.lead(parity, change.row) + change.start;
        kernel::portable::xor_into(&mut bins[at..at + change.bytes.len()], change.bytes);
        Ok(())
    }

    fn check_changes(&self, changes: &[Change<'_>]) -> Result<(), Error> {
        let mut free = (0, 0);
        for (position, change) in changes.iter().enumerate() {
            self.check_change("changes", Some(position), change)?;
            if (change.row, change.start) < free {
                return Err(Error::Overlap { position });
            }
            free = (change.row, change.start + change.bytes.len());
        }
        Ok(())
    }

    fn check_change(&self, field: &'static str, position: Option<usize>, change: &Change<'_>) -> Result<(), Error> {
        let limit = self.geometry.data();
        if change.row >= limit {
            return Err(Error::Index { field, position, index: change.row, limit });
        }
        let row_bytes = self.geometry.row_bytes();
        let end = change.start.saturating_add(change.bytes.len());
        if end > row_bytes {
            return Err(Error::Range { field, position, start: change.start, end, row_bytes });
        }
        Ok(())
    }
}
