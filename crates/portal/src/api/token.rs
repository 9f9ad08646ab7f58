//! `/api/v1/tokens`: the caller's own API tokens.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::api::{page_limit, paged};
use crate::error::{Problem, Problems};
use crate::http::extract::{ApiJson, ApiPath, ApiQuery, Listing};
use crate::model::caller::Caller;
use crate::model::client as noun;
use crate::model::utc_text;
use crate::portal::Portal;

/// An API token.
#[derive(Serialize, ToSchema)]
pub(crate) struct Token {
    id: String,
    name: String,
    /// RFC 3339, UTC.
    created: String,
    /// RFC 3339, UTC; absent: never.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires: Option<String>,
    /// RFC 3339, UTC; up to half a minute late.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_used: Option<String>,
    /// The secret for `Authorization: Bearer`; only in the answer that made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
}

impl From<noun::Token> for Token {
    fn from(token: noun::Token) -> Self {
        Self {
            id: token.id,
            name: token.name,
            created: utc_text(token.created_ms),
            expires: token.expires_ms.map(utc_text),
            last_used: token.last_used_ms.map(utc_text),
            token: None,
        }
    }
}

/// Which page of the list.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct TokenQuery {
    /// Items on a page.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
    /// `next` of the page before.
    before: Option<String>,
}

/// One's own tokens, newest first.
#[utoipa::path(get, path = "/api/v1/tokens", tag = "tokens", params(TokenQuery), responses((status = 200, body = Listing<Token>), Problems))]
pub(crate) async fn token_list(
    State(portal): State<Portal>,
    caller: Caller,
    ApiQuery(query): ApiQuery<TokenQuery>,
) -> Result<Json<Listing<Token>>, Problem> {
    let limit = page_limit(query.limit)?;
    let before = query.before.map(|before| before.replace('\0', ""));
    let rows = portal.token_list(&caller, before.as_deref(), i64::from(limit) + 1).await?;
    Ok(Json(paged(rows, limit, |token| token.id.clone(), Token::from)))
}

/// A token to make.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TokenCreate {
    /// What it is for.
    #[schema(min_length = 1, max_length = 100)]
    name: String,
    /// Days until it ends; never when absent.
    #[schema(minimum = 1, maximum = 3650)]
    days: Option<u32>,
}

/// Makes an API token; its secret is in this answer only.
#[utoipa::path(post, path = "/api/v1/tokens", tag = "tokens", request_body = TokenCreate, responses((status = 201, body = Token), Problems))]
pub(crate) async fn token_create(
    State(portal): State<Portal>,
    caller: Caller,
    ApiJson(new): ApiJson<TokenCreate>,
) -> Result<(StatusCode, Json<Token>), Problem> {
    let (token, secret) = portal.token_create(&caller, &new.name, new.days).await?;
    let mut json = Token::from(token);
    json.token = Some(secret.expose().clone());
    Ok((StatusCode::CREATED, Json(json)))
}

/// Deletes one of one's own tokens; it is refused from now on.
#[utoipa::path(delete, path = "/api/v1/tokens/{id}", tag = "tokens", params(("id" = String, Path)), responses((status = 204), Problems))]
pub(crate) async fn token_delete(
    State(portal): State<Portal>,
    caller: Caller,
    ApiPath(id): ApiPath<String>,
) -> Result<StatusCode, Problem> {
    portal.token_delete(&caller, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}
