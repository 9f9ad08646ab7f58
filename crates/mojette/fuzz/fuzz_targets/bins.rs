//! Any bytes as what the stores of a `.bins` file hold: read or refused, and never a panic.
#![no_main]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use mojette::legacy::bins::{FileHeader, Record, assemble, record_bytes, record_count, record_offset};
use mojette::legacy::{BLOCK_BYTES, Layout, Transform};

#[derive(Arbitrary, Debug)]
struct Input {
    layout: u8,
    file: Vec<u8>,
    block: u64,
    /// One for each store: a header, what its bins begin with, and what stands in the rest of them.
    records: Vec<([u8; 16], Vec<u8>, u8)>,
}

fuzz_target!(|input: Input| {
    let layout = Layout::ALL[usize::from(input.layout) % 3];
    let mut file = input.file;
    let _ = FileHeader::parse(&file);
    file.resize(8192, 0);
    let _ = FileHeader::parse(&file);
    let _ = record_count(layout, input.block);
    let _ = record_offset(layout, input.block);
    let bytes: Vec<Vec<u8>> = input
        .records
        .iter()
        .map(|(header, bins, rest)| {
            let mut bytes = [&header[..], bins].concat();
            let _ = Record::parse(layout, &bytes);
            bytes.resize(record_bytes(layout).max(bytes.len()), *rest);
            bytes
        })
        .collect();
    let records: Vec<Record> = bytes.iter().filter_map(|bytes| Record::parse(layout, bytes).ok()).collect();
    let mut scratch = vec![0; Transform::rozofs(layout).scratch_bytes()];
    let _ = assemble(layout, &records, &mut scratch, &mut vec![0; BLOCK_BYTES]);
});
