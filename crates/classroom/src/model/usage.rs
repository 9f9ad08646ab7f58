//! What a tenant used of the conference servers.

use portal::TenantId;

/// One day (UTC), as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DayUsage {
    pub(crate) tenant: TenantId,
    /// `2026-03-01`.
    pub(crate) day: String,
    /// Meetings that were begun.
    pub(crate) meetings: i64,
    /// Time that people were in meetings, all together.
    pub(crate) attendee_seconds: i64,
    /// Most meetings at the same time.
    pub(crate) meetings_most: i64,
    /// Most people at the same time.
    pub(crate) attendees_most: i64,
}

/// What is used at one moment, and how long that stands for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sample {
    pub(crate) meetings: i64,
    pub(crate) attendees: i64,
    pub(crate) seconds: i64,
}

/// The day that a moment (epoch ms) is in, UTC.
pub(crate) fn day(at_ms: i64) -> String {
    portal::utc_text(at_ms).chars().take(10).collect()
}
