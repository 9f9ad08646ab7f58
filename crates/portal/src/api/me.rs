//! `/api/v1/me`: the caller's own account.

use axum::Json;
use axum::extract::{Extension, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::error::{Problem, Problems};
use crate::http::admit::Peer;
use crate::http::extract::ApiJson;
use crate::model::account::Account;
use crate::model::caller::{Caller, Via};
use crate::model::locale::Locale;
use crate::model::role::Role;
use crate::portal::Portal;

/// Who I am.
#[derive(Serialize, ToSchema)]
pub(crate) struct Me {
    /// The account's id.
    id: String,
    login: String,
    name: String,
    /// The tenant's id.
    tenant: String,
    tenant_title: String,
    /// The highest role; it includes those below.
    role: Role,
    /// The language that was chosen.
    locale: Option<Locale>,
    /// `session` or `token`.
    via: &'static str,
    /// A session's token for the header `X-CSRF-Token`.
    #[serde(skip_serializing_if = "Option::is_none")]
    csrf: Option<String>,
    /// The password has to be changed before anything else.
    must_change_password: bool,
}

fn me(caller: &Caller, account: Account) -> Me {
    Me {
        id: account.id.to_string(),
        login: account.login,
        name: account.name,
        tenant: account.tenant.to_string(),
        tenant_title: account.tenant_title,
        role: account.roles.highest(),
        locale: account.locale,
        via: match caller.via {
            Via::Session { .. } => "session",
            Via::Token { .. } => "token",
        },
        csrf: caller.csrf.clone(),
        must_change_password: account.must_change,
    }
}

/// Who the token or session belongs to.
#[utoipa::path(get, path = "/api/v1/me", tag = "me",
    responses((status = 200, body = Me), Problems))]
pub(crate) async fn me_get(State(portal): State<Portal>, caller: Caller) -> Result<Json<Me>, Problem> {
    let account = portal.account_get(caller.account.as_str()).await?;
    Ok(Json(me(&caller, account)))
}

/// What to change of one's own account.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct MeChange {
    /// The name others read.
    #[schema(min_length = 1, max_length = 100)]
    name: Option<String>,
    /// The language of pages.
    locale: Option<Locale>,
}

/// Changes one's own name or language.
#[utoipa::path(patch, path = "/api/v1/me", tag = "me",
    request_body = MeChange, responses((status = 200, body = Me), Problems))]
pub(crate) async fn me_change(
    State(portal): State<Portal>,
    caller: Caller,
    ApiJson(change): ApiJson<MeChange>,
) -> Result<Json<Me>, Problem> {
    let account = portal.profile_change(&caller, change.name.as_deref(), change.locale).await?;
    Ok(Json(me(&caller, account)))
}

/// A change of one's own password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PasswordChange {
    /// The present password.
    #[schema(max_length = 256)]
    current: String,
    /// The new one: at least 10 characters, not the login.
    #[schema(min_length = 10, max_length = 256)]
    new: String,
}

/// Changes one's own password; every other session ends.
#[utoipa::path(post, path = "/api/v1/me/password", tag = "me",
    request_body = PasswordChange, responses((status = 204), Problems))]
pub(crate) async fn me_password(
    State(portal): State<Portal>,
    caller: Caller,
    Extension(peer): Extension<Peer>,
    ApiJson(change): ApiJson<PasswordChange>,
) -> Result<StatusCode, Problem> {
    portal.password_change(&caller, &change.current, &change.new, &peer.address).await?;
    Ok(StatusCode::NO_CONTENT)
}
