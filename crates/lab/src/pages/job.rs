//! The view of one job (L3): where it stands, what it was asked, what it printed, every attempt.

use askama::Template;
use axum::extract::State;
use axum::response::{Html, Response};
use portal::{ApiPath, Caller, PageContext, PageView, Problem, Role};

use super::detail::detail;
use super::look::{Badge, Look, fragment, html};
use super::output::{Piece, Printed, printed};
use super::program::{ProgramFacts, Source};
use crate::Lab;
use crate::api::job::job_id;
use crate::model::command_line::quoted;
use crate::model::job::{Job, JobKind, JobStatus};
use crate::model::language::Language;
use crate::model::program::Program;
use crate::service::ServiceError;
use crate::service::view::{AttemptView, JobView};

/// What the caller may do with the job as it stands.
struct Allowed {
    change: bool,
    pin: bool,
    cancel: bool,
    retry: bool,
    delete: bool,
    keep: bool,
}

/// One attempt in the table.
struct AttemptRow {
    run: AttemptView,
    icon: &'static str,
    class: &'static str,
    reason: Option<String>,
    /// What the node said of its end.
    detail: Option<String>,
    created_ms: i64,
    started_ms: Option<i64>,
    ended_ms: Option<i64>,
}

/// What a program was started with and what it used.
struct ProgramShown {
    /// The language's name for people.
    language: String,
    is_compiled: bool,
    /// Quoted for a shell.
    args: String,
    facts: ProgramFacts,
}

/// A job with all that its page shows.
struct Shown {
    job: Job,
    view: JobView,
    badge: Badge,
    wanted_node: Option<String>,
    /// How long the tool ran, ms.
    duration_ms: Option<i64>,
    /// Options as a form would have them: name and value.
    options: Vec<(String, String)>,
    /// Of a program alone.
    program: Option<ProgramShown>,
    attempts: Vec<AttemptRow>,
    may: Allowed,
}

impl Shown {
    /// UID of the node of the newest attempt.
    fn node_uid(&self) -> Option<&str> {
        self.view.attempts.last().and_then(|run| run.node_uid.as_deref())
    }
}

#[derive(Template)]
#[template(path = "job.html")]
struct JobPage<'a> {
    l: &'a Look<'a>,
    s: &'a Shown,
    pieces: Vec<Piece>,
    /// Whether `pieces` is all that it printed and will.
    is_all: bool,
    /// Where the rest comes from.
    live: String,
    note: String,
    streams: &'static [&'static str],
    source: Option<Source>,
    program_css: String,
}

/// The parts that change: facts, attempts, and the head's actions.
#[derive(Template)]
#[template(path = "job_part.html")]
struct JobPart<'a> {
    l: &'a Look<'a>,
    s: &'a Shown,
}

#[derive(Template)]
#[template(path = "job_actions.html")]
struct JobActions<'a> {
    l: &'a Look<'a>,
    s: &'a Shown,
}

/// `GET /lab/jobs/{id}`
pub(super) async fn page(
    State(lab): State<Lab>,
    caller: Caller,
    t: PageContext,
    ApiPath(id): ApiPath<String>,
) -> Result<Response, Problem> {
    let look = Look::new(&lab, &t);
    let (shown, program) = shown(&lab, &caller, &look, &id).await?;
    let source = match &program {
        Some(program) => Some(Source::of(&lab, &caller, &t, &shown.job, program).await?),
        None => None,
    };
    let Printed { pieces, is_all } = printed(&lab, &caller, &shown.job).await?;
    let live = if is_all { String::new() } else { format!("/api/v1/jobs/{}/live", shown.job.id) };
    let note = if is_all && pieces.is_empty() { look.text("job-output-none") } else { String::new() };
    let (section, scripts, streams): (_, _, &[_]) = match source {
        None => ("lab", vec!["lab.js", "output.js"], &["stdout", "stderr"]),
        Some(_) => {
            let scripts = vec!["lab.js", "output.js", "codemirror.js", "editor.js"];
            let is_compiled = shown.program.as_ref().is_some_and(|program| program.is_compiled);
            let streams: &[_] = if is_compiled { &["stdout", "stderr", "compile"] } else { &["stdout", "stderr"] };
            ("programs", scripts, streams)
        }
    };
    let program_css = lab.portal().asset("program.css");
    let page = JobPage { l: &look, s: &shown, pieces, is_all, live, note, streams, source, program_css };
    let body = html(&page)?;
    let actions = html(&JobActions { l: &look, s: &shown })?;
    let title = shown.job.name.clone();
    let view = PageView { title, section, sub: None, body, actions, scripts };
    Ok(lab.portal().page(&t, view))
}

