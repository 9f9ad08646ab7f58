//! One record of a segment: a header, then the unit's data in pieces of 4 KiB, each followed by its checksum and a tag that
//! says whose piece it is. So a piece can be checked, and told from another unit's, by reading nothing but itself.
//!
//! Data is not padded to the disk's pages: a header in a page of its own would cost 6 % of a unit of 64 KiB and half of one
//! of 4 KiB, to spare a reader one more page in the same request.

use std::iter;

use mojette::{checksum, damaged_unit};

/// Bytes of data that one checksum covers.
pub const PIECE_BYTES: usize = 4096;
/// Longest unit.
pub const UNIT_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Bytes of a record before its first piece.
pub(super) const HEADER_BYTES: usize = 64;
/// Records begin at a multiple of this.
pub(super) const ALIGNMENT: usize = 8;
/// Checksum and tag after each piece.
const SEAL_BYTES: usize = 8;
const MAGIC: [u8; 4] = *b"AMUN";
const VERSION: u8 = 1;

/// Names a unit: one projection of one stripe of one volume.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnitKey {
    /// The volume.
    pub volume: u64,
    /// The stripe.
    pub stripe: u64,
    /// Which of its units.
    pub index: u32,
}

/// How a unit's stripe was coded. Stores only keep it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnitCode {
    /// k.
    pub data: u8,
    /// m.
    pub parity: u8,
    /// Width of the code's elements.
    pub element_bytes: u8,
    /// User bytes of the stripe.
    pub block_bytes: u32,
}

/// What a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Unit,
    /// The unit of this key was deleted.
    Tombstone,
}

/// The head of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) kind: Kind,
    pub(super) key: UnitKey,
    pub(super) code: UnitCode,
    /// Length of the data.
    pub(super) bytes: u32,
    pub(super) put_ms: i64,
    /// Grows with each record of a store; a copy keeps it. Of several records with one key the highest counts.
    pub(super) order: u64,
}

impl Header {
    pub(super) fn tombstone(key: UnitKey, put_ms: i64) -> Self {
        let code = UnitCode { data: 0, parity: 0, element_bytes: 0, block_bytes: 0 };
        Self { kind: Kind::Tombstone, key, code, bytes: 0, put_ms, order: 0 }
    }

    /// Bytes of the whole record, with what fills it up to the next one's start.
    pub(super) fn record_bytes(&self) -> u64 {
        record_bytes(self.bytes)
    }

    pub(super) fn to_bytes(self) -> [u8; HEADER_BYTES] {
        let mut to = [0; HEADER_BYTES];
        to[..4].copy_from_slice(&MAGIC);
        to[4] = VERSION;
        to[5] = match self.kind {
            Kind::Unit => 1,
            Kind::Tombstone => 2,
        };
        (to[6], to[7], to[8]) = (self.code.data, self.code.parity, self.code.element_bytes);
        to[12..16].copy_from_slice(&self.code.block_bytes.to_le_bytes());
        to[16..24].copy_from_slice(&self.key.volume.to_le_bytes());
        to[24..32].copy_from_slice(&self.key.stripe.to_le_bytes());
        to[32..36].copy_from_slice(&self.key.index.to_le_bytes());
        to[36..40].copy_from_slice(&self.bytes.to_le_bytes());
        to[40..48].copy_from_slice(&self.put_ms.to_le_bytes());
        to[48..56].copy_from_slice(&self.order.to_le_bytes());
        let sum = checksum(&to[..60]);
        to[60..].copy_from_slice(&sum.to_le_bytes());
        to
    }

    /// `None` where the bytes are no header, a damaged one, or one of a newer version.
    pub(super) fn from_bytes(from: &[u8; HEADER_BYTES]) -> Option<Self> {
        let kind = match (&from[..4] == MAGIC.as_slice(), from[4], from[5]) {
            (true, VERSION, 1) => Kind::Unit,
            (true, VERSION, 2) => Kind::Tombstone,
            _ => return None,
        };
        if checksum(&from[..60]) != u32_at(from, 60) {
            return None;
        }
        let header = Self {
            kind,
            key: UnitKey { volume: u64_at(from, 16), stripe: u64_at(from, 24), index: u32_at(from, 32) },
            code: UnitCode { data: from[6], parity: from[7], element_bytes: from[8], block_bytes: u32_at(from, 12) },
            bytes: u32_at(from, 36),
            put_ms: u64_at(from, 40).cast_signed(),
            order: u64_at(from, 48),
        };
        (header.bytes as usize <= UNIT_BYTES_MAX).then_some(header)
    }
}

/// Bytes of a record with `bytes` of data.
pub(super) fn record_bytes(bytes: u32) -> u64 {
    let bytes = bytes as usize;
    let whole = HEADER_BYTES + bytes + bytes.div_ceil(PIECE_BYTES) * SEAL_BYTES;
    whole.next_multiple_of(ALIGNMENT) as u64
}

/// Where in a record the piece with this number begins.
pub(super) fn piece_at(piece: usize) -> u64 {
    (HEADER_BYTES + piece * (PIECE_BYTES + SEAL_BYTES)) as u64
}

/// What follows the pieces of a unit: the checksum of each, checked before, and its tag.
pub(super) fn seals(key: &UnitKey, sums: &[u32]) -> Vec<[u8; SEAL_BYTES]> {
    let mut seals = vec![[0; SEAL_BYTES]; sums.len()];
    for (number, (seal, sum)) in seals.iter_mut().zip(sums).enumerate() {
        seal[..4].copy_from_slice(&sum.to_le_bytes());
        seal[4..].copy_from_slice(&tag(key, number).to_le_bytes());
    }
    seals
}

