//! The bytes of files over HTTP: ranges, conditions, digests. Source: RFC 9110 (sections 8.8, 13, 14), RFC 9530, RFC 3230.

use std::ops::Range;
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures::StreamExt;
use md5::{Digest as _, Md5};
use portal::Problem;
use sha2::{Digest as _, Sha256};

use crate::file::{Ending, FileError, Files, Replaces, Upload};
use crate::model::inode::Inode;

/// An upload that brings nothing for this long is given up.
const IDLE: Duration = Duration::from_secs(60);

/// Changes with the content: no two contents have the same inode, time and length.
pub(super) fn etag(inode: &Inode) -> String {
    format!("\"{:x}-{:x}-{:x}\"", inode.ino, inode.mtime_ns, inode.size)
}

/// Conditions of a request on what is there.
pub(super) struct Conditions<'a> {
    if_match: Option<&'a str>,
    if_none_match: Option<&'a str>,
}

impl<'a> Conditions<'a> {
    pub(super) fn of(headers: &'a HeaderMap) -> Self {
        Self { if_match: text(headers, &header::IF_MATCH), if_none_match: text(headers, &header::IF_NONE_MATCH) }
    }

    /// What a file that is to meet them may take the place of, when this is there. Errors as [`check`](Self::check).
    pub(super) fn replaces(&self, there: Option<&Inode>) -> Result<Replaces, Problem> {
        self.check(there)?;
        Ok(match there {
            _ if self.if_match.is_none() && self.if_none_match.is_none() => Replaces::Whatever,
            Some(inode) => Replaces::This(inode.ino),
            None => Replaces::Nothing,
        })
    }

    /// For what changes something. Errors: 412 `precondition`.
    pub(super) fn check(&self, there: Option<&Inode>) -> Result<(), Problem> {
        let tag = there.map(etag);
        let is_met = self.if_match.is_none_or(|tags| names(tags, tag.as_deref()))
            && self.if_none_match.is_none_or(|tags| !names(tags, tag.as_deref()));
        if is_met { Ok(()) } else { Err(unmet()) }
    }
}

fn unmet() -> Problem {
    Problem::precondition("precondition", "The file is not as the request demands.")
}

/// Whether a list of tags names this one; `*` names any.
fn names(tags: &str, tag: Option<&str>) -> bool {
    let Some(tag) = tag else { return false };
    tags.split(',').map(|one| one.trim().trim_start_matches("W/")).any(|one| one == "*" || one == tag)
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// The answer with the file's bytes, or the part of them that is asked for.
pub(crate) async fn download(
    files: &Files,
    inode: &Inode,
    name: &str,
    (method, headers): (&Method, &HeaderMap),
) -> Result<Response, Problem> {
    let tag = etag(inode);
    let conditions = Conditions::of(headers);
    if conditions.if_match.is_some_and(|tags| !names(tags, Some(&tag))) {
        conditions.check(Some(inode))?;
    }
    let mut answer = HeaderMap::new();
    answer.insert(header::ETAG, value(&tag));
    answer.insert(header::LAST_MODIFIED, value(&http_date(inode.mtime_ns / 1_000_000_000)));
    answer.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    // Whoever holds the tag asks again whether it is still right; nobody else may keep it.
    answer.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    if conditions.if_none_match.is_some_and(|tags| names(tags, Some(&tag))) {
        return Ok((StatusCode::NOT_MODIFIED, answer).into_response());
    }
    let is_whole = text(headers, &header::IF_RANGE).is_some_and(|wanted| wanted != tag);
    let range = text(headers, &header::RANGE).filter(|_| !is_whole).map(|range| wanted_range(range, inode.size));
    let (status, range) = match range.unwrap_or(Wanted::All) {
        Wanted::All => (StatusCode::OK, 0..inode.size),
        Wanted::Part(range) => {
            let told = format!("bytes {}-{}/{}", range.start, range.end - 1, inode.size);
            answer.insert(header::CONTENT_RANGE, value(&told));
            (StatusCode::PARTIAL_CONTENT, range)
        }
        Wanted::Nothing => {
            answer.insert(header::CONTENT_RANGE, value(&format!("bytes */{}", inode.size)));
            return Ok((StatusCode::RANGE_NOT_SATISFIABLE, answer).into_response());
        }
    };
    // Somebody's page must not run as one of ours: bytes are all that a file is here.
    answer.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    answer.insert(header::CONTENT_DISPOSITION, value(&disposition(name)));
    answer.insert(header::CONTENT_LENGTH, value(&(range.end - range.start).to_string()));
    let body = match *method {
        Method::HEAD => Body::empty(),
        _ => Body::from_stream(files.read_begun(inode, range).await?),
    };
    Ok((status, answer, body).into_response())
}

fn value(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap_or_else(|_| HeaderValue::from_static(""))
}

/// Source: RFC 6266 and RFC 8187.
fn disposition(name: &str) -> String {
    let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
    if plain {
        return format!("attachment; filename=\"{name}\"");
    }
    let encoded = name.bytes().map(|byte| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'_' | b'-' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    });
    format!("attachment; filename*=UTF-8''{}", encoded.collect::<String>())
}

