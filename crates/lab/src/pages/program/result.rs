//! How a program's run stands, for the editor's page, which asks again whenever that changes; and what a run used, for
//! the program's own page too.

use askama::Template;
use axum::extract::State;
use axum::response::Html;
use portal::{ApiPath, Caller, PageContext, Problem, Role};

use super::marks::{Mark, marks};
use crate::Lab;
use crate::api::job::job_id;
use crate::model::job::{Job, JobStatus};
use crate::pages::look::{Badge, Look, fragment};
use crate::service::view::JobView;

#[derive(Template)]
#[template(path = "program_result.html")]
struct ResultPart<'a> {
    l: &'a Look<'a>,
    id: String,
    badge: Badge,
    used: Vec<(&'static str, String)>,
    exit_code: Option<i64>,
    /// Name and UID of the node.
    place: Option<(String, String)>,
    marks: &'a [Mark],
    marks_json: String,
    takes_input: bool,
    is_cancelled: bool,
}

/// What a run used and what held it in, in words; what its node could not measure is left out.
pub(in crate::pages) struct ProgramFacts {
    /// Key of what it is, and how much.
    pub(in crate::pages) used: Vec<(&'static str, String)>,
    pub(in crate::pages) fences: Option<String>,
}

impl ProgramFacts {
    pub(in crate::pages) fn of(t: &PageContext, job: &Job, view: &JobView) -> Self {
        let ran_ms = job.started_ms.zip(job.completed_ms).map(|(start, end)| (end - start).max(0));
        let used = [
            ("program-time", ran_ms.map(|ms| duration(t, ms))),
            ("program-cpu", job.cpu_ms.map(|ms| duration(t, ms))),
            ("program-memory", job.memory_peak_bytes.map(|bytes| t.size(bytes.unsigned_abs()))),
        ];
        let fences = view.attempts.last().map(|run| run.fences.join(", ")).filter(|fences| !fences.is_empty());
        Self { used: used.into_iter().filter_map(|(key, value)| Some((key, value?))).collect(), fences }
    }
}

/// Below a second in milliseconds, as programs of learners mostly are.
fn duration(t: &PageContext, ms: i64) -> String {
    match ms {
        0..1_000 => t.arg("program-ms", "ms", ms),
        // Far below 2^53, where a float is exact.
        _ => t.arg("program-seconds", "seconds", (ms as f64 / 100.0).round() / 10.0),
    }
}

/// `GET /programs/{id}/result`
pub(in crate::pages) async fn part(
    State(lab): State<Lab>,
    caller: Caller,
    t: PageContext,
    ApiPath(id): ApiPath<String>,
) -> Result<Html<String>, Problem> {
    let job = lab.job_view(&caller, job_id(&id)?).await?;
    let program = lab.program(&caller, job.id).await?;
    let view = lab.job_show(&job).await?;
    let marks = marks(&lab, &caller, &job, &program).await?;
    let marks_json = serde_json::to_string(&marks).map_err(Problem::bug)?;
    let look = Look::new(&lab, &t);
    let is_own = job.account == caller.account.as_str() || caller.has(Role::Operator);
    let newest = view.attempts.last();
    let place = newest.and_then(|run| run.node.clone().zip(run.node_uid.clone()));
    fragment(&ResultPart {
        l: &look,
        id: job.id.to_string(),
        badge: look.job(&job, view.place),
        used: ProgramFacts::of(&t, &job, &view).used,
        exit_code: job.exit_code,
        place,
        marks: &marks,
        marks_json,
        takes_input: is_own && program.is_interactive() && job.status == JobStatus::Running && !job.is_cancelled,
        is_cancelled: job.is_cancelled,
    })
}
