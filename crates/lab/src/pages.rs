//! The lab's pages.

use axum::Router;
use portal::{Caller, Locale, NavItem};

use crate::Lab;

/// The lab's catalogs.
pub fn catalogs() -> Vec<(Locale, &'static str)> {
    vec![
        (Locale::En, include_str!("../locales/en/tools.ftl")),
        (Locale::Fr, include_str!("../locales/fr/tools.ftl")),
    ]
}

/// The lab's entries of the side bar.
pub fn navigation() -> Vec<NavItem> {
    vec![]
}

/// The second level of the navigation.
pub fn sub_navigation() -> Vec<(&'static str, NavItem)> {
    Vec::new()
}

/// The lab's own files under `/static`.
pub fn assets() -> Vec<portal::Asset> {
    Vec::new()
}

/// The topics that pages may listen to.
pub fn topic(_caller: &Caller, topic: &str) -> Option<String> {
    let is_known = matches!(topic, "jobs" | "nodes") || topic.starts_with("job:") || topic.starts_with("node:");
    is_known.then(|| topic.to_owned())
}

pub(crate) fn router(lab: Lab) -> Router {
    Router::new().with_state(lab)
}
