//! What a machine or a passer-by may know of the lab: is it up, how busy, node by node. No names of people or jobs.

use std::collections::HashSet;
use std::sync::Mutex;

use serde::Serialize;
use utoipa::ToSchema;

use super::ServiceError;
use crate::Lab;
use crate::model::node::{AdminState, Health, Node};
use crate::queries::batch::batch_waiting_all;
use crate::queries::node::node_list;
use crate::queries::run::{run_count_in_flight, run_count_waiting};

/// The lab's state.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = LabStatus)]
pub(crate) struct LabStatus {
    /// up: every enabled node is up. degraded: some are. down: none is.
    pub(crate) status: &'static str,
    /// Runs that wait.
    pub(crate) waiting: u32,
    /// Runs on nodes.
    pub(crate) running: u32,
    /// Slots of nodes that are enabled and up.
    pub(crate) slots: u32,
    /// The nodes.
    pub(crate) nodes: Vec<NodeStatus>,
    /// When this was read, RFC 3339.
    pub(crate) at: String,
}

/// A node's state.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct NodeStatus {
    /// Its name.
    pub(crate) name: String,
    /// enabled, cordoned or disabled.
    pub(crate) state: &'static str,
    /// up, suspect or down.
    pub(crate) health: &'static str,
    /// Runs at the same time.
    pub(crate) slots: u32,
    /// Runs on it now.
    pub(crate) running: u32,
    /// When it was last heard of, RFC 3339.
    pub(crate) last_seen: Option<String>,
}

/// How long a reading of the state is good for: anybody may ask, and no more often than this is the database read.
const FRESH_MS: i64 = 1_000;

/// The last reading of the state, and when it was made.
#[derive(Default)]
pub(crate) struct LastStatus(Mutex<Option<(i64, LabStatus)>>);

impl LastStatus {
    fn fresh(&self, now_ms: i64) -> Option<LabStatus> {
        let last = self.0.lock().expect("no holder of this lock panics");
        last.as_ref().filter(|(at_ms, _)| (0..FRESH_MS).contains(&(now_ms - at_ms))).map(|(_, status)| status.clone())
    }

    /// Keeps a reading and answers the names of nodes that the one before had and this one has not.
    fn keep(&self, now_ms: i64, status: &LabStatus) -> Vec<String> {
        let before = self.0.lock().expect("no holder of this lock panics").replace((now_ms, status.clone()));
        let before = before.map(|(_, status)| status.nodes).unwrap_or_default();
        let here: HashSet<_> = status.nodes.iter().map(|node| node.name.as_str()).collect();
        before.into_iter().map(|node| node.name).filter(|name| !here.contains(name.as_str())).collect()
    }
}

impl Lab {
    /// The lab's state, at most a second old. A reading sets the metrics that follow it.
    pub(crate) async fn lab_status(&self) -> Result<LabStatus, ServiceError> {
        let now_ms = self.now_ms();
        match self.last_status().fresh(now_ms) {
            Some(status) => Ok(status),
            None => self.status_read(now_ms).await,
        }
    }

    async fn status_read(&self, now_ms: i64) -> Result<LabStatus, ServiceError> {
        let nodes = node_list(self.db()).await?;
        let enabled = nodes.iter().filter(|node| node.state == AdminState::Enabled);
        let (up, late): (Vec<_>, Vec<_>) = enabled.partition(|node| node.health(now_ms) == Health::Up);
        let status = match (up.is_empty(), late.is_empty()) {
            (true, _) => "down",
            (false, true) => "up",
            (false, false) => "degraded",
        };
        let state = LabStatus {
            status,
            waiting: run_count_waiting(self.db()).await?.saturating_add(batch_waiting_all(self.db()).await?),
            running: run_count_in_flight(self.db()).await?,
            slots: up.iter().map(|node| node.slots).sum(),
            nodes: nodes.iter().map(|node| node_status(node, now_ms)).collect(),
            at: portal::utc_text(now_ms),
        };
        metrics::gauge!("amphi_run_waiting_count").set(state.waiting);
        metrics::gauge!("amphi_run_running_count").set(state.running);
        for node in nodes {
            let is_up = f64::from(u8::from(node.health(now_ms) == Health::Up));
            node_gauges(node.name, is_up, node.running);
        }
        // A gauge keeps its last value: that of a node that was removed or renamed would stay up for ever.
        for name in self.last_status().keep(now_ms, &state) {
            node_gauges(name, 0.0, 0);
        }
        Ok(state)
    }
}

fn node_gauges(name: String, up_ratio: f64, running: u32) {
    metrics::gauge!("amphi_node_up_ratio", "node" => name.clone()).set(up_ratio);
    metrics::gauge!("amphi_node_running_count", "node" => name).set(running);
}

fn node_status(node: &Node, now_ms: i64) -> NodeStatus {
    NodeStatus {
        name: node.name.clone(),
        state: node.state.as_str(),
        health: node.health(now_ms).as_str(),
        slots: node.slots,
        running: node.running,
        last_seen: (node.last_seen_ms > 0).then(|| portal::utc_text(node.last_seen_ms)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(nodes: &[&str]) -> LabStatus {
        let node = |name: &&str| NodeStatus {
            name: (*name).to_owned(),
            state: "enabled",
            health: "up",
            slots: 1,
            running: 0,
            last_seen: None,
        };
        let nodes = nodes.iter().map(node).collect();
        LabStatus { status: "up", waiting: 0, running: 0, slots: 1, nodes, at: String::new() }
    }

    #[test]
    fn a_reading_is_good_for_a_second() {
        let last = LastStatus::default();
        assert!(last.fresh(0).is_none());
        last.keep(5_000, &status(&["lab-a"]));
        assert_eq!(last.fresh(5_999).unwrap().nodes[0].name, "lab-a");
        assert!(last.fresh(6_000).is_none());
        assert!(last.fresh(4_999).is_none(), "a clock that went back keeps nothing alive");
    }

    #[test]
    fn nodes_that_are_gone_are_told_once() {
        let last = LastStatus::default();
        assert!(last.keep(0, &status(&["lab-a", "lab-b"])).is_empty());
        assert_eq!(last.keep(1, &status(&["lab-b", "lab-c"])), ["lab-a"]);
        assert!(last.keep(2, &status(&["lab-b", "lab-c"])).is_empty());
    }
}
