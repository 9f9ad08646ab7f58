//! One projection of a block. Each bin is computed once, from all rows at a time, instead of adding row after row to the
//! bins: only the triangles at both ends, where some rows have nothing to add, go row by row.

use super::kernel::add;
use super::{Pixel, word};

/// `block` is `rows × columns`, row-major; `bins` has `columns + (rows - 1)·|slope|`.
#[inline(always)]
pub(super) fn project(columns: usize, slope: isize, block: &[Pixel], bins: &mut [Pixel]) {
    match block.len() / columns {
        2 => project_rows::<2>(columns, slope, block, bins),
        4 => project_rows::<4>(columns, slope, block, bins),
        _ => project_rows::<8>(columns, slope, block, bins),
    }
}

#[inline(always)]
fn project_rows<const ROWS: usize>(columns: usize, slope: isize, block: &[Pixel], bins: &mut [Pixel]) {
    // Seen from the other side a falling slope rises: the rows are taken from the last to the first.
    let rows: [&[Pixel]; ROWS] = std::array::from_fn(|l| {
        let row = if slope < 0 { ROWS - 1 - l } else { l };
        &block[row * columns..][..columns]
    });
    let shift = slope.unsigned_abs();
    let edge = (ROWS - 1) * shift;
    if columns <= edge {
        bins.fill([0; 8]);
        rows.iter().enumerate().for_each(|(l, row)| add(&mut bins[l * shift..][..columns], row));
        return;
    }
    let (head, rest) = bins.split_at_mut(edge);
    let (middle, tail) = rest.split_at_mut(columns - edge);
    head.copy_from_slice(&rows[0][..edge]);
    tail.copy_from_slice(&rows[ROWS - 1][columns - edge..]);
    for (l, row) in rows.iter().enumerate().take(ROWS - 1).skip(1) {
        add(&mut head[l * shift..], &row[..edge - l * shift]);
        add(&mut tail[..l * shift], &row[columns - l * shift..]);
    }
    let shifted: [&[Pixel]; ROWS] = std::array::from_fn(|l| &rows[l][edge - l * shift..][..middle.len()]);
    for (x, bin) in middle.iter_mut().enumerate() {
        *bin = shifted.iter().fold(0, |sum, row| sum ^ word(row[x])).to_ne_bytes();
    }
}
