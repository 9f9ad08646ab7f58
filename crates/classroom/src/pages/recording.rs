//! The pages of recordings.

use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::{get, post};
use portal::{ApiPath, ApiQuery, Caller, Flash, PageContext, PageForm, PageView, Problem, Role, redirect};
use serde::Deserialize;

use super::look::{Badge, Look, html};
use crate::Classroom;
use crate::api::recording::{cursor, cursor_read};
use crate::model::recording::RecordingState;
use crate::queries::recording::RecordingFilter;
use crate::queries::upload::Quarantined;
use crate::service::recording::{RecordingChange, RecordingView, visible};

/// Recordings on a page.
const PAGE: i64 = 50;

pub(super) fn router() -> Router<Classroom> {
    Router::new().route("/recordings", get(list)).route("/recordings/{id}", post(change))
}

struct Row {
    recording: RecordingView,
    /// The longest of its formats.
    minutes: i64,
    badges: Vec<Badge>,
    is_published: bool,
    confirm: String,
}

#[derive(Template)]
#[template(path = "recordings.html")]
struct ListPage<'a> {
    l: &'a Look<'a>,
    rows: Vec<Row>,
    /// Archives that were set aside, newest first; for operators.
    set_aside: Vec<Quarantined>,
    is_operator: bool,
    is_later: bool,
    next: Option<String>,
}

#[derive(Deserialize)]
struct ListQuery {
    before: Option<String>,
    /// Only those of this meeting, by what its client calls it.
    meeting: Option<String>,
}

fn row_of(look: &Look<'_>, recording: RecordingView) -> Row {
    let is_published = recording.state == RecordingState::Published.as_str();
    let mut badges = vec![if is_published {
        look.badge("check-circle-fill", "state-good", "recording-published")
    } else {
        look.badge("circle", "state-idle", "recording-unpublished")
    }];
    if recording.is_protected {
        badges.push(look.badge("shield-lock", "state-idle", "recording-protected"));
    }
    let minutes = recording.playbacks.iter().map(|playback| playback.minutes).max().unwrap_or_default();
    let confirm = look.t.arg("recording-delete-confirm", "name", recording.name.as_str());
    Row { minutes, badges, is_published, confirm, recording }
}

/// `GET /recordings`
async fn list(
    State(classroom): State<Classroom>,
    caller: Caller,
    t: PageContext,
    ApiQuery(query): ApiQuery<ListQuery>,
) -> Result<Response, Problem> {
    let look = Look::new(&t);
    let filter = RecordingFilter {
        tenant: visible(&caller),
        meeting_ids: query.meeting.iter().map(|meeting| meeting.replace('\0', "")).collect(),
        states: vec![RecordingState::Published, RecordingState::Unpublished],
        after: query.before.as_deref().map(cursor_read).transpose()?,
        ..RecordingFilter::default()
    };
    let mut found = classroom.recordings_find(&filter, 0, PAGE + 1).await?;
    let is_more = found.len() as i64 > PAGE;
    found.truncate(PAGE as usize);
    // Whoever may change a recording may watch it.
    let tokens = classroom.view_tokens(&found);
    let views = found.into_iter().map(|(recording, playbacks)| {
        let id = recording.id.clone();
        let mut view = classroom.recording_view(recording, &playbacks);
        for (shown, playback) in view.playbacks.iter_mut().zip(&playbacks) {
            shown.url = classroom.watch_url(&tokens, &id, playback);
        }
        view
    });
    let rows: Vec<Row> = views.map(|view| row_of(&look, view)).collect();
    let next = rows.last().filter(|_| is_more).map(|row| {
        let mut further = form_urlencoded::Serializer::new(String::new());
        further.append_pair("before", &cursor(&row.recording));
        further.extend_pairs(query.meeting.iter().map(|meeting| ("meeting", meeting)));
        format!("/recordings?{}", further.finish())
    });
    let is_operator = caller.has(Role::Operator);
    let set_aside = if is_operator { classroom.quarantine().await? } else { Vec::new() };
    let set_aside = set_aside.into_iter().take(10).collect();
    let is_later = query.before.is_some();
    let body = html(&ListPage { l: &look, rows, set_aside, is_operator, is_later, next })?;
    let title = t.text("nav-recordings");
    let view = PageView { title, section: "classrooms", sub: Some("recordings"), body, ..PageView::default() };
    Ok(classroom.portal().page(&t, view))
}

/// What is done with a recording.
#[derive(Deserialize)]
struct Change {
    op: String,
}

/// `POST /recordings/{id}`
async fn change(
    State(classroom): State<Classroom>,
    caller: Caller,
    ApiPath(id): ApiPath<String>,
    PageForm(form): PageForm<Change>,
) -> Result<Response, Problem> {
    let recording = classroom.recording_find(&caller, &id).await?;
    let flash = match form.op.as_str() {
        op @ ("publish" | "unpublish") => {
            classroom.recordings_publish(Some(&caller), &[recording], op == "publish").await?;
            if op == "publish" { "flash-recording-published" } else { "flash-recording-unpublished" }
        }
        op @ ("protect" | "unprotect") => {
            let change = RecordingChange { is_protected: Some(op == "protect"), ..RecordingChange::default() };
            classroom.recordings_change(Some(&caller), vec![recording], change).await?;
            if op == "protect" { "flash-recording-protected" } else { "flash-recording-unprotected" }
        }
        "delete" => {
            classroom.recordings_delete(Some(&caller), &[recording]).await?;
            "flash-recording-deleted"
        }
        _ => {
            let sentence = "op is publish, unpublish, protect, unprotect or delete.";
            return Err(Problem::bad_request("op", sentence).field("op"));
        }
    };
    Ok(redirect("/recordings", Some(Flash::done(flash))))
}

#[cfg(test)]
mod tests;
