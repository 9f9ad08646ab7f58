//! The file browser: the name spaces that are open to the reader, and the directories in them.

use askama::Template;
use axum::extract::State;
use axum::http::{HeaderMap, Method};
use axum::response::Response;
use portal::{ApiPath, ApiQuery, Caller, Flash, PageContext, PageForm, PageView, Problem, Role, redirect};
use serde::Deserialize;

use super::listing::{Select, Shown, Sort, WHOLE};
use super::look::{Look, encoded, encoded_path, fill, html};
use super::snapshot::{Snapshots, snapshots};
use crate::Storage;
use crate::api::transfer;
use crate::file::FilePath;
use crate::model::inode::Kind;
use crate::model::name::Name;
use crate::namespace::Entry;
use crate::service::export::ExportView;
use crate::service::share::{DAYS, ShareView};

/// Days that a link may hold, as the page offers them.
const DAYS_OFFERED: [u32; 4] = [1, 7, 30, 90];
const DAY_MS: i64 = 24 * 3_600_000;

#[derive(Template)]
#[template(path = "files.html")]
struct SpacesPage<'a> {
    l: &'a Look<'a>,
    spaces: Vec<SpaceRow>,
    /// Catalog key of what to say when there is none.
    none: &'static str,
    is_operator: bool,
}

struct SpaceRow {
    name: String,
    href: String,
    used: String,
    fill: Option<u64>,
    fill_class: &'static str,
    inodes: u64,
    volume: String,
    above: Option<String>,
}

/// `GET /files`
pub(super) async fn spaces(
    State(storage): State<Storage>,
    caller: Caller,
    t: PageContext,
) -> Result<Response, Problem> {
    let look = Look::new(&storage, &t);
    let is_operator = caller.has(Role::Operator);
    let row = |export: ExportView| {
        let limit = export.usage.bytes_hard;
        let (share, fill_class) = fill(export.usage.bytes, limit);
        SpaceRow {
            href: encoded(&export.name),
            used: look.size_of(export.usage.bytes, limit),
            fill: (limit > 0).then_some(share),
            fill_class,
            above: above(&look, &export),
            inodes: export.usage.inodes,
            volume: export.volume,
            name: export.name,
        }
    };
    let spaces = storage.export_views(&caller).await?.into_iter().map(row).collect();
    let none = if is_operator { "files-none-operator" } else { "files-none-learner" };
    let body = html(&SpacesPage { l: &look, spaces, none, is_operator })?;
    Ok(storage.portal().page(
        &t,
        PageView { title: t.text("files-title"), section: "files", sub: Some("spaces"), body, ..PageView::default() },
    ))
}

#[derive(Template)]
#[template(path = "browser.html")]
struct BrowserPage<'a> {
    l: &'a Look<'a>,
    /// Name and address of each directory on the way, the export first.
    crumbs: Vec<(String, String)>,
    /// A link that was made just now.
    shared: Option<Shared>,
    can_write: bool,
    /// Where uploads go: the REST address of the directory, with a slash at its end.
    api: String,
    /// Where directories are made.
    mkdir: String,
    /// The directory's path, with a slash at its end.
    prefix: String,
    /// This page, without its query.
    here: String,
    /// This page as it is: where forms lead back to.
    action: String,
    select: &'a Select,
    shown: Shown,
    columns: Vec<Column>,
    rows: Vec<Row>,
    days: &'a [u32],
    days_usual: &'a u32,
    /// How the same is done from a terminal.
    command: String,
    /// At the root of an export.
    snapshots: Option<Snapshots>,
    /// What is used and the soft limit that this is above.
    above: Option<String>,
}

/// A link and what it is good for.
struct Shared {
    link: String,
    words: String,
}

/// The head of a column that can be sorted by.
struct Column {
    title: &'static str,
    /// The same directory, sorted by it; `None` where it can't be.
    href: Option<String>,
    /// Which way it is sorted by it, as `aria-sort` has it.
    order: Option<&'static str>,
    is_size: bool,
}

struct Row {
    name: String,
    href: String,
    icon: &'static str,
    is_directory: bool,
    is_file: bool,
    target: Option<String>,
    size: Option<String>,
    bytes: u64,
    changed_ms: i64,
    confirm: String,
}

