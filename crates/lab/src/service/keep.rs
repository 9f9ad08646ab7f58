//! Keeping a job in the caller's own files.

use portal::{Caller, Problem};

use crate::model::job::JobId;
use crate::model::program::Program;
use crate::model::work::Work;
use crate::queries::output::output_list;
use crate::service::ServiceError;
use crate::{Kept, Lab};

/// The directory that a job goes into, where none is named.
const DIRECTORY: &str = "runs";
/// The directory in it that a program's own files go into.
const PROGRAM: &str = "program";

impl Lab {
    /// Puts a job that is over into the caller's own files, below `directory`, or below `runs/ID`: a file for each
    /// stream of what its newest attempt printed, and the files and the standard input of its program.
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
        let mut files: Vec<_> =
            streams.into_iter().filter(is_kept).map(|(name, data)| (name.to_owned(), data)).collect();
        if let Work::Program(program) = self.work(&job).await? {
            files.extend(program_files(&program));
        }
        let own = format!("{DIRECTORY}/{}", job.id);
        keeping.keep(caller, directory.unwrap_or(&own), files).await
    }
}

fn program_files(program: &Program) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<_> =
        program.files().iter().map(|file| (format!("{PROGRAM}/{}", file.path), file.data.to_vec())).collect();
    if !program.stdin().is_empty() {
        files.push(("stdin.txt".to_owned(), program.stdin().to_vec()));
    }
    files
}
