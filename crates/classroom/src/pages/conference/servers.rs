//! Conference servers and running meetings at a glance, for operators. Polls change the numbers all the time, so that the
//! part is read again every few seconds, and at once when a meeting began or ended.

use askama::Template;
use axum::extract::State;
use axum::response::{Html, Response};
use placement::{AdminState, Health};
use portal::{ApiPath, Caller, Flash, PageContext, PageForm, PageView, Problem, redirect};
use serde::Deserialize;

use super::Mistake;
use crate::Classroom;
use crate::model::capacity::TARGET_USERS;
use crate::model::server::{ServerId, WEIGHT_USUAL};
use crate::pages::look::{Badge, Look, html};
use crate::service::meeting::MeetingView;
use crate::service::overview::MeetingFilter;
use crate::service::server::{ServerChange, ServerNew, ServerView};

/// Most meetings on the page; the command line lists all.
const MEETINGS_SHOWN: usize = 100;
const FIELDS: [&str; 4] = ["url", "secret", "tag", "weight"];

struct ServerRow {
    view: ServerView,
    state: Badge,
    /// `None` for one that is disabled, since nobody asks it.
    health: Option<Badge>,
    /// Thousandths of what it should bear.
    share: u64,
    load: String,
    /// What it may be put into: word, label key and icon.
    moves: Vec<(&'static str, &'static str, &'static str)>,
    /// There is something to end.
    may_panic: bool,
    may_remove: bool,
}

struct MeetingRow {
    view: MeetingView,
    tenant: String,
    began: String,
}

/// What changes while the page is open.
struct Tables {
    servers: Vec<ServerRow>,
    meetings: Vec<MeetingRow>,
    is_more: bool,
}

#[derive(Template)]
#[template(path = "conference.html")]
struct ServersPage<'a> {
    l: &'a Look<'a>,
    s: Tables,
    new: NewServer,
    wrong: Mistake,
    is_admin: bool,
}

#[derive(Template)]
#[template(path = "conference_part.html")]
struct ServersPart<'a> {
    l: &'a Look<'a>,
    s: Tables,
}

/// A server to be added, as it was typed.
#[derive(Default, Deserialize)]
pub(super) struct NewServer {
    url: String,
    secret: String,
    #[serde(default)]
    tag: String,
    #[serde(default)]
    weight: String,
}

/// `GET /conference`
pub(super) async fn page(
    State(classroom): State<Classroom>,
    caller: Caller,
    t: PageContext,
) -> Result<Response, Problem> {
    show(&classroom, &caller, &t, NewServer::default(), Mistake::default())
}

fn show(
    classroom: &Classroom,
    caller: &Caller,
    t: &PageContext,
    new: NewServer,
    wrong: Mistake,
) -> Result<Response, Problem> {
    let look = Look::new(t);
    let s = tables(classroom, caller, &look)?;
    let is_admin = t.has(portal::Role::Admin);
    let body = html(&ServersPage { l: &look, s, new, wrong, is_admin })?;
    let sub = Some("conference-servers");
    let view = PageView { title: t.text("conference-title"), section: "conference", sub, body, ..PageView::default() };
    Ok(classroom.portal().page(t, view))
}

/// `GET /conference/part`
pub(super) async fn part(
    State(classroom): State<Classroom>,
    caller: Caller,
    t: PageContext,
) -> Result<Html<String>, Problem> {
    let look = Look::new(&t);
    let s = tables(&classroom, &caller, &look)?;
    html(&ServersPart { l: &look, s }).map(Html)
}

fn tables(classroom: &Classroom, caller: &Caller, look: &Look<'_>) -> Result<Tables, Problem> {
    let servers = classroom.server_views().into_iter().map(|view| server_row(classroom, look, view)).collect();
    let entries = classroom.directory().entries();
    let filter = MeetingFilter { limit: MEETINGS_SHOWN, ..MeetingFilter::default() };
    let page = classroom.meeting_page(caller, &filter)?;
    let meeting_row = |view: MeetingView| MeetingRow {
        tenant: entries.find(&view.tenant).map_or_else(String::new, |entry| entry.name.clone()),
        began: view
            .created
            .parse()
            .map_or_else(|_| "–".to_owned(), |at: jiff::Timestamp| look.t.time(at.as_millisecond())),
        view,
    };
    Ok(Tables { servers, meetings: page.items.into_iter().map(meeting_row).collect(), is_more: page.next.is_some() })
}

