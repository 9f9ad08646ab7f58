//! Locks: what a mount calls so that its programs' locks hold in other mounts too.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use portal::{ApiJson, ApiPath, Caller, Problem, Problems};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Storage;
use crate::model::lock::{FileLocks, Held};
use crate::namespace::{Namespace, SessionCall};

/// What is wanted with locks.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(tag = "op", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum LockCall {
    /// The session is to hold this of these files and no more, or all stays as it is.
    Set {
        /// The files; 256 at most.
        locks: Vec<FileLocks>,
    },
    /// Look whether the session could hold this of a file.
    Look {
        /// The file.
        locks: FileLocks,
        /// As long as it could not, wait for so many milliseconds; 20,000 at most.
        #[serde(default)]
        wait_ms: u64,
    },
}

/// Whether it is so.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct LockAnswer {
    /// What another session holds and that is at odds with it; null: nothing is.
    against: Option<Held>,
}

/// Set what a session holds of files for the programs in its mount, or look whether it could; it ends with the session
#[utoipa::path(post, path = "/api/v1/exports/{export}/sessions/{id}/locks", tag = "exports",
    params(("export" = String, Path), ("id" = String, Path)), request_body = LockCall,
    responses((status = 200, body = LockAnswer), Problems))]
pub(super) async fn session_locks(
    State(storage): State<Storage>,
    caller: Caller,
    ApiPath((export, id)): ApiPath<(String, String)>,
    ApiJson(call): ApiJson<LockCall>,
) -> Result<Json<LockAnswer>, Problem> {
    let session = SessionCall { session: id, epoch: 0, number: None };
    let names = storage.session_namespace(&caller, &export, session).await?;
    let against = match call {
        LockCall::Set { locks } => names.locks_set(locks).await?,
        LockCall::Look { locks, wait_ms } => names.lock_against(locks, Duration::from_millis(wait_ms)).await?,
    };
    Ok(Json(LockAnswer { against }))
}
