//! Leases of nodes: each is renewed while its agent is heard, and once it is over the node's runs are lost.
//!
//! While the database is away nobody can renew. Who could not reach it can't tell then which nodes were silent, and
//! takes nothing from any for one lease.

use std::collections::{HashMap, HashSet};
use std::error::Error;
use std::time::{Duration, Instant};

use db::{DbError, Write};

use super::ServiceError;
use super::run::Loss;
use crate::Lab;
use crate::fleet::Session;
use crate::model::node::{LEASE_MS, NodeId};
use crate::model::run::RunState;
use crate::queries::node::{node_list_expired, node_names, node_seen};
use crate::queries::run::{run_list_astray, run_list_on};

/// A look at the nodes that takes longer than this has waited for a database that was away.
const LOOK: Duration = Duration::from_secs(1);

impl Lab {
    /// Writes when each node of this replica was last heard of, where that is not what was `written` before.
    pub(crate) async fn leases_renew(&self, written: &mut HashMap<NodeId, i64>) -> Result<(), ServiceError> {
        let mut heard = self.fleet().heard();
        written.retain(|node, _| heard.iter().any(|(known, ..)| known == node));
        heard.retain(|(node, _, at_ms)| written.get(node) != Some(at_ms));
        if heard.is_empty() {
            return Ok(());
        }
        let mut write = Write::new();
        heard.iter().for_each(|(node, epoch, at_ms)| node_seen(&mut write, *node, *epoch, *at_ms));
        self.db().write(write).await.inspect_err(|_| self.database_was_away())?;
        written.extend(heard.into_iter().map(|(node, _, at_ms)| (node, at_ms)));
        Ok(())
    }

    /// Ends the runs of nodes whose lease is over.
    pub(crate) async fn runs_reap(&self) -> Result<u32, ServiceError> {
        let now_ms = self.now_ms();
        let seen_before_ms = now_ms - LEASE_MS;
        let began = Instant::now();
        let silent = node_list_expired(self.db(), seen_before_ms).await;
        if silent.is_err() || began.elapsed() > LOOK {
            self.database_was_away();
        }
        let silent = silent?;
        if now_ms - self.database_away_ms() < LEASE_MS {
            return Ok(0);
        }
        let heard = self.fleet().heard();
        let is_alive = |id| heard.iter().any(|(node, _, at_ms)| *node == id && now_ms - at_ms < LEASE_MS);
        let mut count = 0;
        // What stands in the database may be late; what this replica hears itself is not.
        for node in silent.into_iter().filter(|node| !is_alive(node.id)) {
            for run in run_list_on(self.db(), node.id).await? {
                match self.run_lost(&run, Loss::Silence { seen_before_ms }).await {
                    Ok(()) => count += 1,
                    // It is heard of again.
                    Err(ServiceError::Db(DbError::Unmet { guard: "node-silent" })) => break,
                    Err(error) => {
                        tracing::warn!(run.id = %run.id, error = &error as &dyn Error, "run {} could not be ended as lost", run.id);
                    }
                }
                // Should the node be there after all, it must not go on beside the next attempt. Where another replica
                // has the node, that one tells it.
                self.cancel_send(node.id, run.id, node.epoch);
            }
        }
        Ok(count)
    }

    /// Ends runs that no session knows: they were leased just when their node came back under its next lease, or when
    /// it was removed.
    pub(crate) async fn runs_astray_end(&self) -> Result<u32, ServiceError> {
        let runs = run_list_astray(self.db()).await?;
        if runs.is_empty() {
            return Ok(0);
        }
        let nodes: HashSet<_> = node_names(self.db()).await?.into_iter().map(|(id, ..)| id).collect();
        let mut count = 0;
        for run in runs {
            let (RunState::Leased { node, epoch } | RunState::Running { node, epoch }) = run.state else { continue };
            // A run that the node kept over a break is booked under the lease it was given by.
            let is_unknown = |session: &mut Session| session.epoch > epoch && !session.runs.contains_key(&run.id);
            if !nodes.contains(&node) || self.fleet().with(node, is_unknown) == Some(true) {
                self.run_lost(&run, Loss::Gone).await?;
                count += 1;
            }
        }
        Ok(count)
    }
}
