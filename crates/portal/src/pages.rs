//! The portal's pages.

mod account;
mod accounts;
mod clients;
mod journal;
pub(crate) mod problem;
mod sign_in;
mod tenants;

use askama::Template;
use axum::Router;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};

use crate::assets;
use crate::error::Problem;
use crate::http::{events, health};
use crate::portal::Portal;
use crate::shell::context::PageContext;
use crate::shell::page::PageView;

/// The portal's pages and the routes for machines, to be merged with the services' before [`Portal::layer`].
pub fn pages() -> Router<Portal> {
    Router::new()
        .route("/static/{hash}/{file}", get(assets::serve))
        .route("/health", get(health::health))
        .route("/ready", get(health::ready))
        .route("/metrics", get(health::metrics))
        .route("/events", get(events::events))
        .route("/sign-in", get(sign_in::form).post(sign_in::sign_in))
        .route("/sign-out", post(sign_in::sign_out))
        .route("/preferences", post(sign_in::preferences))
        .route("/account", get(account::show))
        .route("/account/profile", post(account::profile))
        .route("/account/password", post(account::password))
        .route("/account/tokens", post(account::token_create))
        .route("/account/tokens/{id}/delete", post(account::token_delete))
        .route("/account/sessions/{id}/end", post(account::session_end))
        .route("/admin/accounts", get(accounts::list).post(accounts::create))
        .route("/admin/accounts/new", get(accounts::form))
        .route("/admin/accounts/{id}", get(accounts::show).post(accounts::change))
        .route("/admin/accounts/{id}/password", post(accounts::reset))
        .route("/admin/accounts/{id}/delete", post(accounts::delete))
        .route("/admin/tenants", get(tenants::list).post(tenants::create))
        .route("/admin/tenants/{id}", post(tenants::change))
        .route("/admin/tenants/{id}/delete", post(tenants::delete))
        .route("/admin/journal", get(journal::list))
        .route("/clients", get(clients::list))
        .route("/clients/rows", get(clients::rows))
        .route("/clients/{id}/end", post(clients::end))
}

/// What was wrong with a form: under the field it concerns, or above the form.
#[derive(Default)]
pub(crate) struct Mistake {
    field: String,
    text: String,
}

impl Mistake {
    pub(crate) fn of(problem: &Problem, t: &PageContext) -> Self {
        Self { field: problem.field_name().unwrap_or_default().to_owned(), text: t.problem_text(problem) }
    }

    /// The sentence for `field`, empty when nothing is wrong with it.
    pub(crate) fn at(&self, field: &str) -> &str {
        if self.field == field { &self.text } else { "" }
    }
}

/// A page made of a template.
pub(crate) fn show(
    portal: &Portal,
    t: &PageContext,
    title: &str,
    section: &'static str,
    body: &impl Template,
) -> Result<Response, Problem> {
    let body = body.render().map_err(Problem::bug)?;
    Ok(portal.page(t, PageView { title: t.text(title), section, body, ..PageView::default() }))
}

/// The page with a form again, under the status of what was wrong; our own faults are passed on.
pub(crate) fn again(
    problem: Problem,
    page: impl FnOnce(Problem) -> Result<Response, Problem>,
) -> Result<Response, Problem> {
    if !problem.status().is_client_error() {
        return Err(problem);
    }
    let status = problem.clone().into_response().status();
    let mut response = page(problem)?;
    *response.status_mut() = status;
    Ok(response)
}
