//! Recordings are watched: their files, the players that an operator put beside them, and the exchange of a token for a
//! cookie.
//!
//! A recording's pages are other people's: they run in a sandbox without an origin, so that no script of theirs can
//! call us in a reader's name. A player is the operator's own and has our origin, which is how it gets at protected
//! files.

use std::path::{Component, Path as FsPath};

use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse as _, Response};
use axum::routing::get;
use portal::{Locale, Problem};
use serde::Deserialize;

use super::file::{Sent, send};
use crate::Classroom;
use crate::files::{FolderFiles, Found, RecordingFiles as _};
use crate::model::recording::{Format, Recording, RecordingId, RecordingState};
use crate::queries::recording::{playback_list, recording_get};
use crate::service::ServiceError;
use crate::service::caption::tracks_path;
use crate::service::recording::recording_path;

const COOKIE: &str = "amphi_recording";
/// For a recording's own files.
const SANDBOX: HeaderValue = HeaderValue::from_static("sandbox allow-scripts allow-popups allow-downloads");

pub(super) fn routes() -> Router<Classroom> {
    let mut router = Router::new()
        .route("/recording/{id}/{format}", get(redeem))
        .route("/playback/{*path}", get(player))
        .route("/textTrack/{id}/{file}", get(track));
    for format in Format::SERVED {
        let own = move |state, path, headers| own_file(state, format, path, headers);
        let root = move |state: State<Classroom>, Path(id): Path<String>, headers: HeaderMap| {
            own_file(state, format, Path((id, String::new())), headers)
        };
        router = router
            .route(&format!("/{format}/{{id}}"), get(root))
            .route(&format!("/{format}/{{id}}/"), get(root))
            .route(&format!("/{format}/{{id}}/{{*path}}"), get(own));
    }
    router
}

/// For players: what they need. They render what people wrote in a meeting, so they may ask for recordings and nothing
/// else of ours, send no form, be in no page that has their origin, and start no worker but from their own files: one
/// from a recording would have no policy of theirs. They have no `Cross-Origin-Opener-Policy`, and our pages have one:
/// so a page of ours that a player opens is out of its reach.
fn player_policy(url: &str) -> HeaderValue {
    let paths = Format::SERVED.into_iter().chain(["playback", "textTrack"]).map(|path| format!(" {url}/{path}/"));
    let paths: String = paths.collect();
    let policy = format!(
        "default-src 'self' data: blob: 'unsafe-inline' 'unsafe-eval'; connect-src{paths}; frame-src{paths}; \
         worker-src {url}/playback/ blob:; form-action 'none'; object-src 'none'; base-uri 'none'"
    );
    HeaderValue::from_str(&policy).unwrap_or(HeaderValue::from_static("default-src 'none'"))
}

/// Why something is not shown.
enum Refusal {
    /// It is not there, not published, or deleted: which of these, nobody learns.
    Missing,
    /// It is protected, and nothing opens it.
    Closed,
    /// No player is installed.
    NoPlayer,
    Failed(ServiceError),
}

impl<E: Into<ServiceError>> From<E> for Refusal {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

impl Refusal {
    /// A page in plain words, in the reader's language.
    fn page(self, classroom: &Classroom, headers: &HeaderMap) -> Response {
        let (status, what) = match self {
            Self::Missing => (StatusCode::NOT_FOUND, "missing"),
            Self::Closed => (StatusCode::FORBIDDEN, "closed"),
            Self::NoPlayer => (StatusCode::NOT_FOUND, "no-player"),
            Self::Failed(error) => return Problem::from(error).into_response(),
        };
        let wished = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
        let locale = wished.and_then(Locale::from_accept_language).unwrap_or_default();
        let text = |part: &str| classroom.portal().catalog().text(locale, &format!("recording-{what}-{part}"));
        let (title, sentence) = (text("title"), text("text"));
        let page = format!(
            "<!DOCTYPE html><html lang=\"{}\"><meta charset=\"utf-8\"><meta name=\"viewport\" \
             content=\"width=device-width\"><title>{title}</title><h1>{title}</h1><p>{sentence}</p></html>",
            locale.tag()
        );
        let headers = [(header::CACHE_CONTROL, "no-store"), (header::CONTENT_SECURITY_POLICY, "default-src 'none'")];
        (status, headers, Html(page)).into_response()
    }
}

/// A path of names below a folder; `None` where it could lead elsewhere.
fn below(folder: &str, path: &str) -> Option<String> {
    let mut whole = folder.to_owned();
    for component in FsPath::new(path).components() {
        match component {
            Component::Normal(part) if !part.as_encoded_bytes().starts_with(b".") && !path.contains('\0') => {
                if !whole.is_empty() {
                    whole.push('/');
                }
                whole.push_str(part.to_str()?);
            }
            Component::Normal(_)
            | Component::CurDir
            | Component::ParentDir
            | Component::RootDir
            | Component::Prefix(_) => {
                return None;
            }
        }
    }
    Some(whole)
}

fn cookies(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let all = headers.get_all(header::COOKIE).into_iter().filter_map(|value| value.to_str().ok());
    all.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().strip_prefix(COOKIE)?.strip_prefix('='))
}

impl Classroom {
    async fn published(&self, id: &str) -> Result<Recording, Refusal> {
        let id = RecordingId::parse(id).ok_or(Refusal::Missing)?;
        let recording = recording_get(self.db(), &id).await?;
        recording.filter(|own| own.state == RecordingState::Published).ok_or(Refusal::Missing)
    }

