//! Sessions: somebody who works in a name space for a while.

use std::time::Duration;

/// A session that is not renewed for this long is over.
pub(crate) const SESSION_LIFE: Duration = Duration::from_secs(15);

/// A session as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Session {
    pub(crate) id: String,
    pub(crate) space: i64,
    /// Whose it is.
    pub(crate) account: String,
    /// Where it is, for people: a mount's host and directory.
    pub(crate) what: String,
    pub(crate) is_read_only: bool,
    /// It has nothing to do: another session may be given the name space until this one asks for something.
    pub(crate) is_idle: bool,
    /// When it is over, by the database's clock.
    pub(crate) until_ms: i64,
    pub(crate) created_ms: i64,
}
