//! Batches that are there already: look, list, cancel, delete.

use db::{DbError, Write};
use portal::{Caller, Role, Scope};
use serde_json::json;

use super::ServiceError;
use super::live::REMOVALS;
use crate::Lab;
use crate::model::batch::{Batch, BatchId};
use crate::model::job::{Job, JobKind};
use crate::queries::batch::{batch_get, batch_list};
use crate::queries::batch_change::{batch_cancel, batch_delete, batch_pinned, element_list_ids, jobs_delete};
use crate::queries::list::{Visible, element_list_failed};
use crate::queries::run::{batch_cancel_idle, run_ids_of_jobs};

/// Elements deleted in one transaction: others write in between.
const DELETED_AT_ONCE: u32 = 500;

impl Lab {
    /// A batch the caller may see. Errors: `BatchUnknown`, also for one that is not theirs to know of.
    pub(crate) async fn batch_view(&self, caller: &Caller, id: BatchId) -> Result<Batch, ServiceError> {
        let batch = batch_get(self.db(), id).await?.ok_or(ServiceError::BatchUnknown)?;
        let is_visible = match caller.scope() {
            Scope::All => true,
            Scope::Tenant { tenant } => batch.tenant == tenant.as_str(),
            Scope::Account { account, .. } => batch.account == account.as_str(),
        };
        if is_visible { Ok(batch) } else { Err(ServiceError::BatchUnknown) }
    }

    /// A batch the caller may change: their own, or any they see as an operator.
    async fn batch_own(&self, caller: &Caller, id: BatchId) -> Result<Batch, ServiceError> {
        let batch = self.batch_view(caller, id).await?;
        if may_change(caller, &batch) { Ok(batch) } else { Err(ServiceError::JobOfAnother) }
    }

    /// One page of what the caller may see, the newest first.
    pub(crate) async fn batch_page(
        &self,
        caller: &Caller,
        kind: Option<JobKind>,
        before: Option<BatchId>,
        limit: u32,
    ) -> Result<Vec<Batch>, ServiceError> {
        Ok(batch_list(self.db(), &Visible::to(caller), kind, before, limit).await?)
    }

    /// The first elements of a batch that failed, at most `limit`.
    pub(crate) async fn batch_failures(&self, batch: &Batch, limit: u32) -> Result<Vec<Job>, ServiceError> {
        Ok(match limit.min(batch.tally.failed) {
            0 => Vec::new(),
            limit => element_list_failed(self.db(), batch.id, limit).await?,
        })
    }

    /// Cancels a batch: no element is taken any more, and those that were are stopped. Owner or operator.
    pub(crate) async fn batch_cancel(&self, caller: &Caller, id: BatchId) -> Result<Batch, ServiceError> {
        let batch = self.batch_own(caller, id).await?;
        let mut write = Write::new();
        batch_cancel(&mut write, id);
        batch_cancel_idle(&mut write, id, self.now_ms());
        for topic in ["jobs", "cancels", "queue"] {
            write.push_event(topic);
        }
        self.portal().audit(&mut write, caller, "batch.cancel", &id.to_string(), json!({ "name": batch.name }));
        match self.db().write(write).await {
            Ok(_) => self.batch_view(caller, id).await,
            Err(DbError::Unmet { guard: "batch-open" }) => Err(ServiceError::BatchOver),
            Err(error) => Err(error.into()),
        }
    }

    /// Deletes a batch that is over, with its elements and their output. Owner or operator. Errors: `BatchPinned` where an
    /// element is pinned for the class. Cancelled on the way, it leaves the batch with what is left of its elements.
    pub(crate) async fn batch_delete(&self, caller: &Caller, id: BatchId) -> Result<(), ServiceError> {
        let batch = self.batch_own(caller, id).await?;
        if !batch.status().is_final() {
            return Err(ServiceError::BatchOpen);
        }
        let pinned = batch_pinned(self.db(), id).await?;
        if pinned > 0 {
            return Err(ServiceError::BatchPinned { pinned });
        }
        let mut before = None;
        loop {
            let ids = element_list_ids(self.db(), id, DELETED_AT_ONCE).await?;
            // One that was pinned or tried again meanwhile stays, and so does the batch.
            if ids.is_empty() || before == ids.first().copied() {
                break;
            }
            before = ids.first().copied();
            let mut write = Write::new();
            jobs_delete(&mut write, &ids, &run_ids_of_jobs(self.db(), &ids).await?);
            self.db().write(write).await?;
        }
        let mut write = Write::new();
        batch_delete(&mut write, id);
        write.push_event("jobs");
        write.push_event(REMOVALS);
        self.portal().audit(&mut write, caller, "batch.delete", &id.to_string(), json!({ "name": batch.name }));
        match self.db().write(write).await {
            Ok(_) => Ok(()),
            Err(DbError::Unmet { guard: "batch-empty" }) => Err(ServiceError::BatchOpen),
            Err(error) => Err(error.into()),
        }
    }
}

/// Whether the caller may cancel and delete it.
pub(crate) fn may_change(caller: &Caller, batch: &Batch) -> bool {
    batch.account == caller.account.as_str() || caller.has(Role::Operator)
}
