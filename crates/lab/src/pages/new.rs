//! The form for a new experiment (L2), generated from the catalogue of tools. What is checked while one types is what is
//! checked on submit: there is one voice, the services', and it speaks at the field concerned.

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::{RawQuery, State};
use axum::response::{Html, IntoResponse, Response};
use portal::{ApiPath, Caller, Flash, PageContext, PageForm, PageView, Problem, redirect};
use url::form_urlencoded;

use super::draft::{Draft, OPTION, api_call, command_line};
use super::look::{Look, fragment, html};
use super::many::WAYS;
use crate::Lab;
use crate::api::job::job_id;
use crate::model::job::JobKind;
use crate::model::node::{AdminState, Health, Node};
use crate::model::tool::{DestinationKind, OptionKind, OptionSpec, Tool, tools};
use crate::service::ServiceError;
use crate::service::submit::Submission;

/// How one option is asked for.
enum Input {
    Flag { is_on: bool },
    Number { min: String, max: String, step: &'static str },
    Text,
    Choice(Vec<&'static str>),
}

/// One field of the form.
struct Field {
    /// As errors name it.
    id: &'static str,
    /// As the form sends it.
    name: String,
    label: String,
    help: String,
    range: Option<String>,
    default: String,
    value: String,
    input: Input,
}

/// What is wrong with a draft.
#[derive(Default)]
struct Wrong {
    /// The sentence and the field it belongs to.
    field: Option<(String, String)>,
    /// What belongs to no field.
    whole: Option<String>,
}

impl Wrong {
    fn of(t: &PageContext, problem: &Problem, draft: &Draft) -> Self {
        let text = t.problem_text(problem);
        let has_field = |name: &str| {
            matches!(name, "destination" | "node" | "name" | "times" | "destinations")
                || draft.tool.option(name).is_some()
        };
        let field = problem.field_name().map(|field| match field {
            "array" => "times",
            // The first is that of the form.
            "parameters[0]" => "destination",
            field if field.split('[').next() == Some("parameters") => "destinations",
            field => field,
        });
        match field {
            Some(field) if has_field(field) => Self { field: Some((field.to_owned(), text)), whole: None },
            Some(_) | None => Self { field: None, whole: Some(text) },
        }
    }

    /// The sentence at a field.
    fn at(&self, field: &str) -> Option<&str> {
        self.field.as_ref().filter(|(name, _)| name == field).map(|(_, text)| text.as_str())
    }
}

/// What the help under the destination says.
fn destination_key(kind: DestinationKind) -> &'static str {
    match kind {
        DestinationKind::Host => "lab-destination-host",
        DestinationKind::HostPort => "lab-destination-host-port",
        DestinationKind::Url => "lab-destination-url",
        DestinationKind::Name => "lab-destination-name",
    }
}

/// The equivalent commands, or what keeps them from being right.
struct Preview {
    command: String,
    call: String,
    wrong: Wrong,
}

#[derive(Template)]
#[template(path = "new.html")]
struct NewPage<'a> {
    l: Look<'a>,
    draft: &'a Draft,
    tools: &'static [Tool],
    fields: Vec<Field>,
    nodes: Vec<Node>,
    ways: [&'static str; 4],
    preview: Preview,
}

#[derive(Template)]
#[template(path = "new_form.html")]
struct FormPart<'a> {
    l: Look<'a>,
    draft: &'a Draft,
    fields: Vec<Field>,
    nodes: Vec<Node>,
    ways: [&'static str; 4],
    preview: Preview,
}

#[derive(Template)]
#[template(path = "new_preview.html")]
struct PreviewPart<'a> {
    l: Look<'a>,
    preview: Preview,
}

/// `GET /lab/new`, empty, with `?tool=` and more fields, or from another job with `?from=`.
pub(super) async fn page(
    State(lab): State<Lab>,
    caller: Caller,
    t: PageContext,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let pairs = pairs_of(query);
    let draft = match pairs.iter().find(|(name, _)| name == "from") {
        Some((_, id)) => draft_of(&lab, &caller, id).await?,
        None => Draft::from_pairs(pairs)?,
    };
    let preview = preview(&lab, &caller, &t, &draft).await;
    show(&lab, &t, &draft, preview).await
}