    async fn own_file(&self, format: &str, id: &str, path: &str, headers: &HeaderMap) -> Result<Response, Refusal> {
        let recording = self.published(id).await?;
        let format = Format::parse(format).ok_or(Refusal::Missing)?;
        if recording.is_protected && !cookies(headers).any(|cookie| self.may_view(&recording.id, &format, cookie)) {
            return Err(Refusal::Closed);
        }
        let mut path = below(&recording_path(&format, &recording.id), path).ok_or(Refusal::Missing)?;
        let mut found = self.kept().find(&path).await.map_err(ServiceError::Files)?;
        if let Found::Folder = found {
            path.push_str("/index.html");
            found = self.kept().find(&path).await.map_err(ServiceError::Files)?;
        }
        let Sent::File(mut response) = send(&path, found, headers) else { return Err(Refusal::Missing) };
        let answer = response.headers_mut();
        answer.insert(header::CONTENT_SECURITY_POLICY, SANDBOX);
        // A page in a sandbox has no origin: what it may read besides is what anybody may.
        if !recording.is_protected {
            answer.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        }
        Ok(response)
    }

    /// A file of a player, else the page nearest above it, which finds its recording in the address.
    async fn player_file(&self, path: &str, headers: &HeaderMap) -> Result<Response, Refusal> {
        let players = FolderFiles::new(self.config().dir.join("playback"));
        let path = below("", path).ok_or(Refusal::Missing)?;
        let pages = FsPath::new(&path).ancestors().map(|above| above.join("index.html"));
        for path in std::iter::once(path.clone().into()).chain(pages) {
            let path = path.to_string_lossy();
            let found = players.find(&path).await.map_err(ServiceError::Files)?;
            if let Sent::File(mut response) = send(&path, found, headers) {
                response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, player_policy(&self.config().url));
                return Ok(response);
            }
        }
        Err(Refusal::NoPlayer)
    }

    async fn track_file(&self, id: &str, file: &str, headers: &HeaderMap) -> Result<Response, Refusal> {
        let recording = RecordingId::parse(id).ok_or(Refusal::Missing)?;
        let recording = recording_get(self.db(), &recording).await?.ok_or(Refusal::Missing)?;
        if recording.state != RecordingState::Published {
            return Err(Refusal::Missing);
        }
        if recording.is_protected {
            return Err(Refusal::Closed);
        }
        let path = below(&tracks_path(&recording.id), file).ok_or(Refusal::Missing)?;
        let found = self.kept().find(&path).await.map_err(ServiceError::Files)?;
        let Sent::File(mut response) = send(&path, found, headers) else { return Err(Refusal::Missing) };
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, SANDBOX);
        Ok(response)
    }

    async fn redeem(&self, id: &str, format: &str, token: &str) -> Result<Response, Refusal> {
        let recording = self.published(id).await?;
        let format = Format::parse(format).ok_or(Refusal::Missing)?;
        let playbacks = playback_list(self.db(), std::slice::from_ref(&recording)).await?;
        let mut own = playbacks.into_values().flatten();
        let playback = own.find(|playback| playback.format == format).ok_or(Refusal::Missing)?;
        let to = format!("{}{}", self.config().url, playback.link);
        let mut response = axum::response::Redirect::to(&to).into_response();
        if recording.is_protected {
            let value = self.view_redeem(&recording.id, &format, token).await?.ok_or(Refusal::Closed)?;
            // An LMS shows recordings in a frame, for which a browser sends only cookies that ask for it.
            let site = if self.config().url.starts_with("https:") { "SameSite=None; Secure" } else { "SameSite=Lax" };
            let (path, seconds) = (format!("/{}/{}", format.as_str(), recording.id), Self::view_seconds());
            let cookie = format!("{COOKIE}={value}; Path={path}; Max-Age={seconds}; HttpOnly; {site}");
            let cookie = HeaderValue::from_str(&cookie).map_err(|_| Refusal::Closed)?;
            response.headers_mut().insert(header::SET_COOKIE, cookie);
        }
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        Ok(response)
    }
}

async fn own_file(
    State(classroom): State<Classroom>,
    format: &'static str,
    Path((id, path)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    let answer = classroom.own_file(format, &id, &path, &headers).await;
    answer.unwrap_or_else(|refusal| refusal.page(&classroom, &headers))
}

async fn player(State(classroom): State<Classroom>, Path(path): Path<String>, headers: HeaderMap) -> Response {
    let answer = classroom.player_file(&path, &headers).await;
    answer.unwrap_or_else(|refusal| refusal.page(&classroom, &headers))
}

async fn track(
    State(classroom): State<Classroom>,
    Path((id, file)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    let answer = classroom.track_file(&id, &file, &headers).await;
    answer.unwrap_or_else(|refusal| refusal.page(&classroom, &headers))
}

#[derive(Deserialize)]
struct Token {
    #[serde(default)]
    token: String,
}

async fn redeem(
    State(classroom): State<Classroom>,
    Path((id, format)): Path<(String, String)>,
    Query(query): Query<Token>,
    headers: HeaderMap,
) -> Response {
    let answer = classroom.redeem(&id, &format, &query.token).await;
    answer.unwrap_or_else(|refusal| refusal.page(&classroom, &headers))
}

#[cfg(test)]
mod tests;
