//! Output of runs, in numbered chunks.

use db::{Database, DbError, Query, Write};

use crate::model::run::RunId;

/// One chunk of a run's output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Chunk {
    /// Number within the run, from 0.
    pub(crate) seq: i64,
    /// 0 stdout, 1 stderr.
    pub(crate) channel: i64,
    /// Epoch milliseconds.
    pub(crate) at_ms: i64,
    /// The bytes.
    pub(crate) data: Vec<u8>,
}

/// Stores a chunk; one that is there already stays as it is, and one of a run that was deleted is dropped.
pub(crate) fn output_insert(write: &mut Write, run: RunId, chunk: &Chunk) {
    write.push_step(
        Query::new(
            "INSERT INTO lab_output (run, seq, channel, at_ms, data) SELECT id, ?, ?, ?, ? FROM lab_run WHERE id = ? \
             ON CONFLICT DO NOTHING",
        )
        .bind(chunk.seq)
        .bind(chunk.channel)
        .bind(chunk.at_ms)
        .bind(chunk.data.as_slice())
        .bind(run.to_string()),
    );
}

/// The number behind a run's newest chunk.
pub(crate) async fn output_end(db: &Database, run: RunId) -> Result<i64, DbError> {
    let query = Query::new("SELECT COALESCE(MAX(seq) + 1, 0) AS behind FROM lab_output WHERE run = ?");
    db.one(query.bind(run.to_string())).await?.get("behind")
}

/// At most `limit` chunks of a run from number `from` on, in order.
pub(crate) async fn output_list(db: &Database, run: RunId, from: i64, limit: u32) -> Result<Vec<Chunk>, DbError> {
    let rows = db
        .all(
            Query::new(
                "SELECT seq, channel, at_ms, data FROM lab_output WHERE run = ? AND seq >= ? ORDER BY seq LIMIT ?",
            )
            .bind(run.to_string())
            .bind(from)
            .bind(limit),
        )
        .await?;
    rows.iter()
        .map(|row| {
            Ok(Chunk {
                seq: row.get("seq")?,
                channel: row.get("channel")?,
                at_ms: row.get("at_ms")?,
                data: row.get("data")?,
            })
        })
        .collect()
}
