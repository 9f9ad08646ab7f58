//! The overviews of experiments (L1) and of programs: pinned examples first, then the reader's own. The filter is the address, so that a list can be
//! kept and sent; pages go by keyset, and the cursors of the newer pages travel in the address as well.

use askama::Template;
use axum::extract::State;
use axum::response::{Html, Response};
use portal::{ApiQuery, Caller, PageContext, PageView, Problem, Role};
use serde::Deserialize;
use url::form_urlencoded::Serializer;

use super::kind::{EXPERIMENTS, Kind, PROGRAMS};
use super::look::{Badge, Look, fragment, html};
use crate::Lab;
use crate::api::batch::batch_id;
use crate::api::job::{FAILED, cursor, cursor_text, filter};
use crate::model::batch::Batch;
use crate::model::job::{Job, JobKind, JobStatus};
use crate::queries::list::JobFilter;
use crate::service::ServiceError;

/// Jobs of one page.
const PAGE: u32 = 50;
/// Newer pages that the way back is kept for.
const TRAIL_MAX: usize = 20;

/// The list's address. Empty texts, as forms send them, mean: not given.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ListQuery {
    q: String,
    scope: String,
    tool: String,
    node: String,
    status: String,
    /// A batch whose elements are listed.
    batch: String,
    /// Cursor that this page begins after.
    before: String,
    /// Cursors of the pages before, newest first, joined by commas.
    trail: String,
}

impl ListQuery {
    fn address(&self, path: &str) -> String {
        let mut query = Serializer::new(String::new());
        let pairs = [
            ("scope", &self.scope),
            ("q", &self.q),
            ("tool", &self.tool),
            ("node", &self.node),
            ("status", &self.status),
            ("batch", &self.batch),
            ("before", &self.before),
            ("trail", &self.trail),
        ];
        for (name, value) in pairs.into_iter().filter(|(_, value)| !value.is_empty()) {
            query.append_pair(name, value);
        }
        let query = query.finish();
        if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
    }

    fn first_page(&self) -> Self {
        Self { before: String::new(), trail: String::new(), ..self.clone() }
    }

    fn older(&self, last: String) -> Self {
        let mut trail: Vec<&str> = self.trail.split(',').filter(|cursor| !cursor.is_empty()).collect();
        if !self.before.is_empty() {
            trail.push(&self.before);
        }
        let kept = trail[trail.len().saturating_sub(TRAIL_MAX)..].join(",");
        Self { before: last, trail: kept, ..self.clone() }
    }

    fn newer(&self) -> Option<Self> {
        let (trail, before) = self.trail.rsplit_once(',').unwrap_or(("", &self.trail));
        (!self.before.is_empty()).then(|| Self { before: before.to_owned(), trail: trail.to_owned(), ..self.clone() })
    }

    /// The same text in the list of the other kind.
    fn in_other(&self, kind: &Kind) -> String {
        Self { q: self.q.clone(), ..Self::default() }.address(kind.other)
    }

    fn is_filtered(&self) -> bool {
        [&self.q, &self.tool, &self.node, &self.status, &self.batch, &self.before].iter().any(|text| !text.is_empty())
            || !matches!(self.scope.as_str(), "" | "all")
    }

    fn filter(&self, kind: JobKind, caller: &Caller) -> Result<JobFilter, ServiceError> {
        let given = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        Ok(JobFilter {
            kind: Some(kind),
            tool: given(&self.tool),
            node: given(&self.node),
            batch: given(&self.batch).map(|id| batch_id(&id)).transpose()?,
            text: given(&self.q),
            ..filter(caller, Some(&self.scope), Some(self.status.trim()))?
        })
    }
}

/// One job in the list.
struct RowView {
    id: String,
    name: String,
    tool: String,
    node: Option<String>,
    owner: String,
    badge: Badge,
    created_ms: i64,
    pinned: bool,
    may_delete: bool,
}

/// One part of the segmented control.
struct Segment {
    href: String,
    label: String,
    is_open: bool,
}

#[derive(Template)]
#[template(path = "overview.html")]
struct OverviewPage<'a> {
    l: Look<'a>,
    kind: &'a Kind,
    query: &'a ListQuery,
    rows: Vec<RowView>,
    shows_owner: bool,
    source: String,
    segments: Vec<Segment>,
    tools: Vec<(String, String)>,
    nodes: Vec<String>,
    statuses: Vec<&'static str>,
    /// The batch whose elements these are.
    of_batch: Option<Batch>,
    older: Option<String>,
    newer: Option<String>,
    is_first: bool,
    is_filtered: bool,
}

#[derive(Template)]
#[template(path = "overview_rows.html")]
struct RowsPart<'a> {
    l: Look<'a>,
    rows: Vec<RowView>,
    shows_owner: bool,
    kind: &'a Kind,
}

#[derive(Template)]
#[template(path = "overview_action.html")]
struct Action<'a> {
    l: Look<'a>,
    kind: &'a Kind,
}

/// `GET /lab`
pub(super) async fn page(
    State(lab): State<Lab>,
    caller: Caller,
    t: PageContext,
    ApiQuery(query): ApiQuery<ListQuery>,
) -> Result<Response, Problem> {
    page_of(&EXPERIMENTS, &lab, &caller, &t, &query).await
}

/// `GET /lab/rows`
pub(super) async fn rows(
    State(lab): State<Lab>,
    caller: Caller,
    t: PageContext,
    ApiQuery(query): ApiQuery<ListQuery>,
) -> Result<Html<String>, Problem> {
    part_of(&EXPERIMENTS, &lab, &caller, &t, &query).await
}

