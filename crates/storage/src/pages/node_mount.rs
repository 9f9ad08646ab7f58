//! What is mounted on a node, for operators: a page, and a part of the node's page.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{Html, Response};
use portal::{ApiPath, Caller, Flash, PageContext, PageForm, PageView, Problem, redirect};
use serde::Deserialize;

use super::look::{Badge, Look, encoded, fragment, html};
use crate::Storage;
use crate::service::node_mount::NodeMountView;

struct MountRow {
    mount: NodeMountView,
    badge: Badge,
}

#[derive(Template)]
#[template(path = "node_mounts.html")]
struct MountsPage<'a> {
    l: &'a Look<'a>,
    /// The node's UID.
    node: &'a str,
    rows: Vec<MountRow>,
    exports: Vec<String>,
    form: &'a NewMount,
    wrong: Option<String>,
    /// Something is on its way: the table is read again soon.
    is_busy: bool,
}

#[derive(Template)]
#[template(path = "node_mounts_part.html")]
struct MountsPart<'a> {
    l: &'a Look<'a>,
    node: &'a str,
    rows: Vec<MountRow>,
    is_busy: bool,
}

/// A mount to be.
#[derive(Default, Deserialize)]
pub(super) struct NewMount {
    export: String,
    directory: String,
    #[serde(default)]
    read_only: bool,
}

async fn rows(storage: &Storage, look: &Look<'_>, node: &str) -> Result<(Vec<MountRow>, bool), Problem> {
    let row = |mount: NodeMountView| {
        let badge = match mount.state {
            "mounted" => look.badge("check-circle-fill", "state-good", "mount-mounted"),
            "failing" => look.badge("x-circle-fill", "state-bad", "mount-failing"),
            "unmounting" => look.badge("hourglass-split", "state-warn", "mount-unmounting"),
            _ => look.badge("hourglass-split", "state-idle", "mount-waiting"),
        };
        let reason = Some(mount.detail.clone()).filter(|detail| !detail.is_empty());
        MountRow { badge: Badge { reason, ..badge }, mount }
    };
    let rows: Vec<MountRow> = storage.node_mount_views(node).await?.into_iter().map(row).collect();
    let is_busy = rows.iter().any(|row| row.mount.state != "mounted");
    Ok((rows, is_busy))
}

/// `GET /nodes/{node}/mounts`
pub(super) async fn page(
    State(storage): State<Storage>,
    caller: Caller,
    t: PageContext,
    ApiPath(node): ApiPath<String>,
) -> Result<Response, Problem> {
    show(&storage, &caller, &t, &node, &NewMount::default(), None).await
}

async fn show(
    storage: &Storage,
    caller: &Caller,
    t: &PageContext,
    node: &str,
    form: &NewMount,
    wrong: Option<String>,
) -> Result<Response, Problem> {
    let (node, name) = storage.node_known(node).await?;
    let look = Look::new(storage, t);
    let (rows, is_busy) = rows(storage, &look, &node).await?;
    let exports = storage.export_views(caller).await?.into_iter().map(|export| export.name).collect();
    let body = html(&MountsPage { l: &look, node: &node, rows, exports, form, wrong, is_busy })?;
    let title = t.arg("mounts-title", "node", name);
    Ok(storage.portal().page(t, PageView { title, section: "nodes", body, ..PageView::default() }))
}

/// `GET /nodes/{node}/mounts/part`
pub(super) async fn part(
    State(storage): State<Storage>,
    t: PageContext,
    ApiPath(node): ApiPath<String>,
) -> Result<Html<String>, Problem> {
    let (node, _) = storage.node_known(&node).await?;
    let look = Look::new(&storage, &t);
    let (rows, is_busy) = rows(&storage, &look, &node).await?;
    fragment(&MountsPart { l: &look, node: &node, rows, is_busy })
}

/// `POST /nodes/{node}/mounts`
pub(super) async fn create(
    State(storage): State<Storage>,
    caller: Caller,
    t: PageContext,
    ApiPath(node): ApiPath<String>,
    PageForm(form): PageForm<NewMount>,
) -> Result<Response, Problem> {
    let (uid, _) = storage.node_known(&node).await?;
    let made = storage.node_mount_create(&caller, &uid, &form.export, form.directory.trim(), form.read_only).await;
    let problem: Problem = match made {
        Ok(_) => return Ok(redirect(&format!("/nodes/{}/mounts", encoded(&uid)), Some(Flash::done("flash-mount")))),
        Err(error) => error.into(),
    };
    if !problem.status().is_client_error() {
        return Err(problem);
    }
    let mut response = show(&storage, &caller, &t, &uid, &form, Some(t.problem_text(&problem))).await?;
    *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
    Ok(response)
}

/// `POST /nodes/{node}/mounts/{id}/remove`
pub(super) async fn remove(
    State(storage): State<Storage>,
    caller: Caller,
    ApiPath((node, id)): ApiPath<(String, String)>,
) -> Result<Response, Problem> {
    let (node, _) = storage.node_known(&node).await?;
    storage.node_mount_remove(&caller, &node, &id).await?;
    Ok(redirect(&format!("/nodes/{}/mounts", encoded(&node)), Some(Flash::done("flash-unmount"))))
}
