//! A file over HTTP: whole, or the part of it that a player asks for. Source: RFC 9110, sections 13 and 14.

use std::ops::Range;
use std::path::Path;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};

use crate::files::Found;

/// What came of the wish to send a file.
pub(super) enum Sent {
    File(Response),
    /// There is no such file.
    Nothing,
}

/// What a file is, by the end of its name.
fn media_type(path: &str) -> &'static str {
    let end = Path::new(path).extension().and_then(|end| end.to_str()).unwrap_or_default().to_ascii_lowercase();
    match end.as_str() {
        "html" | "htm" => "text/html; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "json" | "map" => "application/json",
        "xml" => "application/xml; charset=utf-8",
        "txt" => "text/plain; charset=utf-8",
        "vtt" => "text/vtt; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "ico" => "image/x-icon",
        "webm" => "video/webm",
        "mp4" | "m4v" => "video/mp4",
        "ogg" | "oga" => "audio/ogg",
        "mp3" => "audio/mpeg",
        "m4a" => "audio/mp4",
        "wav" => "audio/wav",
        "pdf" => "application/pdf",
        "woff" => "font/woff",
        "woff2" => "font/woff2",
        "ttf" => "font/ttf",
        "wasm" => "application/wasm",
        _ => "application/octet-stream",
    }
}

/// The answer with the bytes of the file at `path`, or the part of them that is asked for.
pub(super) fn send(path: &str, found: Found, headers: &HeaderMap) -> Sent {
    let Found::File(file) = found else { return Sent::Nothing };
    let size = file.bytes;
    let tag = format!("\"{:x}-{size:x}\"", file.modified_ms);
    let mut answer = HeaderMap::new();
    let value = |text: &str| HeaderValue::from_str(text).unwrap_or_else(|_| HeaderValue::from_static(""));
    answer.insert(header::ETAG, value(&tag));
    answer.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    answer.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // It may be unpublished at any time: who has it asks again whether it is still right.
    answer.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    if text(header::IF_NONE_MATCH).is_some_and(|tags| tags.split(',').any(|known| known.trim() == tag)) {
        return Sent::File((StatusCode::NOT_MODIFIED, answer).into_response());
    }
    let is_whole = text(header::IF_RANGE).is_some_and(|wanted| wanted != tag);
    let range = text(header::RANGE).filter(|_| !is_whole).map(|range| wanted(range, size));
    let (status, range) = match range.unwrap_or(Wanted::All) {
        Wanted::All => (StatusCode::OK, 0..size),
        Wanted::Part(range) => {
            answer.insert(header::CONTENT_RANGE, value(&format!("bytes {}-{}/{size}", range.start, range.end - 1)));
            (StatusCode::PARTIAL_CONTENT, range)
        }
        Wanted::Nothing => {
            answer.insert(header::CONTENT_RANGE, value(&format!("bytes */{size}")));
            return Sent::File((StatusCode::RANGE_NOT_SATISFIABLE, answer).into_response());
        }
    };
    answer.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type(path)));
    answer.insert(header::CONTENT_LENGTH, value(&(range.end - range.start).to_string()));
    Sent::File((status, answer, Body::from_stream((file.read)(range))).into_response())
}

#[derive(Debug, PartialEq)]
enum Wanted {
    /// No range, or one that can be passed over: of several parts, in another unit, malformed.
    All,
    Part(Range<u64>),
    /// It begins behind the end.
    Nothing,
}

fn wanted(range: &str, size: u64) -> Wanted {
    let Some((first, last)) = range.strip_prefix("bytes=").and_then(|range| range.trim().split_once('-')) else {
        return Wanted::All;
    };
    let (is_suffix, is_open) = (first.trim().is_empty(), last.trim().is_empty());
    match (first.trim().parse::<u64>(), last.trim().parse::<u64>()) {
        (Ok(first), Ok(last)) if first > last => Wanted::All,
        (Ok(first), _) if first >= size => Wanted::Nothing,
        (Ok(first), Ok(last)) => Wanted::Part(first..last.saturating_add(1).min(size)),
        (Ok(first), Err(_)) if is_open => Wanted::Part(first..size),
        (Err(_), Ok(last)) if is_suffix && (last == 0 || size == 0) => Wanted::Nothing,
        (Err(_), Ok(last)) if is_suffix => Wanted::Part(size.saturating_sub(last)..size),
        (_, _) => Wanted::All,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_as_http_has_them() {
        let of = |range| wanted(range, 10);
        assert_eq!(of("bytes=0-3"), Wanted::Part(0..4));
        assert_eq!(of("bytes=4-"), Wanted::Part(4..10));
        assert_eq!(of("bytes=-3"), Wanted::Part(7..10));
        assert_eq!(of("bytes=-30"), Wanted::Part(0..10));
        assert_eq!(of("bytes=8-99"), Wanted::Part(8..10));
        assert_eq!([of("bytes=10-"), of("bytes=-0"), wanted("bytes=-1", 0)], [const { Wanted::Nothing }; 3]);
        for passed_over in ["bytes=3-1", "bytes=0-1,4-5", "lines=1-2", "bytes=a-b", "bytes=-"] {
            assert_eq!(of(passed_over), Wanted::All, "{passed_over}");
        }
    }
}
