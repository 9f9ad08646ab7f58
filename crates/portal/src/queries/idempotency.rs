//! Answers kept for `Idempotency-Key` in SQL.

use db::{Database, DbError, Query};

use crate::model::account::AccountId;

/// What is kept under a key.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Kept {
    pub(crate) fingerprint: String,
    pub(crate) created_ms: i64,
    /// `None` while the first request is still at work.
    pub(crate) answer: Option<KeptAnswer>,
}

/// An answer to give again.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct KeptAnswer {
    pub(crate) status: u32,
    pub(crate) content_type: Option<String>,
    pub(crate) location: Option<String>,
    /// `None` where the answer held a secret, which is never kept.
    pub(crate) body: Option<Vec<u8>>,
}

/// What is kept under `key` for `account`.
pub(crate) async fn kept_get(db: &Database, account: &AccountId, key: &str) -> Result<Option<Kept>, DbError> {
    let query = Query::new(
        "SELECT fingerprint, created_ms, status, content_type, location, body FROM portal_idempotency \
         WHERE account_id = ? AND idem_key = ?",
    );
    let Some(row) = db.optional(query.bind(account.as_str()).bind(key)).await? else { return Ok(None) };
    let answer = match row.get::<Option<u32>>("status")? {
        None => None,
        Some(status) => Some(KeptAnswer {
            status,
            content_type: row.get("content_type")?,
            location: row.get("location")?,
            body: row.get("body")?,
        }),
    };
    Ok(Some(Kept { fingerprint: row.get("fingerprint")?, created_ms: row.get("created_ms")?, answer }))
}

/// Takes `key`; changes no row when it is taken.
pub(crate) fn kept_claim(account: &AccountId, key: &str, fingerprint: &str, now_ms: i64) -> Query {
    Query::new(
        "INSERT INTO portal_idempotency (account_id, idem_key, fingerprint, created_ms) VALUES (?, ?, ?, ?) \
         ON CONFLICT DO NOTHING",
    )
    .bind(account.as_str())
    .bind(key)
    .bind(fingerprint)
    .bind(now_ms)
}

/// Takes over a claim whose request never came to an end, if it is still the same one.
pub(crate) fn kept_take_over(account: &AccountId, key: &str, claimed_ms: i64, now_ms: i64) -> Query {
    Query::new(
        "UPDATE portal_idempotency SET created_ms = ? WHERE account_id = ? AND idem_key = ? AND status IS NULL \
         AND created_ms = ?",
    )
    .bind(now_ms)
    .bind(account.as_str())
    .bind(key)
    .bind(claimed_ms)
}

/// Keeps the answer under a claim made at `claimed_ms`.
pub(crate) fn kept_answer(account: &AccountId, key: &str, claimed_ms: i64, answer: &KeptAnswer) -> Query {
    Query::new(
        "UPDATE portal_idempotency SET status = ?, content_type = ?, location = ?, body = ? \
         WHERE account_id = ? AND idem_key = ? AND created_ms = ? AND status IS NULL",
    )
    .bind(answer.status)
    .bind(answer.content_type.clone())
    .bind(answer.location.clone())
    .bind(answer.body.clone())
    .bind(account.as_str())
    .bind(key)
    .bind(claimed_ms)
}

/// Gives a claim back, so that the request can be made again.
pub(crate) fn kept_release(account: &AccountId, key: &str, claimed_ms: i64) -> Query {
    Query::new(
        "DELETE FROM portal_idempotency WHERE account_id = ? AND idem_key = ? AND created_ms = ? AND status IS NULL",
    )
    .bind(account.as_str())
    .bind(key)
    .bind(claimed_ms)
}

/// Forgets what was kept before the given time (epoch ms).
pub(crate) fn kept_prune(before_ms: i64) -> Query {
    Query::new("DELETE FROM portal_idempotency WHERE created_ms < ?").bind(before_ms)
}