/// A record in parts, so that its data need not be copied to be written.
pub(super) fn parts<'a>(
    head: &'a [u8; HEADER_BYTES],
    data: &'a [u8],
    seals: &'a [[u8; SEAL_BYTES]],
) -> impl Iterator<Item = &'a [u8]> {
    let pieces = data.chunks(PIECE_BYTES).zip(seals).flat_map(|(piece, seal)| [piece, seal]);
    let fill = (ALIGNMENT - data.len() % ALIGNMENT) % ALIGNMENT;
    iter::once(head.as_slice()).chain(pieces).chain(iter::once(&[0; ALIGNMENT][..fill]))
}

/// A record that lacks its order. `sums` has the checksum of each piece of `data`, checked before.
pub(super) fn encode(header: &Header, data: &[u8], sums: &[u32]) -> Vec<u8> {
    parts(&header.to_bytes(), data, &seals(&header.key, sums)).collect::<Vec<_>>().concat()
}

/// Checks the pieces from number `first` on in `stored`, which holds `bytes` of data with their seals, and closes the gaps:
/// `stored` is the data alone then. `None`: some piece is damaged or another unit's.
pub(super) fn decode(stored: &mut Vec<u8>, key: &UnitKey, first: usize, bytes: usize) -> Option<Vec<u32>> {
    let mut sums = Vec::with_capacity(bytes.div_ceil(PIECE_BYTES));
    for number in 0..bytes.div_ceil(PIECE_BYTES) {
        let from = number * (PIECE_BYTES + SEAL_BYTES);
        let end = from + PIECE_BYTES.min(bytes - number * PIECE_BYTES);
        let (sum, mark) = (u32_at(stored, end), u32_at(stored, end + 4));
        if mark != tag(key, first + number) {
            return None;
        }
        sums.push(sum);
        stored.copy_within(from..end, number * PIECE_BYTES);
    }
    stored.truncate(bytes);
    matches!(damaged_unit(stored, PIECE_BYTES, &sums), Ok(None)).then_some(sums)
}

/// Bytes that `bytes` of data take with their seals, where they begin at a piece's start.
pub(super) fn sealed_bytes(bytes: usize) -> usize {
    bytes + bytes.div_ceil(PIECE_BYTES) * SEAL_BYTES
}

/// Tells a piece from those of other units, and from its unit's others.
fn tag(key: &UnitKey, piece: usize) -> u32 {
    let mut name = [0; 24];
    name[..8].copy_from_slice(&key.volume.to_le_bytes());
    name[8..16].copy_from_slice(&key.stripe.to_le_bytes());
    name[16..20].copy_from_slice(&key.index.to_le_bytes());
    name[20..].copy_from_slice(&(piece as u32).to_le_bytes());
    checksum(&name)
}

pub(super) fn u32_at(from: &[u8], at: usize) -> u32 {
    let mut bytes = [0; 4];
    bytes.copy_from_slice(&from[at..at + 4]);
    u32::from_le_bytes(bytes)
}

pub(super) fn u64_at(from: &[u8], at: usize) -> u64 {
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&from[at..at + 8]);
    u64::from_le_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(bytes: u32) -> Header {
        let key = UnitKey { volume: 3, stripe: 1 << 40, index: 5 };
        let code = UnitCode { data: 4, parity: 2, element_bytes: 8, block_bytes: 262_144 };
        Header { kind: Kind::Unit, key, code, bytes, put_ms: -7, order: 99 }
    }

    #[test]
    fn a_header_reads_back_and_no_flipped_bit_goes_unseen() {
        let bytes = header(65_536).to_bytes();
        assert_eq!(Header::from_bytes(&bytes), Some(header(65_536)));
        for bit in 0..HEADER_BYTES * 8 {
            let mut flipped = bytes;
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Header::from_bytes(&flipped), None, "bit {bit}");
        }
    }

    #[test]
    fn data_reads_back_from_any_piece_and_damage_is_seen() {
        for bytes in [1, 100, 4095, 4096, 4097, 12_288, 70_001_usize] {
            let data: Vec<u8> = (0..bytes).map(|n| (n * 31 % 251) as u8).collect();
            let sums: Vec<u32> = data.chunks(PIECE_BYTES).map(checksum).collect();
            let header = header(bytes as u32);
            let record = encode(&header, &data, &sums);
            assert_eq!(record.len() as u64, header.record_bytes());
            let last = bytes.div_ceil(PIECE_BYTES) - 1;
            for first in [0, last] {
                let rest = bytes - first * PIECE_BYTES;
                let from = piece_at(first) as usize;
                let stored = record[from..from + sealed_bytes(rest)].to_vec();
                let mut read = stored.clone();
                assert_eq!(decode(&mut read, &header.key, first, rest).as_deref(), Some(&sums[first..]));
                assert_eq!(read, data[first * PIECE_BYTES..]);
                let mut flipped = stored.clone();
                flipped[rest / 2] ^= 1;
                assert_eq!(decode(&mut flipped, &header.key, first, rest), None);
                let other = UnitKey { index: 4, ..header.key };
                assert_eq!(decode(&mut stored.clone(), &other, first, rest), None, "somebody else's");
            }
        }
    }
}
