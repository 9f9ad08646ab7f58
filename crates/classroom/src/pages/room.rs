//! The pages of rooms: the list, and one room.

mod form;
mod join;
#[cfg(test)]
mod tests;

use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{Html, IntoResponse as _, Response};
use axum::routing::{get, post};
use portal::{ApiPath, ApiQuery, Caller, Flash, PageContext, PageView, Problem, Role, redirect};
use serde::Deserialize;

use super::look::{Badge, Look, html};
use crate::Classroom;
use crate::model::room::{ROOMS_MAX, Room, RoomId};
use crate::queries::room::Whose;
use crate::service::ServiceError;
use crate::service::room::RoomView;
use crate::service::room::visit::Door;

/// Rooms of others on a page.
const PAGE: i64 = 50;

pub(super) fn router() -> Router<Classroom> {
    Router::new()
        .route("/classrooms", get(list).post(form::create))
        .route("/classrooms/part", get(list_part))
        .route("/classrooms/new", get(form::new))
        .route("/classrooms/{id}", get(show).post(form::change))
        .route("/classrooms/{id}/part", get(part))
        .route("/classrooms/{id}/edit", get(form::edit))
        .route("/classrooms/{id}/enter", post(enter))
        .route("/classrooms/{id}/end", post(end))
        .route("/classrooms/{id}/renew", post(renew))
        .route("/classrooms/{id}/delete", post(delete))
        .route("/classrooms/{id}/left", get(join::left))
        .route("/join/{invitation}", get(join::show).post(join::enter))
        .route("/join/{invitation}/part", get(join::part))
}

/// A room in a list.
struct Row {
    view: RoomView,
    state: Badge,
    /// The label of the button that leads in; `None`: one has to wait.
    way_in: Option<&'static str>,
}

fn row_of(look: &Look<'_>, view: RoomView) -> Row {
    let is_full = view.settings.people_max.is_some_and(|most| view.live.users >= most);
    let way_in = match view.live.is_open {
        true if is_full && !view.is_yours => None,
        true => Some("room-join"),
        false if view.is_yours || view.settings.anyone_starts => Some("room-start"),
        false => None,
    };
    Row { state: state(look, &view), way_in, view }
}

fn state(look: &Look<'_>, view: &RoomView) -> Badge {
    match view.live.is_open {
        true => look.badge("broadcast", "state-good", "room-open"),
        false => look.badge("circle", "state-idle", "room-not-open"),
    }
}

/// The lists of a page.
struct Lists {
    own: Vec<Row>,
    others: Vec<Row>,
    /// The page of others after this one.
    next: Option<String>,
}

#[derive(Template)]
#[template(path = "rooms.html")]
struct ListPage<'a> {
    shown: &'a ListPart<'a>,
    /// Where the part is.
    part: String,
}

#[derive(Template)]
#[template(path = "rooms_part.html")]
struct ListPart<'a> {
    l: &'a Look<'a>,
    lists: Lists,
    is_teacher: bool,
    lacks_servers: bool,
}

#[derive(Template)]
#[template(
    source = "<a class=\"btn btn-primary\" href=\"/classrooms/new\" data-new>{{ l.icon(\"plus-lg\")|safe }} {{ l.text(\"room-new\") }}</a>",
    ext = "html"
)]
struct NewButton<'a> {
    l: &'a Look<'a>,
}

#[derive(Deserialize)]
struct ListQuery {
    after: Option<String>,
}

async fn lists(
    classroom: &Classroom,
    caller: &Caller,
    look: &Look<'_>,
    query: &ListQuery,
) -> Result<Lists, ServiceError> {
    let after = query.after.as_deref().and_then(RoomId::parse);
    let rows = |rooms: &[Room]| -> Vec<Row> {
        rooms.iter().map(|room| row_of(look, classroom.room_view(caller, room))).collect()
    };
    // Rooms of one's own stand on the first page.
    let own = match after {
        None => classroom.room_list(caller, Whose::Of(caller.account.clone()), None, ROOMS_MAX).await?,
        Some(_) => Vec::new(),
    };
    let mut others = classroom.room_list(caller, Whose::NotOf(caller.account.clone()), after, PAGE + 1).await?;
    let is_more = others.len() as i64 > PAGE;
    others.truncate(PAGE as usize);
    let next = others.last().filter(|_| is_more).map(|room| format!("/classrooms?after={}", room.id));
    Ok(Lists { own: rows(&own), others: rows(&others), next })
}

