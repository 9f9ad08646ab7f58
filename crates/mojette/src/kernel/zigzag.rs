//! Recovery of several rows at once, in the order of Normand et al.: every element is found from a bin whose other elements are known.
//! Safe, and read off the definition: the other kernels are tested against it.

use super::steps::Step;
use crate::Element;

/// Recovers the rows of `lost`, one for each step and in the same order. Entries of `rows` that are lost are not read.
pub(crate) fn zigzag(element: Element, steps: &[Step<'_>], rows: &[&[u8]], lost: &mut [(usize, &mut [u8])]) {
    match element {
        Element::Narrow => zigzag_elements::<8>(steps, rows, lost),
        Element::Wide => zigzag_elements::<64>(steps, rows, lost),
    }
}

fn zigzag_elements<const BYTES: usize>(steps: &[Step<'_>], rows: &[&[u8]], lost: &mut [(usize, &mut [u8])]) {
    let Some(columns) = lost.first().map(|(_, bytes)| (bytes.len() / BYTES) as isize) else { return };
    let first = steps.iter().map(|step| -step.ahead).min().unwrap_or(0);
    let last = steps.iter().map(|step| columns - step.ahead).max().unwrap_or(0);
    for turn in first..last {
        for (at, step) in steps.iter().enumerate() {
            let column = turn + step.ahead;
            if column < 0 || column >= columns {
                continue;
            }
            let mut sum: [u8; BYTES] = element(step.bins, column + step.lead as isize);
            let mut add = |row: usize, bytes: &[u8]| {
                let other = column + (step.row as isize - row as isize) * step.slope;
                if (0..columns).contains(&other) {
                    sum = xor(sum, element(bytes, other));
                }
            };
            for (row, bytes) in rows.iter().enumerate().filter(|(_, bytes)| !bytes.is_empty()) {
                add(row, bytes);
            }
            for (_, (row, bytes)) in lost.iter().enumerate().filter(|(other, _)| *other != at) {
                add(*row, bytes);
            }
            let start = column as usize * BYTES;
            lost[at].1[start..start + BYTES].copy_from_slice(&sum);
        }
    }
}

fn element<const BYTES: usize>(bytes: &[u8], column: isize) -> [u8; BYTES] {
    bytes.as_chunks().0[column as usize]
}

fn xor<const BYTES: usize>(left: [u8; BYTES], right: [u8; BYTES]) -> [u8; BYTES] {
    std::array::from_fn(|at| left[at] ^ right[at])
}
