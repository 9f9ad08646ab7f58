//! The layers in their order, outermost last.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{DefaultPredicate, NotForContentType, Predicate as _};

use crate::error::Problem;
use crate::http::access::{AccessTable, RouteAccess};
use crate::http::admit::{Gate, admit};
use crate::http::extract::BODY_LIMIT;
use crate::http::idempotency::repeat;
use crate::http::observe::{observe, recorder};
use crate::http::render::render;
use crate::portal::Portal;

/// A handler that has not begun to answer after this long is given up. Streams begin at once and are not concerned.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// Bootstrap draws its small arrows and ticks as data: images; nothing else may come from anywhere but here.
const CSP: &str = "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; \
     form-action 'self'; object-src 'none'";

/// Browsers that have been here by HTTPS come by nothing else for a year (RFC 6797).
const HSTS: HeaderValue = HeaderValue::from_static("max-age=31536000");

/// Puts all layers around `router`.
pub(crate) fn wrap(portal: Portal, router: Router, table: Vec<RouteAccess>) -> Router {
    recorder(); // installed before the first request, so that it is counted
    let gate = Gate { portal: portal.clone(), table: Arc::new(AccessTable::new(table)) };
    // A file goes out as it is: with its length, and in parts.
    let compressed = DefaultPredicate::new().and(NotForContentType::const_new("application/octet-stream"));
    router
        .fallback(unknown)
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .layer(from_fn_with_state(portal.clone(), repeat))
        .layer(from_fn_with_state(gate.clone(), admit))
        .layer(from_fn_with_state(gate, timely))
        .layer(CatchPanicLayer::custom(on_panic))
        .layer(from_fn_with_state(portal.clone(), render))
        .layer(CompressionLayer::new().compress_when(compressed))
        .layer(from_fn_with_state(portal, headers))
        .layer(from_fn(observe))
}

async fn unknown() -> Problem {
    Problem::not_found("not-found", "There is nothing here by that name.")
}

async fn timely(State(gate): State<Gate>, request: Request, next: Next) -> Response {
    let path = request.extensions().get::<MatchedPath>().and_then(|path| gate.table.path(path.as_str()));
    if path.and_then(|rules| rules.rule(request.method())).is_some_and(|rule| rule.is_upload) {
        return next.run(request).await;
    }
    match tokio::time::timeout(ANSWER_WITHIN, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Problem::unavailable("too-slow", "This took too long and was given up; try again.").into_response(),
    }
}

fn on_panic(panic: Box<dyn std::any::Any + Send + 'static>) -> Response {
    let text =
        panic.downcast_ref::<&str>().map(|s| (*s).to_owned()).or_else(|| panic.downcast_ref::<String>().cloned());
    Problem::bug(format!("panic: {}", text.unwrap_or_default())).into_response()
}

async fn headers(State(portal): State<Portal>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, CSP),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "same-origin"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if portal.0.config.secure_cookies {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HSTS);
    }
    if !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    response
}
