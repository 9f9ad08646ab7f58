//! Where an invitation leads: everybody may see it. It works without scripts, by loading it again.

use askama::Template;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{Html, Response};
use portal::{ApiPath, PageContext, PageForm, PageView, Problem, redirect};
use serde::Deserialize;

use super::entering;
use crate::Classroom;
use crate::model::room::{NAME_CHARS_MAX, Room};
use crate::model::token::word;
use crate::pages::look::{Look, html};
use crate::service::ServiceError;
use crate::service::room::visit::Door;

/// The cookie by which somebody without an account is the same person when they come again, s (30 days).
const GUEST: &str = "amphi_guest";
const GUEST_FOR_S: u32 = 30 * 86_400;

#[derive(Template)]
#[template(path = "join.html")]
struct JoinPage<'a> {
    l: &'a Look<'a>,
    room: &'a Room,
    part: &'a JoinPart<'a>,
    /// The tenant's name, for those who need an account.
    tenant: String,
    /// Whether the reader may change the room.
    is_host: bool,
    name: &'a str,
    /// What is wrong with the name.
    wrong: String,
    /// Why one did not get in.
    refused: String,
}

#[derive(Template)]
#[template(path = "join_part.html")]
struct JoinPart<'a> {
    l: &'a Look<'a>,
    /// The page.
    here: String,
    door: Door,
    lacks_servers: bool,
}

fn here(room: &Room) -> String {
    format!("/join/{}", room.invitation.expose())
}

/// `GET /join/{invitation}`
pub(super) async fn show(
    State(classroom): State<Classroom>,
    t: PageContext,
    ApiPath(invitation): ApiPath<String>,
) -> Result<Response, Problem> {
    let room = classroom.room_invited(&invitation).await?;
    page(&classroom, &t, &room, "", None).await
}

async fn page(
    classroom: &Classroom,
    t: &PageContext,
    room: &Room,
    name: &str,
    problem: Option<&Problem>,
) -> Result<Response, Problem> {
    let look = Look::new(t);
    let caller = t.caller.as_ref();
    let sentence = |is_name: bool| match problem {
        Some(problem) if (problem.field_name() == Some("name")) == is_name => t.problem_text(problem),
        Some(_) | None => String::new(),
    };
    let door = classroom.room_door(room, caller).await?;
    let part = JoinPart { l: &look, here: here(room), door, lacks_servers: !classroom.has_servers() };
    let body = html(&JoinPage {
        l: &look,
        room,
        part: &part,
        tenant: classroom.room_tenant_title(room),
        is_host: caller.is_some_and(|caller| classroom.room_view(caller, room).is_yours),
        name,
        wrong: sentence(true),
        refused: sentence(false),
    })?;
    let mut response = classroom.portal().page(t, PageView { title: room.name.clone(), body, ..PageView::default() });
    if let Some(problem) = problem {
        *response.status_mut() = problem.status();
    }
    Ok(response)
}

/// `GET /join/{invitation}/part`
pub(super) async fn part(
    State(classroom): State<Classroom>,
    t: PageContext,
    ApiPath(invitation): ApiPath<String>,
) -> Result<Html<String>, Problem> {
    let room = classroom.room_invited(&invitation).await?;
    let look = Look::new(&t);
    let door = classroom.room_door(&room, t.caller.as_ref()).await?;
    html(&JoinPart { l: &look, here: here(&room), door, lacks_servers: !classroom.has_servers() }).map(Html)
}

#[derive(Deserialize)]
pub(super) struct Guest {
    #[serde(default)]
    name: String,
}

/// `POST /join/{invitation}`
pub(super) async fn enter(
    State(classroom): State<Classroom>,
    t: PageContext,
    ApiPath(invitation): ApiPath<String>,
    headers: HeaderMap,
    PageForm(form): PageForm<Guest>,
) -> Result<Response, Problem> {
    let room = classroom.room_invited(&invitation).await?;
    let guest = guest_of(&headers).unwrap_or_else(word);
    match classroom.room_join(&room, t.caller.as_ref(), (&form.name, &guest)).await {
        Ok(url) => {
            let mut response = entering(&classroom, &t, &room.name, &url)?;
            if t.caller.is_none() {
                let secure = if t.base_url.starts_with("https:") { "; Secure" } else { "" };
                let cookie =
                    format!("{GUEST}={guest}; Path=/join; Max-Age={GUEST_FOR_S}; SameSite=Lax; HttpOnly{secure}");
                let cookie = HeaderValue::from_str(&cookie).map_err(Problem::bug)?;
                response.headers_mut().append(header::SET_COOKIE, cookie);
            }
            Ok(response)
        }
        Err(error) => again(&classroom, &t, &room, &form.name, error).await,
    }
}

async fn again(
    classroom: &Classroom,
    t: &PageContext,
    room: &Room,
    name: &str,
    error: ServiceError,
) -> Result<Response, Problem> {
    let problem = Problem::from(error);
    if problem.status() == axum::http::StatusCode::INTERNAL_SERVER_ERROR {
        return Err(problem);
    }
    page(classroom, t, room, name, Some(&problem)).await
}

/// Who somebody without an account was when they came before.
fn guest_of(headers: &HeaderMap) -> Option<String> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    let mut pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let (_, word) = pairs.find(|(name, _)| *name == GUEST)?;
    let is_ours = word.len() == 32 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_ours.then(|| word.to_owned())
}

#[derive(Template)]
#[template(source = "<p>{{ l.text(\"room-left-text\") }}</p>", ext = "html")]
struct LeftPage<'a> {
    l: &'a Look<'a>,
}

/// `GET /classrooms/{id}/left`: where the conference server sends people who leave. Who may see the room goes there.
pub(super) async fn left(
    State(classroom): State<Classroom>,
    t: PageContext,
    ApiPath(id): ApiPath<String>,
) -> Result<Response, Problem> {
    if let Some(caller) = &t.caller
        && let Ok(room) = classroom.room_find(caller, &id).await
    {
        return Ok(redirect(&format!("/classrooms/{}", room.id), None));
    }
    let look = Look::new(&t);
    let view = PageView { title: t.text("room-left"), body: html(&LeftPage { l: &look })?, ..PageView::default() };
    Ok(classroom.portal().page(&t, view))
}
