//! The numbers by which people dial into a meeting, unique over the pool.

use sha2::{Digest, Sha256};

/// Numbers that are tried for one meeting before it goes without one of ours.
pub(crate) const ATTEMPTS: u32 = 10;
const FIRST: i64 = 100_000_000;
const NUMBERS: u64 = 900_000_000;

/// The number of `attempt` (from 0) for a meeting: nine digits, the first none, and the same at each start of the meeting,
/// so that a PIN that was sent by mail holds.
pub(crate) fn voice_bridge(tenant: &str, meeting_id: &str, attempt: u32) -> i64 {
    let digest = Sha256::digest(format!("{tenant}\0{meeting_id}\0{attempt}"));
    let number = digest.iter().take(8).fold(0u64, |number, byte| number << 8 | u64::from(*byte));
    FIRST + i64::try_from(number % NUMBERS).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_same_at_every_start_and_differs_by_attempt() {
        let first = voice_bridge("t", "algebra", 0);
        assert_eq!(first, voice_bridge("t", "algebra", 0));
        assert!((100_000_000..1_000_000_000).contains(&first));
        assert_ne!(first, voice_bridge("t", "algebra", 1));
        assert_ne!(first, voice_bridge("u", "algebra", 0));
    }
}