/// `GET /files/{export}`
pub(super) async fn root(
    state: State<Storage>,
    caller: Caller,
    t: PageContext,
    ApiPath(export): ApiPath<String>,
    select: ApiQuery<Select>,
) -> Result<Response, Problem> {
    directory(state, caller, t, ApiPath((export, String::new())), select).await
}

/// `GET /files/{export}/{*path}`
pub(super) async fn directory(
    State(storage): State<Storage>,
    caller: Caller,
    t: PageContext,
    ApiPath((export, path)): ApiPath<(String, String)>,
    ApiQuery(select): ApiQuery<Select>,
) -> Result<Response, Problem> {
    let path = FilePath::parse(&path)?;
    show(&storage, &caller, &t, &export, &path, &select, None).await
}

async fn show(
    storage: &Storage,
    caller: &Caller,
    t: &PageContext,
    export: &str,
    path: &FilePath,
    select: &Select,
    shared: Option<ShareView>,
) -> Result<Response, Problem> {
    let look = Look::new(storage, t);
    let view = storage.export_view(caller, export).await?;
    let files = storage.files(caller, export, false).await?;
    let shown = select.read(&files, path).await?;
    let here = format!("/files/{}{}", encoded(export), encoded_path(path));
    let api = format!("/api/v1/exports/{}/files{}/", encoded(export), encoded_path(path));
    let rows = shown.entries.iter().map(|entry| row(&look, &here, &api, entry)).collect();
    let snapshots = if path.parts().is_empty() { snapshots(storage, caller, &look, export).await? } else { None };
    let title = path.name().map_or(export, Name::as_str).to_owned();
    let target = path.to_string();
    let body = html(&BrowserPage {
        l: &look,
        crumbs: crumbs(export, path),
        shared: shared.and_then(|share| fresh(t, share)),
        can_write: !view.read_only,
        api,
        mkdir: format!("/api/v1/exports/{}/mkdir", encoded(export)),
        prefix: format!("{}/", target.trim_end_matches('/')),
        action: format!("{here}{}", select.query()),
        here,
        select,
        columns: Sort::ALL.map(|by| column(select, &shown, by)).into(),
        shown,
        rows,
        days: &DAYS_OFFERED,
        days_usual: &DAYS,
        command: format!("amphi volume put FILE {}", quoted(&format!("{export}:{target}"))),
        snapshots,
        above: above(&look, &view),
    })?;
    let view = PageView {
        title,
        section: "files",
        sub: Some("spaces"),
        body,
        actions: String::new(),
        scripts: vec!["files.js"],
    };
    Ok(storage.portal().page(t, view))
}

/// A link that was made just now, for who made it.
fn fresh(t: &PageContext, share: ShareView) -> Option<Shared> {
    let days = (share.expires - share.created) / DAY_MS;
    Some(Shared { link: format!("{}{}", t.base_url, share.link?), words: t.arg("files-shared", "days", days) })
}

fn column(select: &Select, shown: &Shown, by: Sort) -> Column {
    let is_by = if shown.is_whole { by == select.sort() } else { by == Sort::Name };
    let order = if shown.is_whole && select.is_desc() { "descending" } else { "ascending" };
    Column {
        title: by.title(),
        href: shown.is_whole.then(|| select.sorted(by)),
        order: is_by.then_some(order),
        is_size: by == Sort::Size,
    }
}

/// The warning that an export holds more than its soft limit.
fn above(look: &Look<'_>, view: &ExportView) -> Option<String> {
    let usage = &view.usage;
    let numbers = [("used", look.size(usage.bytes).into()), ("limit", look.size(usage.bytes_soft).into())];
    usage.is_above_soft().then(|| look.t.with("space-above", &numbers))
}