/// `GET /lab/form`: the fields of another tool, with what fits of those filled in already.
pub(super) async fn form(
    State(lab): State<Lab>,
    caller: Caller,
    t: PageContext,
    RawQuery(query): RawQuery,
) -> Result<Html<String>, Problem> {
    let draft = Draft::from_pairs(pairs_of(query))?;
    let preview = preview(&lab, &caller, &t, &draft).await;
    let (fields, nodes) = (fields(&t, &draft), usable_nodes(&lab, draft.tool).await?);
    fragment(&FormPart { l: Look::new(&lab, &t), draft: &draft, fields, nodes, ways: WAYS, preview })
}

/// `POST /lab/check`: what would be said on submit, while one types. Changes nothing.
pub(super) async fn check(
    State(lab): State<Lab>,
    caller: Caller,
    t: PageContext,
    PageForm(pairs): PageForm<Vec<(String, String)>>,
) -> Result<Html<String>, Problem> {
    let draft = Draft::from_pairs(pairs)?;
    fragment(&PreviewPart { preview: preview(&lab, &caller, &t, &draft).await, l: Look::new(&lab, &t) })
}

/// `POST /lab/new`
pub(super) async fn submit(
    State(lab): State<Lab>,
    caller: Caller,
    t: PageContext,
    PageForm(pairs): PageForm<Vec<(String, String)>>,
) -> Result<Response, Problem> {
    submit_draft(&lab, &caller, &t, Draft::from_pairs(pairs)?).await
}

/// `POST /lab/jobs/{id}/again`: the same as a new job.
pub(super) async fn again(
    State(lab): State<Lab>,
    caller: Caller,
    t: PageContext,
    ApiPath(id): ApiPath<String>,
) -> Result<Response, Problem> {
    let job = lab.job_view(&caller, job_id(&id)?).await?;
    if job.kind == JobKind::Program {
        let name = Some(job.name.clone()).filter(|name| *name != job.command);
        let again = lab.job_submit(&caller, Submission { name, ..lab.job_wanted(&job).await? }).await?;
        return Ok(redirect(&format!("/lab/jobs/{}", again.id), Some(Flash::done("program-flash-submitted"))));
    }
    let draft = draft_of(&lab, &caller, &id).await?;
    submit_draft(&lab, &caller, &t, draft).await
}

/// Submits, or shows the form again with everything that was in it and what was wrong.
async fn submit_draft(lab: &Lab, caller: &Caller, t: &PageContext, draft: Draft) -> Result<Response, Problem> {
    let problem = match submitted(lab, caller, &draft).await {
        Ok((page, flash)) => return Ok(redirect(&page, Some(flash))),
        Err(error) => Problem::from(error),
    };
    if !problem.status().is_client_error() {
        return Err(problem);
    }
    let preview = Preview {
        wrong: Wrong::of(t, &problem, &draft),
        ..draft.submission().map(|wanted| told(t, &wanted, &draft)).unwrap_or_else(|_| Preview::empty())
    };
    let mut response = show(lab, t, &draft, preview).await?;
    let answer = problem.into_response();
    *response.status_mut() = answer.status();
    if let Some(after) = answer.headers().get("retry-after") {
        response.headers_mut().insert("retry-after", after.clone());
    }
    Ok(response)
}

/// Submits a job or a batch. Returns its page, and what is to be said there.
async fn submitted(lab: &Lab, caller: &Caller, draft: &Draft) -> Result<(String, Flash), ServiceError> {
    let wanted = draft.submission()?;
    Ok(match draft.many.batch(&wanted)? {
        Some(batch) => {
            let batch = lab.batch_submit(caller, batch).await?;
            (format!("/lab/batches/{}", batch.id), Flash::done("flash-batch-submitted"))
        }
        None => {
            let job = lab.job_submit(caller, wanted).await?;
            (format!("/lab/jobs/{}", job.id), Flash::done("lab-flash-submitted"))
        }
    })
}

async fn show(lab: &Lab, t: &PageContext, draft: &Draft, preview: Preview) -> Result<Response, Problem> {
    let (fields, nodes) = (fields(t, draft), usable_nodes(lab, draft.tool).await?);
    let body = html(&NewPage { l: Look::new(lab, t), draft, tools: tools(), fields, nodes, ways: WAYS, preview })?;
    let title = t.text("lab-new-title");
    let view =
        PageView { title, section: "lab", sub: Some("new"), body, scripts: vec!["lab.js"], ..PageView::default() };
    Ok(lab.portal().page(t, view))
}

fn pairs_of(query: Option<String>) -> Vec<(String, String)> {
    form_urlencoded::parse(query.unwrap_or_default().as_bytes()).into_owned().collect()
}

