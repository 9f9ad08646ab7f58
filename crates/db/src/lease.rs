//! Leases: one owner at a time for a duty that must be single.
//!
//! By compare-and-swap on a row, since locks are local to a node on Galera. Time is the engine's own where there
//! are replicas, so that their clocks need not agree. It is read before the swap, which errs towards a shorter lease.

use std::time::Duration;

use crate::database::Database;
use crate::error::DbError;
use crate::query::{Query, Write};

/// The right to do a duty, until its time is over. Attach `epoch` to every command: whoever obeys refuses an older one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// The duty.
    pub name: String,
    /// Who holds it.
    pub owner: String,
    /// Grows strictly with each acquisition.
    pub epoch: i64,
}

const MINE: &str = "lease-held";

fn millis(ttl: Duration) -> i64 {
    i64::try_from(ttl.as_millis()).unwrap_or(i64::MAX / 2)
}

impl Database {
    /// Takes the lease when it is free, over, or held by `owner` already (an older `Lease` of the same owner is then
    /// lost, as its epoch is). None: somebody else holds it.
    pub async fn lease_acquire(&self, name: &str, owner: &str, ttl: Duration) -> Result<Option<Lease>, DbError> {
        let now = self.time_ms().await?;
        let held =
            self.optional(Query::new("SELECT owner, epoch, until_ms FROM db_lease WHERE name = ?").bind(name)).await?;
        let (epoch, swap) = match held {
            None => {
                let insert = Query::new("INSERT INTO db_lease (name, owner, epoch, until_ms) VALUES (?, ?, 1, ?)");
                (1, insert.bind(name).bind(owner).bind(now + millis(ttl)))
            }
            Some(row) => {
                let epoch: i64 = row.get("epoch")?;
                if row.get::<String>("owner")? != owner && row.get::<i64>("until_ms")? > now {
                    return Ok(None);
                }
                let update = "UPDATE db_lease SET owner = ?, epoch = epoch + 1, until_ms = ? \
                    WHERE name = ? AND epoch = ? AND (owner = ? OR until_ms <= ?)";
                let update = Query::new(update).bind(owner).bind(now + millis(ttl));
                (epoch + 1, update.bind(name).bind(epoch).bind(owner).bind(now))
            }
        };
        match self.write(Write::new().expect(MINE, swap)).await {
            Ok(_) => Ok(Some(Lease { name: name.to_owned(), owner: owner.to_owned(), epoch })),
            Err(DbError::Unmet { .. } | DbError::Duplicate) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Prolongs the lease to `ttl` from now. False: it is lost, somebody has acquired it since or it was released.
    pub async fn lease_renew(&self, lease: &Lease, ttl: Duration) -> Result<bool, DbError> {
        let until = self.time_ms().await? + millis(ttl);
        self.lease_set(lease, until).await
    }

    /// Gives the lease back. One that was lost already is left alone.
    pub async fn lease_release(&self, lease: &Lease) -> Result<(), DbError> {
        let free =
            Query::new("UPDATE db_lease SET owner = '', until_ms = 0 WHERE name = ? AND owner = ? AND epoch = ?");
        let free = free.bind(&lease.name).bind(&lease.owner).bind(lease.epoch);
        self.write(Write::new().step(free)).await.map(|_| ())
    }

    /// Does `work` while `owner` has the lease, which is prolonged meanwhile and kept for `ttl` after it, so that the
    /// same owner goes on. None: somebody else holds it, or it was lost under the work, which is dropped then. An
    /// engine that is away for a moment loses nothing: the next prolongation comes within the lease.
    ///
    /// # Errors
    /// The lease can't be asked for.
    pub async fn lease_while<T>(
        &self,
        name: &str,
        owner: &str,
        ttl: Duration,
        work: impl Future<Output = T>,
    ) -> Result<Option<T>, DbError> {
        let Some(lease) = self.lease_acquire(name, owner, ttl).await? else { return Ok(None) };
        let mut work = std::pin::pin!(work);
        loop {
            tokio::select! {
                done = &mut work => return Ok(Some(done)),
                () = tokio::time::sleep(ttl / 3) => match self.lease_renew(&lease, ttl).await {
                    Ok(true) => {}
                    Ok(false) => return Ok(None),
                    Err(error) => {
                        tracing::warn!(error = &error as &dyn std::error::Error, "the lease {name} was not prolonged");
                    }
                },
            }
        }
    }

    async fn lease_set(&self, lease: &Lease, until_ms: i64) -> Result<bool, DbError> {
        let update = Query::new("UPDATE db_lease SET until_ms = ? WHERE name = ? AND owner = ? AND epoch = ?");
        let update = update.bind(until_ms).bind(&lease.name).bind(&lease.owner).bind(lease.epoch);
        match self.write(Write::new().expect(MINE, update)).await {
            Ok(_) => Ok(true),
            Err(DbError::Unmet { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }
}
