//! The page where programs are written and run. Its scripts do the editing and follow the run; the server gives them
//! languages, nodes and a former program, and takes what they submit with the same checks as the API.

mod marks;
mod result;
mod source;
mod words;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use axum::{Json, http::StatusCode};
use portal::{ApiJson, ApiQuery, Caller, PageContext, PageView, Problem};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::look::{Look, html};
use crate::Lab;
use crate::api::batch::BatchSubmit;
use crate::api::job::job_id;
use crate::api::submit::{FileBody, JobSubmit};
use crate::model::command_line::quoted;
use crate::model::work::Work;
use crate::service::ServiceError;
use crate::service::language::LanguageView;

pub(super) use result::{ProgramFacts, part};
pub(super) use source::Source;
#[cfg(test)]
pub(super) use words::{PHRASES, TEXTS};

/// The editor's page.
#[derive(Template)]
#[template(path = "program.html")]
struct ProgramPage<'a> {
    l: &'a Look<'a>,
    css: String,
    /// What the page's scripts need, as JSON.
    data: String,
    languages: &'a [LanguageView],
    /// Names of the nodes that have some language.
    nodes: Vec<String>,
    /// The language that the page begins with.
    chosen: &'a str,
    /// Whether an example was asked for by its language.
    is_example: bool,
    /// Why it is not the language that was asked for.
    notice: Option<String>,
    /// How many times it may be run.
    ways: [&'static str; 5],
    /// Whether people have files of their own to take from.
    has_files: bool,
    // What `output.html` shows; the page's scripts fill it.
    pieces: Vec<super::output::Piece>,
    live: &'static str,
    note: String,
}

#[derive(Template)]
#[template(path = "program_actions.html")]
struct Actions<'a> {
    l: &'a Look<'a>,
}

/// A former program, as the form holds it.
#[derive(Serialize)]
struct Former {
    id: String,
    language: String,
    files: Vec<FileBody>,
    /// Quoted for a shell.
    args: String,
    stdin: String,
    interactive: bool,
    node: String,
    name: String,
}

/// What the page begins with.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Begin {
    /// A job.
    from: String,
    /// A language, for its example.
    language: String,
}

/// `GET /programs/new`, with the draft that the browser keeps, `?language=` with an example, or `?from=` with the
/// program of a job and its run.
pub(super) async fn page(
    State(lab): State<Lab>,
    caller: Caller,
    t: PageContext,
    ApiQuery(begin): ApiQuery<Begin>,
) -> Result<Response, Problem> {
    let former = match begin.from.as_str() {
        "" => None,
        id => Some(former(&lab, &caller, id).await?),
    };
    let languages = lab.language_list().await?;
    let is_there = |name: &&str| languages.iter().any(|language| language.name == *name && !language.nodes.is_empty());
    let wanted = former.as_ref().map_or(begin.language.as_str(), |former| &former.language);
    let notice =
        Some(wanted).filter(|name| !name.is_empty() && !is_there(name)).map(|name| not_there(&t, &languages, name));
    let first = languages.iter().map(|language| language.name.as_str()).find(is_there).unwrap_or_default();
    let chosen = Some(wanted).filter(is_there).unwrap_or(first);
    let mut nodes: Vec<String> =
        languages.iter().flat_map(|language| &language.nodes).map(|found| found.node.clone()).collect();
    nodes.sort();
    nodes.dedup();
    let data = json!({
        "texts": words::texts(&t), "languages": languages, "program": former, "account": caller.account.as_str(),
        "home": lab.keeping().map(|keeping| keeping.home(&caller)),
    });
    let look = Look::new(&lab, &t);
    let body = html(&ProgramPage {
        css: lab.portal().asset("program.css"),
        data: data.to_string(),
        languages: &languages,
        nodes,
        chosen,
        is_example: !begin.language.is_empty() && notice.is_none(),
        notice,
        ways: ["once", "array", "lines", "inputs", "nodes"],
        has_files: lab.keeping().is_some(),
        pieces: Vec::new(),
        live: "",
        note: t.text("program-output-here"),
        l: &look,
    })?;
    let actions = html(&Actions { l: &look })?;
    let title = t.text("program-title");
    let scripts = vec!["lab.js", "output.js", "codemirror.js", "editor.js", "run.js", "own-files.js", "program.js"];
    Ok(lab.portal().page(&t, PageView { title, section: "programs", sub: Some("program-new"), body, actions, scripts }))
}

/// Why a language can't be chosen: there is none of that name, or no node has it.
fn not_there(t: &PageContext, languages: &[LanguageView], name: &str) -> String {
    let names = |is_wanted: fn(&&LanguageView) -> bool| {
        languages.iter().filter(is_wanted).map(|language| language.name.as_str()).collect::<Vec<_>>().join(", ")
    };
    match languages.iter().find(|language| language.name == name) {
        Some(language) => t.with(
            "problem-no-node-with-language",
            &[
                ("language", language.title.clone().into()),
                ("languages", names(|language| !language.nodes.is_empty()).into()),
            ],
        ),
        None => t.with("problem-language-unknown", &[("language", name.into()), ("languages", names(|_| true).into())]),
    }
}

/// What a job was made from. Errors: `JobUnknown`, also for an experiment.
async fn former(lab: &Lab, caller: &Caller, id: &str) -> Result<Former, ServiceError> {
    let job = lab.job_view(caller, job_id(id)?).await?;
    let program = lab.program(caller, job.id).await?;
    let node = match job.wanted_node {
        Some(wanted) => lab.node_list().await?.into_iter().find(|node| node.id == wanted).map(|node| node.name),
        None => None,
    };
    Ok(Former {
        id: job.id.to_string(),
        language: program.language().to_owned(),
        files: program.files().iter().map(FileBody::of).collect(),
        args: program.args().iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" "),
        stdin: String::from_utf8_lossy(program.stdin()).into_owned(),
        interactive: program.is_interactive(),
        node: node.unwrap_or_default(),
        name: if job.name == job.command { String::new() } else { job.name },
    })
}

/// `POST /programs/new`: as `POST /api/v1/jobs`, or `/batches` where it is to run many times, but what is refused is said
/// in the reader's language.
pub(super) async fn submit(
    State(lab): State<Lab>,
    caller: Caller,
    ApiJson(body): ApiJson<BatchSubmit>,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let answer = match body.single() {
        Ok(job) => {
            let job = lab.job_submit(&caller, job.submission(lab.languages(), None)?).await?;
            json!({ "id": job.id.to_string() })
        }
        Err(batch) => {
            let batch = lab.batch_submit(&caller, batch.submission(&lab, None)?).await?;
            json!({ "batch": batch.id.to_string() })
        }
    };
    Ok((StatusCode::ACCEPTED, Json(answer)))
}

/// `POST /programs/unzip`: the files of an archive, the main one first, for the editor's tabs. Nothing is kept.
pub(super) async fn unzip(
    State(lab): State<Lab>,
    _caller: Caller,
    ApiJson(body): ApiJson<JobSubmit>,
) -> Result<Json<Value>, Problem> {
    let work = body.submission(lab.languages(), None)?.work;
    let Work::Program(program) = work else { return Err(ServiceError::JobUnknown.into()) };
    let files: Vec<_> = program.files().iter().map(FileBody::of).collect();
    Ok(Json(json!({ "files": files })))
}
