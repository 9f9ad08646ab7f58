//! `/health`, `/ready`, `/metrics`: for machines that watch.

use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::error::Problem;
use crate::http::observe::recorder;
use crate::model::caller::Caller;
use crate::model::role::Role;
use crate::portal::Portal;

/// 200 while requests are taken; 503 once the program is ending, so that a front sends them elsewhere. A database that
/// is away for a moment does not count: what can be served without it still is.
pub(crate) async fn health(State(portal): State<Portal>) -> Response {
    if portal.0.closing.is_cancelled() {
        return (StatusCode::SERVICE_UNAVAILABLE, "closing\n").into_response();
    }
    "ok\n".into_response()
}

/// 200 when work can be taken: the database answers and the program isn't ending. Else 503 with the reason.
pub(crate) async fn ready(State(portal): State<Portal>) -> Response {
    if portal.0.closing.is_cancelled() {
        return (StatusCode::SERVICE_UNAVAILABLE, "closing\n").into_response();
    }
    match portal.0.db.ping().await {
        Ok(()) => "ready\n".into_response(),
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "the database does not answer\n").into_response(),
    }
}

/// Prometheus' text format. Public where the configuration says so, else for operators.
pub(crate) async fn metrics(State(portal): State<Portal>, request: Request) -> Result<Response, Problem> {
    if !portal.0.config.public_metrics {
        let caller = request.extensions().get::<Caller>().ok_or_else(Problem::sign_in_needed)?;
        if !caller.has(Role::Operator) {
            return Err(Problem::forbidden("role-needed", "This needs the role operator.").arg("role", "operator"));
        }
    }
    let handle = recorder();
    handle.run_upkeep();
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], handle.render()).into_response())
}
