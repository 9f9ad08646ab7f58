//! `.bins` files, against bytes written by hand from the description of the format.

use mojette::legacy::bins::{
    Assembled, BinsError, FILE_HEADER_BYTES, FileHeader, Record, Written, assemble, record_bytes, record_count,
    record_offset,
};
use mojette::legacy::{BLOCK_BYTES, Layout, Transform, TransformError};

use crate::vector::{noise, project};

#[test]
fn a_file_header_is_read() {
    let mut file = vec![0; 8192];
    file[0] = 1;
    file[1..9].copy_from_slice(&[3, 1, 4, 15, 9, 26, 5, 255]);
    let header = FileHeader::parse(&file).unwrap();
    assert_eq!(header.layout, Layout::One);
    assert_eq!(header.distribution[..9], [3, 1, 4, 15, 9, 26, 5, 255, 0]);
    assert_eq!(header.distribution[9..], [0; 27]);
    file.extend([9; 100]);
    assert_eq!(FileHeader::parse(&file), Ok(header), "what follows is not looked at");
}

#[test]
fn a_file_header_that_is_cut_or_foreign_is_refused() {
    for have in [0, 1, 73, 8191] {
        let error = BinsError::Cut { what: "file header", have, need: 8192 };
        assert_eq!(FileHeader::parse(&vec![0; have as usize]), Err(error));
        assert_eq!(record_count(Layout::Zero, have), Err(error));
    }
    let error = FileHeader::parse(&[7; 8192]).unwrap_err();
    assert_eq!(error, BinsError::Header(TransformError::Layout { number: 7 }));
}

#[test]
fn records_are_where_rozofs_puts_them() {
    for (layout, bytes) in [(Layout::Zero, 4120), (Layout::One, 2136), (Layout::Two, 1376)] {
        assert_eq!(record_bytes(layout), bytes);
        let bytes = bytes as u64;
        assert_eq!(record_offset(layout, 0), Some(8192));
        assert_eq!(record_offset(layout, 3), Some(8192 + 3 * bytes));
        assert_eq!(record_offset(layout, u64::MAX / 1000), None);
        assert_eq!(record_count(layout, FILE_HEADER_BYTES), Ok(0));
        assert_eq!(record_count(layout, 8192 + 5 * bytes), Ok(5));
        let error = BinsError::Cut { what: "last record", have: 1, need: bytes };
        assert_eq!(record_count(layout, 8193 + 5 * bytes), Err(error));
    }
}

/// A record of layout 0: time 0x0006_3f1d_2a4b_8c00 µs, 5,000 bytes of data, projection 1, then its bins and padding.
fn record_by_hand() -> Vec<u8> {
    let mut record = vec![0x00, 0x8c, 0x4b, 0x2a, 0x1d, 0x3f, 0x06, 0x00, 0x88, 0x13, 0x01, 0x00, 0, 0, 0, 0];
    record.extend((0..4096).map(|i| i as u8));
    record.extend([0xee; 8]);
    record
}

#[test]
fn a_record_is_read_without_its_padding() {
    let mut bytes = record_by_hand();
    let bins: Vec<u8> = (0..4096).map(|i| i as u8).collect();
    let (timestamp_us, effective_length, projection) = (0x0006_3f1d_2a4b_8c00, 5000, 1);
    let record = Record::Written(Written { timestamp_us, effective_length, projection, bins: &bins });
    assert_eq!(Record::parse(Layout::Zero, &bytes), Ok(record));
    bytes.extend([1; 50]);
    assert_eq!(Record::parse(Layout::Zero, &bytes), Ok(record), "what follows is not looked at");
}

#[test]
fn a_record_that_is_cut_or_impossible_is_refused() {
    let whole = record_by_hand();
    for have in [0, 1, 15, 16, 4119] {
        let error = BinsError::Cut { what: "record", have: have as u64, need: 4120 };
        assert_eq!(Record::parse(Layout::Zero, &whole[..have]), Err(error));
    }
    let mut bytes = whole.clone();
    bytes[10] = 3;
    let error = BinsError::Projection { index: 3, projections: 3 };
    assert_eq!(Record::parse(Layout::Zero, &bytes), Err(error));
    bytes[8..10].copy_from_slice(&[0x01, 0x20]);
    assert_eq!(Record::parse(Layout::Zero, &bytes), Err(BinsError::EffectiveLength { length: 8193 }));
    bytes[8..11].copy_from_slice(&[0x00, 0x20, 2]);
    assert!(matches!(Record::parse(Layout::Zero, &bytes), Ok(Record::Written(written)) if written.bins.len() == 4104));
}

