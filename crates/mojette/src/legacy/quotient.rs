//! Division of a line by `1 + z^gap`: every pixel becomes the XOR of itself and the quotient `gap` pixels before. The last
//! `gap` quotients stay in registers, which is why the gap is a constant of the loop: going through memory would cost a
//! store and a load for each step.

use super::{Pixel, word, xor};

/// Adds `source` to `line` from pixel `at` on, to its end, and divides the sum by `1 + z^gap`, gap 1 to 11.
#[inline(always)]
pub(super) fn divide(gap: usize, line: &mut [Pixel], at: usize, source: &[Pixel]) {
    match gap {
        1 => divide_by_neighbour(line, at, source),
        2 => divide_by::<2>(line, at, source),
        3 => divide_by::<3>(line, at, source),
        4 => divide_by::<4>(line, at, source),
        5 => divide_by::<5>(line, at, source),
        6 => divide_by::<6>(line, at, source),
        7 => divide_by::<7>(line, at, source),
        8 => divide_by::<8>(line, at, source),
        9 => divide_by::<9>(line, at, source),
        10 => divide_by::<10>(line, at, source),
        _ => divide_by::<11>(line, at, source),
    }
}

#[inline(always)]
fn divide_by<const GAP: usize>(line: &mut [Pixel], at: usize, source: &[Pixel]) {
    for x in GAP..at {
        line[x] = xor(line[x], line[x - GAP]);
    }
    // The quotients before `at`; there is nothing before the line.
    let mut last: [u64; GAP] = std::array::from_fn(|i| (at + i).checked_sub(GAP).map_or(0, |x| word(line[x])));
    let (steps, rest) = line[at..].as_chunks_mut::<GAP>();
    let (adds, rest_adds) = source.as_chunks::<GAP>();
    for (step, add) in steps.iter_mut().zip(adds) {
        // Read before any is written: only then can the compiler take several at a time.
        let (own, add) = (*step, *add);
        for i in 0..GAP {
            last[i] ^= word(own[i]) ^ word(add[i]);
        }
        for i in 0..GAP {
            step[i] = last[i].to_ne_bytes();
        }
    }
    for (i, (pixel, add)) in rest.iter_mut().zip(rest_adds).enumerate() {
        *pixel = (last[i] ^ word(*pixel) ^ word(*add)).to_ne_bytes();
    }
}

/// Gap 1, two at a time: the second quotient does not wait for the first.
#[inline(always)]
fn divide_by_neighbour(line: &mut [Pixel], at: usize, source: &[Pixel]) {
    for x in 1..at {
        line[x] = xor(line[x], line[x - 1]);
    }
    let mut last = at.checked_sub(1).map_or(0, |x| word(line[x]));
    let (pairs, rest) = line[at..].as_chunks_mut::<2>();
    let (adds, rest_adds) = source.as_chunks::<2>();
    for (pair, add) in pairs.iter_mut().zip(adds) {
        let first = word(pair[0]) ^ word(add[0]);
        let both = first ^ word(pair[1]) ^ word(add[1]);
        pair[0] = (last ^ first).to_ne_bytes();
        last ^= both;
        pair[1] = last.to_ne_bytes();
    }
    for (pixel, add) in rest.iter_mut().zip(rest_adds) {
        *pixel = (last ^ word(*pixel) ^ word(*add)).to_ne_bytes();
    }
}
