//! Deleted batches and the jobs of removed accounts, cleared away in many small transactions: others write in between.
//! Cut off on the way, it is taken up where it was.

use db::{DbError, Write};
use portal::AccountId;

use super::ServiceError;
use super::live::REMOVALS;
use crate::Lab;
use crate::model::batch::BatchId;
use crate::model::job::JobId;
use crate::queries::batch_change::{batch_delete, batch_list_deleted, element_list_ids, jobs_delete, jobs_stop};
use crate::queries::leaver::{account_leave, leaver_forget, leaver_jobs, leaver_list};
use crate::queries::run::run_ids_of_jobs;

/// Wakes what clears away.
pub(crate) const DELETIONS: &str = "deletions";
/// Jobs deleted in one transaction.
const DELETED_AT_ONCE: u32 = 500;
/// Deleted batches, or removed accounts, that are looked for together.
const SWEPT_AT_ONCE: u32 = 100;

/// What goes with an account that is removed: its jobs, unless they are pinned for the class. Nothing of its batches is
/// started or seen any more when this is committed; the sweep clears away the rest.
pub fn removal(write: &mut Write, account: &AccountId) {
    account_leave(write, account.as_str());
    for topic in ["jobs", "queue", DELETIONS] {
        write.push_event(topic);
    }
}

impl Lab {
    /// Clears away whatever was deleted.
    pub(crate) async fn sweep(&self) -> Result<(), ServiceError> {
        loop {
            let accounts = leaver_list(self.db(), SWEPT_AT_ONCE).await?;
            for account in &accounts {
                self.account_sweep(account).await?;
            }
            let batches = batch_list_deleted(self.db(), SWEPT_AT_ONCE).await?;
            for id in &batches {
                self.batch_sweep(*id).await?;
            }
            if accounts.len().max(batches.len()) < SWEPT_AT_ONCE as usize {
                return Ok(());
            }
        }
    }

    async fn account_sweep(&self, account: &str) -> Result<(), ServiceError> {
        loop {
            let jobs = leaver_jobs(self.db(), account, DELETED_AT_ONCE).await?;
            if jobs.is_empty() {
                break;
            }
            self.jobs_sweep(&jobs).await?;
        }
        let mut write = Write::new();
        leaver_forget(&mut write, account);
        self.db().write(write).await?;
        Ok(())
    }

    async fn batch_sweep(&self, id: BatchId) -> Result<(), ServiceError> {
        let mut first = None;
        loop {
            let jobs = element_list_ids(self.db(), id, DELETED_AT_ONCE).await?;
            // What could not be deleted is left to the next turn.
            if jobs.first() == first.as_ref() || jobs.is_empty() {
                break;
            }
            first = jobs.first().copied();
            self.jobs_sweep(&jobs).await?;
        }
        let mut write = Write::new();
        batch_delete(&mut write, id);
        match self.db().write(write).await {
            // Another replica was faster, or something is left.
            Ok(_) | Err(DbError::Unmet { guard: "batch-empty" }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Deletes jobs with their runs, stops those that are on nodes, and ends what watches them.
    async fn jobs_sweep(&self, jobs: &[JobId]) -> Result<(), ServiceError> {
        // A run that is made after the runs were read would stay without its job.
        let mut write = Write::new();
        jobs_stop(&mut write, jobs);
        self.db().write(write).await?;
        let mut write = Write::new();
        jobs_delete(&mut write, jobs, &run_ids_of_jobs(self.db(), jobs).await?);
        for topic in ["jobs", "cancels", REMOVALS] {
            write.push_event(topic);
        }
        self.db().write(write).await?;
        Ok(())
    }
}
