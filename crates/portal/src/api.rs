//! The portal's REST interface.

mod account;
mod audit;
mod client;
mod me;
mod tenant;
mod token;

use axum::Router;
use axum::body::Bytes;
use axum::http::header;
use axum::routing::get;
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::{ComponentsBuilder, InfoBuilder, License, OpenApi, OpenApiBuilder};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::error::ProblemBody;
use crate::http::cookies::SESSION;
use crate::portal::Portal;

/// Items on a page of a list unless asked otherwise.
pub(crate) const PAGE: u32 = 50;
/// Items on a page of a list at most.
pub(crate) const PAGE_MAX: u32 = 200;

/// The portal's API, to be joined with the services' (`OpenApiRouter::merge`) before `with_state`.
pub fn api() -> OpenApiRouter<Portal> {
    OpenApiRouter::new()
        .routes(routes!(me::me_get, me::me_change))
        .routes(routes!(me::me_password))
        .routes(routes!(account::account_list, account::account_create))
        .routes(routes!(account::account_get, account::account_change, account::account_delete))
        .routes(routes!(account::account_reset))
        .routes(routes!(tenant::tenant_list, tenant::tenant_create))
        .routes(routes!(tenant::tenant_get, tenant::tenant_change, tenant::tenant_delete))
        .routes(routes!(token::token_list, token::token_create))
        .routes(routes!(token::token_delete))
        .routes(routes!(audit::audit_list))
        .routes(routes!(client::client_list))
        .routes(routes!(client::session_list, client::session_create))
        .routes(routes!(client::session_end))
}

/// Neither way of signing in knows scopes.
const NO_SCOPES: [&str; 0] = [];

/// The start of the API's description: what it is and how one signs in, for all operations that don't say otherwise. Give it to `OpenApiRouter::with_openapi` before
/// joining the services.
pub fn openapi() -> OpenApi {
    let info = InfoBuilder::new()
        .title("Amphi")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(
            "Errors are `{code, message, field?, request_id}`. Lists are keyset pages. A POST may carry `Idempotency-Key`.",
        ))
        .license(Some(License::new("MIT OR Apache-2.0")))
        .build();
    let token =
        SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("amphi_…").build());
    let session = SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::new(SESSION)));
    // Not collected from the handlers: they name it through `Problems` alone.
    let components = ComponentsBuilder::new()
        .schema_from::<ProblemBody>()
        .security_scheme("token", token)
        .security_scheme("session", session)
        .build();
    let by_either = [SecurityRequirement::new("token", NO_SCOPES), SecurityRequirement::new("session", NO_SCOPES)];
    OpenApiBuilder::new().info(info).components(Some(components)).security(Some(by_either)).build()
}

/// The route `/api/v1/openapi.json` for the whole, joined description. Only its text is kept: as a structure it takes
/// 15 MB.
///
/// # Errors
/// A part of it is nothing that JSON could say.
pub fn openapi_route(openapi: &OpenApi) -> Result<Router, serde_json::Error> {
    let text = Bytes::from(serde_json::to_vec(openapi)?);
    let describe = async || ([(header::CONTENT_TYPE, "application/json")], text);
    Ok(Router::new().route("/api/v1/openapi.json", get(describe)))
}

/// The items of a page, and the next page's cursor when one more was read than shown.
pub(crate) fn paged<T, J>(
    mut rows: Vec<T>,
    limit: u32,
    cursor: impl Fn(&T) -> String,
    json: impl Fn(T) -> J,
) -> crate::http::extract::Listing<J> {
    let shown = limit as usize;
    let more = rows.len() > shown;
    rows.truncate(shown);
    let next = if more { rows.last().map(cursor) } else { None };
    crate::http::extract::Listing { items: rows.into_iter().map(json).collect(), next }
}

/// The asked size of a page. Errors: `limit-invalid`.
pub(crate) fn page_limit(asked: Option<u32>) -> Result<u32, crate::error::Problem> {
    match asked.unwrap_or(PAGE) {
        limit @ 1..=PAGE_MAX => Ok(limit),
        _ => Err(crate::error::Problem::bad_request("limit-invalid", "A page has 1 to 200 items.").field("limit")),
    }
}
