//! What an LMS is given, and what a tenant's meetings are made with.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use portal::{ApiJson, ApiPath, ApiQuery, Caller, Listing, Problem, Problems};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::Classroom;
use crate::model::tenant::SecretOwner;
use crate::service::overview::{ConferenceView, SecretView};
use crate::service::tenant::SettingsView;

/// Whose.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct TenantQuery {
    /// Id or name of a tenant; left out: your own.
    tenant: Option<String>,
}

/// Show what an LMS needs: the address and the tenant's newest secret
#[utoipa::path(get, path = "/api/v1/conference", tag = "conference", params(TenantQuery),
    responses((status = 200, body = ConferenceView), Problems))]
pub(super) async fn conference_get(
    State(classroom): State<Classroom>,
    caller: Caller,
    ApiQuery(query): ApiQuery<TenantQuery>,
) -> Result<Json<ConferenceView>, Problem> {
    let tenant = classroom.tenant_for(&caller, query.tenant.as_deref())?;
    Ok(Json(classroom.conference_view(&tenant)))
}

/// Show what a tenant's meetings are made with
#[utoipa::path(get, path = "/api/v1/conference/tenants/{tenant}", tag = "conference", params(("tenant" = String, Path)),
    responses((status = 200, body = SettingsView), Problems))]
pub(super) async fn settings_get(
    State(classroom): State<Classroom>,
    caller: Caller,
    ApiPath(tenant): ApiPath<String>,
) -> Result<Json<SettingsView>, Problem> {
    Ok(Json(classroom.tenant_for(&caller, Some(&tenant))?.settings.clone().into()))
}

/// Set what a tenant's meetings are made with; what is left out is taken away
#[utoipa::path(put, path = "/api/v1/conference/tenants/{tenant}", tag = "conference", params(("tenant" = String, Path)),
    request_body = SettingsView, responses((status = 200, body = SettingsView), Problems))]
pub(super) async fn settings_set(
    State(classroom): State<Classroom>,
    caller: Caller,
    ApiPath(tenant): ApiPath<String>,
    ApiJson(body): ApiJson<SettingsView>,
) -> Result<Json<SettingsView>, Problem> {
    let id = classroom.tenant_for(&caller, Some(&tenant))?.settings.tenant.clone();
    classroom.tenant_set(&caller, &id, body).await?;
    Ok(Json(classroom.tenant_for(&caller, Some(&tenant))?.settings.clone().into()))
}

/// List the shared secrets, without the secrets themselves
#[utoipa::path(get, path = "/api/v1/conference/secrets", tag = "conference",
    responses((status = 200, body = Listing<SecretView>), Problems))]
pub(super) async fn secret_list(State(classroom): State<Classroom>) -> Json<Listing<SecretView>> {
    Json(Listing { items: classroom.secret_views(), next: None })
}

/// A shared secret to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SecretNew {
    /// Id or name of the tenant whose clients sign with it; left out: your own.
    tenant: Option<String>,
    /// It is the operators', for Scalelite's management API, and no tenant's.
    #[serde(default)]
    for_operators: bool,
    /// One that clients have already; left out: made anew.
    secret: Option<String>,
    /// What it is for.
    #[serde(default)]
    note: String,
}

/// A shared secret that was made.
#[derive(Serialize, ToSchema)]
pub(super) struct SecretMade {
    #[serde(flatten)]
    view: SecretView,
    /// The secret itself.
    secret: String,
}

/// Make a shared secret; the older ones hold until they are revoked
#[utoipa::path(post, path = "/api/v1/conference/secrets", tag = "conference", request_body = SecretNew,
    responses((status = 201, body = SecretMade), Problems))]
pub(super) async fn secret_create(
    State(classroom): State<Classroom>,
    caller: Caller,
    ApiJson(body): ApiJson<SecretNew>,
) -> Result<(StatusCode, Json<SecretMade>), Problem> {
    let owner = if body.for_operators {
        SecretOwner::Operators
    } else {
        SecretOwner::Tenant(classroom.tenant_for(&caller, body.tenant.as_deref())?.settings.tenant.clone())
    };
    let made = classroom.secret_create(&caller, owner, body.secret, &body.note).await?;
    let secret = made.secret.expose().clone();
    Ok((StatusCode::CREATED, Json(SecretMade { view: classroom.secret_view(&made), secret })))
}

/// Revoke a shared secret: what is signed with it is refused from now on
#[utoipa::path(delete, path = "/api/v1/conference/secrets/{id}", tag = "conference", params(("id" = String, Path)),
    responses((status = 204), Problems))]
pub(super) async fn secret_revoke(
    State(classroom): State<Classroom>,
    caller: Caller,
    ApiPath(id): ApiPath<String>,
) -> Result<StatusCode, Problem> {
    classroom.secret_revoke(&caller, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}
