//! Who is let in: finds who the request comes from, asks the access table, refuses what is too large or cross-site, and
//! hands the handler a `Caller` and a `PageContext`.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::body::{Body, HttpBody as _};
use axum::extract::{ConnectInfo, MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http_body_util::BodyExt as _;

use crate::error::Problem;
use crate::http::access::{Access, AccessTable, RouteAccess};
use crate::http::cookies::{SESSION, cookie};
use crate::http::csrf;
use crate::http::extract::BODY_LIMIT;
use crate::http::observe::RequestId;
use crate::http::render::Shape;
use crate::model::caller::{Caller, Via};
use crate::portal::Portal;
use crate::service::identity::Identity;
use crate::service::sign_in::caller_of;
use crate::shell::context::PageContext;

/// Of a body that is too large, this much is read and thrown away, so that the client gets to read the answer.
const DRAIN_LIMIT: usize = 16 << 20;

/// Where a request comes from.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    pub(crate) address: String,
    pub(crate) agent: String,
}

/// What the layers share.
#[derive(Clone)]
pub(crate) struct Gate {
    pub(crate) portal: Portal,
    pub(crate) table: Arc<AccessTable>,
}

/// The layer.
pub(crate) async fn admit(State(gate): State<Gate>, mut request: Request, next: Next) -> Response {
    let peer = peer_of(&request);
    request.extensions_mut().insert(peer);
    let context = PageContext::of(&gate.portal, &request, None);
    match enter(&gate, request, context.clone()).await {
        Ok(Entered::Handler(request)) => {
            let context = request.extensions().get::<PageContext>().cloned().unwrap_or(context);
            let mut response = next.run(*request).await;
            response.extensions_mut().insert(context);
            response
        }
        Ok(Entered::Answered(response)) => response,
        Err((problem, context)) => {
            let mut response = problem.into_response();
            response.extensions_mut().insert(*context);
            response
        }
    }
}

enum Entered {
    Handler(Box<Request>),
    Answered(Response),
}

type Refused = (Problem, Box<PageContext>);

async fn enter(gate: &Gate, mut request: Request, bare: PageContext) -> Result<Entered, Refused> {
    let identity = identify(&gate.portal, request.headers()).await;
    let caller = match &identity {
        Ok(Some(identity)) => Some(caller_from(identity, &request, &bare)),
        Ok(None) | Err(_) => None,
    };
    let context = PageContext::of(&gate.portal, &request, caller.clone());
    let refuse = |problem| (problem, Box::new(context.clone()));
    let Some(path) = request.extensions().get::<MatchedPath>().cloned() else {
        request.extensions_mut().insert(context);
        return Ok(Entered::Handler(Box::new(request))); // the fallback answers 404
    };
    let Some(rules) = gate.table.path(path.as_str()) else {
        return Err(refuse(Problem::forbidden("route-closed", "This address is not open to anybody.")));
    };
    let Some(rule) = rules.rule(request.method()) else {
        let mut response = Problem::method_not_allowed().into_response();
        let allow = HeaderValue::from_str(&rules.allowed()).unwrap_or_else(|_| HeaderValue::from_static("GET"));
        response.headers_mut().insert(header::ALLOW, allow);
        response.extensions_mut().insert(context);
        return Ok(Entered::Answered(response));
    };
    check_access(rule, identity, caller.as_ref(), &request).map_err(refuse)?;
    let mut request = if rule.is_upload { request } else { limit_body(request).await.map_err(refuse)? };
    let is_by_token = matches!(caller.as_ref().map(|caller| &caller.via), Some(Via::Token { .. }));
    if csrf::is_websocket(request.headers()) && !is_by_token {
        csrf::check_origin(request.headers(), gate.portal.0.config.public_url.as_deref()).map_err(refuse)?;
    }
    if !csrf::is_safe(request.method()) {
        request = check_cross_site(gate, request, caller.as_ref()).await.map_err(refuse)?;
    }
    if let Some(caller) = caller {
        note_seen(&gate.portal, &request, &caller.via);
        request.extensions_mut().insert(caller);
    }
    request.extensions_mut().insert(rule.clone());
    request.extensions_mut().insert(context);
    Ok(Entered::Handler(Box::new(request)))
}

/// The API token or the session of the request. A token that doesn't hold is an error, a session that doesn't is nobody:
/// a browser keeps sending an old cookie, a program has to be told.
async fn identify(portal: &Portal, headers: &HeaderMap) -> Result<Option<Identity>, Problem> {
    if let Some(value) = headers.get(header::AUTHORIZATION) {
        let token =
            value.to_str().ok().and_then(|v| v.split_once(' ')).filter(|(s, _)| s.eq_ignore_ascii_case("bearer"));
        let found = match token {
            Some((_, secret)) => portal.token_identity(secret.trim()).await?,
            None => None,
        };
        return found
            .map(Some)
            .ok_or_else(|| Problem::not_signed_in("token-invalid", "The API token is unknown, expired or revoked."));
    }
    match cookie(headers, SESSION) {
        Some(secret) => portal.session_identity(secret).await,
        None => Ok(None),
    }
}

