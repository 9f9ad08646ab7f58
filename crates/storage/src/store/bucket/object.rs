//! A unit as an object: `units/N/VOLUME-STRIPE-INDEX_K-M-WIDTH-BLOCK`, and in it the record that a directory would hold,
//! without what fills that up.
//!
//! The name says how the stripe is coded, and the object's size how long the unit is, so that listing the bucket is enough
//! to know all that it has. N is the last hexadecimal digit of the stripe: sixteen parts can be listed at the same time.

use crate::store::record::{self, HEADER_BYTES, PIECE_BYTES, UNIT_BYTES_MAX, UnitCode, UnitKey};

/// Parts that units are spread over.
pub(super) const SHARDS: u64 = 16;

/// The folder of a part.
pub(super) fn shard(number: u64) -> String {
    format!("units/{number:x}")
}

/// The name of a unit's object.
pub(super) fn name(key: &UnitKey, code: &UnitCode) -> String {
    let UnitKey { volume, stripe, index } = key;
    let UnitCode { data, parity, element_bytes, block_bytes } = code;
    let shard = shard(stripe % SHARDS);
    format!("{shard}/{volume}-{stripe}-{index}_{data}-{parity}-{element_bytes}-{block_bytes}")
}

/// The unit that an object of this name holds; `None`: it is no unit's.
pub(super) fn parse(name: &str) -> Option<(UnitKey, UnitCode)> {
    let (key, code) = name.rsplit('/').next()?.split_once('_')?;
    let (mut key, mut code) = (key.split('-'), code.split('-'));
    let unit = UnitKey {
        volume: key.next()?.parse().ok()?,
        stripe: key.next()?.parse().ok()?,
        index: key.next()?.parse().ok()?,
    };
    let code = UnitCode {
        data: code.next()?.parse().ok()?,
        parity: code.next()?.parse().ok()?,
        element_bytes: code.next()?.parse().ok()?,
        block_bytes: code.next()?.parse().ok()?,
    };
    // A name that is written otherwise, `07` for `7`, is not ours either.
    (self::name(&unit, &code) == name).then_some((unit, code))
}

/// Size of the object of a unit of so many bytes.
pub(super) fn object_bytes(bytes: u32) -> u64 {
    (HEADER_BYTES + record::sealed_bytes(bytes as usize)) as u64
}

/// Bytes of the unit in an object of this size; `None`: no unit has such an object.
pub(super) fn unit_bytes(object_bytes: u64) -> Option<u32> {
    let sealed = usize::try_from(object_bytes).ok()?.checked_sub(HEADER_BYTES)?;
    let seal = record::sealed_bytes(1) - 1;
    let bytes = sealed.checked_sub(sealed.div_ceil(PIECE_BYTES + seal) * seal)?;
    let is_ours = (1..=UNIT_BYTES_MAX).contains(&bytes) && record::sealed_bytes(bytes) == sealed;
    is_ours.then_some(bytes as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_sizes_read_back() {
        let key = UnitKey { volume: 7, stripe: 0x1_0000_0000_001b, index: 5 };
        let code = UnitCode { data: 4, parity: 2, element_bytes: 8, block_bytes: 262_144 };
        assert_eq!(name(&key, &code), "units/b/7-281474976710683-5_4-2-8-262144");
        assert_eq!(parse(&name(&key, &code)), Some((key, code)));
        let others = ["", "store.json", "units/b/7-27", "units/a/7-27-5_4-2-8-1", "units/b/07-27-5_4-2-8-1"];
        for other in
            others.into_iter().chain(["units/b/7-27-5_4-2-8-1-9", "units/b/7-27-5_4-2-300-1", "x/7-27-5_4-2-8-1"])
        {
            assert_eq!(parse(other), None, "{other}");
        }
        for bytes in (1..40_000).chain([65_536, 1 << 20, UNIT_BYTES_MAX as u32]) {
            assert_eq!(unit_bytes(object_bytes(bytes)), Some(bytes));
        }
        for none in [0, 63, 64, 72, 64 + 4096 + 8 + 8, object_bytes(UNIT_BYTES_MAX as u32) + 1, u64::MAX] {
            assert_eq!(unit_bytes(none), None, "{none}");
        }
    }
}
