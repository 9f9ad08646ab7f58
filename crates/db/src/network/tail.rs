//! Hears of what other replicas committed, by reading the event table, and keeps it small.
//!
//! An id is given when a row is inserted but shows only when its transaction commits, so a lower id may appear after a
//! higher one (on Galera, by design). Each round therefore reads what is above the highest id seen, and once a second
//! everything of the last seconds; ids already seen are skipped.

use std::collections::HashMap;
use std::sync::Weak;
use std::time::{Duration, Instant};

use tokio::time::MissedTickBehavior;

use super::Network;
use crate::driver::Driver;
use crate::error::DbError;
use crate::query::{Query, Write};
use crate::retry::STATEMENT_LIMIT;
use crate::row::Row;

const PERIOD: Duration = Duration::from_millis(200);
/// Rounds between two looks at the whole window.
const ROUNDS_PER_SWEEP: u64 = 5;
/// Longer than a transaction can last between its event's id and its commit.
const WINDOW_MS: i64 = 15_000;
/// Old rows are deleted this often, and the rows of so much time at once: also where a day's are left, no transaction
/// is long.
const PRUNE: Duration = Duration::from_secs(60);
const PRUNED_AT_ONCE_MS: i64 = 10_000;
/// Events and ids of Writes older than this are deleted; no repeat of a Write lasts that long.
const KEPT_MS: i64 = 600_000;

#[derive(Default)]
struct Seen {
    highest: i64,
    ids: HashMap<i64, Instant>,
}

impl Seen {
    /// The topics of rows not seen before.
    fn take(&mut self, rows: &[Row]) -> Result<Vec<String>, DbError> {
        let now = Instant::now();
        let mut topics = Vec::new();
        for row in rows {
            let id = row.get("id")?;
            self.highest = self.highest.max(id);
            if self.ids.insert(id, now).is_none() {
                topics.push(row.get("topic")?);
            }
        }
        Ok(topics)
    }

    /// Forgets what no sweep can show again.
    fn forget(&mut self) {
        let limit = Duration::from_millis(2 * WINDOW_MS.unsigned_abs());
        self.ids.retain(|_, seen| seen.elapsed() < limit);
    }
}

/// Takes note of what is there, so that only what comes later wakes anyone; then the task to run.
pub(crate) async fn tail<D: Driver>(network: Weak<Network<D>>) -> Result<impl Future<Output = ()> + Send, DbError> {
    let mut seen = Seen::default();
    if let Some(network) = network.upgrade() {
        let rows = network.all(Query::new("SELECT COALESCE(MAX(id), 0) AS id, 'none' AS topic FROM db_event")).await?;
        seen.take(&rows)?;
        seen.take(&network.all(window(&network)).await?)?;
    }
    Ok(async move {
        tokio::select! {
            () = follow(network.clone(), seen) => {}
            () = keep_small(network) => {}
        }
    })
}

async fn follow<D: Driver>(network: Weak<Network<D>>, mut seen: Seen) {
    let mut ticks = tokio::time::interval(PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut is_away = false;
    for round in 1_u64.. {
        ticks.tick().await;
        let Some(network) = network.upgrade() else { return };
        match look(&network, &mut seen, round).await {
            Ok(()) => is_away = false,
            Err(error) if !is_away => {
                is_away = true;
                tracing::warn!(error = &error as &dyn std::error::Error, "reading events of other replicas: {error}");
            }
            Err(_) => {}
        }
    }
}

async fn look<D: Driver>(network: &Network<D>, seen: &mut Seen, round: u64) -> Result<(), DbError> {
    let rows = if round.is_multiple_of(ROUNDS_PER_SWEEP) {
        seen.forget();
        network.all(window(network)).await?
    } else {
        let above = Query::new("SELECT id, topic FROM db_event WHERE id > ? ORDER BY id").bind(seen.highest);
        network.all(above).await?
    };
    network.events.wake(seen.take(&rows)?);
    Ok(())
}

fn window<D: Driver>(network: &Network<D>) -> Query {
    let now = network.engine.now_ms();
    Query::new(format!("SELECT id, topic FROM db_event WHERE at_ms > {now} - {WINDOW_MS}"))
}

async fn keep_small<D: Driver>(network: Weak<Network<D>>) {
    loop {
        tokio::time::sleep(PRUNE).await;
        let Some(network) = network.upgrade() else { return };
        for table in ["db_event", "db_write"] {
            if let Err(error) = prune(&network, table).await {
                tracing::warn!(error = &error as &dyn std::error::Error, "old rows of {table} were not deleted");
            }
        }
    }
}

async fn prune<D: Driver>(network: &Network<D>, table: &'static str) -> Result<(), DbError> {
    let now = network.engine.now_ms();
    loop {
        let oldest = format!("SELECT MIN(at_ms) AS at_ms FROM {table} WHERE at_ms < {now} - {KEPT_MS}");
        let oldest = network.all(Query::new(oldest)).await?;
        let Some(oldest) = oldest.first().map(|row| row.get::<Option<i64>>("at_ms")).transpose()?.flatten() else {
            return Ok(());
        };
        let old = format!("DELETE FROM {table} WHERE at_ms < ? AND at_ms < {now} - {KEPT_MS}");
        let write = Write::new().step(Query::new(old).bind(oldest + PRUNED_AT_ONCE_MS));
        network.write(write, STATEMENT_LIMIT).await?;
    }
}
