//! Times for people: how long ago, and the exact moment in the reader's own zone.

use jiff::Timestamp;
use jiff::tz::TimeZone;

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
const MONTH: i64 = 30 * DAY;
const YEAR: i64 = 365 * DAY;

/// This machine's clock.
#[expect(clippy::disallowed_methods, reason = "the command line shows ages to a person and decides nothing by them")]
pub(super) fn now() -> Timestamp {
    Timestamp::now()
}

/// "now", "5 s ago", "7 months ago"; a clock that runs behind the server's shows "now".
pub(super) fn age(then: Timestamp, now: Timestamp) -> String {
    let seconds = now.as_second() - then.as_second();
    if seconds <= 0 {
        return "now".to_owned();
    }
    let (count, unit) = match seconds {
        0..MINUTE => (seconds, "s"),
        MINUTE..HOUR => (seconds / MINUTE, "min"),
        HOUR..DAY => (seconds / HOUR, "h"),
        DAY..MONTH => (seconds / DAY, "day"),
        MONTH..YEAR => (seconds / MONTH, "month"),
        _ => (seconds / YEAR, "year"),
    };
    let plural = if count > 1 && seconds >= DAY { "s" } else { "" };
    format!("{count} {unit}{plural} ago")
}

/// "2026-11-22 14:03:59 +01:00".
pub(super) fn moment(then: Timestamp) -> String {
    then.to_zoned(TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S %:z").to_string()
}

/// "2026-11-22 14:03:59 +01:00 (5 min ago)".
pub(super) fn exact(then: Timestamp, now: Timestamp) -> String {
    format!("{} ({})", moment(then), age(then, now))
}

/// "2026-11-22".
pub(super) fn date(then: Timestamp) -> String {
    then.to_zoned(TimeZone::system()).strftime("%Y-%m-%d").to_string()
}

/// "1.3 s", "4 min 5 s".
pub(super) fn span(from: Timestamp, to: Timestamp) -> String {
    length((to.as_millisecond() - from.as_millisecond()).max(0))
}

/// The same of seconds.
pub(super) fn seconds(seconds: f64) -> String {
    length((seconds * 1_000.0) as i64)
}

fn length(millis: i64) -> String {
    match millis {
        0..1_000 => format!("{millis} ms"),
        1_000..60_000 => format!("{}.{} s", millis / 1_000, millis % 1_000 / 100),
        _ => format!("{} min {} s", millis / 60_000, millis % 60_000 / 1_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_rounded_down_to_one_unit() {
        let now = Timestamp::from_second(2_000_000_000).unwrap();
        let cases = [
            (-5, "now"),
            (0, "now"),
            (1, "1 s ago"),
            (59, "59 s ago"),
            (60, "1 min ago"),
            (3_599, "59 min ago"),
            (7_200, "2 h ago"),
            (DAY, "1 day ago"),
            (3 * DAY, "3 days ago"),
            (7 * MONTH + DAY, "7 months ago"),
            (360 * DAY, "12 months ago"),
            (2 * YEAR, "2 years ago"),
        ];
        for (seconds, expected) in cases {
            let then = Timestamp::from_second(2_000_000_000 - seconds).unwrap();
            assert_eq!(age(then, now), expected);
        }
    }

    #[test]
    fn spans_keep_what_matters() {
        let at = |ms| Timestamp::from_millisecond(ms).unwrap();
        assert_eq!(span(at(0), at(12)), "12 ms");
        assert_eq!(span(at(0), at(1_380)), "1.3 s");
        assert_eq!(span(at(0), at(245_000)), "4 min 5 s");
        assert_eq!(span(at(5), at(0)), "0 ms");
    }
}
