//! The journal: what was done, by whom, when.

/// One deed.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its id; ids sort by time.
    pub id: String,
    /// When, epoch ms.
    pub at_ms: i64,
    /// By whom; the login stays when the account goes.
    pub login: String,
    /// What was done, `account.delete`.
    pub deed: String,
    /// To what.
    pub target: String,
    /// More about it, JSON text.
    pub detail: String,
    /// The request it came with.
    pub request_id: String,
}
