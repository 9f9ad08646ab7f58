//! AVX-512: an element of 64 bytes is one register.

use std::arch::x86_64::{
    __m512i, _mm512_alignr_epi64, _mm512_loadu_si512, _mm512_mask_storeu_epi64, _mm512_maskz_loadu_epi64,
    _mm512_setzero_si512, _mm512_storeu_si512, _mm512_ternarylogic_epi64, _mm512_xor_si512,
};

use super::Job;
use super::vector::vector;

#[derive(Clone, Copy)]
struct Register(__m512i);

/// The table of a three-way XOR: one where an odd number of the three bits is set.
const XOR3: i32 = 0x96;

vector!(Register, 64, 32,
    zero: _mm512_setzero_si512(),
    load: _mm512_loadu_si512,
    load_part: load_part,
    store: _mm512_storeu_si512,
    load_inside: |bytes, inside| _mm512_maskz_loadu_epi64(inside as u8, bytes),
    store_inside: |bytes, own, inside| _mm512_mask_storeu_epi64(bytes, inside as u8, own),
    later: later,
    xor: _mm512_xor_si512,
    xor3: _mm512_ternarylogic_epi64::<XOR3>);

#[target_feature(enable = "avx512f")]
pub(super) fn run<J: Job>(job: J) -> J::Output {
    job.run::<Register>()
}

#[inline]
#[target_feature(enable = "avx512f")]
fn load_part(bytes: &[u8], at: isize) -> __m512i {
    let before = ((-at).clamp(0, 64) + 7) / 8;
    let end = (bytes.len() as isize - at).clamp(0, 64) / 8;
    let inside = 0xff_u32 << before & !(0xff << end);
    // SAFETY: only words inside are read.
    unsafe { _mm512_maskz_loadu_epi64(inside as u8, bytes.as_ptr().wrapping_offset(at).cast()) }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn later(own: __m512i, before: __m512i, elements: usize) -> __m512i {
    match elements {
        0 => own,
        1 => _mm512_alignr_epi64::<7>(own, before),
        2 => _mm512_alignr_epi64::<6>(own, before),
        3 => _mm512_alignr_epi64::<5>(own, before),
        4 => _mm512_alignr_epi64::<4>(own, before),
        5 => _mm512_alignr_epi64::<3>(own, before),
        6 => _mm512_alignr_epi64::<2>(own, before),
        _ => _mm512_alignr_epi64::<1>(own, before),
    }
}
