//! Sessions: what a mount calls.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use portal::{ApiJson, ApiPath, Caller, Problem, Problems};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Storage;
use crate::model::effect::Effect;
use crate::model::inode::{Ino, Inode};
use crate::model::name::Name;
use crate::model::stripe::{Stripe, StripeId};
use crate::namespace::session::{SessionCertificate, SessionNews, SessionRenewal, SessionView};
use crate::namespace::{Entry, Namespace, NamespaceError, Placed, SessionCall, Usage};
use crate::stripe::Damage;

/// Directories that are listed at a time at most.
const PARENTS_MAX: usize = 256;

/// A session to be opened.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SessionOpen {
    /// Where it is, for people: host and directory of a mount.
    what: String,
    /// A certificate request for the key that stores will know the session by, PEM.
    csr_pem: String,
    /// Whether it may change nothing, whatever its account may.
    #[serde(default)]
    read_only: bool,
}

/// Open a session on an export or, to read, on a snapshot; it is over when it is not renewed for 15 s
#[utoipa::path(post, path = "/api/v1/exports/{export}/sessions", tag = "exports", params(("export" = String, Path)),
    request_body = SessionOpen, responses((status = 201, body = SessionView), Problems))]
pub(super) async fn session_open(
    State(storage): State<Storage>,
    caller: Caller,
    ApiPath(export): ApiPath<String>,
    ApiJson(body): ApiJson<SessionOpen>,
) -> Result<(StatusCode, Json<SessionView>), Problem> {
    let session = storage.session_open(&caller, &export, &body.what, &body.csr_pem, body.read_only).await?;
    Ok((StatusCode::CREATED, Json(session)))
}

/// What a session has to say when it is renewed.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SessionRenew {
    /// Units that it read and found missing or damaged, to be looked at and repaired; at most 1,000 count.
    #[serde(default)]
    damage: Vec<Damage>,
    /// It has asked for nothing lately and keeps nothing: another session may be given the delegation. It is asked for it
    /// when this one asks for something again.
    #[serde(default)]
    is_idle: bool,
}

/// Renew a session; one that is not idle is given the delegation when all others are
#[utoipa::path(patch, path = "/api/v1/exports/{export}/sessions/{id}", tag = "exports",
    params(("export" = String, Path), ("id" = String, Path)), request_body = SessionRenew,
    responses((status = 200, body = SessionRenewal), Problems))]
pub(super) async fn session_renew(
    State(storage): State<Storage>,
    caller: Caller,
    ApiPath((export, id)): ApiPath<(String, String)>,
    ApiJson(body): ApiJson<SessionRenew>,
) -> Result<Json<SessionRenewal>, Problem> {
    Ok(Json(storage.session_renew(&caller, &export, &id, body.is_idle, &body.damage).await?))
}

/// A key to be certified.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SessionCertify {
    /// A certificate request for the key that stores will know the session by, PEM.
    csr_pem: String,
}

/// Certify a session's key anew; its certificate holds for half an hour
#[utoipa::path(post, path = "/api/v1/exports/{export}/sessions/{id}/certificate", tag = "exports",
    params(("export" = String, Path), ("id" = String, Path)), request_body = SessionCertify,
    responses((status = 200, body = SessionCertificate), Problems))]
pub(super) async fn session_certify(
    State(storage): State<Storage>,
    caller: Caller,
    ApiPath((export, id)): ApiPath<(String, String)>,
    ApiJson(body): ApiJson<SessionCertify>,
) -> Result<Json<SessionCertificate>, Problem> {
    Ok(Json(storage.session_certify(&caller, &export, &id, &body.csr_pem).await?))
}

/// Close a session
#[utoipa::path(delete, path = "/api/v1/exports/{export}/sessions/{id}", tag = "exports",
    params(("export" = String, Path), ("id" = String, Path)), responses((status = 204), Problems))]
pub(super) async fn session_close(
    State(storage): State<Storage>,
    caller: Caller,
    ApiPath((export, id)): ApiPath<(String, String)>,
) -> Result<StatusCode, Problem> {
    storage.session_close(&caller, &export, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Wait, at most 20 s, until somebody wants the delegation or stores changed
#[utoipa::path(get, path = "/api/v1/exports/{export}/sessions/{id}/wait", tag = "exports",
    params(("export" = String, Path), ("id" = String, Path)), responses((status = 200, body = SessionNews), Problems))]
pub(super) async fn session_wait(
    State(storage): State<Storage>,
    caller: Caller,
    ApiPath((export, id)): ApiPath<(String, String)>,
) -> Result<Json<SessionNews>, Problem> {
    Ok(Json(storage.session_wait(&caller, &export, &id).await?))
}

/// Give the delegation back; everything that was kept has been stored
#[utoipa::path(delete, path = "/api/v1/exports/{export}/sessions/{id}/delegation", tag = "exports",
    params(("export" = String, Path), ("id" = String, Path)), responses((status = 204), Problems))]