/// `GET /classrooms`
async fn list(
    State(classroom): State<Classroom>,
    caller: Caller,
    t: PageContext,
    ApiQuery(query): ApiQuery<ListQuery>,
) -> Result<Response, Problem> {
    let look = Look::new(&t);
    let lists = lists(&classroom, &caller, &look, &query).await?;
    let is_teacher = caller.has(Role::Teacher);
    let part = match query.after.as_deref().and_then(RoomId::parse) {
        Some(after) => format!("/classrooms/part?after={after}"),
        None => "/classrooms/part".to_owned(),
    };
    // An empty page has the button in its middle.
    let is_empty = lists.own.is_empty() && lists.others.is_empty();
    let shown = ListPart { l: &look, lists, is_teacher, lacks_servers: !classroom.has_servers() };
    let body = html(&ListPage { shown: &shown, part })?;
    let actions = if is_teacher && !is_empty { html(&NewButton { l: &look })? } else { String::new() };
    let title = t.text("nav-classrooms");
    let view = PageView { title, section: "classrooms", sub: Some("rooms"), body, actions, ..PageView::default() };
    Ok(classroom.portal().page(&t, view))
}

/// `GET /classrooms/part`
async fn list_part(
    State(classroom): State<Classroom>,
    caller: Caller,
    t: PageContext,
    ApiQuery(query): ApiQuery<ListQuery>,
) -> Result<Html<String>, Problem> {
    let look = Look::new(&t);
    let lists = lists(&classroom, &caller, &look, &query).await?;
    let (is_teacher, lacks_servers) = (caller.has(Role::Teacher), !classroom.has_servers());
    html(&ListPart { l: &look, lists, is_teacher, lacks_servers }).map(Html)
}

#[derive(Template)]
#[template(path = "room.html")]
struct RoomPage<'a> {
    l: &'a Look<'a>,
    row: &'a Row,
    part: &'a RoomPart<'a>,
    /// Why the last wish was not done.
    wrong: Option<String>,
}

#[derive(Template)]
#[template(path = "room_part.html")]
struct RoomPart<'a> {
    l: &'a Look<'a>,
    row: Row,
    door: Door,
    is_teacher: bool,
    lacks_servers: bool,
}

#[derive(Template)]
#[template(
    source = "<a class=\"btn btn-outline-primary\" href=\"/classrooms/{{ id }}/edit\">{{ l.icon(\"pencil\")|safe }} {{ l.text(\"room-edit\") }}</a>",
    ext = "html"
)]
struct EditButton<'a> {
    l: &'a Look<'a>,
    id: &'a str,
}

/// `GET /classrooms/{id}`
async fn show(
    State(classroom): State<Classroom>,
    caller: Caller,
    t: PageContext,
    ApiPath(id): ApiPath<String>,
) -> Result<Response, Problem> {
    let room = classroom.room_find(&caller, &id).await?;
    page(&classroom, &caller, &t, &room, None).await
}

async fn page(
    classroom: &Classroom,
    caller: &Caller,
    t: &PageContext,
    room: &Room,
    wrong: Option<String>,
) -> Result<Response, Problem> {
    let look = Look::new(t);
    let door = classroom.room_door(room, Some(caller)).await?;
    let row = row_of(&look, classroom.room_view(caller, room));
    let (is_teacher, lacks_servers) = (caller.has(Role::Teacher), !classroom.has_servers());
    let part = RoomPart { l: &look, row, door, is_teacher, lacks_servers };
    let view = &part.row.view;
    let actions = if view.is_yours { html(&EditButton { l: &look, id: &view.id })? } else { String::new() };
    let body = html(&RoomPage { l: &look, row: &part.row, part: &part, wrong })?;
    let title = room.name.clone();
    let view = PageView { title, section: "classrooms", sub: Some("rooms"), body, actions, ..PageView::default() };
    Ok(classroom.portal().page(t, view))
}

