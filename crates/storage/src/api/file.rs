//! Files: their bytes as streams both ways, and what can be done with paths.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use portal::{ApiJson, ApiPath, ApiQuery, Caller, Listing, Problem, Problems};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::transfer::{self, Conditions};
use crate::Storage;
use crate::file::{FileError, FilePath};
use crate::model::inode::{Inode, Kind};
use crate::model::name::Name;

/// Entries of one page, at most.
const PAGE_MAX: usize = 1_000;

/// What is at a path.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct FileView {
    /// Its name; empty for the root.
    name: String,
    /// Its path from the root, without a slash in front.
    path: String,
    /// file, directory, symlink, fifo, socket, character or block.
    #[schema(value_type = String)]
    kind: Kind,
    /// Bytes.
    size: u64,
    /// Permission bits.
    mode: u32,
    /// When its content changed last, RFC 3339.
    modified: String,
    /// Of a file: changes when its content does.
    #[serde(skip_serializing_if = "Option::is_none")]
    etag: Option<String>,
    /// Of a symbolic link.
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<String>,
}

impl FileView {
    fn new(path: String, inode: &Inode) -> Self {
        Self {
            name: path.rsplit('/').next().unwrap_or_default().to_owned(),
            path,
            kind: inode.kind,
            size: inode.size,
            mode: inode.mode,
            modified: portal::utc_text(inode.mtime_ns / 1_000_000),
            etag: (inode.kind == Kind::File).then(|| transfer::etag(inode)),
            target: inode.target.clone(),
        }
    }

    fn at(path: &FilePath, inode: &Inode) -> Self {
        Self::new(path.to_string().trim_start_matches('/').to_owned(), inode)
    }
}

/// Which entries.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct EntrySelect {
    /// The directory; the root where it is left out.
    path: Option<String>,
    /// Entries of a page, 1 to 1000; 100 where it is left out.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
    /// `next` of the page before.
    after: Option<String>,
}

/// List a directory by name
///
/// A path that is no directory lists that alone.
#[utoipa::path(get, path = "/api/v1/exports/{export}/entries", tag = "files",
    params(("export" = String, Path, description = "name of the export or snapshot"), EntrySelect),
    responses((status = 200, body = Listing<FileView>), Problems))]
pub(super) async fn entry_list(
    State(storage): State<Storage>,
    caller: Caller,
    ApiPath(export): ApiPath<String>,
    ApiQuery(select): ApiQuery<EntrySelect>,
) -> Result<Json<Listing<FileView>>, Problem> {
    let limit = select.limit.unwrap_or(100);
    if limit == 0 || limit > PAGE_MAX {
        let sentence = format!("limit is {limit}; it must be from 1 to {PAGE_MAX}.");
        return Err(Problem::bad_request("limit", sentence).field("limit"));
    }
    let path = FilePath::parse(select.path.as_deref().unwrap_or_default())?;
    let after = select.after.map(Name::try_from).transpose();
    let after =
        after.map_err(|_| Problem::bad_request("cursor", "The cursor is none that this list gave.").field("after"))?;
    let files = storage.files(&caller, &export, false).await?;
    let inode = files.stat(&path).await?;
    if inode.kind != Kind::Directory {
        return Ok(Json(Listing { items: vec![FileView::at(&path, &inode)], next: None }));
    }
    let entries = files.list(&path, after.as_ref(), limit).await?;
    let next = entries.last().filter(|_| entries.len() == limit).map(|entry| entry.name.to_string());
    let prefix = path.parts().iter().map(|part| format!("{part}/")).collect::<String>();
    let items = entries.iter().map(|entry| FileView::new(format!("{prefix}{}", entry.name), &entry.inode)).collect();
    Ok(Json(Listing { items, next }))
}

/// Download a file
///
/// A `Range` of one part is honoured, and so are `If-None-Match`, `If-Match` and `If-Range`.
#[utoipa::path(get, path = "/api/v1/exports/{export}/files/{*path}", tag = "files",
    params(("export" = String, Path, description = "name of the export or snapshot"), ("path" = String, Path, description = "path of the file")),
    responses((status = 200, body = Vec<u8>, content_type = "application/octet-stream"), (status = 206), (status = 304), Problems))]
pub(super) async fn file_get(
    State(storage): State<Storage>,
    caller: Caller,
    ApiPath((export, path)): ApiPath<(String, String)>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let path = FilePath::parse(&path)?;
    let files = storage.files(&caller, &export, false).await?;
    let inode = files.stat(&path).await?;
    match inode.kind {
        Kind::File => {}
        Kind::Directory => return Err(FileError::IsADirectory(path).into()),
        Kind::Symlink | Kind::Fifo | Kind::Socket | Kind::Character | Kind::Block => {
            return Err(FileError::NotAFile(path).into());
        }
    }
    transfer::download(&files, &inode, path.name().map_or("", Name::as_str), (&method, &headers)).await
}