pub(super) async fn delegation_end(
    State(storage): State<Storage>,
    caller: Caller,
    ApiPath((export, id)): ApiPath<(String, String)>,
) -> Result<StatusCode, Problem> {
    storage.delegation_end(&caller, &export, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Changes to be made, all or none.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Apply {
    /// The epoch that the session knows.
    epoch: i64,
    /// Names this call among the session's, and is never used again: sent once more, it is done once. The last 1,024 count.
    number: Option<i64>,
    /// The changes, in order; at most 16,384.
    #[schema(value_type = Vec<Object>)]
    effects: Vec<Effect>,
}

/// Change files, names and attributes in one transaction; 409 `changed`, `exists` or `stale`, 507 `quota`
#[utoipa::path(post, path = "/api/v1/exports/{export}/sessions/{id}/apply", tag = "exports",
    params(("export" = String, Path), ("id" = String, Path)), request_body = Apply,
    responses((status = 200, body = Usage), Problems))]
pub(super) async fn session_apply(
    State(storage): State<Storage>,
    caller: Caller,
    ApiPath((export, id)): ApiPath<(String, String)>,
    ApiJson(body): ApiJson<Apply>,
) -> Result<Json<Usage>, Problem> {
    let call = SessionCall { session: id, epoch: body.epoch, number: body.number };
    let names = storage.session_namespace(&caller, &export, call).await?;
    Ok(Json(names.apply(body.effects).await?))
}

/// What is to be read.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(tag = "op", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Read {
    /// The entry of a directory, or null.
    Lookup {
        /// The directory.
        parent: Ino,
        /// The name.
        #[schema(value_type = String)]
        name: Name,
    },
    /// An inode, or null.
    Inode {
        /// Which.
        ino: Ino,
    },
    /// Entries in the order of their names' bytes.
    Entries {
        /// The directory.
        parent: Ino,
        /// The name to go on after.
        #[schema(value_type = Option<String>)]
        after: Option<Name>,
        /// Most entries; 4,096 at most.
        limit: usize,
    },
    /// All entries of each directory, as long as they are fewer than 4,096 in all; the first has its first ones at least.
    Listings {
        /// The directories; 256 at most.
        parents: Vec<Ino>,
    },
    /// Stripes of a file, in order.
    Stripes {
        /// The file.
        ino: Ino,
        /// The first one's number.
        number: u64,
        /// Most stripes; 4,096 at most.
        limit: usize,
    },
    /// A stripe by its number, with the stores it is on now.
    Stripe {
        /// Its number.
        id: StripeId,
    },
    /// Extended attributes: pairs of name and bytes.
    Xattrs {
        /// Whose.
        ino: Ino,
    },
    /// Numbers for inodes and stripes that nobody else uses: from start on, up to but without end.
    Numbers {
        /// How many; 16,384 at most, and there may be fewer.
        count: u32,
    },
}

/// What was read.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum Answer {
    Lookup(Option<Entry>),
    Inode(Option<Inode>),
    Entries(Vec<Entry>),
    Listings(Vec<Vec<Entry>>),
    Stripes(Vec<Placed>),
    Stripe(Option<Stripe>),
    Xattrs(Vec<(String, Vec<u8>)>),
    Numbers(std::ops::Range<i64>),
}

/// Read files' metadata
#[utoipa::path(post, path = "/api/v1/exports/{export}/sessions/{id}/read", tag = "exports",
    params(("export" = String, Path), ("id" = String, Path)), request_body = Read,
    responses((status = 200, body = Object), Problems))]
pub(super) async fn session_read(
    State(storage): State<Storage>,
    caller: Caller,
    ApiPath((export, id)): ApiPath<(String, String)>,
    ApiJson(read): ApiJson<Read>,
) -> Result<Json<Answer>, Problem> {
    let call = SessionCall { session: id, epoch: 0, number: None };
    let names = storage.session_namespace(&caller, &export, call).await?;
    Ok(Json(answer(&names, read).await?))
}

async fn answer(names: &impl Namespace, read: Read) -> Result<Answer, NamespaceError> {
    Ok(match read {
        Read::Lookup { parent, name } => Answer::Lookup(names.lookup(parent, &name).await?),
        Read::Inode { ino } => Answer::Inode(names.inode(ino).await?),
        Read::Entries { parent, after, limit } => Answer::Entries(names.entries(parent, after.as_ref(), limit).await?),
        Read::Listings { parents } if parents.len() > PARENTS_MAX => {
            return Err(NamespaceError::Invalid(format!("at most {PARENTS_MAX} directories are listed at a time")));
        }
        Read::Listings { parents } => Answer::Listings(names.listings(&parents).await?),
        Read::Stripes { ino, number, limit } => Answer::Stripes(names.stripes(ino, number, limit).await?),
        Read::Stripe { id } => Answer::Stripe(names.stripe(id).await?),
        Read::Xattrs { ino } => Answer::Xattrs(names.xattrs(ino).await?),
        Read::Numbers { count } => Answer::Numbers(names.numbers(count).await?),
    })
}