/// Errors: also `JobUnknown` for a program, which has a form of its own.
async fn draft_of(lab: &Lab, caller: &Caller, id: &str) -> Result<Draft, Problem> {
    let job = lab.job_view(caller, job_id(id)?).await?;
    if job.kind == JobKind::Program {
        return Err(ServiceError::JobUnknown.into());
    }
    let node = match job.wanted_node {
        Some(wanted) => lab.node_list().await?.into_iter().find(|node| node.id == wanted).map(|node| node.name),
        None => None,
    };
    Draft::of_job(&job, node).map_err(|error| ServiceError::Stored(error.into()).into())
}

impl Preview {
    fn empty() -> Self {
        Self { command: String::new(), call: String::new(), wrong: Wrong::default() }
    }
}

fn told(t: &PageContext, wanted: &Submission, draft: &Draft) -> Preview {
    let call = api_call(wanted, &draft.many, &t.base_url);
    Preview { command: command_line(wanted, &draft.many), call, wrong: Wrong::default() }
}

/// The checks that need no write.
async fn preview(lab: &Lab, caller: &Caller, t: &PageContext, draft: &Draft) -> Preview {
    if draft.is_blank() {
        return Preview::empty();
    }
    match checked(lab, caller, draft).await {
        Ok(wanted) => told(t, &wanted, draft),
        Err(error) => Preview { wrong: Wrong::of(t, &error.into(), draft), ..Preview::empty() },
    }
}

async fn checked(lab: &Lab, caller: &Caller, draft: &Draft) -> Result<Submission, ServiceError> {
    let wanted = draft.submission()?;
    match draft.many.batch(&wanted)? {
        Some(batch) => lab.batch_check(caller, &batch).await?,
        None => lab.job_check(caller, &wanted).await?,
    }
    Ok(wanted)
}

/// Nodes that would take a run of this tool now, by name.
async fn usable_nodes(lab: &Lab, tool: &Tool) -> Result<Vec<Node>, ServiceError> {
    let now_ms = lab.now_ms();
    let is_usable = |node: &Node| {
        node.state == AdminState::Enabled && node.health(now_ms) != Health::Down && node.has_tool(tool.name)
    };
    Ok(lab.node_list().await?.into_iter().filter(is_usable).collect())
}

fn fields(t: &PageContext, draft: &Draft) -> Vec<Field> {
    draft.tool.options.iter().map(|spec| field(t, draft.tool, spec, &draft.options)).collect()
}

fn field(t: &PageContext, tool: &Tool, spec: &'static OptionSpec, given: &BTreeMap<String, String>) -> Field {
    let key = format!("option-{}-{}", tool.name, spec.name);
    let value = given.get(spec.name).cloned().unwrap_or_default();
    let range = |min: f64, max: f64, unit: &str| {
        let unit = t.text(&format!("unit-{}", unit.replace('/', "-")));
        Some(t.with("lab-form-range", &[("min", min.into()), ("max", max.into()), ("unit", unit.into())]))
    };
    let number = |min: String, max: String, step| Input::Number { min, max, step };
    let (input, range, default) = match spec.kind {
        OptionKind::Flag => (Input::Flag { is_on: !value.is_empty() }, None, String::new()),
        OptionKind::Integer { min, max, default, unit: "port" } => {
            (number(min.to_string(), max.to_string(), "1"), None, shown(default))
        }
        // Bounds of the catalogue stay far below 2^53, where a float is exact.
        OptionKind::Integer { min, max, default, unit } => {
            (number(min.to_string(), max.to_string(), "1"), range(min as f64, max as f64, unit), shown(default))
        }
        OptionKind::Decimal { min, max, default, unit } => {
            (number(min.to_string(), max.to_string(), "any"), range(min, max, unit), shown(default))
        }
        OptionKind::Quantity { min, max, default, unit, .. } => {
            (Input::Text, range(min as f64, max as f64, unit), shown(default))
        }
        OptionKind::Choice { values, default, .. } => (Input::Choice(values.to_vec()), None, shown(default)),
        OptionKind::Address => (Input::Text, None, String::new()),
    };
    Field {
        id: spec.name,
        name: format!("{OPTION}{}", spec.name),
        label: t.text(&key),
        help: t.text(&format!("{key}-help")),
        range,
        default,
        value,
        input,
    }
}

fn shown(default: Option<impl ToString>) -> String {
    default.map(|value| value.to_string()).unwrap_or_default()
}
