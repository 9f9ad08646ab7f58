//! Output of runs, in numbered chunks.

use std::sync::Arc;

use db::{Database, DbError, Given, Kind, Query, Write};

use crate::model::run::RunId;

/// One chunk of a run's output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Chunk {
    /// Number within the run, from 0.
    pub(crate) seq: i64,
    /// 0 stdout, 1 stderr, 2 what a compiler printed.
    pub(crate) channel: i64,
    /// Epoch milliseconds.
    pub(crate) at_ms: i64,
    /// The bytes.
    pub(crate) data: Vec<u8>,
}

/// Bytes that one statement brings along, at most; MariaDB takes packets of 16 MiB.
const STATEMENT_BYTES: usize = 4 << 20;

/// Stores chunks; one that is there already stays as it is, and one of a run that was deleted is dropped.
pub(crate) fn outputs_insert(write: &mut Write, chunks: &[(RunId, Arc<Chunk>)]) {
    const COLUMNS: &[(&str, Kind)] = &[
        ("of_run", Kind::Text),
        ("new_seq", Kind::Int),
        ("new_channel", Kind::Int),
        ("new_ms", Kind::Int),
        ("new_data", Kind::Bytes),
    ];
    const INSERT: &str = "INSERT INTO lab_output (run, seq, channel, at_ms, data) \
         SELECT r.id, given.new_seq, given.new_channel, given.new_ms, given.new_data FROM given \
         JOIN lab_run r ON r.id = given.of_run WHERE r.id = given.of_run ON CONFLICT DO NOTHING";
    let (mut rows, mut bytes) = (Given::new(COLUMNS), 0);
    // In the order of the index, so that a page of it is looked for once.
    let mut chunks: Vec<_> = chunks.iter().collect();
    chunks.sort_by_key(|(run, chunk)| (*run, chunk.seq));
    // Of two in one statement, engines disagree on which comes first.
    chunks.dedup_by_key(|(run, chunk)| (*run, chunk.seq));
    for (run, chunk) in chunks {
        bytes += chunk.data.len();
        rows.push([
            run.to_string().into(),
            chunk.seq.into(),
            chunk.channel.into(),
            chunk.at_ms.into(),
            chunk.data.as_slice().into(),
        ]);
        if bytes > STATEMENT_BYTES {
            write.push_given_insert(INSERT, std::mem::replace(&mut rows, Given::new(COLUMNS)));
            bytes = 0;
        }
    }
    write.push_given_insert(INSERT, rows);
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
