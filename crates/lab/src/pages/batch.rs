//! The lists of batches, and the view of one: how far it is, what failed first, its newest elements, its results as a
//! file. It keeps itself up to date by the topic that every change of a job is told under, as the lists of jobs do.

mod words;

use askama::Template;
use axum::extract::State;
use axum::response::{Html, Response};
use portal::{ApiPath, ApiQuery, Caller, PageContext, PageView, Problem, Role};
use serde::Deserialize;

use super::kind::{EXPERIMENTS, Kind, PROGRAMS};
use super::look::{Badge, Look, fragment, html};
use crate::Lab;
use crate::api::batch::batch_id;
use crate::model::batch::{Batch, BatchId};
use crate::model::job::Job;
use crate::queries::list::JobFilter;
use crate::service::ServiceError;
use crate::service::batch_change::may_change;
use words::{counts, pace, stopped};

/// Batches of one page.
const PAGE: u32 = 50;
/// Failures and elements shown with a batch.
const SHOWN: u32 = 10;
/// Width of the bar, in its own units.
const BAR: u32 = 1_000;

/// One part of the bar: a class that gives the colour, where it begins, and how wide it is.
struct Part {
    class: &'static str,
    at: u32,
    width: u32,
}

/// How far a batch is, as a picture and as numbers.
struct Progress {
    parts: Vec<Part>,
    over: u32,
    count: u32,
}

impl Progress {
    fn of(batch: &Batch) -> Self {
        let counts = [
            ("bar-done", batch.tally.done),
            ("bar-failed", batch.failed()),
            ("bar-cancelled", batch.cancelled()),
            ("bar-running", batch.running()),
        ];
        let (mut before, mut parts) = (0, Vec::new());
        let place = |count: u32| u64::from(count) * u64::from(BAR) / u64::from(batch.count.max(1));
        for (class, count) in counts.into_iter().filter(|(_, count)| *count > 0) {
            let (at, end) = (place(before) as u32, place(before + count) as u32);
            before += count;
            // One of a hundred thousand is seen as well.
            parts.push(Part { class, at: at.min(BAR - 4), width: (end - at).max(4) });
        }
        Self { parts, over: batch.over(), count: batch.count }
    }
}

/// One batch in the list.
struct RowView {
    id: BatchId,
    name: String,
    tool: String,
    owner: String,
    progress: Progress,
    badge: Badge,
    created_ms: i64,
    may_delete: bool,
}

#[derive(Template)]
#[template(path = "batches.html")]
struct BatchesPage<'a> {
    l: &'a Look<'a>,
    kind: &'a Kind,
    rows: Vec<RowView>,
    shows_owner: bool,
    source: String,
    older: Option<String>,
    is_first: bool,
}

#[derive(Template)]
#[template(path = "batch_rows.html")]
struct RowsPart<'a> {
    l: &'a Look<'a>,
    kind: &'a Kind,
    rows: Vec<RowView>,
    shows_owner: bool,
}

/// The list's address.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ListQuery {
    /// The batch that this page begins after.
    before: String,
}

/// `GET /lab/batches`
pub(super) async fn experiments(
    State(lab): State<Lab>,
    caller: Caller,
    t: PageContext,
    ApiQuery(query): ApiQuery<ListQuery>,
) -> Result<Response, Problem> {
    list(&EXPERIMENTS, &lab, &caller, &t, &query).await
}

/// `GET /programs/batches`
pub(super) async fn programs(
    State(lab): State<Lab>,
    caller: Caller,
    t: PageContext,
    ApiQuery(query): ApiQuery<ListQuery>,
) -> Result<Response, Problem> {
    list(&PROGRAMS, &lab, &caller, &t, &query).await
}

/// `GET /lab/batches/rows`
pub(super) async fn experiment_rows(
    State(lab): State<Lab>,
    caller: Caller,
    t: PageContext,
    ApiQuery(query): ApiQuery<ListQuery>,
) -> Result<Html<String>, Problem> {
    list_part(&EXPERIMENTS, &lab, &caller, &t, &query).await
}

