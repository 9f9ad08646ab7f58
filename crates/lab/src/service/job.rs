//! Jobs that are there already: look, list, rename, pin, cancel, try again, delete.

use db::{DbError, Write};
use portal::{Caller, Role, Scope};
use serde_json::json;

use super::ServiceError;
use super::submit::{Submission, first_run};
use crate::Lab;
use crate::model::job::{Job, JobId, JobStatus, checked_name};
use crate::model::work::Work;
use crate::queries::batch_change::{batch_is_deleted, batch_lock};
use crate::queries::element::batch_count_reopened;
use crate::queries::job::{
    RETRYABLE, job_cancel_ask, job_delete, job_get, job_name_set, job_next_attempt, job_pinned_set, job_places,
    job_shared_set,
};
use crate::queries::list::{Cursor, JobFilter, Visible, job_list};
use crate::queries::run::{job_cancel_idle, run_cancel_waiting, run_ids_of_jobs, run_insert};
use crate::queries::source::source_get;

/// Places in the queue, from 1.
pub(crate) struct Places(Vec<(JobId, u32)>);

impl Places {
    /// The place of a waiting job: how many runs that could take its node come before it, plus one.
    pub(crate) fn of(&self, job: &Job) -> Option<u32> {
        self.0.iter().find(|(waiting, _)| *waiting == job.id).map(|(_, ahead)| ahead + 1)
    }
}

/// Whether the caller may see the job.
pub(super) fn is_visible(job: &Job, caller: &Caller) -> bool {
    match caller.scope() {
        Scope::All => true,
        Scope::Tenant { tenant } => job.tenant == tenant.as_str(),
        Scope::Account { tenant, account } => {
            let is_for_class = job.pinned || job.shared;
            job.account == account.as_str() || (is_for_class && job.tenant == tenant.as_str())
        }
    }
}

impl Lab {
    /// A job the caller may see. Errors: `JobUnknown`, also for one that is not theirs to know of.
    pub(crate) async fn job_view(&self, caller: &Caller, id: JobId) -> Result<Job, ServiceError> {
        let job = job_get(self.db(), id).await?.ok_or(ServiceError::JobUnknown)?;
        let is_going = match job.batch {
            Some(batch) => batch_is_deleted(self.db(), batch).await?,
            None => false,
        };
        if is_visible(&job, caller) && !is_going { Ok(job) } else { Err(ServiceError::JobUnknown) }
    }

    /// A job the caller may change: their own, or any they see as an operator.
    pub(crate) async fn job_own(&self, caller: &Caller, id: JobId) -> Result<Job, ServiceError> {
        let job = self.job_view(caller, id).await?;
        if job.account == caller.account.as_str() || caller.has(Role::Operator) {
            Ok(job)
        } else {
            Err(ServiceError::JobOfAnother)
        }
    }

    /// One page of what the caller may see.
    pub(crate) async fn job_page(
        &self,
        caller: &Caller,
        filter: &JobFilter,
        cursor: Option<Cursor>,
        limit: u32,
    ) -> Result<Vec<Job>, ServiceError> {
        match filter.batch {
            Some(batch) if batch_is_deleted(self.db(), batch).await? => Ok(Vec::new()),
            _ => Ok(job_list(self.db(), &Visible::to(caller), filter, cursor, limit).await?),
        }
    }

    /// Places of those of these jobs that wait.
    pub(crate) async fn job_places(&self, jobs: &[Job]) -> Result<Places, ServiceError> {
        let waiting: Vec<_> = jobs.iter().filter(|job| job.status == JobStatus::Waiting).map(|job| job.id).collect();
        Ok(Places(job_places(self.db(), &waiting).await?))
    }

    /// Gives a job another name. Owner or operator.
    pub(crate) async fn job_rename(&self, caller: &Caller, id: JobId, name: &str) -> Result<(), ServiceError> {
        let job = self.job_own(caller, id).await?;
        let name = checked_name(name)?;
        let mut write = Write::new();
        job_name_set(&mut write, id, if name.is_empty() { &job.command } else { &name });
        let detail = json!({ "from": job.name, "to": name });
        self.portal().audit(&mut write, caller, "job.rename", &id.to_string(), detail);
        self.job_write(write, &job).await
    }

    /// Pins or unpins a job: pinned ones come first and are seen by the whole tenant. Teachers and above.
    pub(crate) async fn job_pin(&self, caller: &Caller, id: JobId, pinned: bool) -> Result<(), ServiceError> {
        let job = self.job_view(caller, id).await?;
        if !caller.has(Role::Teacher) {
            return Err(ServiceError::JobOfAnother);
        }
        let mut write = Write::new();
        if let Some(batch) = job.batch {
            batch_lock(&mut write, batch);
        }
        job_pinned_set(&mut write, id, pinned);
        let action = if pinned { "job.pin" } else { "job.unpin" };
        self.portal().audit(&mut write, caller, action, &id.to_string(), json!({ "name": job.name }));
        self.job_write(write, &job).await
    }

