//! The snapshots of an export, at the end of its page.

use axum::extract::State;
use axum::response::Response;
use portal::{ApiPath, Caller, Flash, PageForm, Problem, redirect};
use serde::Deserialize;

use super::look::{Look, encoded};
use crate::Storage;
use crate::service::ServiceError;

/// A snapshot as it is listed.
pub(super) struct SnapshotRow {
    /// Without its export's.
    pub(super) name: String,
    pub(super) href: String,
    pub(super) used: String,
    pub(super) taken_ms: i64,
    pub(super) restore: String,
    pub(super) remove: String,
}

/// The snapshots of an export, and where they are changed.
pub(super) struct Snapshots {
    pub(super) action: String,
    pub(super) rows: Vec<SnapshotRow>,
}

/// The snapshots of an export; `None` of a snapshot itself.
pub(super) async fn snapshots(
    storage: &Storage,
    caller: &Caller,
    look: &Look<'_>,
    export: &str,
) -> Result<Option<Snapshots>, ServiceError> {
    if export.contains('@') {
        return Ok(None);
    }
    let views = storage.snapshot_views(caller, export).await?;
    let rows = views.into_iter().map(|view| {
        let name = view.name.split_once('@').map_or("", |(_, name)| name).to_owned();
        let both = [("name", name.clone().into()), ("export", export.to_owned().into())];
        SnapshotRow {
            href: format!("/files/{}", encoded(&view.name)),
            used: look.size(view.usage.bytes),
            taken_ms: view.created_ms,
            restore: look.t.with("snapshot-restore-confirm", &both),
            remove: look.t.with("snapshot-remove-confirm", &both),
            name,
        }
    });
    Ok(Some(Snapshots { action: format!("/snapshots/{}", encoded(export)), rows: rows.collect() }))
}

/// What is done with a snapshot.
#[derive(Deserialize)]
pub(super) struct Change {
    op: String,
    name: String,
}

/// `POST /snapshots/{export}`
pub(super) async fn change(
    State(storage): State<Storage>,
    caller: Caller,
    ApiPath(export): ApiPath<String>,
    PageForm(form): PageForm<Change>,
) -> Result<Response, Problem> {
    let flash = match form.op.as_str() {
        "take" => {
            storage.snapshot_create(&caller, &export, form.name.trim()).await?;
            "flash-snapshot-taken"
        }
        "restore" => {
            storage.snapshot_restore(&caller, &export, &form.name, None).await?;
            "flash-snapshot-restored"
        }
        "remove" => {
            storage.snapshot_remove(&caller, &export, &form.name).await?;
            "flash-snapshot-removed"
        }
        _ => return Err(Problem::bad_request("op", "op is take, restore or remove.").field("op")),
    };
    Ok(redirect(&format!("/files/{}", encoded(&export)), Some(Flash::done(flash))))
}
