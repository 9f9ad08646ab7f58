//! Scalelite's management API, for those who script it: `/scalelite/api/…`, JSON with real HTTP statuses, signed with a
//! secret of the operators. Source: its `docs/api-README.md`.
//!
//! The checksum is over the call's name and the query, and not over the body, as theirs is: an address that was signed once
//! serves for any body. Whoever has the choice uses `/api/v1/conference` with a token.

mod server;
mod tenant;
#[cfg(test)]
mod tests;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Path, RawQuery, Request, State};
use axum::http::{Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::any;
use portal::{AccountId, Caller, Locale, Problem, Role, Roles, Via};
use serde_json::{Value, json};

use super::answer::Answer;
use crate::Classroom;
use crate::model::checksum::is_checksum;
use crate::model::parameters::{Parameters, checksum_cut};
use crate::model::tenant::SharedSecret;
use crate::service::ServiceError;

/// Largest body.
const BODY_BYTES_MAX: usize = 64 << 10;
/// Whom the journal names for a secret that has no id of the usual form.
const NOBODY: &str = "00000000-0000-0000-0000-000000000000";

/// The routes, outside the portal's layers.
pub(super) fn routes() -> Router<Classroom> {
    Router::new().route("/scalelite/api/{call}", any(api))
}

/// A call that was admitted.
struct Call {
    caller: Caller,
    parameters: Parameters,
    body: Value,
}

/// What is answered in JSON.
type Told = Result<(StatusCode, Value), Refusal>;

/// Why not, as Scalelite says it: `{"error": …}`.
struct Refusal(StatusCode, String);

impl Refusal {
    fn bad(sentence: &str) -> Self {
        Self(StatusCode::BAD_REQUEST, sentence.to_owned())
    }

    fn unknown(noun: &str, id: &str) -> Self {
        Self(StatusCode::NOT_FOUND, format!("Couldn't find {noun} with id={id}"))
    }
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        // Its scripts know 400 and 404, and nothing finer.
        let status = match problem.status() {
            StatusCode::NOT_FOUND => StatusCode::NOT_FOUND,
            status if status.is_client_error() => StatusCode::BAD_REQUEST,
            status => status,
        };
        Self(status, problem.message().to_owned())
    }
}

impl From<ServiceError> for Refusal {
    fn from(error: ServiceError) -> Self {
        let is_ours = matches!(&error, ServiceError::Db(_));
        if is_ours {
            tracing::error!(error = &error as &dyn std::error::Error, "a call of Scalelite's management API failed");
        }
        match error {
            ServiceError::ServerUnknown(id) => Self::unknown("server", &id),
            error => Problem::from(error).into(),
        }
    }
}

impl Call {
    /// The id that the call is about.
    fn id(&self) -> Result<String, Refusal> {
        let id = self.text("id").or_else(|| self.parameters.get("id").map(str::to_owned));
        id.ok_or_else(|| Refusal::bad("An id is needed"))
    }

    /// A field of the body, where it stands below `server`, or at the top as in Scalelite's own examples.
    fn text(&self, name: &str) -> Option<String> {
        match self.body.get("server").and_then(|server| server.get(name)).or_else(|| self.body.get(name))? {
            Value::String(text) => Some(text.clone()),
            value @ (Value::Number(_) | Value::Bool(_)) => Some(value.to_string()),
            Value::Null | Value::Array(_) | Value::Object(_) => None,
        }
    }
}

/// Every call. It is seen through to its end even when the client goes away.
async fn api(
    State(classroom): State<Classroom>,
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
    request: Request<Body>,
) -> Response {
    let task = tokio::spawn(async move { answer(&classroom, &name, &query.unwrap_or_default(), request).await });
    task.await.unwrap_or_else(|_| Answer::internal_error().into_response())
}

async fn answer(classroom: &Classroom, name: &str, query: &str, request: Request<Body>) -> Response {
    let (given, signed) = checksum_cut(query);
    let Some(secret) = given.and_then(|given| classroom.operators_secret(given, name, &signed)) else {
        return Answer::checksum_error().into_response();
    };
    let (parts, body) = request.into_parts();
    let is_post = parts.method == Method::POST;
    let content_type = parts.headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let is_json = content_type.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/json");
    if is_post && !is_json {
        return Answer::unsupported_type().into_response();
    }
    let Ok(body) = to_bytes(body, BODY_BYTES_MAX).await else {
        return told(Err(Refusal::bad("The body is too long, or was cut off")));
    };
    let body = match serde_json::from_slice(&body) {
        _ if !is_post => Value::Null,
        Ok(body @ Value::Object(_)) => body,
        Ok(_) | Err(_) => return told(Err(Refusal::bad("The body is not a JSON object"))),
    };
    let caller = classroom.caller_for(&secret);
    let call = Call { caller, parameters: Parameters::parse(signed.as_bytes()), body };
    let done = match (is_post, name) {
        (false, "getServers") => server::list(classroom),
        (false, "getServerInfo") => server::show(classroom, &call),
        (true, "addServer") => server::add(classroom, &call).await,
        (true, "updateServer") => server::update(classroom, &call).await,
        (true, "deleteServer") => server::delete(classroom, &call).await,
        (true, "panicServer") => server::panic(classroom, &call).await,
        (false, "getTenants") => tenant::list(classroom),
        (false, "getTenantInfo") => tenant::show(classroom, &call),
        (true, "addTenant") => tenant::add(classroom, &call).await,
        (true, "updateTenant") => tenant::update(classroom, &call).await,
        (true, "deleteTenant") => tenant::delete(classroom, &call).await,
        _ => return Answer::unsupported_request().into_response(),
    };
    told(done)
}

fn told(done: Told) -> Response {
    let (status, body) = done.unwrap_or_else(|Refusal(status, error)| (status, json!({ "error": error })));
    (status, [(header::CACHE_CONTROL, "no-store")], axum::Json(body)).into_response()
}

impl Classroom {
    /// The operators' secret that a call was signed with.
    fn operators_secret(&self, given: &str, call: &str, signed: &str) -> Option<SharedSecret> {
        let entries = self.directory().entries();
        let mut signer = None;
        // All are tried, so that how long it takes does not tell which one it was.
        for secret in entries.operators() {
            let parts: [&[u8]; 3] = [call.as_bytes(), signed.as_bytes(), secret.secret.expose().as_bytes()];
            if is_checksum(given, self.algorithms(), &parts) {
                signer = Some(secret.clone());
            }
        }
        signer
    }

    /// Who calls with a secret, for the journal: the secret itself. It may do what an administrator may, as Scalelite's may.
    fn caller_for(&self, secret: &SharedSecret) -> Caller {
        let entries = self.directory().entries();
        let tenant = entries.first().and_then(|id| entries.tenant(id)).map(|entry| entry.settings.tenant.clone());
        let nobody = || AccountId::parse(NOBODY).expect("a UUID has the form of an id");
        Caller {
            account: AccountId::parse(&secret.id).unwrap_or_else(nobody),
            login: format!("secret:{}", secret.id),
            name: secret.note.clone(),
            tenant: tenant.unwrap_or_else(|| portal::TenantId::parse(NOBODY).expect("a UUID has the form of an id")),
            tenant_title: String::new(),
            roles: Roles::up_to(Role::Admin),
            via: Via::Token { id: secret.id.clone() },
            request_id: String::new(),
            locale: Locale::En,
            csrf: None,
            must_change: false,
        }
    }
}