    /// Lets everybody in the tenant who has the job's address see it, or no longer. Owner or operator.
    pub(crate) async fn job_share(&self, caller: &Caller, id: JobId, shared: bool) -> Result<(), ServiceError> {
        let job = self.job_own(caller, id).await?;
        let mut write = Write::new();
        job_shared_set(&mut write, id, shared);
        let action = if shared { "job.share" } else { "job.unshare" };
        self.portal().audit(&mut write, caller, action, &id.to_string(), json!({ "name": job.name }));
        self.job_write(write, &job).await
    }

    /// What was asked for with a job, but for its name.
    pub(crate) async fn job_wanted(&self, job: &Job) -> Result<Submission, ServiceError> {
        Ok(Submission {
            work: self.work(job).await?,
            node: job.wanted_node.map(|node| node.to_string()),
            on: job.wanted_labels.clone(),
            name: None,
            idempotency: None,
        })
    }

    /// What a job is to do, with a program's source.
    pub(crate) async fn work(&self, job: &Job) -> Result<Work, ServiceError> {
        let source = match &job.source {
            Some(digest) => source_get(self.db(), digest).await?.ok_or(ServiceError::SourceGone(job.id))?,
            None => Vec::new(),
        };
        Work::of_job(job, &source).map_err(ServiceError::Stored)
    }

    /// Asks for a job's end: what waits ends now, what runs as soon as its node has stopped it.
    pub(crate) async fn job_cancel(&self, caller: &Caller, id: JobId) -> Result<(), ServiceError> {
        let job = self.job_own(caller, id).await?;
        let now_ms = self.now_ms();
        let mut write = Write::new();
        job_cancel_ask(&mut write, id);
        run_cancel_waiting(&mut write, id, now_ms);
        job_cancel_idle(&mut write, id, now_ms);
        write.push_event("cancels");
        write.push_event("queue");
        self.portal().audit(&mut write, caller, "job.cancel", &id.to_string(), json!({ "name": job.name }));
        match self.job_write(write, &job).await {
            Err(ServiceError::Db(DbError::Unmet { guard: "job-open" })) => Err(ServiceError::JobOver),
            other => other,
        }
    }

    /// Opens another attempt of a job that ended as an error or was cancelled. Errors: as for a submission, since rules,
    /// nodes and quotas may have changed since then.
    pub(crate) async fn job_retry(&self, caller: &Caller, id: JobId) -> Result<Job, ServiceError> {
        let job = self.job_own(caller, id).await?;
        let refused = ServiceError::NotRetryable { status: job.status.as_str() };
        if !matches!(job.status, JobStatus::Error | JobStatus::Cancelled) {
            return Err(refused);
        }
        let wanted = self.job_wanted(&job).await?;
        // The quota is read before the write, not within it: retries at once may go past it by as many as they are, and
        // never by more than the jobs that the account has already.
        self.job_check(caller, &wanted).await?;
        let mut write = Write::new();
        if let Some(batch) = job.batch {
            batch_lock(&mut write, batch);
        }
        job_next_attempt(&mut write, id, job.attempt, RETRYABLE);
        if let Some(batch) = job.batch {
            batch_count_reopened(&mut write, batch, job.status == JobStatus::Cancelled);
        }
        run_insert(&mut write, &first_run(&job, job.attempt + 1, self.now_ms()));
        write.push_event("queue");
        self.portal().audit(&mut write, caller, "job.retry", &id.to_string(), json!({ "attempt": job.attempt + 1 }));
        match self.job_write(write, &job).await {
            Err(ServiceError::Db(DbError::Unmet { guard: "job-attempt" })) => Err(refused),
            Err(error) => Err(error),
            Ok(()) => self.job_view(caller, id).await,
        }
    }

    /// Deletes a job that is over, with its output.
    pub(crate) async fn job_delete(&self, caller: &Caller, id: JobId) -> Result<(), ServiceError> {
        let job = self.job_own(caller, id).await?;
        let mut write = Write::new();
        job_delete(&mut write, id, &run_ids_of_jobs(self.db(), &[id]).await?);
        self.portal().audit(&mut write, caller, "job.delete", &id.to_string(), json!({ "name": job.name }));
        match self.job_write(write, &job).await {
            Err(ServiceError::Db(DbError::Unmet { guard: "job-over" })) => Err(ServiceError::JobOpen),
            other => other,
        }
    }

    async fn job_write(&self, mut write: Write, job: &Job) -> Result<(), ServiceError> {
        write.push_event("jobs");
        write.push_event(format!("job:{}", job.id));
        match self.db().write(write).await {
            Ok(_) => Ok(()),
            Err(DbError::Unmet { guard: "job" }) => Err(ServiceError::JobUnknown),
            Err(error) => Err(error.into()),
        }
    }
}
