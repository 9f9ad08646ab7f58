//! Measures this crate beside memcpy and other erasure codes, in turns and on one processor, prints a table with ratios and writes it to
//! docs/benchmarks.md and speed.svg.
//!
//! Time is the thread's own processor time, so that other programs on the machine weigh less. What is small was in the first cache before.

mod block;
mod bound;
mod clock;
mod peers;
mod report;

use mojette::{Code, Element, Geometry, Kernel};

use block::{Block, Buffer};
use clock::{Contender, measure};
use report::Row;

/// k and m of the layouts.
const LAYOUTS: [(usize, usize); 3] = [(2, 1), (4, 2), (8, 4)];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    clock::pin();
    let mut rows = Vec::new();
    for bytes in [8 << 10, 64 << 10, 1 << 20] {
        for (k, m) in LAYOUTS {
            let geometry = Geometry::with_element(k, m, bytes, Element::Wide)?;
            rows.push(encode(geometry, Kernel::best())?);
            rows.push(decode(geometry, m)?);
            if m > 1 {
                rows.push(decode(geometry, 1)?);
            }
            if bytes == 8 << 10 && Kernel::Avx2.is_available() {
                rows.push(encode(geometry, Kernel::Avx2)?);
            }
        }
    }
    // What the geometry itself chooses for a small block.
    let narrow = Geometry::layout(2, 8 << 10)?;
    rows.push(encode(narrow, Kernel::best())?);
    rows.push(decode(narrow, 4)?);
    rows.push(decode(narrow, 1)?);
    report::print(&rows);
    report::write(&rows)?;
    Ok(())
}

/// Where memcpy copies a block of the same size.
fn copy<'a>(source: &'a Buffer, target: &'a mut Buffer) -> Contender<'a> {
    Contender::new("memcpy", move || target.bytes_mut().copy_from_slice(std::hint::black_box(source.bytes())))
}

fn title(geometry: Geometry, what: &str) -> String {
    let element = if geometry.element() == Element::Narrow { ", 8-byte elements" } else { "" };
    format!("({}, {}) {} KiB {what}{element}", geometry.data(), geometry.parity(), geometry.block_bytes() >> 10)
}

fn encode(geometry: Geometry, kernel: Kernel) -> Result<Row, mojette::Error> {
    let code = Code::with_kernel(geometry, kernel)?;
    let block = Block::new(geometry);
    let data = block.rows();
    let mut parity = Block::parities(geometry);
    let mut parity: Vec<&mut [u8]> = parity.iter_mut().map(Buffer::bytes_mut).collect();
    let mut sums = Block::parities(geometry);
    let (source, mut target) = (Buffer::new(geometry.block_bytes(), 0), Buffer::new(geometry.block_bytes(), 2048));
    let narrow_vectors = kernel == Kernel::Avx2;
    let mut contenders = vec![
        copy(&source, &mut target),
        Contender::new("mojette", || code.encode(std::hint::black_box(&data), &mut parity).expect("checked sizes")),
    ];
    if !narrow_vectors {
        contenders.extend(bound::plain(&data, &mut sums));
    }
    contenders.extend(peers::encode(geometry, &data, narrow_vectors));
    let what = if narrow_vectors { "encode, AVX2 alone" } else { "encode" };
    Ok(Row { title: title(geometry, what), speeds: measure(geometry.block_bytes(), contenders) })
}

/// The slowest of all ways to lose `losses` fragments, at least one of them data; of data alone when only one is lost.
fn decode(geometry: Geometry, losses: usize) -> Result<Row, mojette::Error> {
    let code = Code::new(geometry);
    let block = Block::new(geometry);
    let fragments = block.fragments(code)?;
    let (k, all) = (geometry.data(), geometry.fragments());
    let patterns =
        (1_u32..1 << all).filter(|lost| lost.count_ones() as usize == losses && lost.trailing_zeros() < k as u32);
    let mut slowest = (f64::MAX, 0);
    for lost in patterns {
        let speed = recover(code, &fragments, lost, 3)?.speeds[1].1;
        slowest = if speed < slowest.0 { (speed, lost) } else { slowest };
    }
    recover(code, &fragments, slowest.1, 9)
}

/// Recovers the fragments that are set in `lost`, beside the others when there are rounds enough for a figure.
fn recover(code: Code, fragments: &[Buffer], lost: u32, rounds: usize) -> Result<Row, mojette::Error> {
    let geometry = code.geometry();
    let is_lost = |index: &usize| lost >> index & 1 == 1;
    let numbers: Vec<usize> = (0..fragments.len()).filter(is_lost).collect();
    let others: Vec<usize> = (0..fragments.len()).filter(|index| !is_lost(index)).collect();
    // As ISA-L's matrix, ready beforehand.
    let decoder = code.decoder(&others, &numbers)?;
    let have: Vec<&[u8]> = decoder.reads().map(|index| fragments[index].bytes()).collect();
    let lengths = numbers.iter().map(|&index| fragments[index].bytes().len());
    let outputs = || lengths.clone().enumerate().map(|(at, length)| Buffer::new(length, 1024 + at * 192)).collect();
    let (mut buffers, mut sums): (Vec<Buffer>, Vec<Buffer>) = (outputs(), outputs());
    let rows: Vec<&[u8]> = have.iter().map(|bytes| &bytes[..geometry.row_bytes()]).collect();
    let (source, mut target) = (Buffer::new(geometry.block_bytes(), 0), Buffer::new(geometry.block_bytes(), 2048));
    let mut found: Vec<&mut [u8]> = buffers.iter_mut().map(Buffer::bytes_mut).collect();
    let mut contenders = vec![
        copy(&source, &mut target),
        Contender::new("mojette", || decoder.decode(std::hint::black_box(&have), &mut found).expect("checked sizes")),
    ];
    if rounds > 3 {
        contenders.extend(bound::plain(&rows, &mut sums));
        contenders.extend(peers::decode(geometry, fragments, &numbers));
    }
    let what = match numbers.len() {
        1 => "one row lost".to_owned(),
        _ => format!("decode, fragments {numbers:?} lost (the slowest)"),
    };
    let speeds = clock::measure_rounds(geometry.block_bytes(), contenders, rounds);
    for (index, buffer) in numbers.iter().zip(&buffers) {
        assert!(buffer.bytes() == fragments[*index].bytes(), "fragment {index} of {lost:b} came back wrong");
    }
    Ok(Row { title: title(geometry, &what), speeds })
}
