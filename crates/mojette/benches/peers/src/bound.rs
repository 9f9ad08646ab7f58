//! What the caches allow: all rows read once, as many outputs written as the task has, each the plain XOR of the rows. Nothing is checked
//! and nothing shifted, so no code of these layouts is faster by more than luck.

use crate::block::Buffer;
use crate::clock::Contender;

/// As many outputs as there are in `out`, from rows of which each is as long as the first or longer. None where the processor lacks
/// AVX-512 or the layout is not one of the three.
#[cfg(target_arch = "x86_64")]
pub fn plain<'a>(rows: &[&'a [u8]], out: &'a mut [Buffer]) -> Option<Contender<'a>> {
    let run = match (rows.len(), out.len()) {
        (2, 1) => xor::<2, 1>,
        (4, 1) => xor::<4, 1>,
        (4, 2) => xor::<4, 2>,
        (8, 1) => xor::<8, 1>,
        (8, 4) => xor::<8, 4>,
        _ => return None,
    };
    let bytes = rows.first()?.len();
    let fits = rows.iter().all(|row| row.len() >= bytes) && out.iter().all(|out| out.bytes().len() >= bytes);
    if !fits || !is_x86_feature_detected!("avx512f") {
        return None;
    }
    let rows: Vec<*const u8> = rows.iter().map(|row| row.as_ptr()).collect();
    let out: Vec<*mut u8> = out.iter_mut().map(|out| out.bytes_mut().as_mut_ptr()).collect();
    Some(Contender::new("plain XOR", move || {
        // SAFETY: the processor has AVX-512, the lists are as long as `run` wants, all of at least `bytes`, and borrowed by this closure.
        unsafe { run(std::hint::black_box(&rows), &out, bytes) }
    }))
}

#[cfg(not(target_arch = "x86_64"))]
pub fn plain<'a>(_: &[&'a [u8]], _: &'a mut [Buffer]) -> Option<Contender<'a>> {
    None
}

/// SAFETY: there are K rows to read and OUT outputs to write, each of at least `bytes`.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
unsafe fn xor<const K: usize, const OUT: usize>(rows: &[*const u8], out: &[*mut u8], bytes: usize) {
    use std::arch::x86_64::{_mm512_loadu_si512, _mm512_storeu_si512, _mm512_xor_si512};
    let rows: [*const u8; K] = std::array::from_fn(|row| rows[row]);
    let out: [*mut u8; OUT] = std::array::from_fn(|at| out[at]);
    let column = |at: usize| {
        // SAFETY: 64 bytes from `at` are within `bytes`, see below.
        unsafe {
            let mut sum = _mm512_loadu_si512(rows[0].add(at).cast());
            for row in &rows[1..] {
                sum = _mm512_xor_si512(sum, _mm512_loadu_si512(row.add(at).cast()));
            }
            for out in out {
                _mm512_storeu_si512(out.add(at).cast(), sum);
            }
        }
    };
    for at in (0..bytes / 128 * 128).step_by(128) {
        column(at);
        column(at + 64);
    }
}