/// Upload a file
///
/// The bytes come as the body, of any length. The file appears, or is replaced, when all of them are safe; an upload that is
/// cut off changes nothing. Compared when given: `Content-MD5`, `Digest`, `Content-Digest` or `Repr-Digest` with SHA-256.
/// `If-None-Match: *` refuses to replace, `If-Match` replaces only that version.
#[utoipa::path(put, path = "/api/v1/exports/{export}/files/{*path}", tag = "files",
    params(("export" = String, Path, description = "name of the export"), ("path" = String, Path, description = "path of the file")),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses((status = 200, body = FileView, description = "replaced"), (status = 201, body = FileView), Problems))]
pub(super) async fn file_put(
    State(storage): State<Storage>,
    caller: Caller,
    ApiPath((export, path)): ApiPath<(String, String)>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let path = FilePath::parse(&path)?;
    let files = storage.files(&caller, &export, true).await?;
    let old = match files.stat(&path).await {
        Ok(inode) => Some(inode),
        Err(FileError::NotFound(_)) => None,
        Err(error) => return Err(error.into()),
    };
    let replaces = Conditions::of(&headers).replaces(old.as_ref())?;
    let upload = files.upload(&path).await?;
    let inode = transfer::upload(upload, replaces, &headers, body).await?;
    let status = if old.is_some() { StatusCode::OK } else { StatusCode::CREATED };
    Ok((status, [(header::ETAG, transfer::etag(&inode))], Json(FileView::at(&path, &inode))).into_response())
}

/// How something is removed.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Removal {
    /// Whether a directory goes with all that is in it.
    recursive: Option<bool>,
}

/// Remove a file or a directory
#[utoipa::path(delete, path = "/api/v1/exports/{export}/files/{*path}", tag = "files",
    params(("export" = String, Path, description = "name of the export"), ("path" = String, Path, description = "path"), Removal),
    responses((status = 204), Problems))]
pub(super) async fn file_delete(
    State(storage): State<Storage>,
    caller: Caller,
    ApiPath((export, path)): ApiPath<(String, String)>,
    ApiQuery(removal): ApiQuery<Removal>,
) -> Result<StatusCode, Problem> {
    let path = FilePath::parse(&path)?;
    let files = storage.files(&caller, &export, true).await?;
    files.remove(&path, removal.recursive.unwrap_or(false)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A directory to be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct DirectoryMake {
    /// Its path.
    path: String,
    /// Whether those on the way are made too, and one that is there is no error.
    #[serde(default)]
    parents: bool,
}

/// Make a directory
#[utoipa::path(post, path = "/api/v1/exports/{export}/mkdir", tag = "files", request_body = DirectoryMake,
    params(("export" = String, Path, description = "name of the export")),
    responses((status = 201, body = FileView), Problems))]
pub(super) async fn directory_make(
    State(storage): State<Storage>,
    caller: Caller,
    ApiPath(export): ApiPath<String>,
    ApiJson(make): ApiJson<DirectoryMake>,
) -> Result<(StatusCode, Json<FileView>), Problem> {
    let path = FilePath::parse(&make.path)?;
    let files = storage.files(&caller, &export, true).await?;
    let inode = files.directory_make(&path, make.parents).await?;
    Ok((StatusCode::CREATED, Json(FileView::at(&path, &inode))))
}

/// From where to where.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct FromTo {
    /// The path there is.
    from: String,
    /// The path there is to be.
    to: String,
}

/// Rename a file or a directory; a file at the new path is replaced
#[utoipa::path(post, path = "/api/v1/exports/{export}/rename", tag = "files", request_body = FromTo,
    params(("export" = String, Path, description = "name of the export")),
    responses((status = 200, body = FileView), Problems))]
pub(super) async fn file_rename(
    State(storage): State<Storage>,
    caller: Caller,
    ApiPath(export): ApiPath<String>,
    ApiJson(paths): ApiJson<FromTo>,
) -> Result<Json<FileView>, Problem> {
    let (from, to) = (FilePath::parse(&paths.from)?, FilePath::parse(&paths.to)?);
    let inode = storage.files(&caller, &export, true).await?.rename(&from, &to).await?;
    Ok(Json(FileView::at(&to, &inode)))
}

/// Copy a file; no data is moved
#[utoipa::path(post, path = "/api/v1/exports/{export}/copy", tag = "files", request_body = FromTo,
    params(("export" = String, Path, description = "name of the export")),
    responses((status = 201, body = FileView), Problems))]
pub(super) async fn file_copy(
    State(storage): State<Storage>,
    caller: Caller,
    ApiPath(export): ApiPath<String>,
    ApiJson(paths): ApiJson<FromTo>,
) -> Result<(StatusCode, Json<FileView>), Problem> {
    let (from, to) = (FilePath::parse(&paths.from)?, FilePath::parse(&paths.to)?);
    let inode = storage.files(&caller, &export, true).await?.copy(&from, &to).await?;
    Ok((StatusCode::CREATED, Json(FileView::at(&to, &inode))))
}
