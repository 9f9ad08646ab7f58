//! Batches that are there already: look, list, cancel, delete.

use db::{DbError, Write};
use portal::{Caller, Role, Scope};
use serde_json::json;

use super::ServiceError;
use super::batch::{BatchSubmission, Spread};
use super::sweep::DELETIONS;
use crate::Lab;
use crate::model::batch::{BLOCK, Batch, BatchId};
use crate::model::job::{Job, JobKind};
use crate::queries::batch::{batch_get, batch_list, batch_parameters};
use crate::queries::batch_change::{batch_cancel, batch_delete_ask, batch_pinned};
use crate::queries::list::{Visible, element_list, element_list_failed};
use crate::queries::run::batch_cancel_idle;

/// An element of a batch.
pub(crate) struct Element {
    pub(crate) index: i64,
    /// See [`Batch::element_value`].
    pub(crate) value: Option<String>,
    /// Once a node took it.
    pub(crate) job: Option<Job>,
}

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

    /// At most `limit` elements of a batch in the order of their index, from the one that has the number `from`, counted
    /// from 0. Those that were deleted are left out.
    pub(crate) async fn batch_elements(
        &self,
        batch: &Batch,
        from: u32,
        limit: u32,
    ) -> Result<Vec<Element>, ServiceError> {
        let to = from.saturating_add(limit).min(batch.count);
        if from >= to {
            return Ok(Vec::new());
        }
        let index = |number: u32| batch.first + i64::from(number);
        let jobs = element_list(self.db(), batch.id, index(from)..=index(to - 1)).await?;
        let mut jobs = jobs.into_iter().peekable();
        let (mut elements, mut block) = (Vec::new(), Vec::new());
        for number in from..to {
            if batch.has_parameters && (number == from || number % BLOCK == 0) {
                block = batch_parameters(self.db(), batch.id, number / BLOCK * BLOCK).await?;
            }
            let job = jobs.next_if(|job| job.batch_index == Some(index(number)));
            if job.is_some() || number >= batch.taken {
                let parameters = block.get((number % BLOCK) as usize).map(Vec::as_slice).unwrap_or_default();
                elements.push(Element { index: index(number), value: batch.element_value(parameters), job });
            }
        }
        Ok(elements)
    }

    /// Submits the same as a new batch, of whoever may see it. Errors: as for a submission.
    pub(crate) async fn batch_again(&self, caller: &Caller, id: BatchId) -> Result<Batch, ServiceError> {
        let batch = self.batch_view(caller, id).await?;
        let mut parameters = Vec::new();
        if batch.has_parameters {
            for first in (0..batch.count).step_by(BLOCK as usize) {
                parameters.extend(batch_parameters(self.db(), id, first).await?);
            }
        }
        let spread = match (batch.is_each_node, batch.has_parameters) {
            (true, _) => Spread::EachNode,
            (false, true) => Spread::Parameters(parameters),
            (false, false) => Spread::Index { from: batch.first, to: batch.first + i64::from(batch.count) - 1 },
        };
        let wanted = BatchSubmission {
            template: self.batch_template(&batch).await?,
            spread,
            node: batch.wanted_node.map(|node| node.to_string()),
            on: batch.wanted_labels.clone(),
            // A name that nobody gave is made anew from the command.
            name: Some(batch.name.clone()).filter(|name| *name != Batch::unnamed(&batch.command)),
            idempotency: None,
            request: BatchSubmission::digest(id.to_string().as_bytes()),
        };
        self.batch_submit(caller, wanted).await
    }

    /// Cancels a batch: no element is taken any more, and those that were are stopped. Owner or operator.
    pub(crate) async fn batch_cancel(&self, caller: &Caller, id: BatchId) -> Result<Batch, ServiceError> {
        let batch = self.batch_own(caller, id).await?;
        let mut write = Write::new();
        batch_cancel(&mut write, &batch);
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

    /// Deletes a batch that is over, with its elements and their output: nobody sees it any more when this returns, and
    /// [`Lab::sweep`] clears it away. Owner or operator. Errors: `BatchPinned` where an element is pinned for the
    /// class.
    pub(crate) async fn batch_delete(&self, caller: &Caller, id: BatchId) -> Result<(), ServiceError> {
        let batch = self.batch_own(caller, id).await?;
        if !batch.status().is_final() {
            return Err(ServiceError::BatchOpen);
        }
        let mut write = Write::new();
        batch_delete_ask(&mut write, id);
        for topic in ["jobs", DELETIONS] {
            write.push_event(topic);
        }
        self.portal().audit(&mut write, caller, "batch.delete", &id.to_string(), json!({ "name": batch.name }));
        match self.db().write(write).await {
            Ok(_) => Ok(()),
            Err(DbError::Unmet { guard: "batch-over" }) => Err(match batch_pinned(self.db(), id).await? {
                0 => ServiceError::BatchOpen,
                pinned => ServiceError::BatchPinned { pinned },
            }),
            Err(error) => Err(error.into()),
        }
    }
}

/// Whether the caller may cancel and delete it.
pub(crate) fn may_change(caller: &Caller, batch: &Batch) -> bool {
    batch.account == caller.account.as_str() || caller.has(Role::Operator)
}