/// `GET /programs/batches/rows`
pub(super) async fn program_rows(
    State(lab): State<Lab>,
    caller: Caller,
    t: PageContext,
    ApiQuery(query): ApiQuery<ListQuery>,
) -> Result<Html<String>, Problem> {
    list_part(&PROGRAMS, &lab, &caller, &t, &query).await
}

async fn list(
    kind: &Kind,
    lab: &Lab,
    caller: &Caller,
    t: &PageContext,
    query: &ListQuery,
) -> Result<Response, Problem> {
    let look = Look::new(lab, t);
    let rows = rows_of(kind, lab, caller, &look, query).await?;
    let path = format!("{}/batches", kind.path);
    let older = (rows.len() == PAGE as usize).then(|| rows.last().map(|row| format!("{path}?before={}", row.id)));
    let is_first = query.before.is_empty();
    let source = if is_first { format!("{path}/rows") } else { format!("{path}/rows?before={}", query.before) };
    let shows_owner = caller.has(Role::Teacher);
    let page = BatchesPage { l: &look, kind, rows, shows_owner, source, older: older.flatten(), is_first };
    let (title, sub) = (t.text("batch-list-title"), Some(kind.batch_sub));
    let view = PageView {
        title,
        section: kind.section,
        sub,
        body: html(&page)?,
        scripts: vec!["lab.js"],
        ..PageView::default()
    };
    Ok(lab.portal().page(t, view))
}

async fn list_part(
    kind: &Kind,
    lab: &Lab,
    caller: &Caller,
    t: &PageContext,
    query: &ListQuery,
) -> Result<Html<String>, Problem> {
    let look = Look::new(lab, t);
    let rows = rows_of(kind, lab, caller, &look, query).await?;
    fragment(&RowsPart { l: &look, kind, rows, shows_owner: caller.has(Role::Teacher) })
}

async fn rows_of(
    kind: &Kind,
    lab: &Lab,
    caller: &Caller,
    look: &Look<'_>,
    query: &ListQuery,
) -> Result<Vec<RowView>, ServiceError> {
    let before = Some(query.before.as_str()).filter(|id| !id.is_empty());
    let before = before.map(|id| id.parse().map_err(|_| ServiceError::Cursor)).transpose()?;
    let batches = lab.batch_page(caller, Some(kind.kind), before, PAGE).await?;
    let row = |batch: &Batch| RowView {
        id: batch.id,
        name: batch.name.clone(),
        tool: kind.tool(lab, &batch.tool),
        owner: batch.owner.clone(),
        progress: Progress::of(batch),
        badge: look.batch(batch),
        created_ms: batch.created_ms,
        may_delete: may_change(caller, batch) && batch.status().is_final(),
    };
    Ok(batches.iter().map(row).collect())
}

/// One element in a table.
struct ElementRow {
    id: String,
    name: String,
    node: Option<String>,
    badge: Badge,
    created_ms: i64,
}

impl ElementRow {
    fn of(look: &Look<'_>, job: &Job) -> Self {
        Self {
            id: job.id.to_string(),
            name: job.name.clone(),
            node: job.node.clone(),
            badge: look.job(job, None),
            created_ms: job.created_ms,
        }
    }
}

/// A batch with all that its page shows.
struct Shown {
    batch: Batch,
    kind: &'static Kind,
    badge: Badge,
    progress: Progress,
    /// Counts that are not nothing: icon, class, key of the word, number.
    counts: Vec<(&'static str, &'static str, &'static str, u32)>,
    /// How fast it goes, and how long it will take still.
    pace: Vec<String>,
    /// Why nothing is started, or was.
    stopped: Option<String>,
    /// The same on a command line.
    command: String,
    tool: String,
    node: Option<String>,
    completed_ms: Option<i64>,
    failures: Vec<ElementRow>,
    newest: Vec<ElementRow>,
    may_cancel: bool,
    may_delete: bool,
}

#[derive(Template)]
#[template(path = "batch.html")]
struct BatchPage<'a> {
    l: &'a Look<'a>,
    s: &'a Shown,
}

