//! `/api/v1/tenants`: administration of tenants.

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::api::{page_limit, paged};
use crate::error::{Problem, Problems};
use crate::http::extract::{ApiJson, ApiPath, ApiQuery, Listing};
use crate::model::caller::Caller;
use crate::model::tenant as noun;
use crate::model::utc_text;
use crate::portal::Portal;

/// A faculty, a course team.
#[derive(Serialize, ToSchema)]
pub(crate) struct Tenant {
    id: String,
    /// The word on command lines.
    name: String,
    title: String,
    /// How many accounts it has.
    accounts: i64,
    /// RFC 3339, UTC.
    created: String,
}

impl From<noun::Tenant> for Tenant {
    fn from(tenant: noun::Tenant) -> Self {
        Self {
            id: tenant.id.to_string(),
            name: tenant.name,
            title: tenant.title,
            accounts: tenant.accounts,
            created: utc_text(tenant.created_ms),
        }
    }
}

/// Which page of the list.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct TenantQuery {
    /// Items on a page.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
    /// `next` of the page before.
    after: Option<String>,
}

/// Tenants by name.
#[utoipa::path(get, path = "/api/v1/tenants", tag = "tenants", params(TenantQuery), responses((status = 200, body = Listing<Tenant>), Problems))]
pub(crate) async fn tenant_list(
    State(portal): State<Portal>,
    ApiQuery(query): ApiQuery<TenantQuery>,
) -> Result<Json<Listing<Tenant>>, Problem> {
    let limit = page_limit(query.limit)?;
    let after = query.after.unwrap_or_default().replace('\0', "");
    let rows = portal.tenant_list(&after, i64::from(limit) + 1).await?;
    Ok(Json(paged(rows, limit, |tenant| tenant.name.clone(), Tenant::from)))
}

/// A tenant to make.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TenantCreate {
    #[schema(min_length = 1, max_length = 64, pattern = "^[a-z0-9][a-z0-9-]*$")]
    name: String,
    #[schema(min_length = 1, max_length = 100)]
    title: String,
}

/// Makes a tenant.
#[utoipa::path(post, path = "/api/v1/tenants", tag = "tenants", request_body = TenantCreate, responses((status = 201, body = Tenant), Problems))]
pub(crate) async fn tenant_create(
    State(portal): State<Portal>,
    caller: Caller,
    ApiJson(new): ApiJson<TenantCreate>,
) -> Result<Response, Problem> {
    let tenant = portal.tenant_create(&caller, &new.name, &new.title).await?;
    let location = format!("/api/v1/tenants/{}", tenant.id);
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], Json(Tenant::from(tenant))).into_response())
}

/// One tenant.
#[utoipa::path(get, path = "/api/v1/tenants/{id}", tag = "tenants", params(("id" = String, Path)), responses((status = 200, body = Tenant), Problems))]
pub(crate) async fn tenant_get(
    State(portal): State<Portal>,
    ApiPath(id): ApiPath<String>,
) -> Result<Json<Tenant>, Problem> {
    Ok(Json(portal.tenant_get(&id).await?.into()))
}

/// What to change of a tenant.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TenantPatch {
    #[schema(min_length = 1, max_length = 100)]
    title: String,
}

/// Changes a tenant's title.
#[utoipa::path(patch, path = "/api/v1/tenants/{id}", tag = "tenants", params(("id" = String, Path)),
    request_body = TenantPatch, responses((status = 200, body = Tenant), Problems))]
pub(crate) async fn tenant_change(
    State(portal): State<Portal>,
    caller: Caller,
    ApiPath(id): ApiPath<String>,
    ApiJson(patch): ApiJson<TenantPatch>,
) -> Result<Json<Tenant>, Problem> {
    Ok(Json(portal.tenant_change(&caller, &id, &patch.title).await?.into()))
}

/// Deletes a tenant that no account belongs to.
#[utoipa::path(delete, path = "/api/v1/tenants/{id}", tag = "tenants", params(("id" = String, Path)), responses((status = 204), Problems))]
pub(crate) async fn tenant_delete(
    State(portal): State<Portal>,
    caller: Caller,
    ApiPath(id): ApiPath<String>,
) -> Result<StatusCode, Problem> {
    portal.tenant_delete(&caller, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}
