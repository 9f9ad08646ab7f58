//! `/api/v1/accounts`: administration of accounts.

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::api::{page_limit, paged};
use crate::error::{Problem, Problems};
use crate::http::extract::{ApiJson, ApiPath, ApiQuery, Listing};
use crate::model::account as noun;
use crate::model::caller::Caller;
use crate::model::role::Role;
use crate::model::tenant::TenantId;
use crate::model::utc_text;
use crate::portal::Portal;
use crate::queries::account::AccountFilter;
use crate::service::account::{AccountChange, NewAccount};

/// One who can sign in.
#[derive(Serialize, ToSchema)]
pub(crate) struct Account {
    id: String,
    login: String,
    name: String,
    /// The tenant's id.
    tenant: String,
    tenant_title: String,
    /// The highest role; it includes those below.
    role: Role,
    disabled: bool,
    /// The password was set by somebody else and has to be changed at the next sign-in.
    must_change_password: bool,
    /// RFC 3339, UTC.
    created: String,
    /// The password for one use; only in the answer that made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    password: Option<String>,
}

impl From<noun::Account> for Account {
    fn from(account: noun::Account) -> Self {
        Self {
            id: account.id.to_string(),
            login: account.login,
            name: account.name,
            tenant: account.tenant.to_string(),
            tenant_title: account.tenant_title,
            role: account.roles.highest(),
            disabled: account.disabled,
            must_change_password: account.must_change,
            created: utc_text(account.created_ms),
            password: None,
        }
    }
}

/// What the list is narrowed to.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct AccountQuery {
    /// Part of the login or name.
    q: Option<String>,
    /// Exactly this highest role.
    role: Option<Role>,
    /// One tenant's id.
    tenant: Option<String>,
    /// Items on a page.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
    /// `next` of the page before.
    after: Option<String>,
}

/// Accounts by login.
#[utoipa::path(get, path = "/api/v1/accounts", tag = "accounts", params(AccountQuery), responses((status = 200, body = Listing<Account>), Problems))]
pub(crate) async fn account_list(
    State(portal): State<Portal>,
    ApiQuery(query): ApiQuery<AccountQuery>,
) -> Result<Json<Listing<Account>>, Problem> {
    let limit = page_limit(query.limit)?;
    let tenant = match query.tenant.as_deref().map(TenantId::parse) {
        Some(None) => return Ok(Json(Listing { items: Vec::new(), next: None })),
        Some(id) => id,
        None => None,
    };
    let after = query.after.map(|after| after.replace('\0', ""));
    let filter = AccountFilter { text: query.q, role: query.role, tenant, after, limit: i64::from(limit) + 1 };
    let rows = portal.account_list(&filter).await?;
    Ok(Json(paged(rows, limit, |account| account.login.clone(), Account::from)))
}

/// An account to make.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AccountCreate {
    /// What is typed to sign in.
    #[schema(min_length = 1, max_length = 64, pattern = "^[a-z0-9][a-z0-9._@-]*$")]
    login: String,
    /// The person's name.
    #[schema(min_length = 1, max_length = 100)]
    name: String,
    /// The highest role; learner when absent.
    role: Option<Role>,
    /// The tenant's id; the caller's when absent.
    tenant: Option<String>,
    /// When absent, one for a single use is made up and answered.
    #[schema(min_length = 10, max_length = 256)]
    password: Option<String>,
}

/// Makes an account.
#[utoipa::path(post, path = "/api/v1/accounts", tag = "accounts", request_body = AccountCreate, responses((status = 201, body = Account), Problems))]
pub(crate) async fn account_create(
    State(portal): State<Portal>,
    caller: Caller,
    ApiJson(new): ApiJson<AccountCreate>,
) -> Result<Response, Problem> {
    let new = NewAccount {
        login: new.login,
        name: new.name,
        role: new.role.unwrap_or(Role::Learner),
        tenant: new.tenant,
        password: new.password,
    };
    let (account, one_time) = portal.account_create(&caller, new).await?;
    let location = format!("/api/v1/accounts/{}", account.id);
    let mut json = Account::from(account);
    json.password = one_time.map(|password| password.expose().clone());
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], Json(json)).into_response())
}

/// One account.
#[utoipa::path(get, path = "/api/v1/accounts/{id}", tag = "accounts", params(("id" = String, Path)), responses((status = 200, body = Account), Problems))]
pub(crate) async fn account_get(
    State(portal): State<Portal>,
    ApiPath(id): ApiPath<String>,
) -> Result<Json<Account>, Problem> {
    Ok(Json(portal.account_get(&id).await?.into()))
}

/// What to change of an account.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AccountPatch {
    #[schema(min_length = 1, max_length = 100)]
    name: Option<String>,
    role: Option<Role>,
    /// The tenant's id.
    tenant: Option<String>,
    /// A disabled account can't sign in, and its tokens are refused.
    disabled: Option<bool>,
}

/// Changes an account.
#[utoipa::path(patch, path = "/api/v1/accounts/{id}", tag = "accounts", params(("id" = String, Path)),
    request_body = AccountPatch, responses((status = 200, body = Account), Problems))]
pub(crate) async fn account_change(
    State(portal): State<Portal>,
    caller: Caller,
    ApiPath(id): ApiPath<String>,
    ApiJson(patch): ApiJson<AccountPatch>,
) -> Result<Json<Account>, Problem> {
    let change = AccountChange { name: patch.name, role: patch.role, tenant: patch.tenant, disabled: patch.disabled };
    Ok(Json(portal.account_change(&caller, &id, change).await?.into()))
}

/// Deletes an account and all that is its own.
#[utoipa::path(delete, path = "/api/v1/accounts/{id}", tag = "accounts", params(("id" = String, Path)), responses((status = 204), Problems))]
pub(crate) async fn account_delete(
    State(portal): State<Portal>,
    caller: Caller,
    ApiPath(id): ApiPath<String>,
) -> Result<StatusCode, Problem> {
    portal.account_delete(&caller, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A password for one use.
#[derive(Serialize, ToSchema)]
pub(crate) struct OneTimePassword {
    /// Shown once; to be changed at the next sign-in.
    password: String,
}

/// Gives an account a password for one use; its sessions end.
#[utoipa::path(post, path = "/api/v1/accounts/{id}/password", tag = "accounts", params(("id" = String, Path)), responses((status = 200, body = OneTimePassword), Problems))]
pub(crate) async fn account_reset(
    State(portal): State<Portal>,
    caller: Caller,
    ApiPath(id): ApiPath<String>,
) -> Result<Json<OneTimePassword>, Problem> {
    let password = portal.account_reset(&caller, &id).await?;
    Ok(Json(OneTimePassword { password: password.expose().clone() }))
}
