//! What a meeting costs a server, in tenths of a user who only listens.
//!
//! A server's work grows with its users, with those who speak, and above all with the video streams it sends on: each camera
//! goes to everybody in the room. A meeting that has just begun counts as the size it is expected to reach, so that a
//! morning on which fifty classes start within a minute does not put them all on one server; what is expected fades as the
//! meeting ages.

/// A user, in tenths.
const USER: u64 = 10;
/// One who speaks, or may: a stream up and a mix down.
const VOICE: u64 = 5;
/// A camera's stream to one user.
const VIDEO_STREAM: u64 = 2;
/// A meeting in which nobody is: it may fill any moment.
const EMPTY: u64 = 10;
/// Users a meeting is expected to have that says nothing of itself and was never held before.
pub(crate) const USERS_EXPECTED: u32 = 15;
/// Most users that a meeting is expected to have, whatever it says of itself: `maxParticipants` is often set to "enough".
pub(crate) const USERS_EXPECTED_MOST: u32 = 300;
/// After this long a meeting is what it is.
pub(crate) const EXPECTED_FOR_MS: i64 = 15 * 60_000;

/// What was measured of a meeting.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Attendance {
    /// People in it.
    pub(crate) users: u32,
    /// Those with a microphone.
    pub(crate) voices: u32,
    /// Cameras that are on.
    pub(crate) videos: u32,
}

impl Attendance {
    fn cost(self) -> u64 {
        let [users, voices, videos] = [self.users, self.voices, self.videos].map(u64::from);
        EMPTY + USER * users + VOICE * voices + VIDEO_STREAM * videos.saturating_mul(users)
    }
}

/// What a meeting is expected to cost when it begins, in tenths of a user.
pub(crate) fn expected_cost(users: u32) -> u64 {
    EMPTY + USER * u64::from(users.clamp(1, USERS_EXPECTED_MOST))
}

/// A meeting's cost, `age_ms` after it was created: what it is, or what is left of what was expected, whichever is more.
pub(crate) fn cost(attendance: Attendance, expected: u64, age_ms: i64) -> u64 {
    let left_ms = (EXPECTED_FOR_MS - age_ms).clamp(0, EXPECTED_FOR_MS) as u64;
    let left = u128::from(expected) * u128::from(left_ms) / EXPECTED_FOR_MS as u128;
    attendance.cost().max(u64::try_from(left).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn video_weighs_most_and_what_was_expected_fades() {
        let of = |users, voices, videos| Attendance { users, voices, videos };
        assert!(of(20, 0, 0).cost() < of(20, 20, 0).cost());
        assert!(of(40, 40, 0).cost() < of(20, 20, 20).cost());
        let expected = expected_cost(30);
        assert_eq!(cost(Attendance::default(), expected, 0), expected);
        assert_eq!(cost(Attendance::default(), expected, EXPECTED_FOR_MS / 2), expected / 2);
        assert_eq!(cost(Attendance::default(), expected, EXPECTED_FOR_MS), EMPTY);
        assert_eq!(cost(Attendance::default(), expected, -5), expected, "a server whose clock is ahead");
        assert_eq!(cost(of(100, 0, 0), expected, 0), of(100, 0, 0).cost());
        assert_eq!(expected_cost(1_000_000), expected_cost(USERS_EXPECTED_MOST));
    }
}
