//! What a machine or a passer-by may know of the lab: is it up, how busy, node by node. No names of people or jobs.

use serde::Serialize;
use utoipa::ToSchema;

use super::ServiceError;
use crate::Lab;
use crate::model::node::{AdminState, Health, Node};
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

impl Lab {
    /// Reads the lab's state and sets the metrics that follow it.
    pub(crate) async fn lab_status(&self) -> Result<LabStatus, ServiceError> {
        let now_ms = self.now_ms();
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
            waiting: run_count_waiting(self.db()).await?,
            running: run_count_in_flight(self.db()).await?,
            slots: up.iter().map(|node| node.slots).sum(),
            nodes: nodes.iter().map(|node| node_status(node, now_ms)).collect(),
            at: portal::utc_text(now_ms),
        };
        metrics::gauge!("amphi_run_waiting_count").set(state.waiting);
        metrics::gauge!("amphi_run_running_count").set(state.running);
        for node in &nodes {
            let is_up = f64::from(u8::from(node.health(now_ms) == Health::Up));
            metrics::gauge!("amphi_node_up_ratio", "node" => node.name.clone()).set(is_up);
            metrics::gauge!("amphi_node_running_count", "node" => node.name.clone()).set(node.running);
        }
        Ok(state)
    }
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
