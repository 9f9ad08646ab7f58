//! What accounts submitted within their hour. It is counted as it is submitted, so that nothing is gained by deleting.

use db::{Query, Write};

use crate::model::batch::Batch;

/// An account's hour begins with its first submission after the one before was over. Milliseconds.
const HOUR_MS: i64 = 3_600_000;

/// Submissions of an account within its hour, a batch counting as one. See [`hour_bind`].
pub(super) const SUBMISSIONS: &str =
    "(SELECT COALESCE(SUM(submissions), 0) FROM lab_submitter WHERE account = ? AND hour_began_ms > ?)";
/// Elements of batches that an account submitted within its hour, but for those that never were to run. Bound alike.
pub(super) const ELEMENTS: &str =
    "(SELECT COALESCE(SUM(elements), 0) FROM lab_submitter WHERE account = ? AND hour_began_ms > ?)";

/// Binds what [`SUBMISSIONS`] and [`ELEMENTS`] ask for.
pub(super) fn hour_bind(query: Query, account: &str, now_ms: i64) -> Query {
    query.bind(account).bind(now_ms - HOUR_MS)
}

/// Counts a submission with so many elements. It locks the account's row until the transaction commits: without that two
/// submissions at once would each count the other out of the quota. What is refused after it is not counted.
pub(super) fn submission_count(write: &mut Write, account: &str, elements: u32, now_ms: i64) {
    // MariaDB sets columns in this order and sees those that it has set.
    let of_hour = |column: &str| {
        format!(
            "CASE WHEN lab_submitter.hour_began_ms > excluded.hour_began_ms - {HOUR_MS} \
             THEN lab_submitter.{column} ELSE 0 END + excluded.{column}"
        )
    };
    let sql = format!(
        "INSERT INTO lab_submitter (account, hour_began_ms, submissions, elements) VALUES (?, ?, 1, ?) \
         ON CONFLICT (account) DO UPDATE SET submissions = {}, elements = {}, \
         hour_began_ms = CASE WHEN lab_submitter.hour_began_ms > excluded.hour_began_ms - {HOUR_MS} \
         THEN lab_submitter.hour_began_ms ELSE excluded.hour_began_ms END",
        of_hour("submissions"),
        of_hour("elements"),
    );
    write.push_step(Query::new(sql).bind(account).bind(now_ms).bind(elements));
}

/// What of a batch was cancelled before it was taken counts no more; to stand after the cancellation.
pub(super) fn elements_uncount(write: &mut Write, batch: &Batch) {
    const UNTAKEN: &str = "(SELECT b.elements - b.taken FROM lab_batch b WHERE b.id = ?)";
    let id = batch.id.to_string();
    write.push_step(
        Query::new(format!(
            "UPDATE lab_submitter SET elements = lab_submitter.elements - {UNTAKEN} \
             WHERE account = ? AND hour_began_ms <= ? AND lab_submitter.elements >= {UNTAKEN}"
        ))
        .bind(id.as_str())
        .bind(batch.account.as_str())
        .bind(batch.created_ms)
        .bind(id.as_str()),
    );
}
