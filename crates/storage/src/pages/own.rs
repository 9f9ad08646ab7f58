//! What is one's own beside files: links that were shared, and keys for S3.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use portal::{ApiPath, Caller, Flash, PageContext, PageForm, PageView, Problem, Role, redirect};
use serde::Deserialize;

use super::look::{Look, encoded, encoded_path, html};
use crate::Storage;
use crate::file::FilePath;
use crate::s3::key::S3Key;
use crate::service::share::ShareView;

struct ShareRow {
    share: ShareView,
    /// The directory that the file is in.
    href: String,
}

#[derive(Template)]
#[template(path = "shares.html")]
struct SharesPage<'a> {
    l: &'a Look<'a>,
    rows: Vec<ShareRow>,
    is_operator: bool,
}

/// `GET /shares`
pub(super) async fn shares(
    State(storage): State<Storage>,
    caller: Caller,
    t: PageContext,
) -> Result<Response, Problem> {
    let look = Look::new(&storage, &t);
    let row = |share: ShareView| {
        let path = FilePath::parse(&share.path).unwrap_or_default();
        let above = encoded_path(&path);
        let above = above.rsplit_once('/').map_or("", |(above, _)| above);
        ShareRow { href: format!("/files/{}{above}", encoded(&share.export)), share }
    };
    let rows = storage.share_views(&caller).await?.into_iter().map(row).collect();
    let body = html(&SharesPage { l: &look, rows, is_operator: caller.has(Role::Operator) })?;
    let title = t.text("shares-title");
    let view = PageView { title, section: "files", sub: Some("shares"), body, ..PageView::default() };
    Ok(storage.portal().page(&t, view))
}

/// `POST /shares/{id}/revoke`
pub(super) async fn share_revoke(
    State(storage): State<Storage>,
    caller: Caller,
    ApiPath(id): ApiPath<String>,
) -> Result<Response, Problem> {
    storage.share_revoke(&caller, &id).await?;
    Ok(redirect("/shares", Some(Flash::done("flash-share-revoked"))))
}

#[derive(Template)]
#[template(path = "s3_keys.html")]
struct KeysPage<'a> {
    l: &'a Look<'a>,
    keys: Vec<S3Key>,
    /// Id and secret of a key that was made just now.
    fresh: Option<(String, String)>,
    name: &'a str,
    wrong: Option<String>,
}

/// `GET /s3-keys`
pub(super) async fn keys(State(storage): State<Storage>, caller: Caller, t: PageContext) -> Result<Response, Problem> {
    keys_show(&storage, &caller, &t, None, "", None).await
}

async fn keys_show(
    storage: &Storage,
    caller: &Caller,
    t: &PageContext,
    fresh: Option<(String, String)>,
    name: &str,
    wrong: Option<String>,
) -> Result<Response, Problem> {
    let look = Look::new(storage, t);
    let keys = storage.s3_key_list(caller).await?;
    let body = html(&KeysPage { l: &look, keys, fresh, name, wrong })?;
    let title = t.text("s3-keys-title");
    let view = PageView { title, section: "files", sub: Some("s3-keys"), body, ..PageView::default() };
    Ok(storage.portal().page(t, view))
}

#[derive(Deserialize)]
pub(super) struct NewKey {
    name: String,
}

/// `POST /s3-keys`: the page with the new key, whose secret is shown this once.
pub(super) async fn key_create(
    State(storage): State<Storage>,
    caller: Caller,
    t: PageContext,
    PageForm(form): PageForm<NewKey>,
) -> Result<Response, Problem> {
    match storage.s3_key_create(&caller, &form.name).await {
        Ok((key, secret)) => keys_show(&storage, &caller, &t, Some((key.id, secret.expose().clone())), "", None).await,
        Err(problem) if problem.status().is_client_error() => {
            let wrong = Some(t.problem_text(&problem));
            let mut response = keys_show(&storage, &caller, &t, None, &form.name, wrong).await?;
            *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
            Ok(response)
        }
        Err(problem) => Err(problem),
    }
}

/// `POST /s3-keys/{id}/revoke`
pub(super) async fn key_revoke(
    State(storage): State<Storage>,
    caller: Caller,
    ApiPath(id): ApiPath<String>,
) -> Result<Response, Problem> {
    storage.s3_key_revoke(&caller, &id).await?;
    Ok(redirect("/s3-keys", Some(Flash::done("flash-s3-key-revoked"))))
}
