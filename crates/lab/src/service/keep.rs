//! Keeping what a job printed in the caller's own files.

use portal::{Caller, Problem};

use crate::model::job::JobId;
use crate::queries::output::output_list;
use crate::service::ServiceError;
use crate::{Kept, Lab};

/// The directory that a job's goes into, where none is named.
const DIRECTORY: &str = "runs";

impl Lab {
    /// Puts what the newest attempt of a job that is over printed into the caller's own files: a file for each stream, below
    /// `directory`, or below `runs/ID`.
    ///
    /// # Errors
    /// `JobOpen`, what a job that can't be seen answers, and what [`crate::Keeping::keep`] does.
    pub(crate) async fn job_keep(&self, caller: &Caller, id: JobId, directory: Option<&str>) -> Result<Kept, Problem> {
        let job = self.job_view(caller, id).await?;
        if !job.status.is_final() {
            return Err(ServiceError::JobOpen.into());
        }
        let keeping = self.keeping().ok_or(ServiceError::NothingKept)?;
        let mut streams: [(&str, Vec<u8>); 3] =
            [("stdout.txt", Vec::new()), ("stderr.txt", Vec::new()), ("compile.txt", Vec::new())];
        if let Some(run) = self.run_of_attempt(&job, job.attempt).await? {
            // Bounded by the agent's cap on a run's output.
            for chunk in output_list(self.db(), run.id, 0, u32::MAX).await.map_err(ServiceError::from)? {
                let stream = usize::try_from(chunk.channel).ok().and_then(|channel| streams.get_mut(channel));
                stream.into_iter().for_each(|(_, data)| data.extend_from_slice(&chunk.data));
            }
        }
        let is_kept = |(name, data): &(&str, Vec<u8>)| *name == "stdout.txt" || !data.is_empty();
        let files = streams.into_iter().filter(is_kept).collect();
        let own = format!("{DIRECTORY}/{}", job.id);
        keeping.keep(caller, directory.unwrap_or(&own), files).await
    }
}
