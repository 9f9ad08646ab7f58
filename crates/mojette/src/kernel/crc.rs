//! CRC-32C by the instruction of x86-64 (SSE 4.2) where the processor has it, else by table.

/// The polynomial, lowest power in the highest bit.
const POLYNOMIAL: u32 = 0x82f6_3b78;

const TABLE: [u32; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let (mut sum, mut bit) = (byte as u32, 0);
        while bit < 8 {
            sum = (sum >> 1) ^ (POLYNOMIAL & (sum & 1).wrapping_neg());
            bit += 1;
        }
        table[byte] = sum;
        byte += 1;
    }
    table
};

/// Sums of as many pieces of one length: the instruction takes three cycles and can begin one in each.
#[cfg(target_arch = "x86_64")]
const TOGETHER: usize = 4;

/// Calls `tell` with the sum of each `unit` bytes in turn, the last of which may be shorter.
#[cfg_attr(target_arch = "x86_64", expect(unsafe_code, reason = "the instruction is an unsafe function"))]
pub(crate) fn crc32c_each(bytes: &[u8], unit: usize, tell: impl FnMut(u32)) {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("sse4.2") {
        let mut tell = tell;
        let mut groups = bytes.chunks_exact(TOGETHER * unit);
        for group in &mut groups {
            // SAFETY: the processor has the instruction.
            unsafe { by_instruction(std::array::from_fn::<_, TOGETHER, _>(|n| &group[n * unit..][..unit])) }
                .into_iter()
                .for_each(&mut tell);
        }
        for piece in groups.remainder().chunks(unit) {
            // SAFETY: the processor has the instruction.
            unsafe { by_instruction([piece]) }.into_iter().for_each(&mut tell);
        }
        return;
    }
    bytes.chunks(unit).map(by_table).for_each(tell);
}

fn by_table(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |sum, byte| TABLE[usize::from(sum as u8 ^ byte)] ^ (sum >> 8))
}

/// Sums of pieces of one length.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "sse4.2")]
fn by_instruction<const N: usize>(pieces: [&[u8]; N]) -> [u32; N] {
    use std::arch::x86_64::{_mm_crc32_u8, _mm_crc32_u64};
    let split = pieces.map(|piece| piece.as_chunks());
    let words = split.map(|(words, _)| words).iter().map(|words| words.len()).min().unwrap_or(0);
    let mut sums = [u64::from(u32::MAX); N];
    for at in 0..words {
        for (sum, (words, _)) in sums.iter_mut().zip(&split) {
            *sum = _mm_crc32_u64(*sum, u64::from_le_bytes(words[at]));
        }
    }
    let mut rests = split.iter().map(|(_, rest)| rest.iter());
    sums.map(|sum| !rests.next().into_iter().flatten().fold(sum as u32, |sum, byte| _mm_crc32_u8(sum, *byte)))
}

#[cfg(test)]
mod tests {
    use super::{by_table, crc32c_each};

    fn crc32c(bytes: &[u8]) -> u32 {
        let mut sum = None;
        crc32c_each(bytes, bytes.len(), |one| assert!(sum.replace(one).is_none()));
        sum.unwrap()
    }

    #[test]
    fn both_ways_give_the_published_sums() {
        for (bytes, sum) in [(&b"123456789"[..], 0xe306_9283), (&[0; 32], 0x8a91_36aa), (&[0xff; 32], 0x62a8_ab43)] {
            assert_eq!((by_table(bytes), crc32c(bytes)), (sum, sum));
        }
    }

    #[test]
    fn sums_of_many_pieces_are_those_of_each() {
        let bytes: Vec<u8> = (0..10_000).map(|n| (n * 31 % 251) as u8).collect();
        for unit in [1, 7, 8, 64, 1000, 4096, 20_000] {
            let mut sums = Vec::new();
            crc32c_each(&bytes, unit, |sum| sums.push(sum));
            assert_eq!(sums, bytes.chunks(unit).map(by_table).collect::<Vec<_>>(), "pieces of {unit}");
        }
    }
}
