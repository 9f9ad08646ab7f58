//! What servers tell us for clients: events for hooks, and analytics. Each is checked and put into the outbox before the
//! server is answered, so that it comes through whatever happens next.

use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use portal::Problem;

use crate::Classroom;
use crate::model::jwt::{Hash, is_signed};
use crate::model::meeting::Callback;
use crate::model::outbox::CallKind;
use crate::queries::outbox::callback_get;
use crate::service::ServiceError;
use crate::service::hook::Delivery;

const EVENT_BYTES_MAX: usize = 1 << 20;
const ANALYTICS_BYTES_MAX: usize = 8 << 20;
/// For a body to come.
const BODY_WITHIN: Duration = Duration::from_secs(30);

fn bearer(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ").map(str::trim)
}

/// Text without NUL, which no database keeps.
async fn text(body: Body, most: usize) -> Option<String> {
    let bytes = tokio::time::timeout(BODY_WITHIN, to_bytes(body, most)).await.ok()?.ok()?;
    String::from_utf8(bytes.to_vec()).ok().filter(|text| !text.contains('\0'))
}

fn failed(error: ServiceError) -> Response {
    Problem::from(error).into_response()
}

/// `POST /bigbluebutton/hooks/{token}`
pub(super) async fn hook(
    State(classroom): State<Classroom>,
    Path(token): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let Some(body) = text(body, EVENT_BYTES_MAX).await else { return StatusCode::PAYLOAD_TOO_LARGE.into_response() };
    let query = query.unwrap_or_default();
    match classroom.hook_deliver(&token.replace('\0', ""), &query, bearer(&headers), &body).await {
        Ok(Delivery::Taken) => StatusCode::OK.into_response(),
        // bbb-webhooks gives up a hook that is answered so.
        Ok(Delivery::Unknown) => StatusCode::NOT_FOUND.into_response(),
        Ok(Delivery::Unsigned) => StatusCode::FORBIDDEN.into_response(),
        Err(error) => failed(error),
    }
}

/// `POST /bigbluebutton/analytics/{token}`
pub(super) async fn analytics(
    State(classroom): State<Classroom>,
    Path(token): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let entries = classroom.fleet().entries();
    let secrets = entries.iter().map(|entry| entry.server.secret.expose()).filter(|secret| !secret.is_empty());
    let now_ms = classroom.now_ms();
    let is_server = bearer(&headers)
        .is_some_and(|bearer| secrets.into_iter().any(|secret| is_signed(bearer, Hash::Hs512, secret, now_ms)));
    if !is_server {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let Some(body) = text(body, ANALYTICS_BYTES_MAX).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let taken = async {
        let known = callback_get(classroom.db(), &token.replace('\0', ""), Callback::Analytics).await?;
        let Some((tenant, url)) = known else { return Ok(StatusCode::NOT_FOUND) };
        classroom.outbox_put(CallKind::Analytics, tenant, url, body).await?;
        Ok(StatusCode::OK)
    };
    taken.await.map_or_else(failed, |status: StatusCode| status.into_response())
}
