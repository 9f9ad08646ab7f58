//! NEON: an element of 64 bytes is four registers, which don't depend on one another.

use std::arch::aarch64::{uint8x16_t, vdupq_n_u8, veorq_u8, vextq_u8, vld1q_u8, vst1q_u8};

use super::Job;
use super::vector::{load_inside, part, store_inside, vector};

#[derive(Clone, Copy)]
struct Register(uint8x16_t);

vector!(Register, 16, 32,
    zero: vdupq_n_u8(0),
    load: vld1q_u8,
    load_part: |bytes, at| vld1q_u8(part::<16>(bytes, at).as_ptr()),
    store: vst1q_u8,
    load_inside: |bytes, inside| vld1q_u8(load_inside::<16>(bytes, inside).as_ptr()),
    store_inside: |bytes, own, inside| {
        let mut words = [0; 16];
        vst1q_u8(words.as_mut_ptr(), own);
        store_inside(words, bytes, inside)
    },
    later: |own, before, elements| if elements == 0 { own } else { vextq_u8::<8>(before, own) },
    xor: veorq_u8,
    xor3: |first, second, third| veorq_u8(veorq_u8(first, second), third));

#[target_feature(enable = "neon")]
pub(super) fn run<J: Job>(job: J) -> J::Output {
    job.run::<Register>()
}