#[test]
fn a_zero_header_is_a_hole() {
    let mut bytes = record_by_hand();
    bytes[..16].fill(0);
    assert_eq!(Record::parse(Layout::Zero, &bytes), Ok(Record::Hole));
}

/// Every projection of a block of noise, all of one write.
struct Stored {
    layout: Layout,
    block: Vec<u8>,
    projections: Vec<Vec<u8>>,
}

impl Stored {
    fn new(layout: Layout, seed: u64) -> Self {
        let block = noise(BLOCK_BYTES, seed);
        let projections = project(Transform::rozofs(layout), &block);
        Self { layout, block, projections }
    }

    fn record(&self, projection: u8, timestamp_us: u64) -> Record<'_> {
        let bins = &self.projections[usize::from(projection)];
        Record::Written(Written { timestamp_us, effective_length: 100, projection, bins })
    }

    fn read(&self, records: &[Record]) -> Result<(Assembled, Vec<u8>), BinsError> {
        let mut scratch = vec![0; Transform::rozofs(self.layout).scratch_bytes()];
        let mut block = vec![0xa5; BLOCK_BYTES];
        assemble(self.layout, records, &mut scratch, &mut block).map(|assembled| (assembled, block))
    }
}

fn written(timestamp_us: u64) -> Assembled {
    Assembled::Written { timestamp_us, effective_length: 100 }
}

#[test]
fn a_block_is_assembled_from_any_that_belong_together() {
    let (stored, older) = (Stored::new(Layout::One, 1), Stored::new(Layout::One, 2));
    // A spare holds projection 4 in the place of 1, and one store missed the write.
    let records =
        [stored.record(0, 20), older.record(1, 10), stored.record(2, 20), stored.record(5, 20), stored.record(4, 20)];
    assert_eq!(stored.read(&records), Ok((written(20), stored.block.clone())));
    // The same projection twice is one.
    let twice = [records[0], records[0], records[2], records[3], records[1]];
    assert_eq!(stored.read(&twice), Err(BinsError::TooFew { have: 3, need: 4 }));
}

#[test]
fn the_newest_write_that_is_whole_enough_counts() {
    let (old, new) = (Stored::new(Layout::Zero, 1), Stored::new(Layout::Zero, 2));
    let both = [old.record(0, 10), new.record(2, 20), old.record(1, 10), new.record(1, 20)];
    assert_eq!(old.read(&both), Ok((written(20), new.block.clone())));
    // The new one reached one store only.
    let torn = [old.record(0, 10), old.record(1, 10), new.record(2, 20)];
    assert_eq!(old.read(&torn), Ok((written(10), old.block.clone())));
    let mut other = old.record(1, 10);
    if let Record::Written(written) = &mut other {
        written.effective_length = 101;
    }
    assert_eq!(old.read(&[old.record(0, 10), other]), Err(BinsError::TooFew { have: 1, need: 2 }));
}

#[test]
fn holes_are_zeros_when_enough_stores_have_them() {
    let stored = Stored::new(Layout::Zero, 1);
    let zeros = vec![0; BLOCK_BYTES];
    assert_eq!(stored.read(&[Record::Hole, Record::Hole]), Ok((Assembled::Hole, zeros)));
    assert_eq!(stored.read(&[Record::Hole, stored.record(0, 1)]), Err(BinsError::TooFew { have: 1, need: 2 }));
    assert_eq!(stored.read(&[]), Err(BinsError::TooFew { have: 0, need: 2 }));
    let records = [Record::Hole, stored.record(0, 1), Record::Hole, stored.record(2, 1)];
    assert_eq!(stored.read(&records), Ok((written(1), stored.block.clone())));
}

#[test]
fn a_damaged_projection_is_left_out_or_refused() {
    for layout in Layout::ALL {
        let mut stored = Stored::new(layout, 1);
        stored.projections[1][333] ^= 4;
        let all: Vec<_> = (0..layout.projections() as u8).map(|index| stored.record(index, 5)).collect();
        assert_eq!(stored.read(&all), Ok((written(5), stored.block.clone())));
        let refused = stored.read(&all[..layout.rows()]);
        assert_eq!(refused, Err(BinsError::Compute(TransformError::Inconsistent)));
    }
}

#[test]
fn buffers_of_a_wrong_size_are_named() {
    let stored = Stored::new(Layout::Zero, 1);
    let records = [stored.record(0, 1), stored.record(1, 1)];
    for (scratch, block, message) in
        [(4112, 8191, "block: 8191 bytes, 8192 needed"), (10, 8192, "scratch: 10 bytes, 4112 needed")]
    {
        let error = assemble(Layout::Zero, &records, &mut vec![0; scratch], &mut vec![0; block]).unwrap_err();
        assert_eq!(std::error::Error::source(&error).unwrap().to_string(), message);
    }
}
