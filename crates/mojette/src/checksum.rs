//! CRC-32C of the units of a fragment, so that a flipped bit is found and its fragment is treated as lost.
//!
//! It is kept apart from encoding: whoever stores a fragment decides where the sums live, and whether they are wanted.

use crate::{Error, kernel};

/// The CRC-32C (Castagnoli, as in iSCSI, RFC 3720 B.4) of `bytes`.
pub fn checksum(bytes: &[u8]) -> u32 {
    let mut sum = 0;
    kernel::crc::crc32c_each(bytes, bytes.len().max(1), |one| sum = one);
    sum
}

/// Writes the checksum of each `unit` bytes of a fragment; the last unit may be shorter.
///
/// Errors: `Count`, where `unit` is 0 or `sums` has not one entry for each unit.
pub fn checksums(fragment: &[u8], unit: usize, sums: &mut [u32]) -> Result<(), Error> {
    check(fragment, unit, sums)?;
    let mut places = sums.iter_mut();
    kernel::crc::crc32c_each(fragment, unit, |sum| places.next().into_iter().for_each(|place| *place = sum));
    Ok(())
}

/// The first unit of a fragment that is not what its checksum says, if any.
///
/// Errors: as [`checksums`].
pub fn damaged_unit(fragment: &[u8], unit: usize, sums: &[u32]) -> Result<Option<usize>, Error> {
    check(fragment, unit, sums)?;
    let (mut expected, mut number, mut damaged) = (sums.iter(), 0, None);
    kernel::crc::crc32c_each(fragment, unit, |sum| {
        if expected.next() != Some(&sum) && damaged.is_none() {
            damaged = Some(number);
        }
        number += 1;
    });
    Ok(damaged)
}

fn check(fragment: &[u8], unit: usize, sums: &[u32]) -> Result<(), Error> {
    if unit == 0 {
        return Err(Error::Count { field: "unit", have: 0, need: 1 });
    }
    let need = fragment.len().div_ceil(unit);
    if sums.len() == need { Ok(()) } else { Err(Error::Count { field: "sums", have: sums.len(), need }) }
}