/// Source: RFC 9110, section 5.6.7.
fn http_date(seconds: i64) -> String {
    let time = jiff::Timestamp::from_second(seconds).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    time.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

#[derive(Debug, PartialEq)]
enum Wanted {
    /// No range, or one that can be passed over: of several parts, in another unit, malformed.
    All,
    Part(Range<u64>),
    /// It begins behind the end.
    Nothing,
}

fn wanted_range(range: &str, size: u64) -> Wanted {
    let Some((first, last)) = range.strip_prefix("bytes=").and_then(|range| range.trim().split_once('-')) else {
        return Wanted::All;
    };
    match (first.trim().parse::<u64>(), last.trim().parse::<u64>()) {
        (Ok(first), Ok(last)) if first > last => Wanted::All,
        (Ok(first), _) if first >= size => Wanted::Nothing,
        (Ok(first), Ok(last)) => Wanted::Part(first..(last.saturating_add(1)).min(size)),
        (Ok(first), Err(_)) if last.trim().is_empty() => Wanted::Part(first..size),
        (Err(_), Ok(0)) if first.trim().is_empty() => Wanted::Nothing,
        (Err(_), Ok(_)) if first.trim().is_empty() && size == 0 => Wanted::Nothing,
        (Err(_), Ok(last)) if first.trim().is_empty() => Wanted::Part(size.saturating_sub(last)..size),
        (_, _) => Wanted::All,
    }
}

/// What the body has to come to.
#[derive(Default)]
struct Expected {
    md5: Option<Vec<u8>>,
    sha256: Option<Vec<u8>>,
}

impl Expected {
    fn of(headers: &HeaderMap) -> Result<Self, Problem> {
        let wrong =
            |field: &'static str| Problem::bad_request("digest-form", format!("{field} can't be read.")).field(field);
        let md5 = text(headers, &HeaderName::from_static("content-md5"));
        let md5 = md5.map(|text| STANDARD.decode(text.trim()).map_err(|_| wrong("Content-MD5"))).transpose()?;
        let mut sha256 = None;
        for field in ["digest", "content-digest", "repr-digest"] {
            let listed = text(headers, &HeaderName::from_static(field)).unwrap_or_default();
            for (name, sum) in listed.split(',').filter_map(|one| one.trim().split_once('=')) {
                if name.trim().eq_ignore_ascii_case("sha-256") {
                    sha256 = Some(STANDARD.decode(sum.trim().trim_matches(':')).map_err(|_| wrong("Digest"))?);
                }
            }
        }
        Ok(Self { md5, sha256 })
    }
}

/// Takes the body in. What is cut off, too short or not what its digest says leaves nothing.
pub(super) async fn upload(
    mut upload: Upload,
    replaces: Replaces,
    headers: &HeaderMap,
    body: Body,
) -> Result<Inode, Problem> {
    let expected = Expected::of(headers)?;
    let length = text(headers, &header::CONTENT_LENGTH).and_then(|text| text.parse::<u64>().ok());
    let mut md5 = expected.md5.is_some().then(Md5::new);
    let mut sha256 = expected.sha256.is_some().then(Sha256::new);
    let broken = || Problem::bad_request("body-broken", "The body ended before it was whole.");
    let mut body = body.into_data_stream();
    let mut taken = 0_u64;
    while let Some(bytes) = tokio::time::timeout(IDLE, body.next()).await.map_err(|_| broken())? {
        let bytes = bytes.map_err(|_| broken())?;
        taken += bytes.len() as u64;
        if let Some(md5) = &mut md5 {
            md5.update(&bytes);
        }
        if let Some(sha256) = &mut sha256 {
            sha256.update(&bytes);
        }
        upload.push(bytes).await?;
    }
    if length.is_some_and(|length| length != taken) {
        return Err(broken());
    }
    let md5_fits = md5.map(|md5| md5.finalize().to_vec()) == expected.md5;
    let sha256_fits = sha256.map(|sha256| sha256.finalize().to_vec()) == expected.sha256;
    if !md5_fits || !sha256_fits {
        return Err(Problem::bad_request("digest", "The bytes that came are not those the digest was made of."));
    }
    match upload.finish_as(&Ending { replaces, ..Ending::PLAIN }).await {
        Err(FileError::Exists(_)) => Err(unmet()),
        done => Ok(done?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_as_http_has_them() {
        let of = |range| wanted_range(range, 10);
        assert_eq!(of("bytes=0-3"), Wanted::Part(0..4));
        assert_eq!(of("bytes=4-"), Wanted::Part(4..10));
        assert_eq!(of("bytes=-3"), Wanted::Part(7..10));
        assert_eq!(of("bytes=-30"), Wanted::Part(0..10));
        assert_eq!(of("bytes=8-99"), Wanted::Part(8..10));
        assert_eq!(
            [of("bytes=10-"), of("bytes=-0"), wanted_range("bytes=-1", 0)],
            [Wanted::Nothing, Wanted::Nothing, Wanted::Nothing]
        );
        for passed_over in ["bytes=3-1", "bytes=0-1,4-5", "lines=1-2", "bytes=a-b", "bytes=-"] {
            assert_eq!(of(passed_over), Wanted::All, "{passed_over}");
        }
    }

    #[test]
    fn names_that_are_not_plain_are_encoded() {
        assert_eq!(disposition("a-b.txt"), "attachment; filename=\"a-b.txt\"");
        assert_eq!(disposition("é\"\n"), "attachment; filename*=UTF-8''%C3%A9%22%0A");
        assert_eq!(http_date(784_111_777), "Sun, 06 Nov 1994 08:49:37 GMT");
    }
}
