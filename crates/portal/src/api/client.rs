//! `/api/v1/clients` and `/api/v1/sessions`: who is connected; signing in without a page.

use axum::Json;
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::error::{Problem, Problems};
use crate::http::admit::Peer;
use crate::http::cookies::{SESSION, cookie, set_cookie};
use crate::http::extract::{ApiJson, ApiPath, Listing};
use crate::http::observe::RequestId;
use crate::model::caller::{Caller, Via};
use crate::model::client as noun;
use crate::model::client::SESSION_MAX_MS;
use crate::model::utc_text;
use crate::portal::Portal;
use crate::service::sign_in::Origin;

/// A signed-in browser, or a program with a token.
#[derive(Serialize, ToSchema)]
pub(crate) struct Client {
    /// The session's or token's id.
    id: String,
    /// `browser` or `program`.
    kind: &'static str,
    login: String,
    /// The token's name; empty for browsers.
    name: String,
    address: String,
    /// What it says it is (`User-Agent`).
    agent: String,
    /// RFC 3339, UTC.
    created: String,
    /// RFC 3339, UTC; up to half a minute late.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_seen: Option<String>,
    /// Seen within the last two minutes.
    connected: bool,
    /// It is the one that asks.
    current: bool,
}

fn listing(portal: &Portal, caller: &Caller, clients: Vec<noun::Client>) -> Json<Listing<Client>> {
    let now = portal.now_ms();
    let own = match &caller.via {
        Via::Session { id } | Via::Token { id } => id,
    };
    let items = clients.into_iter().map(|client| Client {
        connected: client.is_here(now),
        current: client.id == *own,
        kind: client.kind.word(),
        created: utc_text(client.created_ms),
        last_seen: client.seen_ms.map(utc_text),
        id: client.id,
        login: client.login,
        name: client.name,
        address: client.address,
        agent: client.agent,
    });
    Json(Listing { items: items.collect(), next: None })
}

/// Everybody's clients of the last week, last seen first, at most 500.
#[utoipa::path(get, path = "/api/v1/clients", tag = "clients",
    responses((status = 200, body = Listing<Client>), Problems))]
pub(crate) async fn client_list(
    State(portal): State<Portal>,
    caller: Caller,
) -> Result<Json<Listing<Client>>, Problem> {
    let clients = portal.client_list().await?;
    Ok(listing(&portal, &caller, clients))
}

/// One's own clients.
#[utoipa::path(get, path = "/api/v1/sessions", tag = "clients",
    responses((status = 200, body = Listing<Client>), Problems))]
pub(crate) async fn session_list(
    State(portal): State<Portal>,
    caller: Caller,
) -> Result<Json<Listing<Client>>, Problem> {
    let clients = portal.client_list_own(&caller).await?;
    Ok(listing(&portal, &caller, clients))
}

/// Login and password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SignIn {
    #[schema(max_length = 64)]
    login: String,
    #[schema(max_length = 256)]
    password: String,
}

/// A session just made; its secret is in the cookie.
#[derive(Serialize, ToSchema)]
pub(crate) struct Session {
    id: String,
    /// For the header `X-CSRF-Token` of every request that changes something.
    csrf: String,
    /// The password has to be changed before anything else.
    must_change_password: bool,
}

/// Signs in: sets the session's cookie.
#[utoipa::path(post, path = "/api/v1/sessions", tag = "clients", request_body = SignIn, security(()),
    responses((status = 201, body = Session), Problems))]
pub(crate) async fn session_create(
    State(portal): State<Portal>,
    Extension(peer): Extension<Peer>,
    Extension(request_id): Extension<RequestId>,
    headers: HeaderMap,
    ApiJson(body): ApiJson<SignIn>,
) -> Result<Response, Problem> {
    let origin = Origin {
        address: &peer.address,
        agent: &peer.agent,
        request_id: &request_id.0,
        previous: cookie(&headers, SESSION),
    };
    let session = portal.sign_in(&body.login, &body.password, &origin).await?;
    let set =
        set_cookie(SESSION, session.secret.expose(), SESSION_MAX_MS / 1000, portal.0.config.secure_cookies, false);
    let json = Session { id: session.id, csrf: session.csrf, must_change_password: session.account.must_change };
    Ok((StatusCode::CREATED, [(header::SET_COOKIE, set)], Json(json)).into_response())
}

/// Ends a session or a program's token: one's own (`current` for this session), or anybody's for operators.
#[utoipa::path(delete, path = "/api/v1/sessions/{id}", tag = "clients", params(("id" = String, Path)), responses((status = 204), Problems))]
pub(crate) async fn session_end(
    State(portal): State<Portal>,
    caller: Caller,
    ApiPath(id): ApiPath<String>,
) -> Result<StatusCode, Problem> {
    portal.client_end(&caller, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}
