//! The REST API: extract, one call, render.

mod care;
mod export;
mod file;
mod lock;
mod node_mount;
mod s3_key;
mod session;
mod share;
mod snapshot;
mod store;
pub(crate) mod transfer;
mod volume;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::Storage;

/// All operations of storage.
pub(crate) fn router(storage: Storage) -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(s3_key::s3_key_list, s3_key::s3_key_create))
        .routes(routes!(s3_key::s3_key_revoke))
        .routes(routes!(volume::volume_list, volume::volume_create))
        .routes(routes!(volume::volume_get, volume::volume_delete))
        .routes(routes!(export::export_list, export::export_create))
        .routes(routes!(export::export_get, export::export_change, export::export_delete))
        .routes(routes!(snapshot::snapshot_list, snapshot::snapshot_create))
        .routes(routes!(snapshot::snapshot_delete))
        .routes(routes!(snapshot::snapshot_restore))
        .routes(routes!(share::share_list, share::share_create))
        .routes(routes!(share::share_revoke))
        .routes(routes!(session::session_open))
        .routes(routes!(session::session_renew, session::session_close))
        .routes(routes!(session::session_certify))
        .routes(routes!(session::session_wait))
        .routes(routes!(session::delegation_end))
        .routes(routes!(session::session_apply))
        .routes(routes!(session::session_read))
        .routes(routes!(lock::session_locks))
        .routes(routes!(node_mount::node_mount_list, node_mount::node_mount_create))
        .routes(routes!(node_mount::node_mount_delete))
        .routes(routes!(store::store_list))
        .routes(routes!(store::store_get, store::store_change, store::store_delete))
        .routes(routes!(care::storage_health))
        .routes(routes!(care::rates_get, care::rates_set))
        .routes(routes!(care::volume_scrub))
        .routes(routes!(care::volume_rebuild))
        .routes(routes!(care::volume_rebalance))
        .routes(routes!(file::entry_list))
        .routes(routes!(file::file_get, file::file_put, file::file_delete))
        .routes(routes!(file::directory_make))
        .routes(routes!(file::file_rename))
        .routes(routes!(file::file_copy))
        .with_state(storage)
}

#[cfg(test)]
mod tests;
