//! Hooks: addresses that clients want called when something happens in a meeting (bbb-webhooks).

use portal::TenantId;
use sha2::{Digest as _, Sha256};

use super::checksum::hex;

/// A hook as stored. Servers know it by an address of ours, which ends with its token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Hook {
    pub(crate) id: i64,
    pub(crate) tenant: TenantId,
    /// What is called.
    pub(crate) url: String,
    /// `None`: all meetings of the tenant.
    pub(crate) meeting_id: Option<String>,
    /// Which events, with commas; `None`: all.
    pub(crate) event_ids: Option<String>,
    /// Whether events come as they are inside a server.
    pub(crate) is_raw: bool,
    pub(crate) token: String,
    pub(crate) created_ms: i64,
}

impl Hook {
    /// Two hooks with the same text are one wish.
    pub(crate) fn same(&self) -> String {
        let meeting = self.meeting_id.as_deref().unwrap_or_default();
        hex(&Sha256::digest(format!("{}\0{}\0{meeting}", self.tenant, self.url)))
    }
}
