//! The lab's pages: extract, one call, render. What a page does is in the services; what it says is in `locales`.

mod batch;
mod batch_change;
mod detail;
mod draft;
mod job;
mod job_change;
mod kind;
mod look;
mod many;
mod new;
mod node;
mod node_change;
mod output;
mod overview;
mod policy;
mod program;
mod status;
#[cfg(test)]
mod tests;

use axum::Router;
use axum::response::Response;
use axum::routing::{get, post};
use portal::{Asset, Caller, Locale, NavItem, PageContext, Role, redirect};

use crate::Lab;

/// The lab's catalogs.
pub fn catalogs() -> Vec<(Locale, &'static str)> {
    vec![
        (Locale::En, include_str!("../locales/en/tools.ftl")),
        (Locale::Fr, include_str!("../locales/fr/tools.ftl")),
        (Locale::En, include_str!("../locales/en/lab.ftl")),
        (Locale::Fr, include_str!("../locales/fr/lab.ftl")),
        (Locale::En, include_str!("../locales/en/batches.ftl")),
        (Locale::Fr, include_str!("../locales/fr/batches.ftl")),
        (Locale::En, include_str!("../locales/en/programs.ftl")),
        (Locale::Fr, include_str!("../locales/fr/programs.ftl")),
    ]
}

/// The lab's entries of the side bar.
pub fn navigation() -> Vec<NavItem> {
    let item = |id, href, icon, label, role| NavItem { id, href, icon, label, role };
    vec![
        item("lab", "/lab", "bi-flask", "nav-lab", None),
        item("programs", "/programs", "bi-keyboard", "nav-programs", None),
        item("nodes", "/nodes", "bi-hdd-network", "nav-nodes", None),
        item("status", "/status", "bi-activity", "nav-status", None),
        item("policy", "/admin/policy", "bi-shield-lock", "nav-policy", Some(Role::Operator)),
    ]
}

/// The lab's entries of the second level, each with its section.
pub fn sub_navigation() -> Vec<(&'static str, NavItem)> {
    let item = |id, href, label| NavItem { id, href, icon: "bi-flask", label, role: None };
    vec![
        ("lab", item("overview", "/lab", "nav-lab-overview")),
        ("lab", item("batches", "/lab/batches", "nav-batches")),
        ("lab", item("new", "/lab/new", "nav-lab-new")),
        ("programs", item("program-overview", "/programs", "nav-programs-overview")),
        ("programs", item("program-batches", "/programs/batches", "nav-batches")),
        ("programs", item("program-new", "/programs/new", "nav-programs-new")),
    ]
}

/// The lab's files under `/static`.
pub fn assets() -> Vec<Asset> {
    const CSS: &str = "text/css; charset=utf-8";
    const JS: &str = "text/javascript; charset=utf-8";
    let asset = |name, media_type, bytes| Asset { name, media_type, bytes };
    vec![
        asset("lab.css", CSS, include_bytes!("../../../web/lab.css")),
        asset("lab.js", JS, include_bytes!("../../../web/lab.js")),
        asset("program.css", CSS, include_bytes!("../../../web/program.css")),
        asset("codemirror.js", JS, include_bytes!("../../../web/vendor/codemirror.min.js")),
        asset("editor.js", JS, include_bytes!("../../../web/editor.js")),
        asset("program.js", JS, include_bytes!("../../../web/program.js")),
        asset("own-files.js", JS, include_bytes!("../../../web/own-files.js")),
        asset("run.js", JS, include_bytes!("../../../web/run.js")),
        asset("output.js", JS, include_bytes!("../../../web/output.js")),
    ]
}

/// The topics that pages may listen to.
pub fn topic(_caller: &Caller, topic: &str) -> Option<String> {
    let is_known = matches!(topic, "jobs" | "nodes") || topic.starts_with("job:") || topic.starts_with("node:");
    is_known.then(|| topic.to_owned())
}

pub(crate) fn router(lab: Lab) -> Router {
    Router::new()
        .route("/", get(start))
        .route("/lab", get(overview::page))
        .route("/lab/rows", get(overview::rows))
        .route("/lab/new", get(new::page).post(new::submit))
        .route("/lab/form", get(new::form))
        .route("/lab/check", post(new::check))
        .route("/lab/jobs/{id}", get(job::page))
        .route("/lab/jobs/{id}/part", get(job::part))
        .route("/lab/jobs/{id}/again", post(new::again))
        .route("/lab/jobs/{id}/retry", post(job_change::retry))
        .route("/lab/jobs/{id}/keep", post(job_change::keep))
        .route("/lab/jobs/{id}/cancel", post(job_change::cancel))
        .route("/lab/jobs/{id}/rename", post(job_change::rename))
        .route("/lab/jobs/{id}/pin", post(job_change::pin))
        .route("/lab/jobs/{id}/share", post(job_change::share))
        .route("/lab/jobs/{id}/delete", post(job_change::delete))
        .route("/lab/batches", get(batch::experiments))
        .route("/lab/batches/rows", get(batch::experiment_rows))
        .route("/lab/batches/{id}", get(batch::page))
        .route("/lab/batches/{id}/part", get(batch::part))
        .route("/lab/batches/{id}/again", post(batch_change::again))
        .route("/lab/batches/{id}/cancel", post(batch_change::cancel))
        .route("/lab/batches/{id}/delete", post(batch_change::delete))
        .route("/programs/batches", get(batch::programs))
        .route("/programs/batches/rows", get(batch::program_rows))
        .route("/programs", get(overview::programs))
        .route("/programs/rows", get(overview::program_rows))
        .route("/programs/new", get(program::page).post(program::submit))
        .route("/programs/unzip", post(program::unzip))
        .route("/programs/{id}/result", get(program::part))
        .route("/nodes", get(node::list))
        .route("/nodes/rows", get(node::rows))
        .route("/nodes/new", get(node_change::new).post(node_change::token))
        .route("/nodes/{node}", get(node::detail))
        .route("/nodes/{node}/state", post(node_change::state))
        .route("/nodes/{node}/edit", post(node_change::edit))
        .route("/nodes/{node}/remove", post(node_change::remove))
        .route("/status", get(status::page))
        .route("/status/part", get(status::part))
        .route("/admin/policy", get(policy::page).post(policy::save))
        .with_state(lab)
}

/// `GET /`
async fn start(t: PageContext) -> Response {
    redirect(if t.caller.is_some() { "/lab" } else { "/sign-in" }, None)
}