/// `GET /lab/jobs/{id}/part`
pub(super) async fn part(
    State(lab): State<Lab>,
    caller: Caller,
    t: PageContext,
    ApiPath(id): ApiPath<String>,
) -> Result<Html<String>, Problem> {
    let look = Look::new(&lab, &t);
    let (shown, _) = shown(&lab, &caller, &look, &id).await?;
    fragment(&JobPart { l: &look, s: &shown })
}

/// A job as its page shows it, and the program if it is one.
async fn shown(
    lab: &Lab,
    caller: &Caller,
    look: &Look<'_>,
    id: &str,
) -> Result<(Shown, Option<Program>), ServiceError> {
    let job = lab.job_view(caller, job_id(id)?).await?;
    let view = lab.job_show(&job).await?;
    let program = match job.kind {
        JobKind::Experiment => None,
        JobKind::Program => Some(lab.program(caller, job.id).await?),
    };
    let wanted_node = match job.wanted_node {
        Some(wanted) => lab.node_list().await?.into_iter().find(|node| node.id == wanted).map(|node| node.name),
        None => None,
    };
    let attempts = view.attempts.iter().map(|run| attempt_row(look, run)).collect();
    let end_ms = job.completed_ms;
    let shown = Shown {
        program: program.as_ref().map(|program| program_shown(lab, look, &job, &view, program)),
        badge: look.job(&job, view.place),
        wanted_node,
        duration_ms: job.started_ms.zip(end_ms).map(|(start, end)| end - start),
        options: view.options.iter().map(|(name, value)| (name.clone(), option_text(value))).collect(),
        attempts,
        may: allowed(lab, caller, &job),
        view,
        job,
    };
    Ok((shown, program))
}

fn program_shown(lab: &Lab, look: &Look<'_>, job: &Job, view: &JobView, program: &Program) -> ProgramShown {
    let language = lab.languages().get(program.language());
    ProgramShown {
        // A recipe may be gone; the name stays.
        language: language.map_or_else(|| program.language().to_owned(), |language| language.title.clone()),
        is_compiled: language.is_some_and(Language::is_compiled),
        args: program.args().iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" "),
        facts: ProgramFacts::of(look.t, job, view),
    }
}

fn allowed(lab: &Lab, caller: &Caller, job: &Job) -> Allowed {
    let is_own = job.account == caller.account.as_str() || caller.has(Role::Operator);
    Allowed {
        change: is_own,
        pin: caller.has(Role::Teacher),
        cancel: is_own && !job.status.is_final() && !job.is_cancelled,
        retry: is_own && matches!(job.status, JobStatus::Error | JobStatus::Cancelled),
        delete: is_own && job.status.is_final(),
        keep: lab.keeping().is_some() && job.status.is_final(),
    }
}

fn option_text(value: &serde_json::Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn attempt_row(look: &Look<'_>, run: &AttemptView) -> AttemptRow {
    let (icon, class) = match (run.status, run.exit_code) {
        ("exited", Some(0)) => ("check-circle-fill", "state-good"),
        ("exited", _) => ("exclamation-triangle-fill", "state-warn"),
        ("failed" | "lost", _) => ("x-circle-fill", "state-bad"),
        ("cancelled", _) => ("slash-circle", "state-idle"),
        ("running", _) => ("arrow-repeat", "state-busy"),
        _ => ("hourglass-split", "state-idle"),
    };
    AttemptRow {
        icon,
        class,
        reason: run.reason.map(|code| look.text(&format!("reason-{code}"))),
        detail: run.detail.as_deref().map(|said| detail(look.t, said)),
        created_ms: epoch_ms(&run.created).unwrap_or_default(),
        started_ms: run.started.as_deref().and_then(epoch_ms),
        ended_ms: run.ended.as_deref().and_then(epoch_ms),
        run: run.clone(),
    }
}

/// Reads a time as the services write it.
fn epoch_ms(text: &str) -> Option<i64> {
    text.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_millisecond)
}