/// The parts that change.
#[derive(Template)]
#[template(path = "batch_part.html")]
struct BatchPart<'a> {
    l: &'a Look<'a>,
    s: &'a Shown,
}

#[derive(Template)]
#[template(path = "batch_actions.html")]
struct BatchActions<'a> {
    l: &'a Look<'a>,
    s: &'a Shown,
}

/// `GET /lab/batches/{id}`
pub(super) async fn page(
    State(lab): State<Lab>,
    caller: Caller,
    t: PageContext,
    ApiPath(id): ApiPath<String>,
) -> Result<Response, Problem> {
    let look = Look::new(&lab, &t);
    let shown = shown(&lab, &caller, &look, &id).await?;
    let (section, sub) = (shown.kind.section, Some(shown.kind.batch_sub));
    let body = html(&BatchPage { l: &look, s: &shown })?;
    let actions = html(&BatchActions { l: &look, s: &shown })?;
    let title = shown.batch.name.clone();
    Ok(lab.portal().page(&t, PageView { title, section, sub, body, actions, scripts: vec!["lab.js"] }))
}

/// `GET /lab/batches/{id}/part`
pub(super) async fn part(
    State(lab): State<Lab>,
    caller: Caller,
    t: PageContext,
    ApiPath(id): ApiPath<String>,
) -> Result<Html<String>, Problem> {
    let look = Look::new(&lab, &t);
    let shown = shown(&lab, &caller, &look, &id).await?;
    fragment(&BatchPart { l: &look, s: &shown })
}

async fn shown(lab: &Lab, caller: &Caller, look: &Look<'_>, id: &str) -> Result<Shown, ServiceError> {
    let batch = lab.batch_view(caller, batch_id(id)?).await?;
    let kind = Kind::of(batch.kind);
    let failures = lab.batch_failures(&batch, SHOWN).await?;
    let elements = JobFilter { batch: Some(batch.id), ..JobFilter::default() };
    let newest = lab.job_page(caller, &elements, None, SHOWN).await?;
    let node = lab.batch_node(&batch).await?;
    let is_over = batch.status().is_final();
    let is_own = may_change(caller, &batch);
    Ok(Shown {
        kind,
        badge: look.batch(&batch),
        progress: Progress::of(&batch),
        counts: counts(&batch),
        pace: pace(look, &batch),
        stopped: stopped(look, &batch, lab.batch_waits(&batch).await?),
        command: batch.asked_by(node.as_deref()),
        tool: kind.tool(lab, &batch.tool),
        node,
        completed_ms: batch.tally.last_ms.filter(|_| is_over),
        failures: failures.iter().map(|job| ElementRow::of(look, job)).collect(),
        newest: newest.iter().map(|job| ElementRow::of(look, job)).collect(),
        may_cancel: is_own && !is_over && !batch.is_cancelled,
        may_delete: is_own && is_over,
        batch,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::batch::Tally;

    #[test]
    fn the_bar_shows_every_count_and_ends_where_it_ends() {
        let tally = Tally { done: 50_000, failed: 1, cancelled: 0, last_ms: Some(1) };
        let parts = Progress::of(&Batch { taken: 60_000, tally, ..Batch::example(100_000) }).parts;
        let seen: Vec<_> = parts.iter().map(|part| (part.class, part.at, part.width)).collect();
        assert_eq!(seen, [("bar-done", 0, 500), ("bar-failed", 500, 4), ("bar-running", 500, 100)]);
        let tally = Tally { done: 99_999, failed: 1, cancelled: 0, last_ms: Some(1) };
        let parts = Progress::of(&Batch { taken: 100_000, tally, ..Batch::example(100_000) }).parts;
        assert!(parts.iter().all(|part| part.at + part.width <= BAR), "a part sticks out");
    }
}
