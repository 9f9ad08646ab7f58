//! Stores.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use portal::{ApiJson, ApiPath, Caller, Listing, Problem, Problems};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Storage;
use crate::model::store::{Store, StoreState};

/// A store: a directory on a node, or a bucket at a provider, that keeps parts of files.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct StoreView {
    /// Its number.
    id: i64,
    /// The last part of its directory, or its bucket with the prefix in it.
    name: String,
    /// The name of the node that serves it; its UID where the node was removed.
    node: String,
    /// `node`: a directory that an agent offers; `bucket`: a bucket of an S3-compatible service, served by an agent.
    kind: &'static str,
    /// enabled, cordoned (keeps what it has and takes no more) or disabled.
    state: &'static str,
    /// up, suspect or down: what was last seen.
    health: &'static str,
    /// Why it is not up.
    #[serde(skip_serializing_if = "String::is_empty")]
    detail: String,
    /// What it may take in all, bytes.
    capacity_bytes: i64,
    /// What it has taken, bytes.
    used_bytes: i64,
    /// What it would take now, bytes.
    free_bytes: i64,
    /// Parts of files in it.
    units: i64,
    /// Those of its node; a bucket has `provider` besides, the host of its service.
    labels: BTreeMap<String, String>,
    /// Where clients reach it, best first.
    addresses: Vec<String>,
    /// When it first joined, RFC 3339.
    created: String,
    /// When it last answered, RFC 3339.
    seen: String,
}

async fn view(storage: &Storage, store: Store) -> StoreView {
    let facts = storage.config().nodes.node(&store.node).await;
    let node = facts.ok().flatten().map_or(store.node, |facts| facts.name);
    StoreView {
        id: store.id,
        name: store.name,
        node,
        kind: store.kind.as_str(),
        state: store.state.as_str(),
        health: store.health.as_str(),
        detail: store.detail,
        capacity_bytes: store.capacity_bytes,
        used_bytes: store.used_bytes,
        free_bytes: store.free_bytes,
        units: store.units,
        labels: store.labels,
        addresses: store.addresses,
        created: portal::utc_text(store.created_ms),
        seen: portal::utc_text(store.seen_ms),
    }
}

/// List the stores by number
#[utoipa::path(get, path = "/api/v1/stores", tag = "stores", responses((status = 200, body = Listing<StoreView>), Problems))]
pub(super) async fn store_list(State(storage): State<Storage>) -> Result<Json<Listing<StoreView>>, Problem> {
    let mut items = Vec::new();
    for store in storage.store_list().await? {
        items.push(view(&storage, store).await);
    }
    Ok(Json(Listing { items, next: None }))
}

/// Show a store
#[utoipa::path(get, path = "/api/v1/stores/{store}", tag = "stores",
    params(("store" = i64, Path, description = "number")), responses((status = 200, body = StoreView), Problems))]
pub(super) async fn store_get(
    State(storage): State<Storage>,
    ApiPath(id): ApiPath<i64>,
) -> Result<Json<StoreView>, Problem> {
    let store = storage.store_get(id).await?;
    Ok(Json(view(&storage, store).await))
}

/// What may be changed of a store.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct StorePatch {
    /// enabled, cordoned, disabled, or draining: what it has is put on other stores, then it is drained.
    state: String,
}

/// Change a store's state
#[utoipa::path(patch, path = "/api/v1/stores/{store}", tag = "stores", request_body = StorePatch,
    params(("store" = i64, Path, description = "number")), responses((status = 200, body = StoreView), Problems))]
pub(super) async fn store_change(
    State(storage): State<Storage>,
    caller: Caller,
    ApiPath(id): ApiPath<i64>,
    ApiJson(patch): ApiJson<StorePatch>,
) -> Result<Json<StoreView>, Problem> {
    let state: StoreState = patch.state.parse().map_err(|_| {
        Problem::bad_request("store-state", "state is enabled, cordoned, disabled or draining.").field("state")
    })?;
    let store = storage.store_state_set(&caller, id, state).await?;
    Ok(Json(view(&storage, store).await))
}

/// Remove a store that holds no part of any file
#[utoipa::path(delete, path = "/api/v1/stores/{store}", tag = "stores",
    params(("store" = i64, Path, description = "number")), responses((status = 204), Problems))]
pub(super) async fn store_delete(
    State(storage): State<Storage>,
    caller: Caller,
    ApiPath(id): ApiPath<i64>,
) -> Result<StatusCode, Problem> {
    storage.store_remove(&caller, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
