//! The policy, and the lab's public state.

use axum::Json;
use axum::extract::State;
use portal::{ApiJson, Caller, Problem, Problems};

use crate::Lab;
use crate::model::policy::Policy;
use crate::service::status::LabStatus;

/// Show quotas, caps and refused destinations
#[utoipa::path(get, path = "/api/v1/policy", tag = "policy", responses((status = 200, body = Policy), Problems))]
pub(super) async fn policy_get(State(lab): State<Lab>) -> Json<Policy> {
    Json(lab.policy_in_force())
}

/// Replace quotas, caps and refused destinations; what is left out gets its default
#[utoipa::path(put, path = "/api/v1/policy", tag = "policy", request_body = Policy,
    responses((status = 200, body = Policy), Problems))]
pub(super) async fn policy_put(
    State(lab): State<Lab>,
    caller: Caller,
    ApiJson(policy): ApiJson<Policy>,
) -> Result<Json<Policy>, Problem> {
    Ok(Json(lab.policy_replace(&caller, policy).await?))
}

/// The lab's state, for machines; no sign-in needed
#[utoipa::path(get, path = "/api/v1/status", tag = "status", responses((status = 200, body = LabStatus), Problems),
    security(()))]
pub(super) async fn status_get(State(lab): State<Lab>) -> Result<Json<LabStatus>, Problem> {
    Ok(Json(lab.lab_status().await?))
}
