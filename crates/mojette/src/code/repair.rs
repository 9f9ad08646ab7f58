//! Recovery of one fragment: the decoding of a list of one, whose errors name the arguments that a caller sees.

use super::arguments::check_length;
use super::{Code, Error};

impl Code {
    /// Recovers one fragment when nothing else is lost. A row costs the XOR of the other rows and one parity, a parity one projection.
    ///
    /// Shape and errors: as [`decode`](Self::decode).
    pub fn repair(&self, have: &[(usize, &[u8])], index: usize, fragment: &mut [u8]) -> Result<(), Error> {
        let limit = self.geometry.fragments();
        let need =
            self.geometry.fragment_bytes(index).ok_or(Error::Index { field: "index", position: None, index, limit })?;
        check_length("fragment", None, fragment.len(), need)?;
        if have.iter().any(|(other, _)| *other == index) {
            return Err(Error::Duplicate { field: "index", position: None, index });
        }
        self.decode(have, &mut [(index, fragment)])
    }
}
