//! The pages of files, volumes and stores: extract, one call, render. What they say is in `locales`.

mod browser;
mod care;
mod listing;
mod look;
mod node_mount;
mod own;
mod snapshot;
#[cfg(test)]
mod tests;
mod volumes;

use axum::Router;
use axum::routing::{get, post};
use portal::{Asset, Caller, Locale, NavItem, Role};

use crate::Storage;

pub(crate) use look::{encoded, encoded_path};

/// Storage's catalogs.
pub fn catalogs() -> Vec<(Locale, &'static str)> {
    vec![
        (Locale::En, include_str!("../locales/en/storage.ftl")),
        (Locale::Fr, include_str!("../locales/fr/storage.ftl")),
    ]
}

/// Storage's entries of the side bar.
pub fn navigation() -> Vec<NavItem> {
    vec![
        NavItem { id: "files", href: "/files", icon: "bi-folder", label: "nav-files", role: None },
        NavItem {
            id: "volumes",
            href: "/volumes",
            icon: "bi-hdd-stack",
            label: "nav-volumes",
            role: Some(Role::Operator),
        },
    ]
}

/// Storage's entries of the second level, each with its section.
pub fn sub_navigation() -> Vec<(&'static str, NavItem)> {
    let item = |id, href, label| ("files", NavItem { id, href, icon: "bi-folder", label, role: None });
    vec![
        item("spaces", "/files", "nav-spaces"),
        item("shares", "/shares", "nav-shares"),
        item("s3-keys", "/s3-keys", "nav-s3-keys"),
    ]
}

/// Storage's files under `/static`.
pub fn assets() -> Vec<Asset> {
    vec![
        Asset {
            name: "files.css",
            media_type: "text/css; charset=utf-8",
            bytes: include_bytes!("../../../web/files.css"),
        },
        Asset {
            name: "files.js",
            media_type: "text/javascript; charset=utf-8",
            bytes: include_bytes!("../../../web/files.js"),
        },
    ]
}

/// The topics that pages may listen to.
pub fn topic(caller: &Caller, topic: &str) -> Option<String> {
    (topic == "storage" && caller.has(Role::Operator)).then(|| "storage.stores".to_owned())
}

pub(crate) fn router(storage: Storage) -> Router {
    Router::new()
        .route("/files", get(browser::spaces))
        .route("/files/{export}", get(browser::root).post(browser::change_root))
        .route("/files/{export}/{*path}", get(browser::directory).post(browser::change))
        .route("/shared/{secret}", get(browser::shared))
        .route("/shares", get(own::shares))
        .route("/shares/{id}/revoke", post(own::share_revoke))
        .route("/s3-keys", get(own::keys).post(own::key_create))
        .route("/s3-keys/{id}/revoke", post(own::key_revoke))
        .route("/snapshots/{export}", post(snapshot::change))
        .route("/nodes/{node}/mounts", get(node_mount::page).post(node_mount::create))
        .route("/nodes/{node}/mounts/part", get(node_mount::part))
        .route("/nodes/{node}/mounts/{id}/remove", post(node_mount::remove))
        .route("/volumes", get(volumes::page).post(volumes::create))
        .route("/volumes/part", get(volumes::part))
        .route("/volumes/rates", post(care::rates))
        .route("/volumes/{volume}/care", post(care::begin))
        .route("/stores/{id}/state", post(volumes::store_state))
        .with_state(storage)
}
