//! What people do at running programs: it is stored first, then sent by the replica that holds the program's node, so
//! that it may be said to any replica and is neither lost nor done twice.

use db::{DbError, Write};
use portal::{Caller, Once};
use wire::proto::{Terminal, input};

use super::ServiceError;
use crate::Lab;
use crate::model::input::{Act, DATA_MAX};
use crate::model::job::{Job, JobId, JobKind};
use crate::queries::input::{input_insert, input_list};

/// Acts read in one go.
const BATCH: u32 = 1_000;
/// How old a source that no job has must be before it goes, milliseconds.
const SOURCE_AGE_MS: i64 = 3_600_000;

impl Lab {
    /// Does something at a running program. Owner or operator. Errors: `NoInput` when it is not on a node, or when too
    /// much waits for it. A request with an `Idempotency-Key` is done once even if this replica dies on the way.
    pub(crate) async fn job_input(
        &self,
        caller: &Caller,
        id: JobId,
        act: Act,
        once: &Once,
    ) -> Result<(), ServiceError> {
        let job = self.job_own(caller, id).await?;
        self.input_add(&job, act, once).await
    }

    async fn input_add(&self, job: &Job, act: Act, once: &Once) -> Result<(), ServiceError> {
        if let Act::Data(data) = &act
            && (data.is_empty() || data.len() > DATA_MAX)
        {
            let sentence = format!("One input is 1 to {DATA_MAX} bytes; this one has {}.", data.len());
            return Err(ServiceError::Request { field: "input", sentence });
        }
        let run = match job.kind {
            JobKind::Experiment => None,
            JobKind::Program => self.run_of_attempt(job, job.attempt).await?,
        };
        let run = run.ok_or(ServiceError::NoInput)?;
        let mut write = Write::new();
        input_insert(&mut write, run.id, &act);
        once.push_accepted(&mut write);
        write.push_event("inputs");
        match self.db().write(write).await {
            Ok(_) => Ok(()),
            Err(DbError::Unmet { guard: Once::GUARD }) => Err(ServiceError::KeyTakenOver),
            Err(DbError::Unmet { guard: "run-input" }) => Err(ServiceError::NoInput),
            Err(error) => Err(error.into()),
        }
    }

    /// Sends what waits for programs on nodes of this replica and was not sent yet.
    pub(crate) async fn inputs_send(&self) -> Result<(), ServiceError> {
        let mut after = None;
        loop {
            // What was sent stays until its program has had it, so one that does not read must not fill the only page.
            let page = input_list(self.db(), self.replica(), after, BATCH).await?;
            let is_last = page.len() < BATCH as usize;
            after = page.last().map(|waiting| (waiting.run, waiting.seq));
            for waiting in page {
                self.fleet().input_send(waiting.run, waiting.seq, wire_act(waiting.act));
            }
            if is_last {
                return Ok(());
            }
        }
    }

    /// Deletes sources that no job has any more.
    pub(crate) async fn sources_sweep(&self) -> Result<(), ServiceError> {
        let mut write = Write::new();
        crate::queries::source::source_delete_unused(&mut write, self.now_ms() - SOURCE_AGE_MS);
        self.db().write(write).await?;
        Ok(())
    }
}

fn wire_act(act: Act) -> input::Act {
    match act {
        Act::Data(data) => input::Act::Data(data),
        Act::End => input::Act::End(true),
        Act::Interrupt => input::Act::Interrupt(true),
        Act::Resize { columns, rows } => {
            input::Act::Resize(Terminal { columns: u32::from(columns), rows: u32::from(rows) })
        }
    }
}
