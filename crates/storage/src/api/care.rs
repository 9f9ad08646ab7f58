//! The care of what is stored: what is at risk, and what operators begin.

use std::collections::HashMap;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use portal::{ApiJson, ApiPath, Caller, Problem, Problems};
use serde::Serialize;
use utoipa::ToSchema;

use crate::Storage;
use crate::model::alert::{Alert, AlertCode, Subject};
use crate::service::care::VolumeHealth;
use crate::service::pace::{CareRates, CareRatesChange};

/// How everything that is stored fares.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct StorageHealth {
    /// By volume.
    volumes: Vec<VolumeHealth>,
    /// What an operator should look at, the worst first.
    alerts: Vec<AlertView>,
}

/// Something that an operator should look at.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AlertView {
    /// lost, at-risk, cannot-place, full, damage, damage-found, exposed, degraded, nearly-full or soft-quota.
    code: &'static str,
    /// The volume it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    volume: Option<String>,
    /// The store it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    store: Option<i64>,
    /// The export it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    export: Option<String>,
    /// Stripes, damaged units or stores, as the code has it.
    count: u64,
    /// What is wrong and what to do.
    message: String,
    /// When it was told first, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<String>,
}

impl AlertView {
    fn new(alert: Alert, since: &HashMap<(AlertCode, String), i64>) -> Self {
        let (message, key) = (alert.message(), (alert.code, alert.subject.key()));
        let (volume, store, export) = match alert.subject {
            Subject::Volume(name) => (Some(name), None, None),
            Subject::Store(id) => (None, Some(id), None),
            Subject::Export(name) => (None, None, Some(name)),
        };
        let since = since.get(&key).map(|at| portal::utc_text(*at));
        Self { code: alert.code.as_str(), volume, store, export, count: alert.count, message, since }
    }
}

/// Show what is healthy, degraded, at risk and lost
#[utoipa::path(get, path = "/api/v1/storage/health", tag = "volumes",
    responses((status = 200, body = StorageHealth), Problems))]
pub(super) async fn storage_health(State(storage): State<Storage>) -> Result<Json<StorageHealth>, Problem> {
    let since = storage.alerts_since().await?;
    let alerts = storage.alerts().await?.into_iter().map(|alert| AlertView::new(alert, &since)).collect();
    Ok(Json(StorageHealth { volumes: storage.health().await?, alerts }))
}

/// Show how fast data is moved and compared, at most
#[utoipa::path(get, path = "/api/v1/storage/rates", tag = "volumes",
    responses((status = 200, body = CareRates), Problems))]
pub(super) async fn rates_get(State(storage): State<Storage>) -> Result<Json<CareRates>, Problem> {
    Ok(Json(storage.care_rates().await?))
}

/// Set how fast data is moved and compared, at most
///
/// What goes on minds it within moments.
#[utoipa::path(patch, path = "/api/v1/storage/rates", tag = "volumes", request_body = CareRatesChange,
    responses((status = 200, body = CareRates), Problems))]
pub(super) async fn rates_set(
    State(storage): State<Storage>,
    caller: Caller,
    ApiJson(change): ApiJson<CareRatesChange>,
) -> Result<Json<CareRates>, Problem> {
    Ok(Json(storage.care_rates_set(&caller, change).await?))
}

/// Compare all units of a volume's stores with their checksums, soon
#[utoipa::path(post, path = "/api/v1/volumes/{volume}/scrub", tag = "volumes",
    params(("volume" = String, Path, description = "name")), responses((status = 202), Problems))]
pub(super) async fn volume_scrub(
    State(storage): State<Storage>,
    ApiPath(volume): ApiPath<String>,
) -> Result<StatusCode, Problem> {
    let volume = storage.volume_by_name(&volume).await?;
    storage.scrub_ask(volume.id).await?;
    Ok(StatusCode::ACCEPTED)
}

/// Move data of a volume from the fullest stores to the emptiest, soon
#[utoipa::path(post, path = "/api/v1/volumes/{volume}/rebalance", tag = "volumes",
    params(("volume" = String, Path, description = "name")), responses((status = 202), Problems))]
pub(super) async fn volume_rebalance(
    State(storage): State<Storage>,
    ApiPath(volume): ApiPath<String>,
) -> Result<StatusCode, Problem> {
    let volume = storage.volume_by_name(&volume).await?;
    storage.rebalance_begin(volume.id).await?;
    Ok(StatusCode::ACCEPTED)
}

/// Put on other stores what is on stores that are away, without waiting for them to come back
#[utoipa::path(post, path = "/api/v1/volumes/{volume}/rebuild", tag = "volumes",
    params(("volume" = String, Path, description = "name")), responses((status = 202), Problems))]
pub(super) async fn volume_rebuild(
    State(storage): State<Storage>,
    ApiPath(volume): ApiPath<String>,
) -> Result<StatusCode, Problem> {
    let volume = storage.volume_by_name(&volume).await?;
    storage.rebuild_begin(volume.id).await?;
    Ok(StatusCode::ACCEPTED)
}
