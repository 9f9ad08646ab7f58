//! What was used, and how much is wanted.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse as _, Response};
use portal::{ApiQuery, Listing, Problem, Problems};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use crate::Classroom;
use crate::model::capacity::{Capacity, TARGET_USERS};
use crate::service::ServiceError;
use crate::service::usage::{UsageView, usage_csv};

/// How the rows come.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Format {
    Json,
    Csv,
}

/// Which days, and whose.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct UsageQuery {
    /// The first day, `2026-03-01`; left out: the first of the month of `to`.
    from: Option<String>,
    /// The last day; left out: today, UTC.
    to: Option<String>,
    /// Id or name of a tenant; left out: all.
    tenant: Option<String>,
    /// Left out: as `Accept` says.
    #[param(inline)]
    format: Option<Format>,
}

/// Show what tenants used, by day; as CSV with `Accept: text/csv` or `format=csv`
#[utoipa::path(get, path = "/api/v1/conference/usage", tag = "conference", params(UsageQuery),
    responses((status = 200, content((Listing<UsageView> = "application/json"), (String = "text/csv"))), Problems))]
pub(super) async fn usage(
    State(classroom): State<Classroom>,
    headers: HeaderMap,
    ApiQuery(query): ApiQuery<UsageQuery>,
) -> Result<Response, Problem> {
    let UsageQuery { from, to, tenant, format } = query;
    let rows = classroom.usage(from.as_deref(), to.as_deref(), tenant.as_deref()).await?;
    let accepted = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    let is_csv = format.map_or_else(|| accepted.contains("text/csv"), |format| format == Format::Csv);
    Ok(if is_csv {
        ([(header::CONTENT_TYPE, "text/csv; charset=utf-8")], usage_csv(&rows)).into_response()
    } else {
        Json(Listing { items: rows, next: None }).into_response()
    })
}

/// What servers should bear.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct CapacityQuery {
    /// Users that a server of weight 100 should have at most.
    #[param(minimum = 1, maximum = 100_000, default = 200)]
    target_load: Option<u32>,
}

/// Show how many servers are wanted, and which may go: for autoscalers
#[utoipa::path(get, path = "/api/v1/conference/capacity", tag = "conference", params(CapacityQuery),
    responses((status = 200, body = Capacity), Problems))]
pub(super) async fn capacity(
    State(classroom): State<Classroom>,
    ApiQuery(query): ApiQuery<CapacityQuery>,
) -> Result<Json<Capacity>, Problem> {
    let target = query.target_load.unwrap_or(TARGET_USERS);
    if !(1..=100_000).contains(&target) {
        let message = "target_load is a number of users from 1 to 100000.".to_owned();
        return Err(ServiceError::Asked { field: "target_load", message }.into());
    }
    Ok(Json(classroom.capacity(target)))
}
