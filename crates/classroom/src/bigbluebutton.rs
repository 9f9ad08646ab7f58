//! The API of BigBlueButton, as one big server has it: `/bigbluebutton/api/…`, and the addresses that servers and
//! telephone gateways call.
//!
//! Answers are XML with status 200, those that say FAILED too, since that is what clients expect (BigBlueButton's API
//! documentation). What a server answered is handed on byte for byte.

mod admit;
mod answer;
mod call;
mod callback;
mod dial_in;
mod file;
mod hook;
mod listing;
mod playback;
mod recording;
mod scalelite;
#[cfg(test)]
mod tests;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, RawQuery, Request, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{any, get, post};
use futures::FutureExt as _;

use crate::Classroom;
use answer::Answer;
pub(crate) use dial_in::DialInPassword;

/// Largest body: slides that come with a `create`.
const BODY_BYTES_MAX: usize = 32 << 20;

/// The routes, outside the portal's layers.
pub(crate) fn router(classroom: Classroom) -> Router {
    Router::new()
        .route("/bigbluebutton/api", any(root))
        .route("/bigbluebutton/api/", any(root))
        .route("/bigbluebutton/api/{*call}", any(api))
        .route("/bigbluebutton/ended/{token}", get(ended))
        .merge(scalelite::routes())
        .route("/bigbluebutton/hooks/{token}", post(callback::hook))
        .route("/bigbluebutton/analytics/{token}", post(callback::analytics))
        .merge(playback::routes())
        .merge(dial_in::routes(&classroom))
        .with_state(classroom)
}

/// The API's version. It takes no checksum.
async fn root() -> Answer {
    Answer::version()
}

/// Every call. It is seen through to its end even when the client goes away, so that no meeting is left half made.
async fn api(
    State(classroom): State<Classroom>,
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
    request: Request<Body>,
) -> Answer {
    let begun = std::time::Instant::now();
    let name = name.trim_end_matches('/').to_owned();
    let known = call::known(&name);
    let task = tokio::spawn(async move { call::answer(&classroom, &name, query.unwrap_or_default(), request).await });
    let answer = task.map(|ended| ended.unwrap_or_else(|_| Answer::internal_error())).await;
    metrics::histogram!("amphi_conference_call_seconds", "call" => known).record(begun.elapsed().as_secs_f64());
    metrics::counter!("amphi_conference_calls_total", "call" => known, "outcome" => answer.outcome()).increment(1);
    answer
}

/// A server says that a meeting is over (`meetingEndedURL`); who wanted to know is told.
async fn ended(State(classroom): State<Classroom>, Path(token): Path<String>, RawQuery(query): RawQuery) -> Response {
    match classroom.meeting_on_ended(&token.replace('\0', "")).await {
        Ok(told) => {
            if let Some(url) = told {
                classroom.ended_tell(&url, query.as_deref().unwrap_or_default());
            }
            Answer::done()
        }
        Err(error) => portal::Problem::from(error).into_response(),
    }
}
