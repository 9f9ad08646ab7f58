//! The pages of servers, meetings, tenants and secrets.

mod connect;
mod servers;
mod tenant;
#[cfg(test)]
mod tests;

use axum::Router;
use axum::routing::{get, post};
use portal::{PageContext, Problem};

use crate::Classroom;
use crate::service::ServiceError;

pub(super) fn router() -> Router<Classroom> {
    Router::new()
        .route("/conference", get(servers::page).post(servers::add))
        .route("/conference/part", get(servers::part))
        .route("/conference/servers/{id}/state", post(servers::set_state))
        .route("/conference/servers/{id}/panic", post(servers::panic))
        .route("/conference/servers/{id}/remove", post(servers::remove))
        .route("/conference/meetings/end", post(servers::meeting_end))
        .route("/conference/connect", get(connect::page).post(connect::secret_create))
        .route("/conference/secrets/{id}/revoke", post(connect::secret_revoke))
        .route("/conference/tenants/{tenant}", get(tenant::page).post(tenant::set))
}

/// What is wrong with a form: a sentence, and the field it stands under.
#[derive(Default)]
struct Mistake {
    field: String,
    sentence: String,
}

impl Mistake {
    /// What kept a form from being carried out, in the reader's language. Errors: what is no fault of the form.
    fn of(t: &PageContext, error: ServiceError) -> Result<Self, Problem> {
        let problem = Problem::from(error);
        if !problem.status().is_client_error() {
            return Err(problem);
        }
        let field = problem.field_name().unwrap_or_default().to_owned();
        Ok(Self { field, sentence: t.problem_text(&problem) })
    }

    /// What stands under a field; empty when nothing does.
    fn at(&self, field: &str) -> &str {
        if !self.sentence.is_empty() && self.field == field { &self.sentence } else { "" }
    }

    /// What stands above the form, as it is about none of its fields.
    fn above(&self, fields: &[&str]) -> &str {
        if fields.contains(&self.field.as_str()) { "" } else { &self.sentence }
    }
}
