//! NEON: an element of 64 bytes is four registers, which don't depend on one another.

use std::arch::aarch64::{uint8x16_t, vdupq_n_u8, veorq_u8, vld1q_u8, vst1q_u8};

use super::Job;
use super::vector::{part, vector};

#[derive(Clone, Copy)]
struct Register(uint8x16_t);

vector!(Register, 16, 32,
    zero: vdupq_n_u8(0),
    load: vld1q_u8,
    load_part: |bytes, at| vld1q_u8(part::<16>(bytes, at).as_ptr()),
    store: vst1q_u8,
    xor: veorq_u8,
    xor3: |first, second, third| veorq_u8(veorq_u8(first, second), third));

#[target_feature(enable = "neon")]
pub(super) fn run<J: Job>(job: J) -> J::Output {
    job.run::<Register>()
}
