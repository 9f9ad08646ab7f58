//! The policy, and the lab's public state.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, header};
use portal::{ApiJson, Caller, Problem, Problems};

use crate::Lab;
use crate::model::policy::Policy;
use crate::service::ServiceError;
use crate::service::status::LabStatus;

/// Show quotas, caps and refused destinations
#[utoipa::path(get, path = "/api/v1/policy", tag = "policy", responses((status = 200, body = Policy), Problems))]
pub(super) async fn policy_get(State(lab): State<Lab>) -> Result<Versioned, Problem> {
    lab.policy_read().await.map(versioned).map_err(Problem::from)
}

/// Replace quotas, caps and refused destinations; what is left out gets its default
///
/// With the `ETag` of the policy that was read in `If-Match`, one that somebody changed meanwhile stays: 412
/// `policy-changed`.
#[utoipa::path(put, path = "/api/v1/policy", tag = "policy", request_body = Policy,
    responses((status = 200, body = Policy), Problems))]
pub(super) async fn policy_put(
    State(lab): State<Lab>,
    caller: Caller,
    headers: HeaderMap,
    ApiJson(policy): ApiJson<Policy>,
) -> Result<Versioned, Problem> {
    Ok(versioned(lab.policy_replace(&caller, policy, version_read(&headers)?).await?))
}

/// The policy with its version as an ETag.
type Versioned = ([(HeaderName, String); 1], Json<Policy>);

fn versioned((policy, version): (Policy, i64)) -> Versioned {
    ([(header::ETAG, format!("\"{version}\""))], Json(policy))
}

/// The version in `If-Match`. Errors: it names none that there ever was.
fn version_read(headers: &HeaderMap) -> Result<Option<i64>, ServiceError> {
    let Some(tag) = headers.get(header::IF_MATCH).filter(|tag| *tag != "*") else { return Ok(None) };
    let version = tag.to_str().ok().and_then(|tag| tag.strip_prefix('"')?.strip_suffix('"')?.parse().ok());
    version.map(Some).ok_or(ServiceError::PolicyChanged)
}

/// The lab's state, for machines; no sign-in needed
#[utoipa::path(get, path = "/api/v1/status", tag = "status", responses((status = 200, body = LabStatus), Problems),
    security(()))]
pub(super) async fn status_get(State(lab): State<Lab>) -> Result<Json<LabStatus>, Problem> {
    Ok(Json(lab.lab_status().await?))
}
