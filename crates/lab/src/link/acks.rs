//! Up to where a node's output is safe, and when its agent is told so.
//!
//! An agent needs that to forget what it holds, not to go on. So of a run that prints all the time only every now and
//! then is told, and of a run that is over nothing: its end says it.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;
use wire::proto::{OutputAck, to_agent};

use crate::fleet::Fleet;
use crate::model::node::NodeId;

/// How long an agent may not know that some output is safe.
const PAUSE: Duration = Duration::from_millis(250);
/// Bytes of output that it may hold for nothing meanwhile.
const BYTES: usize = 256 * 1024;

/// What is to be told to one node.
#[derive(Default)]
pub(super) struct Acks {
    /// By run, the number below which everything is safe.
    next: HashMap<String, u64>,
    bytes: usize,
    since: Option<Instant>,
}

impl Acks {
    /// Output of a run below `next_seq` is safe, `bytes` more than before.
    pub(super) fn add(&mut self, run: String, next_seq: u64, bytes: usize) {
        self.next.insert(run, next_seq);
        self.bytes += bytes;
        self.since.get_or_insert_with(Instant::now);
    }

    /// The run is over.
    pub(super) fn forget(&mut self, run: &str) {
        self.next.remove(run);
    }

    /// When to tell; `None` when there is nothing to.
    pub(super) fn due(&self) -> Option<Instant> {
        let since = self.since.filter(|_| !self.next.is_empty())?;
        Some(if self.bytes < BYTES { since + PAUSE } else { since })
    }

    /// Tells the node what it has room for; the rest stays.
    pub(super) fn tell(&mut self, fleet: &Fleet, node: NodeId) {
        self.next.retain(|run_id, next_seq| {
            let ack = OutputAck { run_id: run_id.clone(), next_seq: *next_seq };
            !fleet.offer(node, to_agent::Message::OutputAck(ack))
        });
        self.bytes = 0;
        self.since = (!self.next.is_empty()).then(Instant::now);
    }
}
