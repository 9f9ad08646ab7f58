//! The pages of classrooms: extract, one call, render. What they say is in `locales`.

mod conference;
mod look;
mod recording;
mod room;

use axum::Router;
use portal::{Asset, Caller, Locale, NavItem, Role};

use crate::Classroom;

/// The catalogs of classrooms.
pub fn catalogs() -> Vec<(Locale, &'static str)> {
    vec![
        (Locale::En, include_str!("../locales/en/conference.ftl")),
        (Locale::En, include_str!("../locales/en/recording.ftl")),
        (Locale::En, include_str!("../locales/en/room.ftl")),
        (Locale::Fr, include_str!("../locales/fr/conference.ftl")),
        (Locale::Fr, include_str!("../locales/fr/recording.ftl")),
        (Locale::Fr, include_str!("../locales/fr/room.ftl")),
    ]
}

/// The entries of the side bar.
pub fn navigation() -> Vec<NavItem> {
    vec![
        NavItem { id: "classrooms", href: "/classrooms", icon: "bi-easel", label: "nav-classrooms", role: None },
        NavItem {
            id: "conference",
            href: "/conference",
            icon: "bi-camera-video",
            label: "nav-conference",
            role: Some(Role::Operator),
        },
    ]
}

/// The entries of the second level, each with its section.
pub fn sub_navigation() -> Vec<(&'static str, NavItem)> {
    let classrooms =
        |id, href, icon, label| ("classrooms", NavItem { id, href, icon, label, role: Some(Role::Teacher) });
    let conference =
        |id, href, label, role| ("conference", NavItem { id, href, icon: "bi-camera-video", label, role: Some(role) });
    vec![
        classrooms("rooms", "/classrooms", "bi-easel", "nav-rooms"),
        classrooms("recordings", "/recordings", "bi-play-fill", "nav-recordings"),
        conference("conference-servers", "/conference", "nav-conference-servers", Role::Operator),
        conference("conference-connect", "/conference/connect", "nav-conference-connect", Role::Admin),
    ]
}

/// Files under `/static`.
pub fn assets() -> Vec<Asset> {
    Vec::new()
}

/// The topics that pages may listen to.
pub fn topic(_caller: &Caller, topic: &str) -> Option<String> {
    (topic == "classrooms").then(|| crate::service::MEETINGS.to_owned())
}

pub(crate) fn router(classroom: Classroom) -> Router {
    Router::new().merge(conference::router()).merge(recording::router()).merge(room::router()).with_state(classroom)
}
