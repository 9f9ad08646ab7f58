//! The wall clock, read in this one place. Messages carry it for people; all that is decided by it is whether this node's
//! certificate is due for renewal or has ended.

use std::time::{SystemTime, UNIX_EPOCH};

/// Now, in epoch milliseconds.
#[expect(clippy::disallowed_methods, reason = "the one place where the agent reads the wall clock")]
pub(crate) fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