/// `GET /programs`
pub(super) async fn programs(
    State(lab): State<Lab>,
    caller: Caller,
    t: PageContext,
    ApiQuery(query): ApiQuery<ListQuery>,
) -> Result<Response, Problem> {
    page_of(&PROGRAMS, &lab, &caller, &t, &query).await
}

/// `GET /programs/rows`
pub(super) async fn program_rows(
    State(lab): State<Lab>,
    caller: Caller,
    t: PageContext,
    ApiQuery(query): ApiQuery<ListQuery>,
) -> Result<Html<String>, Problem> {
    part_of(&PROGRAMS, &lab, &caller, &t, &query).await
}

async fn page_of(
    kind: &Kind,
    lab: &Lab,
    caller: &Caller,
    t: &PageContext,
    query: &ListQuery,
) -> Result<Response, Problem> {
    let of_batch = match query.batch.as_str() {
        "" => None,
        id => Some(lab.batch_view(caller, batch_id(id)?).await?),
    };
    let jobs = list(kind, lab, caller, query).await?;
    let older = (jobs.len() == PAGE as usize).then(|| jobs.last().map(cursor_text)).flatten();
    let nodes = lab.node_list().await?.into_iter().map(|node| node.name).collect();
    let body = html(&OverviewPage {
        l: Look::new(lab, t),
        kind,
        rows: rows_of(lab, caller, t, &jobs).await?,
        shows_owner: caller.has(Role::Teacher),
        source: query.address(&format!("{}/rows", kind.path)),
        segments: segments(kind, caller, query),
        tools: kind.tools(lab),
        nodes,
        statuses: std::iter::once(FAILED).chain(JobStatus::ALL.map(JobStatus::as_str)).collect(),
        older: older.map(|last| query.older(last).address(kind.path)),
        newer: query.newer().map(|newer| newer.address(kind.path)),
        is_first: query.before.is_empty(),
        is_filtered: query.is_filtered(),
        of_batch,
        query,
    })?;
    let actions = html(&Action { l: Look::new(lab, t), kind })?;
    let (title, sub) = if query.batch.is_empty() {
        (t.text(&kind.key("overview-title")), kind.sub)
    } else {
        (t.text("batch-elements"), kind.batch_sub)
    };
    let scripts = vec!["lab.js"];
    let view = PageView { title, section: kind.section, sub: Some(sub), body, actions, scripts };
    Ok(lab.portal().page(t, view))
}

async fn part_of(
    kind: &Kind,
    lab: &Lab,
    caller: &Caller,
    t: &PageContext,
    query: &ListQuery,
) -> Result<Html<String>, Problem> {
    let jobs = list(kind, lab, caller, query).await?;
    let rows = rows_of(lab, caller, t, &jobs).await?;
    fragment(&RowsPart { l: Look::new(lab, t), rows, shows_owner: caller.has(Role::Teacher), kind })
}

async fn list(kind: &Kind, lab: &Lab, caller: &Caller, query: &ListQuery) -> Result<Vec<Job>, ServiceError> {
    let before = Some(query.before.as_str()).filter(|text| !text.is_empty()).map(cursor).transpose()?;
    lab.job_page(caller, &query.filter(kind.kind, caller)?, before, PAGE).await
}

async fn rows_of(lab: &Lab, caller: &Caller, t: &PageContext, jobs: &[Job]) -> Result<Vec<RowView>, ServiceError> {
    let places = lab.job_places(jobs).await?;
    let look = Look::new(lab, t);
    let row = |job: &Job| RowView {
        id: job.id.to_string(),
        name: job.name.clone(),
        tool: Kind::of(job.kind).tool(lab, &job.tool),
        node: job.node.clone(),
        owner: job.owner.clone(),
        badge: look.job(job, places.of(job)),
        created_ms: job.created_ms,
        pinned: job.pinned,
        may_delete: job.status.is_final() && (job.account == caller.account.as_str() || caller.has(Role::Operator)),
    };
    Ok(jobs.iter().map(row).collect())
}

fn segments(kind: &Kind, caller: &Caller, query: &ListQuery) -> Vec<Segment> {
    // The first holds everything the caller may see: for a teacher that is the class.
    let widest: &[&str] = match caller.roles.highest() {
        Role::Learner => &["all"],
        Role::Teacher => &["class"],
        Role::Operator | Role::Admin => &["all", "class"],
    };
    let scopes = [widest, &["mine", "pinned"]].concat();
    let open = scopes.iter().copied().find(|scope| *scope == query.scope).unwrap_or(widest[0]);
    let segment = |scope: &str| Segment {
        href: ListQuery { scope: scope.to_owned(), ..query.first_page() }.address(kind.path),
        label: kind.key(&format!("scope-{scope}")),
        is_open: scope == open,
    };
    scopes.into_iter().map(segment).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_back_goes_through_every_page() {
        let first = ListQuery { q: "a b".into(), ..ListQuery::default() };
        let second = first.older("n1".into());
        let third = second.older("n2".into());
        assert_eq!(third.address("/lab"), "/lab?q=a+b&before=n2&trail=n1");
        let back = third.newer().unwrap();
        assert_eq!(back.address("/lab"), "/lab?q=a+b&before=n1");
        let start = back.newer().unwrap();
        assert_eq!(start.address("/lab"), "/lab?q=a+b");
        assert!(start.newer().is_none());
    }
}
