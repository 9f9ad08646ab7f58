//! Renders the shell around a page's body.

use askama::Template;
use axum::http::{HeaderValue, header};
use axum::response::{Html, IntoResponse, Response};

use crate::config::NavItem;
use crate::error::Problem;
use crate::http::cookies::{FLASH, set_cookie};
use crate::model::locale::Locale;
use crate::model::role::Role;
use crate::portal::Portal;
use crate::shell::context::{Flash, PageContext, Theme};

/// What a service puts into the shell.
#[derive(Clone, Debug, Default)]
pub struct PageView {
    /// The page's title, in the reader's language; plain text.
    pub title: String,
    /// The side bar's entry that is open, a [`NavItem`]'s `id`.
    pub section: &'static str,
    /// The entry of the second level that is open.
    pub sub: Option<&'static str>,
    /// The page's content: HTML.
    pub body: String,
    /// What stands right of the title, one primary action at most: HTML.
    pub actions: String,
    /// More scripts of this page: names of assets.
    pub scripts: Vec<&'static str>,
}

#[derive(Template)]
#[template(path = "shell.html")]
struct Shell<'a> {
    t: &'a PageContext,
    view: &'a PageView,
    assets: Links,
    scripts: Vec<String>,
    nav: Vec<Entry>,
    admin_nav: Vec<Entry>,
    sub_nav: Vec<Entry>,
    flash: Option<(bool, String)>,
    locales: [Locale; 2],
    themes: [Theme; 3],
    is_live: bool,
}

struct Links {
    bootstrap_css: String,
    app_css: String,
    icons: String,
    scripts: [String; 5],
}

struct Entry {
    href: &'static str,
    icon: &'static str,
    label: String,
    is_open: bool,
}

const OWN_NAV: [NavItem; 4] = [
    NavItem { id: "clients", href: "/clients", icon: "bi-broadcast", label: "nav-clients", role: Some(Role::Operator) },
    NavItem {
        id: "accounts",
        href: "/admin/accounts",
        icon: "bi-people",
        label: "nav-accounts",
        role: Some(Role::Admin),
    },
    NavItem {
        id: "tenants",
        href: "/admin/tenants",
        icon: "bi-building",
        label: "nav-tenants",
        role: Some(Role::Admin),
    },
    NavItem {
        id: "journal",
        href: "/admin/journal",
        icon: "bi-journal-text",
        label: "nav-journal",
        role: Some(Role::Operator),
    },
];

fn entries<'a>(items: impl Iterator<Item = &'a NavItem>, t: &PageContext, open: &str) -> Vec<Entry> {
    items
        .filter(|item| t.caller.is_some() && item.role.is_none_or(|role| t.has(role)))
        .map(|item| Entry {
            href: item.href,
            icon: item.icon.strip_prefix("bi-").unwrap_or(item.icon),
            label: t.text(item.label),
            is_open: item.id == open,
        })
        .collect()
}

/// The whole page.
pub(crate) fn render(portal: &Portal, t: &PageContext, view: PageView) -> Response {
    let config = &portal.0.config;
    let asset = |name: &str| portal.asset(name);
    let sub_items = config.sub_nav.iter().filter(|(section, _)| *section == view.section).map(|(_, item)| item);
    let shell = Shell {
        t,
        assets: Links {
            bootstrap_css: asset("bootstrap.css"),
            app_css: asset("app.css"),
            icons: asset("icons.svg"),
            scripts: ["theme.js", "bootstrap.js", "htmx.js", "htmx-sse.js", "app.js"].map(asset),
        },
        scripts: view.scripts.iter().map(|name| asset(name)).collect(),
        nav: entries(config.nav.iter(), t, view.section),
        admin_nav: entries(OWN_NAV.iter(), t, view.section),
        sub_nav: entries(sub_items, t, view.sub.unwrap_or_default()),
        flash: t.flash.as_ref().map(|flash| (flash.is_success, t.text(&flash.key))),
        locales: Locale::ALL,
        themes: [Theme::Light, Theme::Dark, Theme::Auto],
        is_live: view.body.contains("sse-connect"),
        view: &view,
    };
    let html = match shell.render() {
        Ok(html) => html,
        Err(error) => return Problem::bug(error).into_response(),
    };
    let mut response = Html(html).into_response();
    if t.flash.is_some() {
        let gone = set_cookie(FLASH, "", 0, config.secure_cookies, false);
        response.headers_mut().append(header::SET_COOKIE, gone);
    }
    response
}

/// Sends the browser on after a form (303), with a message for the next page.
pub fn redirect(to: &str, flash: Option<Flash>) -> Response {
    let mut response = axum::response::Redirect::to(to).into_response();
    if let Some(flash) = flash {
        // Not Secure by choice: it holds a catalog key, and one function then serves HTTP and HTTPS alike.
        response.headers_mut().append(header::SET_COOKIE, set_cookie(FLASH, &flash.to_cookie(), 60, false, false));
    }
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
