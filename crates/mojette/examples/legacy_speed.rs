//! GB/s of RozoFS's transform on this machine, one thread, one block of 8 KiB in the cache, beside memcpy and beside the
//! inverse the way RozoFS goes about it: pixel after pixel, each added to every projection that is left.
//!
//! `cargo run --release -p mojette --example legacy_speed`

use std::hint::black_box;
use std::time::Instant;

use mojette::legacy::{BLOCK_BYTES, Layout, Projection, Transform, TransformError};

/// Of each figure, taken in turns.
const ROUNDS: usize = 9;
const BATCHES: usize = 201;
const BATCH: usize = 8;

fn main() -> Result<(), TransformError> {
    let block: Vec<u8> = (0..BLOCK_BYTES).map(|i| (i * i % 251) as u8).collect();
    println!("GB/s of user data, median of {ROUNDS}");
    println!("layout   memcpy  forward  inverse  pixel by pixel");
    for layout in Layout::ALL {
        let transform = Transform::rozofs(layout);
        let mut written: Vec<Vec<u8>> =
            (0..layout.projections()).filter_map(|index| Some(vec![0; transform.projection_bytes(index)?])).collect();
        project(transform, &block, &mut written)?;
        // The last ones are the longest, and what is asked when the first stores are away.
        let first = layout.projections() - layout.rows();
        let given: Vec<Projection> =
            written.iter().enumerate().skip(first).map(|(index, bins)| Projection { index, bins }).collect();
        let (mut scratch, mut read) = (vec![0; transform.scratch_bytes()], vec![0; BLOCK_BYTES]);
        transform.inverse(&given, &mut scratch, &mut read)?;
        assert!(read == block && pixel_by_pixel(transform, &given) == block, "the block came back");
        let mut again = written.clone();
        let mut rates: [Vec<f64>; 4] = Default::default();
        for _ in 0..ROUNDS {
            rates[0].push(rate(|| black_box(&mut read).copy_from_slice(black_box(&block))));
            rates[1].push(rate(|| project(transform, black_box(&block), &mut again).expect("done once before")));
            rates[2].push(rate(|| {
                transform.inverse(black_box(&given), &mut scratch, &mut read).expect("done once before");
            }));
            rates[3].push(rate(|| drop(black_box(pixel_by_pixel(transform, black_box(&given))))));
        }
        let [memcpy, forward, inverse, slow] = rates.map(median);
        println!("{:>6} {memcpy:>8.1} {forward:>8.1} {inverse:>8.1} {slow:>15.1}", layout.number());
    }
    Ok(())
}

fn project(transform: Transform, block: &[u8], written: &mut [Vec<u8>]) -> Result<(), TransformError> {
    written.iter_mut().enumerate().try_for_each(|(index, bins)| transform.project(block, index, bins))
}

/// GB/s of `work`, which does one block. A batch is far shorter than what a scheduler gives at a time, so that the median
/// batch was not interrupted.
fn rate(mut work: impl FnMut()) -> f64 {
    let batch = || {
        let start = Instant::now();
        (0..BATCH).for_each(|_| work());
        (BATCH * BLOCK_BYTES) as f64 / start.elapsed().as_secs_f64() / 1e9
    };
    median(std::iter::repeat_with(batch).take(BATCHES).collect())
}

fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}

/// Row `l` is read from the projection of the `l`-th largest slope, and lags behind its neighbour by their slopes, so that in
/// each step one unknown is left in each of the bins. What is found is added to all projections.
fn pixel_by_pixel(transform: Transform, given: &[Projection]) -> Vec<u8> {
    let rows = given.len();
    let columns = transform.block_bytes() / 8 / rows;
    let word = |bytes: &[u8]| bytes.try_into().map_or(0, u64::from_ne_bytes);
    // Stands first: the largest slope.
    let mut bins: Vec<Vec<u64>> = given.iter().rev().map(|one| one.bins.chunks(8).map(word).collect()).collect();
    let slope = |l: usize| given[rows - 1 - l].index as isize - (transform.layout().projections() / 2) as isize;
    let offset = |l: usize| (slope(l) * (rows as isize - 1)).min(0);
    let mut lag = vec![0; rows];
    (1..rows).for_each(|l| lag[l] = lag[l - 1] + slope(l - 1));
    let least = lag.iter().copied().min().unwrap_or(0);
    let most = lag.iter().copied().max().unwrap_or(0);
    let mut block = vec![0; rows * columns];
    for step in least..columns as isize + most {
        for l in (0..rows).rev() {
            let c = step - lag[l];
            if !(0..columns as isize).contains(&c) {
                continue;
            }
            let pixel = bins[l][(c + l as isize * slope(l) - offset(l)) as usize];
            block[l * columns + c as usize] = pixel;
            for (other, line) in bins.iter_mut().enumerate() {
                line[(c + l as isize * slope(other) - offset(other)) as usize] ^= pixel;
            }
        }
    }
    block.into_iter().flat_map(u64::to_ne_bytes).collect()
}
