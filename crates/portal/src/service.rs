//! The portal's operations: check the caller, decide, write, tell.

pub(crate) mod account;
pub(crate) mod bootstrap;
pub(crate) mod client;
pub(crate) mod identity;
pub(crate) mod password;
pub(crate) mod seen;
pub(crate) mod sign_in;
pub(crate) mod tenant;
pub(crate) mod throttle;
pub(crate) mod token;

/// Wakes whoever keeps looked-up sessions in memory.
pub(crate) const SESSIONS: &str = "portal.sessions";
/// Wakes whoever keeps looked-up tokens in memory.
pub(crate) const TOKENS: &str = "portal.tokens";
/// Wakes pages that show who is connected.
pub(crate) const CLIENTS: &str = "portal.clients";
/// Wakes pages that show accounts.
pub(crate) const ACCOUNTS: &str = "portal.accounts";
