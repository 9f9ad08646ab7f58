//! AVX2: an element of 64 bytes is two registers, which don't depend on one another.

use std::arch::x86_64::{
    __m256i, _mm256_add_epi64, _mm256_alignr_epi8, _mm256_and_si256, _mm256_cmpeq_epi64, _mm256_cmpgt_epi64,
    _mm256_loadu_si256, _mm256_maskload_epi64, _mm256_maskstore_epi64, _mm256_permute2x128_si256, _mm256_set1_epi64x,
    _mm256_setr_epi64x, _mm256_setzero_si256, _mm256_storeu_si256, _mm256_xor_si256,
};

use super::Job;
use super::vector::vector;

#[derive(Clone, Copy)]
struct Register(__m256i);

vector!(Register, 32, 16,
    zero: _mm256_setzero_si256(),
    load: _mm256_loadu_si256,
    load_part: load_part,
    store: _mm256_storeu_si256,
    load_inside: |bytes, inside| _mm256_maskload_epi64(bytes, mask(inside)),
    store_inside: |bytes, own, inside| _mm256_maskstore_epi64(bytes, mask(inside), own),
    later: later,
    xor: _mm256_xor_si256,
    xor3: |first, second, third| _mm256_xor_si256(_mm256_xor_si256(first, second), third));

#[target_feature(enable = "avx2")]
pub(super) fn run<J: Job>(job: J) -> J::Output {
    job.run::<Register>()
}

#[inline]
#[target_feature(enable = "avx2")]
fn load_part(bytes: &[u8], at: isize) -> __m256i {
    let words = _mm256_add_epi64(_mm256_set1_epi64x(at as i64), _mm256_setr_epi64x(0, 8, 16, 24));
    let is_behind_start = _mm256_cmpgt_epi64(words, _mm256_set1_epi64x(-1));
    let is_before_end = _mm256_cmpgt_epi64(_mm256_set1_epi64x(bytes.len() as i64 - 7), words);
    let inside = _mm256_and_si256(is_behind_start, is_before_end);
    // SAFETY: only words inside are read.
    unsafe { _mm256_maskload_epi64(bytes.as_ptr().wrapping_offset(at).cast(), inside) }
}

/// All bits of the words whose own is set.
#[inline]
#[target_feature(enable = "avx2")]
fn mask(inside: u64) -> __m256i {
    let bits = _mm256_setr_epi64x(1, 2, 4, 8);
    _mm256_cmpeq_epi64(_mm256_and_si256(_mm256_set1_epi64x(inside as i64), bits), bits)
}

#[inline]
#[target_feature(enable = "avx2")]
fn later(own: __m256i, before: __m256i, elements: usize) -> __m256i {
    let half = _mm256_permute2x128_si256::<0x21>(before, own);
    match elements {
        0 => own,
        1 => _mm256_alignr_epi8::<8>(own, half),
        2 => half,
        _ => _mm256_alignr_epi8::<8>(half, before),
    }
}
