//! The pages of files, volumes and stores: extract, one call, render. What they say is in `locales`.

mod browser;
mod look;
#[cfg(test)]
mod tests;
mod volumes;

use axum::Router;
use axum::routing::{get, post};
use portal::{Asset, Caller, Locale, NavItem, Role};

use crate::Storage;

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
        .route("/volumes", get(volumes::page).post(volumes::create))
        .route("/volumes/part", get(volumes::part))
        .route("/stores/{id}/state", post(volumes::store_state))
        .with_state(storage)
}
