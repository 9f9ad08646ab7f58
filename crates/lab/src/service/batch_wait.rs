//! Why a batch waits, where it is not for a free slot; and the end of those whose node is gone for good.

use db::{DbError, Write};

use super::ServiceError;
use super::element::Templates;
use crate::Lab;
use crate::model::batch::Batch;
use crate::model::job::JobKind;
use crate::model::node::{AdminState, Health, Node};
use crate::queries::batch::batch_list_stranded;
use crate::queries::batch_change::batch_end_stranded;
use crate::queries::node::{node_get, node_list};

/// Batches ended in one turn, at most.
const STRANDED: u32 = 100;

/// Why no element of a batch is started.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum WaitReason {
    /// An operator took the node out that its next element needs.
    #[error("{node} is {state}: it takes no new runs until an operator enables it.")]
    NodeOut { node: String, state: &'static str },
    /// The node that its next element needs does not answer.
    #[error("{node} is down.")]
    NodeDown { node: String },
    /// No node could take any.
    #[error("No node that could run it is up.")]
    NoNode,
}

impl WaitReason {
    fn of(node: &Node, now_ms: i64) -> Option<Self> {
        let name = || node.name.clone();
        if node.state != AdminState::Enabled {
            return Some(Self::NodeOut { node: name(), state: node.state.as_str() });
        }
        (node.health(now_ms) == Health::Down).then(|| Self::NodeDown { node: name() })
    }
}

impl Lab {
    /// The name of the one node that a batch is for, while there is such a node.
    pub(crate) async fn batch_node(&self, batch: &Batch) -> Result<Option<String>, ServiceError> {
        let Some(wanted) = batch.wanted_node else { return Ok(None) };
        Ok(node_get(self.db(), wanted).await?.map(|node| node.name))
    }

    /// Why nothing of a batch is started; `None` also where only slots are missing.
    pub(crate) async fn batch_waits(&self, batch: &Batch) -> Result<Option<WaitReason>, ServiceError> {
        if batch.waiting() == 0 {
            return Ok(None);
        }
        let now_ms = self.now_ms();
        let near = match batch.wanted_node {
            // One that is gone is about to be told as the end of the batch.
            Some(id) => node_get(self.db(), id).await?.and_then(|node| WaitReason::of(&node, now_ms)),
            None => {
                let fits = |node: &Node| {
                    let carries = |(key, value)| node.labels.get(key) == Some(value);
                    node.has_tool(&batch.tool) && batch.wanted_labels.iter().all(carries)
                };
                let nodes = node_list(self.db()).await?;
                let is_any = nodes.iter().any(|node| fits(node) && WaitReason::of(node, now_ms).is_none());
                (!is_any).then_some(WaitReason::NoNode)
            }
        };
        if near.is_some() || batch.kind == JobKind::Program {
            return Ok(near);
        }
        let next = Templates::default().element(self, batch, batch.taken).await?;
        Ok(next.serving().and_then(|far| WaitReason::of(far, now_ms)))
    }

    /// Ends the batches whose own node was removed: their elements could wait for ever. Run again it changes nothing.
    pub(crate) async fn batches_stranded_end(&self) -> Result<(), ServiceError> {
        for batch in batch_list_stranded(self.db(), STRANDED).await? {
            tracing::warn!(batch.id = %batch.id, "the node of batch {} was removed", batch.id);
            let mut write = Write::new();
            batch_end_stranded(&mut write, &batch, self.now_ms());
            write.push_event("jobs");
            write.push_event("queue");
            match self.db().write(write).await {
                // It was cancelled meanwhile, or another replica was faster.
                Ok(_) | Err(DbError::Unmet { guard: "batch-stranded" }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}
