//! Accounts that were removed and still have jobs here: those are cleared away in many small transactions, for an account
//! may have a million of them.

use db::{Database, DbError, Query, Write};

use super::parsed;
use crate::model::job::JobId;

/// Notes that an account's jobs are to be cleared away. Its batches are marked to be deleted at once, so that nothing of
/// them is started or seen any more; elements that are pinned stay as jobs of their own.
pub(crate) fn account_leave(write: &mut Write, account: &str) {
    for sql in [
        // This locks the batches: a pin at this moment either comes before it and is seen below, or is refused.
        "UPDATE lab_batch SET is_open = 0, is_deleted = 1, idempotency = NULL WHERE account = ?",
        "UPDATE lab_job SET batch = NULL, batch_index = NULL \
         WHERE pinned = 1 AND batch IN (SELECT id FROM lab_batch WHERE account = ?)",
        "UPDATE lab_job SET is_cancelled = 1 WHERE account = ? AND state = 'waiting' AND pinned = 0",
        "DELETE FROM lab_submitter WHERE account = ?",
        "INSERT INTO lab_leaver (account) VALUES (?) ON CONFLICT DO NOTHING",
    ] {
        write.push_step(Query::new(sql).bind(account));
    }
}

/// Accounts whose jobs are to be cleared away.
pub(crate) async fn leaver_list(db: &Database, limit: u32) -> Result<Vec<String>, DbError> {
    let query = Query::new("SELECT account FROM lab_leaver ORDER BY account LIMIT ?").bind(limit);
    db.all(query).await?.iter().map(|row| row.get("account")).collect()
}

/// Jobs of an account that are neither pinned nor elements of a batch, the newest first, which may still wait or run.
pub(crate) async fn leaver_jobs(db: &Database, account: &str, limit: u32) -> Result<Vec<JobId>, DbError> {
    let query = Query::new(
        "SELECT id FROM lab_job WHERE account = ? AND batch IS NULL AND pinned = 0 ORDER BY id DESC LIMIT ?",
    );
    db.all(query.bind(account).bind(limit)).await?.iter().map(|row| parsed(row, "id")).collect()
}

/// Forgets an account that has nothing here any more.
pub(crate) fn leaver_forget(write: &mut Write, account: &str) {
    write.push_step(Query::new("DELETE FROM lab_leaver WHERE account = ?").bind(account));
}
