//! The two ends of a measurement: when the far end listens, the near end enters the queue.

use db::{DbError, Write};

use super::ServiceError;
use crate::Lab;
use crate::fleet::Booked;
use crate::model::experiment::is_far_end_ready;
use crate::model::node::NodeId;
use crate::model::run::{Role, Run};
use crate::queries::job::job_get;
use crate::queries::output::output_list;
use crate::queries::run::{run_insert_near, run_new};

/// Chunks of a far end's output in which it says that it listens, at most.
const FAR_CHUNKS: u32 = 16;

impl Lab {
    /// Puts the near end of a measurement in the queue once its far end listens; twice does nothing.
    pub(crate) async fn near_end_queue(&self, far: &Booked) -> Result<(), ServiceError> {
        let Some(job) = job_get(self.db(), far.job).await? else { return Ok(()) };
        let mut near = run_new(job.id, far.attempt, Role::Near, job.wanted_node, self.now_ms());
        near.port = far.port;
        let mut write = Write::new();
        run_insert_near(&mut write, &near);
        write.push_event("queue");
        match self.db().write(write).await {
            // It is there already, or the job does not wait for it any more.
            Ok(_) | Err(DbError::Duplicate | DbError::Unmet { guard: "job-attempt" }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Takes a far end up again that its node kept while the link or this replica was away: it may have said before
    /// that it listens.
    pub(crate) async fn far_end_resume(&self, node: NodeId, run: &Run) -> Result<(), ServiceError> {
        let said = output_list(self.db(), run.id, 0, FAR_CHUNKS).await?;
        if !said.iter().any(|chunk| self.is_far_end_ready(&chunk.data)) {
            return Ok(());
        }
        let booked = self.fleet().with(node, |session| {
            let booked = session.runs.get_mut(&run.id)?;
            booked.is_ready = true;
            Some(booked.clone())
        });
        match booked.flatten() {
            Some(far) => self.near_end_queue(&far).await,
            None => Ok(()),
        }
    }

    /// Whether a far end's output says that it listens.
    pub(crate) fn is_far_end_ready(&self, output: &[u8]) -> bool {
        is_far_end_ready(&String::from_utf8_lossy(output))
    }
}
