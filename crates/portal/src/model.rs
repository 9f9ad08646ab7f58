//! The portal's nouns: accounts, tenants, roles, sessions, tokens, journal entries. No I/O.

pub mod account;
pub mod caller;
pub mod client;
pub mod journal;
pub mod locale;
pub mod role;
pub mod secret;
pub mod tenant;

/// A new id: UUIDv7 as text, so that ids sort by the time they were made (per replica exactly, between replicas to the
/// millisecond).
pub(crate) fn new_id() -> String {
    uuid::Uuid::now_v7().to_string()
}

/// `text` when it has the form of an id; anything else names nothing that exists.
pub(crate) fn id_text(text: &str) -> Option<String> {
    uuid::Uuid::try_parse(text).ok().map(|id| id.to_string())
}

/// Epoch milliseconds as RFC 3339 UTC with three decimals, `2026-03-01T12:00:00.000Z`.
pub fn utc_text(at_ms: i64) -> String {
    match jiff::Timestamp::from_millisecond(at_ms) {
        Ok(at) => format!("{at:.3}"),
        // Outside years -9999 to 9999: no clock says that, a damaged row may.
        Err(_) => String::from("-"),
    }
}
