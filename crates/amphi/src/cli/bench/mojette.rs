//! The erasure code against the clock. What each timed round wrote is checked: a wrong answer has no speed.

use std::hint::black_box;
use std::time::{Duration, Instant};

use anyhow::ensure;
use mojette::{Code, Geometry, Kernel};

/// What a buffer holds before it is written: nothing right is left of the round before.
const RUBBISH: u8 = 0xa5;
const WRONG: &str = "gave wrong bytes in layout";

const LAYOUTS: [u8; 3] = [0, 1, 2];
const BLOCKS: [usize; 2] = [8 << 10, 64 << 10];

/// Times that each of the four is measured, in turns: a machine is not equally fast from one moment to the next.
const ROUNDS: usize = 9;
const ROUND: Duration = Duration::from_millis(10);
/// Long against reading the clock, short against the time that a scheduler gives at once.
const BATCH: Duration = Duration::from_micros(20);

/// Where vectors are whole cache lines.
const ALIGNMENT: usize = 64;

/// What one code does with one size of block, GB of user data a second.
pub(super) struct Figures {
    pub(super) layout: u8,
    pub(super) geometry: Geometry,
    pub(super) encode: f64,
    pub(super) decode: f64,
    pub(super) repair: f64,
    pub(super) memcpy: f64,
}

/// The name of the kernel that is measured.
pub(super) fn kernel() -> String {
    Kernel::best().to_string()
}

/// All layouts and sizes, one after the other.
pub(super) fn measure() -> anyhow::Result<Vec<Figures>> {
    let cells = LAYOUTS.into_iter().flat_map(|layout| BLOCKS.map(|block| (layout, block)));
    cells.map(|(layout, block)| figures(layout, Geometry::layout(layout, block)?)).collect()
}

fn figures(layout: u8, geometry: Geometry) -> anyhow::Result<Figures> {
    let (code, k, m) = (Code::new(geometry), geometry.data(), geometry.parity());
    let content: Vec<u8> = (0..geometry.row_bytes() * k).map(|at| (at * at % 251) as u8).collect();
    let mut space = Space::new(geometry);
    let mut fragments = space.fragments();
    for (fragment, row) in fragments.iter_mut().zip(content.chunks(geometry.row_bytes())) {
        fragment.copy_from_slice(row);
    }
    let (data, parity) = fragments.split_at_mut(k);
    let data: Vec<&[u8]> = data.iter().map(|row| &**row).collect();
    code.encode(&data, parity)?;
    let whole: Vec<(usize, &[u8])> =
        data.iter().copied().chain(parity.iter().map(|bins| &**bins)).enumerate().collect();
    let right: Vec<&[u8]> = whole[k..].iter().map(|(_, bins)| *bins).collect();
    // By other loops than those of encode.
    ensure!(code.verify(&data, &right)?.is_none(), "encode {WRONG} {layout}");
    // The first m rows: side by side, which is the most work.
    let (mut space, mut again) = (Space::new(geometry), Space::new(geometry));
    let mut lost: Vec<(usize, &mut [u8])> = space.fragments().into_iter().enumerate().take(m).collect();
    let mut fresh = again.fragments();
    let (rows, bins) = fresh.split_at_mut(k);
    let mut rates: [Vec<f64>; 4] = Default::default();
    for _ in 0..ROUNDS {
        bins.iter_mut().for_each(|bytes| bytes.fill(RUBBISH));
        rates[0].extend(rate(geometry, || code.encode(black_box(&data), black_box(bins)))?);
        ensure!(bins.iter().zip(&right).all(|(bytes, right)| bytes == right), "encode {WRONG} {layout}");
        lost.iter_mut().for_each(|(_, bytes)| bytes.fill(RUBBISH));
        rates[1].extend(rate(geometry, || code.decode(black_box(&whole[m..]), black_box(&mut lost)))?);
        ensure!(lost.iter().all(|(row, bytes)| **bytes == *data[*row]), "decode {WRONG} {layout}");
        rows[0].fill(RUBBISH);
        rates[2].extend(rate(geometry, || code.repair(black_box(&whole[1..]), 0, black_box(rows[0])))?);
        ensure!(*rows[0] == *data[0], "repair {WRONG} {layout}");
        rates[3].extend(rate(geometry, || {
            rows.iter_mut().zip(black_box(&data)).for_each(|(to, from)| to.copy_from_slice(from));
            Ok(())
        })?);
    }
    let [encode, decode, repair, memcpy] = rates.map(median);
    Ok(Figures { layout, geometry, encode, decode, repair, memcpy })
}

/// GB/s of `work`, which does one block: a figure for each batch of a round.
fn rate(geometry: Geometry, mut work: impl FnMut() -> Result<(), mojette::Error>) -> anyhow::Result<Vec<f64>> {
    let mut time = |blocks: u32| {
        let start = Instant::now();
        (0..blocks).try_for_each(|_| work())?;
        Ok::<_, mojette::Error>(start.elapsed().max(Duration::from_nanos(1)))
    };
    // The first also warms the cache.
    let once = time(1)?.min(time(1)?);
    let blocks = (BATCH.as_nanos() / once.as_nanos()).clamp(1, 1000) as u32;
    let (start, mut rates) = (Instant::now(), Vec::new());
    while rates.is_empty() || start.elapsed() < ROUND {
        let bytes = f64::from(blocks) * geometry.block_bytes() as f64;
        rates.push(bytes / time(blocks)?.as_secs_f64() / 1e9);
    }
    Ok(rates)
}

fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}

/// Room for all fragments of a block, laid out as the code advises.
struct Space {
    geometry: Geometry,
    bytes: Vec<u8>,
}

impl Space {
    fn new(geometry: Geometry) -> Self {
        let fragments: usize = (0..geometry.fragments()).map(|index| Self::stride(geometry, index)).sum();
        Self { geometry, bytes: vec![0; fragments + ALIGNMENT] }
    }

    /// Bytes from the start of a fragment to that of the next.
    fn stride(geometry: Geometry, index: usize) -> usize {
        let bytes = geometry.fragment_bytes(index).unwrap_or(0);
        bytes.max(geometry.row_stride()).next_multiple_of(ALIGNMENT)
    }

    fn fragments(&mut self) -> Vec<&mut [u8]> {
        let start = self.bytes.as_ptr().align_offset(ALIGNMENT).min(ALIGNMENT);
        let mut rest = &mut self.bytes[start..];
        let lengths =
            (0..self.geometry.fragments()).filter_map(|index| Some((index, self.geometry.fragment_bytes(index)?)));
        let mut fragments = Vec::new();
        for (index, bytes) in lengths {
            let (fragment, after) = std::mem::take(&mut rest).split_at_mut(Self::stride(self.geometry, index));
            fragments.push(&mut fragment[..bytes]);
            rest = after;
        }
        fragments
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fragments_are_aligned_and_lie_apart() {
        for (layout, block) in LAYOUTS.into_iter().flat_map(|layout| BLOCKS.map(|block| (layout, block))) {
            let geometry = Geometry::layout(layout, block).unwrap();
            let mut space = Space::new(geometry);
            let fragments = space.fragments();
            for (index, fragment) in fragments.iter().enumerate() {
                assert_eq!(Some(fragment.len()), geometry.fragment_bytes(index));
                assert_eq!(fragment.as_ptr().align_offset(ALIGNMENT), 0, "fragment {index} of layout {layout}");
            }
        }
    }

    #[test]
    fn the_median_is_the_middle_one() {
        assert_eq!(median(vec![9.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(vec![4.0]), 4.0);
    }
}