fn row(look: &Look<'_>, here: &str, api: &str, entry: &Entry) -> Row {
    let name = entry.name.to_string();
    let is_directory = entry.inode.kind == Kind::Directory;
    let icon = match entry.inode.kind {
        Kind::Directory => "folder",
        Kind::Symlink => "link-45deg",
        Kind::File | Kind::Fifo | Kind::Socket | Kind::Character | Kind::Block => "file-earmark-text",
    };
    let confirm = if is_directory { "files-delete-folder-confirm" } else { "files-delete-confirm" };
    Row {
        href: if is_directory { format!("{here}/{}", encoded(&name)) } else { format!("{api}{}", encoded(&name)) },
        icon,
        is_directory,
        is_file: entry.inode.kind == Kind::File,
        target: entry.inode.target.clone(),
        size: (entry.inode.kind == Kind::File).then(|| look.size(entry.inode.size)),
        bytes: entry.inode.size,
        changed_ms: entry.inode.mtime_ns / 1_000_000,
        confirm: look.t.arg(confirm, "name", name.clone()),
        name,
    }
}

fn crumbs(export: &str, path: &FilePath) -> Vec<(String, String)> {
    let mut href = format!("/files/{}", encoded(export));
    let mut crumbs = vec![(export.to_owned(), href.clone())];
    for part in path.parts() {
        href = format!("{href}/{}", encoded(part.as_str()));
        crumbs.push((part.to_string(), href.clone()));
    }
    crumbs
}

/// What is done with an entry of the directory that is shown.
#[derive(Deserialize)]
pub(super) struct Change {
    op: String,
    name: String,
    #[serde(default)]
    to: String,
    /// How long a link holds.
    days: Option<u32>,
}

/// `POST /files/{export}`
pub(super) async fn change_root(
    state: State<Storage>,
    caller: Caller,
    t: PageContext,
    ApiPath(export): ApiPath<String>,
    select: ApiQuery<Select>,
    form: PageForm<Change>,
) -> Result<Response, Problem> {
    change(state, caller, t, ApiPath((export, String::new())), select, form).await
}

/// `POST /files/{export}/{*path}`
pub(super) async fn change(
    State(storage): State<Storage>,
    caller: Caller,
    t: PageContext,
    ApiPath((export, path)): ApiPath<(String, String)>,
    ApiQuery(select): ApiQuery<Select>,
    PageForm(form): PageForm<Change>,
) -> Result<Response, Problem> {
    let directory = FilePath::parse(&path)?;
    // As it is: a name may begin or end with spaces, and may be nothing but them.
    let entry = |name: &str| directory.child(name);
    let files = storage.files(&caller, &export, true).await?;
    let done = match form.op.as_str() {
        "mkdir" => {
            files.directory_make(&entry(&form.name)?, false).await?;
            "flash-files-folder"
        }
        "rename" => {
            files.rename(&entry(&form.name)?, &entry(&form.to)?).await?;
            "flash-files-renamed"
        }
        "delete" => {
            files.remove(&entry(&form.name)?, true).await?;
            "flash-files-deleted"
        }
        "share" => {
            let link = storage.share_make(&caller, &export, &entry(&form.name)?, form.days.unwrap_or(DAYS)).await?;
            return show(&storage, &caller, &t, &export, &directory, &select, Some(link)).await;
        }
        _ => return Err(Problem::bad_request("op", "op is mkdir, rename, delete or share.").field("op")),
    };
    let to = format!("/files/{}{}{}", encoded(&export), encoded_path(&directory), select.query());
    Ok(redirect(&to, Some(Flash::done(done))))
}

/// `GET /shared/{secret}`: the file that a link leads to, for anybody.
pub(super) async fn shared(
    State(storage): State<Storage>,
    ApiPath(secret): ApiPath<String>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let (files, path, inode) = storage.share_open(&secret).await?;
    transfer::download(&files, &inode, path.name().map_or("", Name::as_str), (&method, &headers)).await
}

/// As one word of a shell.
fn quoted(text: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "-_./:@+,".contains(c);
    if text.chars().all(is_plain) { text.to_owned() } else { format!("'{}'", text.replace('\'', "'\\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_one_word_of_a_shell() {
        assert_eq!(quoted("v:/a/b.c"), "v:/a/b.c");
        assert_eq!(quoted("v:/it's $1"), "'v:/it'\\''s $1'");
    }

    #[test]
    fn addresses_are_encoded_part_by_part() {
        let path = FilePath::parse("a b/ä?#/50%").unwrap();
        assert_eq!(encoded_path(&path), "/a%20b/%C3%A4%3F%23/50%25");
        assert_eq!(crumbs("v", &FilePath::parse("x").unwrap())[1], ("x".to_owned(), "/files/v/x".to_owned()));
    }
}
