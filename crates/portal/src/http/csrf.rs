//! Cross-site requests are refused twice: by what the browser says of where the request comes from, and, for a request
//! that a cookie vouches for, by a token that only our own pages know.

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, Method, header};
use subtle::ConstantTimeEq as _;

use crate::error::Problem;
use crate::http::extract::body_bytes;

const HEADER: &str = "x-csrf-token";
const FIELD: &str = "csrf_token";

/// Whether the method only reads.
pub(crate) fn is_safe(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

/// Whether a WebSocket is asked for: a GET that goes on to change things, which any page may open.
pub(crate) fn is_websocket(headers: &HeaderMap) -> bool {
    let upgrade = headers.get(header::UPGRADE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    upgrade.eq_ignore_ascii_case("websocket")
}

/// Errors: `cross-site` when the browser says that another site sent the request. Programs say nothing and pass; they
/// bring no cookies.
pub(crate) fn check_origin(headers: &HeaderMap, public_url: Option<&str>) -> Result<(), Problem> {
    let text = |name: &str| headers.get(name).and_then(|v| v.to_str().ok());
    let is_foreign = match text("sec-fetch-site") {
        Some(site) => !matches!(site, "same-origin" | "none"),
        None => text("origin").is_some_and(|origin| {
            let host = origin.split_once("://").map_or(origin, |(_, host)| host);
            text("host") != Some(host) && public_url.map(|url| url.trim_end_matches('/')) != Some(origin)
        }),
    };
    if is_foreign {
        return Err(Problem::forbidden("cross-site", "The request came from another site."));
    }
    Ok(())
}

/// Passes the request on when it bears `expected` in the header `X-CSRF-Token` or the form field `csrf_token`.
/// Errors: `csrf`.
pub(crate) async fn check_token(request: Request, expected: &str) -> Result<Request, Problem> {
    let given = request.headers().get(HEADER).and_then(|v| v.to_str().ok()).map(str::to_owned);
    let (given, request) = match given {
        Some(given) => (Some(given), request),
        None if is_form(request.headers()) => from_form(request).await?,
        None => (None, request),
    };
    let matches = given.is_some_and(|given| given.as_bytes().ct_eq(expected.as_bytes()).into());
    if matches {
        Ok(request)
    } else {
        Err(Problem::forbidden("csrf", "The page was too old or came from elsewhere; load it again and repeat."))
    }
}

fn is_form(headers: &HeaderMap) -> bool {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    content_type.starts_with("application/x-www-form-urlencoded")
}

/// Reads the field and puts the body back.
async fn from_form(request: Request) -> Result<(Option<String>, Request), Problem> {
    let (parts, body) = request.into_parts();
    let bytes = body_bytes(Request::new(body)).await?;
    let given = form_urlencoded::parse(&bytes).find(|(name, _)| name == FIELD).map(|(_, value)| value.into_owned());
    Ok((given, Request::from_parts(parts, Body::from(bytes))))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(n, v)| (n.parse().unwrap(), HeaderValue::from_static(v))).collect()
    }

    #[test]
    fn other_sites_are_told_by_the_browser() {
        let check =
            |pairs: &[(&'static str, &'static str)]| check_origin(&headers(pairs), Some("https://lab.example")).is_ok();
        assert!(check(&[]));
        assert!(check(&[("sec-fetch-site", "same-origin"), ("origin", "https://odd.example")]));
        assert!(!check(&[("sec-fetch-site", "cross-site")]));
        assert!(!check(&[("sec-fetch-site", "same-site")]));
        assert!(check(&[("origin", "http://127.0.0.1:8080"), ("host", "127.0.0.1:8080")]));
        assert!(check(&[("origin", "https://lab.example"), ("host", "10.0.0.7")]));
        assert!(!check(&[("origin", "https://evil.example"), ("host", "lab.example")]));
        assert!(!check(&[("origin", "null"), ("host", "lab.example")]));
    }

    #[tokio::test]
    async fn the_token_may_stand_in_header_or_form_and_the_body_stays() {
        let form = || {
            Request::post("/x")
                .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
                .body(Body::from("a=1&csrf_token=t0k"))
                .unwrap()
        };
        let passed = check_token(form(), "t0k").await.unwrap();
        assert_eq!(body_bytes(passed).await.unwrap(), "a=1&csrf_token=t0k");
        assert_eq!(check_token(form(), "other").await.unwrap_err().code(), "csrf");
        let bare = Request::post("/x").header(HEADER, "t0k").body(Body::empty()).unwrap();
        assert!(check_token(bare, "t0k").await.is_ok());
    }
}
