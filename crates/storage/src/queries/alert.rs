//! Alerts that were told, so that each is told once, by whichever replica watches.

use db::{Database, DbError, Query, Row, Write};

use super::{number, parsed};
use crate::model::alert::{Alert, AlertCode};

/// An alert as it was last noted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Noted {
    pub(crate) code: AlertCode,
    /// See [`crate::model::alert::Subject::key`].
    pub(crate) subject: String,
    pub(crate) count: u64,
    pub(crate) since_ms: i64,
}

/// All that hold.
pub(crate) async fn alert_list(db: &Database) -> Result<Vec<Noted>, DbError> {
    let sql = "SELECT code, subject, tally, since_ms FROM storage_alert ORDER BY since_ms, code, subject";
    let read = |row: &Row| {
        Ok(Noted {
            code: parsed(row, "code")?,
            subject: row.get("subject")?,
            count: number(row, "tally")?,
            since_ms: row.get("since_ms")?,
        })
    };
    db.all(Query::new(sql)).await?.iter().map(read).collect()
}

/// Notes an alert; one that is noted keeps its time.
pub(crate) fn alert_note(write: &mut Write, alert: &Alert, since_ms: i64) {
    let sql = "INSERT INTO storage_alert (code, subject, tally, since_ms) VALUES (?, ?, ?, ?) \
         ON CONFLICT (code, subject) DO UPDATE SET tally = excluded.tally";
    let query = Query::new(sql).bind(alert.code.as_str()).bind(alert.subject.key());
    write.push_step(query.bind(i64::try_from(alert.count).unwrap_or(i64::MAX)).bind(since_ms));
}

/// Forgets one that is over.
pub(crate) fn alert_forget(write: &mut Write, noted: &Noted) {
    let sql = "DELETE FROM storage_alert WHERE code = ? AND subject = ?";
    write.push_step(Query::new(sql).bind(noted.code.as_str()).bind(noted.subject.as_str()));
}
