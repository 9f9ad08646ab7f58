//! The form by which a room is made and changed.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use portal::{ApiPath, Caller, Flash, PageContext, PageForm, PageView, Problem, redirect};
use serde::Deserialize;

use crate::Classroom;
use crate::model::room::{
    Entrance, MINUTES_MAX, NAME_CHARS_MAX, PEOPLE, Record, RoomRefusal, RoomSettings, WELCOME_CHARS_MAX,
};
use crate::pages::look::{Look, html};
use crate::service::ServiceError;
use crate::service::room::RoomDraft;

/// The fields as they were typed.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct RoomForm {
    name: String,
    welcome: String,
    record: Record,
    entrance: Entrance,
    lobby: Option<String>,
    mute_on_start: Option<String>,
    anyone_starts: Option<String>,
    people_max: String,
    minutes: String,
}

impl RoomForm {
    fn of(name: String, settings: RoomSettings) -> Self {
        let tick = |is: bool| is.then(|| "on".to_owned());
        Self {
            name,
            welcome: settings.welcome,
            record: settings.record,
            entrance: settings.entrance,
            lobby: tick(settings.lobby),
            mute_on_start: tick(settings.mute_on_start),
            anyone_starts: tick(settings.anyone_starts),
            people_max: settings.people_max.map(|most| most.to_string()).unwrap_or_default(),
            minutes: if settings.minutes == 0 { String::new() } else { settings.minutes.to_string() },
        }
    }

    /// What was typed, with its numbers read; they are checked with all else.
    fn draft(&self) -> Result<RoomDraft, RoomRefusal> {
        let number = |text: &str, refusal| match text.trim() {
            "" => Ok(None),
            text => text.parse::<u32>().map(Some).map_err(|_| refusal),
        };
        let settings = RoomSettings {
            welcome: self.welcome.clone(),
            record: self.record,
            lobby: self.lobby.is_some(),
            mute_on_start: self.mute_on_start.is_some(),
            people_max: number(&self.people_max, RoomRefusal::People)?,
            minutes: number(&self.minutes, RoomRefusal::Minutes)?.unwrap_or_default(),
            entrance: self.entrance,
            anyone_starts: self.anyone_starts.is_some(),
        };
        Ok(RoomDraft { name: self.name.clone(), settings })
    }
}

#[derive(Template)]
#[template(path = "room_form.html")]
struct FormPage<'a> {
    l: &'a Look<'a>,
    form: &'a RoomForm,
    /// Where the form goes.
    action: &'a str,
    /// Where one goes who does not want to.
    back: &'a str,
    is_new: bool,
    field: String,
    sentence: String,
}

impl FormPage<'_> {
    /// What is wrong with a field; empty where nothing is.
    fn wrong(&self, field: &str) -> &str {
        if !self.sentence.is_empty() && self.field == field { &self.sentence } else { "" }
    }

    /// The choices of a kind: word and whether it is chosen.
    fn records(&self) -> [(&'static str, bool); 3] {
        Record::ALL.map(|record| (record.as_str(), record == self.form.record))
    }

    fn entrances(&self) -> [(&'static str, bool); 2] {
        Entrance::ALL.map(|entrance| (entrance.as_str(), entrance == self.form.entrance))
    }

    fn ticks(&self) -> [(&'static str, &'static str, bool); 3] {
        let form = self.form;
        [
            ("lobby", "room-lobby", form.lobby.is_some()),
            ("mute_on_start", "room-mute", form.mute_on_start.is_some()),
            ("anyone_starts", "room-anyone-starts", form.anyone_starts.is_some()),
        ]
    }
}

/// The page; `id` of the room, or `None` for a new one.
fn page(
    classroom: &Classroom,
    t: &PageContext,
    id: Option<&str>,
    form: &RoomForm,
    problem: Option<&Problem>,
) -> Result<Response, Problem> {
    let look = Look::new(t);
    let here = id.map_or_else(|| "/classrooms".to_owned(), |id| format!("/classrooms/{id}"));
    let body = html(&FormPage {
        l: &look,
        form,
        action: &here,
        back: &here,
        is_new: id.is_none(),
        field: problem.and_then(Problem::field_name).unwrap_or_default().to_owned(),
        sentence: problem.map(|problem| t.problem_text(problem)).unwrap_or_default(),
    })?;
    let title = t.text(if id.is_none() { "room-new-title" } else { "room-edit-title" });
    let view = PageView { title, section: "classrooms", sub: Some("rooms"), body, ..PageView::default() };
    let mut response = classroom.portal().page(t, view);
    *response.status_mut() = problem.map_or(StatusCode::OK, Problem::status);
    Ok(response)
}

/// `GET /classrooms/new`
pub(super) async fn new(State(classroom): State<Classroom>, t: PageContext) -> Result<Response, Problem> {
    page(&classroom, &t, None, &RoomForm::default(), None)
}

/// `POST /classrooms`
pub(super) async fn create(
    State(classroom): State<Classroom>,
    caller: Caller,
    t: PageContext,
    PageForm(form): PageForm<RoomForm>,
) -> Result<Response, Problem> {
    let made = match form.draft() {
        Ok(draft) => classroom.room_create(&caller, draft).await,
        Err(refusal) => Err(refusal.into()),
    };
    match made {
        Ok(room) => Ok(redirect(&format!("/classrooms/{}", room.id), Some(Flash::done("flash-room-made")))),
        Err(error) => again(&classroom, &t, None, &form, error),
    }
}

fn again(
    classroom: &Classroom,
    t: &PageContext,
    id: Option<&str>,
    form: &RoomForm,
    error: ServiceError,
) -> Result<Response, Problem> {
    let problem = Problem::from(error);
    if !problem.status().is_client_error() {
        return Err(problem);
    }
    page(classroom, t, id, form, Some(&problem))
}

/// `GET /classrooms/{id}/edit`
pub(super) async fn edit(
    State(classroom): State<Classroom>,
    caller: Caller,
    t: PageContext,
    ApiPath(id): ApiPath<String>,
) -> Result<Response, Problem> {
    let room = classroom.room_own(&caller, &id).await?;
    page(&classroom, &t, Some(room.id.as_str()), &RoomForm::of(room.name, room.settings), None)
}

/// `POST /classrooms/{id}`
pub(super) async fn change(
    State(classroom): State<Classroom>,
    caller: Caller,
    t: PageContext,
    ApiPath(id): ApiPath<String>,
    PageForm(form): PageForm<RoomForm>,
) -> Result<Response, Problem> {
    let room = classroom.room_own(&caller, &id).await?;
    let id = room.id.clone();
    let changed = match form.draft() {
        Ok(draft) => classroom.room_change(&caller, room, draft).await,
        Err(refusal) => Err(refusal.into()),
    };
    match changed {
        Ok(room) => Ok(redirect(&format!("/classrooms/{}", room.id), Some(Flash::done("flash-room-saved")))),
        Err(error) => again(&classroom, &t, Some(id.as_str()), &form, error),
    }
}