/// `GET /classrooms/{id}/part`
async fn part(
    State(classroom): State<Classroom>,
    caller: Caller,
    t: PageContext,
    ApiPath(id): ApiPath<String>,
) -> Result<Html<String>, Problem> {
    let room = classroom.room_find(&caller, &id).await?;
    let look = Look::new(&t);
    let door = classroom.room_door(&room, Some(&caller)).await?;
    let row = row_of(&look, classroom.room_view(&caller, &room));
    let (is_teacher, lacks_servers) = (caller.has(Role::Teacher), !classroom.has_servers());
    html(&RoomPart { l: &look, row, door, is_teacher, lacks_servers }).map(Html)
}

/// `POST /classrooms/{id}/enter`: begins the meeting where it is not held, and leads to it.
async fn enter(
    State(classroom): State<Classroom>,
    caller: Caller,
    t: PageContext,
    ApiPath(id): ApiPath<String>,
) -> Result<Response, Problem> {
    let room = classroom.room_find(&caller, &id).await?;
    match classroom.room_join(&room, Some(&caller), ("", "")).await {
        Ok(url) => entering(&classroom, &t, &room.name, &url),
        Err(error) => page_again(&classroom, &caller, &t, &room, error.into()).await,
    }
}

/// The page again with the reason why what was wished is not done; our own faults are passed on.
async fn page_again(
    classroom: &Classroom,
    caller: &Caller,
    t: &PageContext,
    room: &Room,
    problem: Problem,
) -> Result<Response, Problem> {
    if problem.status() == axum::http::StatusCode::INTERNAL_SERVER_ERROR {
        return Err(problem);
    }
    let mut response = page(classroom, caller, t, room, Some(t.problem_text(&problem))).await?;
    *response.status_mut() = problem.status();
    Ok(response)
}

#[derive(Template)]
#[template(
    source = "<p>{{ l.text(\"room-entering-text\") }}</p><p><a class=\"btn btn-primary btn-lg\" href=\"{{ url }}\">{{ l.text(\"room-enter\") }}</a></p>",
    ext = "html"
)]
struct Entering<'a> {
    l: &'a Look<'a>,
    url: &'a str,
}

/// Leads to a conference server. Browsers follow no redirection of a form to another site, since our pages say that forms
/// go nowhere else; a page that leads on by itself is no redirection.
fn entering(classroom: &Classroom, t: &PageContext, room: &str, url: &str) -> Result<Response, Problem> {
    let look = Look::new(t);
    let body = html(&Entering { l: &look, url })?;
    let view =
        PageView { title: t.arg("room-entering", "room", room), section: "classrooms", body, ..PageView::default() };
    let mut response = classroom.portal().page(t, view);
    let refresh = HeaderValue::from_str(&format!("0; url={url}")).map_err(Problem::bug)?;
    response.headers_mut().insert(header::REFRESH, refresh);
    Ok(response)
}

/// `POST /classrooms/{id}/end`
async fn end(
    State(classroom): State<Classroom>,
    caller: Caller,
    t: PageContext,
    ApiPath(id): ApiPath<String>,
) -> Result<Response, Problem> {
    let room = classroom.room_own(&caller, &id).await?;
    match classroom.room_end(&caller, &room).await {
        Ok(()) => Ok(redirect(&format!("/classrooms/{}", room.id), Some(Flash::done("flash-room-ended")))),
        Err(error) => page_again(&classroom, &caller, &t, &room, error.into()).await,
    }
}

/// `POST /classrooms/{id}/renew`
async fn renew(
    State(classroom): State<Classroom>,
    caller: Caller,
    ApiPath(id): ApiPath<String>,
) -> Result<Response, Problem> {
    let room = classroom.room_renew(&caller, &id).await?;
    Ok(redirect(&format!("/classrooms/{}", room.id), Some(Flash::done("flash-room-renewed"))))
}

/// `POST /classrooms/{id}/delete`
async fn delete(
    State(classroom): State<Classroom>,
    caller: Caller,
    t: PageContext,
    ApiPath(id): ApiPath<String>,
) -> Result<Response, Problem> {
    match classroom.room_delete(&caller, &id).await {
        Ok(()) => Ok(redirect("/classrooms", Some(Flash::done("flash-room-deleted")))),
        Err(error) => {
            let room = classroom.room_own(&caller, &id).await?;
            page_again(&classroom, &caller, &t, &room, error.into()).await.map(|page| page.into_response())
        }
    }
}
