//! AVX2: an element of 64 bytes is two registers, which don't depend on one another.

use std::arch::x86_64::{__m256i, _mm256_loadu_si256, _mm256_setzero_si256, _mm256_storeu_si256, _mm256_xor_si256};

use super::Job;
use super::vector::vector;

#[derive(Clone, Copy)]
struct Register(__m256i);

vector!(Register, 32, 16,
    zero: _mm256_setzero_si256(),
    load: _mm256_loadu_si256,
    store: _mm256_storeu_si256,
    xor: _mm256_xor_si256,
    xor3: |first, second, third| _mm256_xor_si256(_mm256_xor_si256(first, second), third));

#[target_feature(enable = "avx2")]
pub(super) fn run<J: Job>(job: J) -> J::Output {
    job.run::<Register>()
}
