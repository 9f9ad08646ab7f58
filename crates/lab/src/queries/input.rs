//! What people do at running programs, numbered within the run, until its node has it.

use db::{Database, DbError, Query, Row, Write};

use super::{parsed, unreadable};
use crate::model::input::Act;
use crate::model::run::RunId;

/// Acts of one run that may wait for its node.
const WAITING_MAX: u32 = 1_024;

/// Bytes of one run that may wait for its node.
const WAITING_BYTES: usize = 1 << 20;

/// An act, and its number within the run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Input {
    pub(crate) run: RunId,
    pub(crate) seq: i64,
    pub(crate) act: Act,
}

/// Adds an act to a run that is on a node. `Unmet` ("run-input") when it is not, or when too much waits.
pub(crate) fn input_insert(write: &mut Write, run: RunId, act: &Act) {
    let id = run.to_string();
    let (kind, data) = act.to_stored();
    let room = i64::try_from(WAITING_BYTES.saturating_sub(data.len())).unwrap_or_default();
    write.push_expect(
        "run-input",
        Query::new(
            "UPDATE lab_run SET input_seq = input_seq + 1 WHERE id = ? AND state IN ('leased', 'running') \
             AND (SELECT COUNT(*) FROM lab_input WHERE run = ?) < ? \
             AND (SELECT COALESCE(SUM(LENGTH(data)), 0) FROM lab_input WHERE run = ?) <= ?",
        )
        .bind(id.as_str())
        .bind(id.as_str())
        .bind(WAITING_MAX)
        .bind(id.as_str())
        .bind(room),
    );
    write.push_step(
        Query::new(
            "INSERT INTO lab_input (run, seq, kind, data) SELECT id, input_seq - 1, ?, ? FROM lab_run WHERE id = ?",
        )
        .bind(kind)
        .bind(data.as_ref())
        .bind(id.as_str()),
    );
}

/// What waits for nodes that this replica holds, by run and in order within each, behind `after`.
pub(crate) async fn input_list(
    db: &Database,
    replica: &str,
    after: Option<(RunId, i64)>,
    limit: u32,
) -> Result<Vec<Input>, DbError> {
    let (run, seq) = after.map(|(run, seq)| (run.to_string(), seq)).unwrap_or_default();
    let query = Query::new(
        "SELECT i.run AS run, i.seq AS seq, i.kind AS kind, i.data AS data FROM lab_input i \
         JOIN lab_run r ON r.id = i.run JOIN lab_node n ON n.id = r.node \
         WHERE n.replica = ? AND n.connected = 1 AND r.state IN ('leased', 'running') \
         AND (i.run > ? OR (i.run = ? AND i.seq > ?)) ORDER BY i.run, i.seq LIMIT ?",
    );
    let query = query.bind(replica).bind(run.as_str()).bind(run.as_str()).bind(seq);
    db.all(query.bind(limit)).await?.iter().map(input).collect()
}

fn input(row: &Row) -> Result<Input, DbError> {
    let (kind, data): (String, Vec<u8>) = (row.get("kind")?, row.get("data")?);
    let act = Act::from_stored(&kind, data).ok_or_else(|| unreadable("kind"))?;
    Ok(Input { run: parsed(row, "run")?, seq: row.get("seq")?, act })
}

/// The run's node has all below `next_seq`.
pub(crate) fn input_taken(write: &mut Write, run: RunId, next_seq: i64) {
    write.push_step(Query::new("DELETE FROM lab_input WHERE run = ? AND seq < ?").bind(run.to_string()).bind(next_seq));
}

/// The runs take no more input.
pub(crate) fn inputs_delete(write: &mut Write, runs: &[RunId]) {
    let Some(last) = runs.last() else { return };
    // Powers of two, so that few different statements are prepared.
    let width = runs.len().next_power_of_two();
    let sql = format!("DELETE FROM lab_input WHERE run IN ({})", vec!["?"; width].join(", "));
    let runs = runs.iter().chain(std::iter::repeat_n(last, width - runs.len()));
    write.push_step(runs.fold(Query::new(sql), |query, run| query.bind(run.to_string())));
}