fn server_row(classroom: &Classroom, look: &Look<'_>, view: ServerView) -> ServerRow {
    let (icon, class, key) = match view.state {
        AdminState::Enabled => ("play-fill", "state-plain", "conference-enabled"),
        AdminState::Cordoned => ("pause-fill", "state-warn", "conference-cordoned"),
        AdminState::Disabled => ("stop-fill", "state-idle", "conference-disabled"),
    };
    let health = match view.health {
        Health::Up => look.badge("check-circle-fill", "state-good", "conference-up"),
        Health::Suspect => look.badge("exclamation-triangle-fill", "state-warn", "conference-suspect"),
        Health::Down => look.badge("x-circle-fill", "state-bad", "conference-down"),
    };
    let is_disabled = view.state == AdminState::Disabled;
    let placed = ServerId::parse(&view.id).map_or(0, |id| classroom.meetings_on(&id));
    let all = [
        (AdminState::Enabled, "conference-enable", "play-fill", true),
        (AdminState::Cordoned, "conference-cordon", "pause-fill", !is_disabled),
        (AdminState::Disabled, "conference-disable", "stop-fill", placed == 0),
    ];
    let moves = all.into_iter().filter(|(state, _, _, may)| *may && *state != view.state);
    let bears = f64::from(TARGET_USERS) * f64::from(view.weight) / f64::from(WEIGHT_USUAL);
    ServerRow {
        state: look.badge(icon, class, key),
        health: (!is_disabled).then_some(health),
        share: (view.load / bears * 1000.0).min(1000.0) as u64,
        load: format!("{:.1}", view.load),
        moves: moves.map(|(state, label, icon, _)| (state.as_str(), label, icon)).collect(),
        may_panic: placed > 0 || view.meetings > 0,
        may_remove: placed == 0,
        view,
    }
}

/// `POST /conference`
pub(super) async fn add(
    State(classroom): State<Classroom>,
    caller: Caller,
    t: PageContext,
    PageForm(form): PageForm<NewServer>,
) -> Result<Response, Problem> {
    // What is no number is wrong in the same way as one out of bounds.
    let weight = form.weight.trim();
    let new = ServerNew {
        url: form.url.clone(),
        secret: form.secret.clone(),
        tag: form.tag.clone(),
        weight: (!weight.is_empty()).then(|| weight.parse().unwrap_or(0)),
        ..ServerNew::default()
    };
    match classroom.server_add(&caller, new).await {
        Ok(_) => Ok(redirect("/conference", Some(Flash::done("flash-conference-added")))),
        Err(error) => show(&classroom, &caller, &t, form, Mistake::of(&t, error)?),
    }
}

#[derive(Deserialize)]
pub(super) struct StateForm {
    state: String,
}

/// `POST /conference/servers/{id}/state`
pub(super) async fn set_state(
    State(classroom): State<Classroom>,
    caller: Caller,
    ApiPath(id): ApiPath<String>,
    PageForm(form): PageForm<StateForm>,
) -> Result<Response, Problem> {
    let state: AdminState = form
        .state
        .parse()
        .map_err(|_| Problem::bad_request("state", "state is enabled, cordoned or disabled.").field("state"))?;
    let change = ServerChange { state: Some(state), ..ServerChange::default() };
    classroom.server_change(&caller, &id, change).await?;
    Ok(redirect("/conference", Some(Flash::done(&format!("flash-conference-{}", state.as_str())))))
}

/// `POST /conference/servers/{id}/panic`
pub(super) async fn panic(
    State(classroom): State<Classroom>,
    caller: Caller,
    ApiPath(id): ApiPath<String>,
) -> Result<Response, Problem> {
    classroom.server_panic(&caller, &id).await?;
    Ok(redirect("/conference", Some(Flash::done("flash-conference-panicked"))))
}

/// `POST /conference/servers/{id}/remove`
pub(super) async fn remove(
    State(classroom): State<Classroom>,
    caller: Caller,
    ApiPath(id): ApiPath<String>,
) -> Result<Response, Problem> {
    classroom.server_remove(&caller, &id).await?;
    Ok(redirect("/conference", Some(Flash::done("flash-conference-removed"))))
}

/// The meeting that is to end.
#[derive(Deserialize)]
pub(super) struct EndForm {
    tenant: String,
    meeting_id: String,
}

/// `POST /conference/meetings/end`
pub(super) async fn meeting_end(
    State(classroom): State<Classroom>,
    caller: Caller,
    PageForm(form): PageForm<EndForm>,
) -> Result<Response, Problem> {
    classroom.meeting_end_named(&caller, Some(&form.tenant), &form.meeting_id).await?;
    Ok(redirect("/conference", Some(Flash::done("flash-meeting-ended"))))
}