fn caller_from(identity: &Identity, request: &Request, bare: &PageContext) -> Caller {
    let request_id = request.extensions().get::<RequestId>().map(|id| id.0.clone()).unwrap_or_default();
    let mut caller = caller_of(&identity.account, identity.via.clone(), &request_id);
    caller.csrf = identity.csrf.clone();
    caller.locale = identity.account.locale.unwrap_or(bare.locale);
    caller
}

fn check_access(
    rule: &RouteAccess,
    identity: Result<Option<Identity>, Problem>,
    caller: Option<&Caller>,
    request: &Request,
) -> Result<(), Problem> {
    if rule.access == Access::Public {
        // What needs nobody works without the database; only a wrong token is worth telling.
        return match identity {
            Err(problem) if problem.status() == axum::http::StatusCode::UNAUTHORIZED => Err(problem),
            Ok(_) | Err(_) => Ok(()),
        };
    }
    let scope = identity?.and_then(|identity| identity.scope);
    if scope.is_some_and(|scope| !request.uri().path().starts_with(&scope)) {
        return Err(Problem::forbidden("token-scope", "This token opens something else, and not this."));
    }
    let caller = caller.ok_or_else(Problem::sign_in_needed)?;
    if caller.must_change && !may_before_change(request.uri().path()) {
        return Err(Problem::forbidden("password-change-needed", "Choose a password of your own first."));
    }
    match rule.access {
        Access::Public | Access::SignedIn => Ok(()),
        Access::Role(role) if caller.has(role) => Ok(()),
        Access::Role(role) => {
            Err(Problem::forbidden("role-needed", format!("This needs the role {}.", role.word()))
                .arg("role", role.word()))
        }
    }
}

/// What one may do with a password that somebody else has set.
fn may_before_change(path: &str) -> bool {
    matches!(path, "/account" | "/account/password" | "/sign-out" | "/api/v1/me" | "/api/v1/me/password")
}

async fn check_cross_site(gate: &Gate, request: Request, caller: Option<&Caller>) -> Result<Request, Problem> {
    if let Some(Via::Token { .. }) = caller.map(|caller| &caller.via) {
        return Ok(request);
    }
    csrf::check_origin(request.headers(), gate.portal.0.config.public_url.as_deref())?;
    // Signing in again needs no token: it makes a new session, and the page may be older than the present one.
    let is_sign_in = matches!(request.uri().path(), "/sign-in" | "/api/v1/sessions");
    match caller.and_then(|caller| caller.csrf.as_deref()) {
        Some(expected) if !is_sign_in => csrf::check_token(request, expected).await,
        _ => Ok(request),
    }
}

/// Errors: `body-too-large` when the client says so beforehand; what lies is caught while reading.
async fn limit_body(request: Request) -> Result<Request, Problem> {
    let stated = request.headers().get(header::CONTENT_LENGTH).and_then(|v| v.to_str().ok()?.parse::<u64>().ok());
    let lower = request.body().size_hint().lower();
    if stated.unwrap_or(lower) <= BODY_LIMIT as u64 {
        return Ok(request);
    }
    drain(request.into_body()).await;
    Err(Problem::too_large(BODY_LIMIT))
}

async fn drain(mut body: Body) {
    let mut seen = 0;
    while seen < DRAIN_LIMIT {
        match body.frame().await {
            Some(Ok(frame)) => seen += frame.data_ref().map_or(0, |data| data.len()),
            Some(Err(_)) | None => return,
        }
    }
}

fn note_seen(portal: &Portal, request: &Request, via: &Via) {
    if let Some(peer) = request.extensions().get::<Peer>() {
        portal.0.seen.note(via, portal.now_ms(), &peer.address, &peer.agent);
    }
}

fn peer_of(request: &Request) -> Peer {
    let address = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip().to_string());
    let agent = request.headers().get(header::USER_AGENT).and_then(|v| v.to_str().ok()).unwrap_or_default();
    Peer {
        address: address.unwrap_or_else(|| String::from("-")),
        agent: agent.chars().filter(|c| !c.is_control()).take(250).collect(),
    }
}

impl Shape {
    /// How errors of this request are shown.
    pub(crate) fn of(request: &Request) -> Shape {
        let path = request.uri().path();
        let accept = request.headers().get(header::ACCEPT).and_then(|v| v.to_str().ok()).unwrap_or("*/*");
        let is_for_programs =
            path.starts_with("/api/") || matches!(path, "/events" | "/metrics" | "/health" | "/ready");
        if is_for_programs {
            Shape::Json
        } else if request.headers().contains_key("hx-request") {
            Shape::Fragment
        } else if accept.contains("text/html") || accept.contains("*/*") {
            Shape::Page
        } else {
            Shape::Json
        }
    }
}
