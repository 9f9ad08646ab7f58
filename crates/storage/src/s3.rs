//! The S3 face: exports as buckets, files as objects, on the one port.
//!
//! A request is S3's when it carries S3's signature (version 4 in the header `Authorization`, or a presigned address), whatever
//! its path; every other request is a page's or the API's. So the endpoint that people give their clients is the address
//! of the pages, with no prefix that some of them would leave out of what they sign (decision 0016). Such a request never
//! reaches the portal's layers: the signature admits it, no cookie counts, and what it answers can't act in a browser as
//! a page of ours, see [`guard`].

mod admit;
mod attributes;
mod body;
mod bucket;
mod completion;
mod face;
mod fault;
pub(crate) mod key;
mod listing;
mod multipart;
mod object_key;
mod read;
pub(crate) mod uploads;
mod walk;
mod write;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, HttpBody as _};
use axum::extract::{Request, State};
use axum::http::{HeaderValue, Version, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use futures::{Stream, StreamExt as _, TryStreamExt as _};
use s3s::config::{S3Config, StaticConfigProvider};
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s::validation::NameValidation;
use s3s::{S3Error, s3_error};

pub use key::removal;

use crate::Storage;

/// How a request's signature begins in its header (AWS General Reference, "Signature Version 4").
const ALGORITHM: &str = "AWS4-HMAC-SHA256";
/// What presigned addresses have in their query; boto3 and awscli still make those of version 2 unless told otherwise.
const PRESIGNED: &str = "X-Amz-Signature";
const PRESIGNED_OLD: [&str; 2] = ["AWSAccessKeyId", "Signature"];
/// A body may be slow, but not silent for longer than this.
const SILENCE_MAX: Duration = Duration::from_secs(60);
/// Largest XML a request may bring: 10,000 parts with a checksum each, or 1,000 keys of 1 KiB.
const XML_BYTES_MAX: usize = 4 << 20;
/// Text that tells our own end of a body from other faults in it.
pub(super) const SILENT: &str = "no byte of the body came for a minute";

/// Takes what is S3's out of what comes to `router`.
pub(crate) fn layer(storage: &Storage, router: Router) -> Router {
    let mut builder = S3ServiceBuilder::new(face::Face::new(storage.clone()));
    builder.set_auth(admit::Keys::new(storage.clone()));
    builder.set_access(admit::Keys::new(storage.clone()));
    builder.set_validation(AnyName);
    let mut config = S3Config::default();
    config.xml_max_body_size = XML_BYTES_MAX;
    builder.set_config(Arc::new(StaticConfigProvider::new(Arc::new(config))));
    router.layer(from_fn_with_state(builder.build(), divert))
}

/// Exports have names that S3 would not take; whether there is one is seen when it is looked for.
struct AnyName;

impl NameValidation for AnyName {
    fn validate_bucket_name(&self, name: &str) -> bool {
        !name.is_empty() && name.len() <= 255 && !name.contains(char::is_control)
    }
}

async fn divert(State(service): State<S3Service>, request: Request, next: Next) -> Response {
    if !is_signed(&request) {
        return next.run(request).await;
    }
    let method = request.method().clone();
    let response = match refusal(&request) {
        Some(error) => answer_of(error),
        None => serve(service, request).await,
    };
    let status = response.status().as_u16().to_string();
    metrics::counter!("amphi_s3_requests_total", "method" => method.to_string(), "status" => status).increment(1);
    guard(response)
}

/// Whether a request is S3's.
fn is_signed(request: &Request) -> bool {
    let authorization = request.headers().get(header::AUTHORIZATION);
    authorization.is_some_and(|value| value.as_bytes().starts_with(ALGORITHM.as_bytes()))
        || has_query(request, PRESIGNED)
        || PRESIGNED_OLD.iter().all(|name| has_query(request, name))
}

fn has_query(request: &Request, name: &str) -> bool {
    let pairs = request.uri().query().unwrap_or_default().split('&');
    pairs.map(|pair| pair.split('=').next().unwrap_or_default()).any(|key| key == name)
}

/// What is refused before its signature is looked at: a second signature, which may be a header of version 2, which knows no
/// clock; and forms, which would be read into memory first.
fn refusal(request: &Request) -> Option<S3Error> {
    let headers = request.headers();
    let signatures = [PRESIGNED, PRESIGNED_OLD[1]].into_iter().filter(|name| has_query(request, name)).count();
    if signatures + usize::from(headers.contains_key(header::AUTHORIZATION)) > 1 {
        return Some(s3_error!(InvalidArgument, "A request is signed once, in its header or in its address."));
    }
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if content_type.trim_start().to_ascii_lowercase().starts_with("multipart/form-data") {
        return Some(s3_error!(NotImplemented, "Uploads by form are not supported; use PUT."));
    }
    None
}

fn answer_of(error: S3Error) -> Response {
    match error.to_http_response() {
        Ok(response) => response.map(Body::new).into_response(),
        Err(error) => {
            tracing::error!("an S3 error can't be written: {error}");
            axum::http::StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

async fn serve(service: S3Service, request: Request) -> Response {
    let is_first = request.version() < Version::HTTP_2;
    let is_read = Arc::new(AtomicBool::new(request.body().is_end_stream()));
    // A body that is known to be empty says so; behind a stream it would have no length, which signatures want.
    let request = request.map(|body| match body.is_end_stream() {
        true => Body::empty(),
        false => Body::from_stream(awake(body.into_data_stream(), is_read.clone())),
    });
    let mut response = match tower::ServiceExt::oneshot(service, request).await {
        Ok(response) => response.map(Body::new).into_response(),
        Err(error) => answer_of(S3Error::with_source(s3s::S3ErrorCode::InternalError, error.into())),
    };
    // Who waits for `100 Continue` and is refused sends its next request in the place of the body: hyper would take the
    // beginning of the one for the other.
    if is_first && !is_read.load(Ordering::Relaxed) {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// The body, ended by an error once it is silent for too long; `is_read` says whether it came to its end.
fn awake<S>(body: S, is_read: Arc<AtomicBool>) -> impl Stream<Item = Result<Bytes, std::io::Error>> + Send
where
    S: Stream<Item = Result<Bytes, axum::Error>> + Send + Unpin,
{
    let body = body.map_err(std::io::Error::other);
    futures::stream::unfold((Some(body), is_read), async |(body, is_read)| {
        let mut body = body?;
        match tokio::time::timeout(SILENCE_MAX, body.next()).await {
            Ok(Some(Ok(bytes))) => Some((Ok(bytes), (Some(body), is_read))),
            Ok(Some(Err(error))) => Some((Err(error), (None, is_read))),
            Ok(None) => {
                is_read.store(true, Ordering::Relaxed);
                None
            }
            Err(_) => Some((Err(std::io::Error::other(SILENT)), (None, is_read))),
        }
    })
}

/// What learners keep is served from the pages' own origin: a browser must not run it there, whatever its type.
fn guard(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; sandbox"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(uri: &str, headers: &[(&str, &str)]) -> Request {
        let mut request = axum::http::Request::get(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(Body::empty()).unwrap()
    }

    #[test]
    fn the_signature_alone_makes_a_request_s3s() {
        assert!(is_signed(&request("/api/v1/jobs", &[("authorization", "AWS4-HMAC-SHA256 Credential=A")])));
        assert!(is_signed(&request("/b/k?x=1&X-Amz-Signature=00", &[])));
        assert!(is_signed(&request("/b/k?AWSAccessKeyId=A&Signature=0&Expires=1", &[])));
        assert!(!is_signed(&request("/b/k?x=X-Amz-Signature", &[])));
        assert!(!is_signed(&request("/b/k?Signature=0", &[])));
        assert!(!is_signed(&request("/b/k", &[("authorization", "Bearer amphi_x")])));
        assert!(!is_signed(&request("/b/k", &[("authorization", "AWS A:old")])));
    }

    #[test]
    fn a_second_signature_and_forms_are_refused_unread() {
        let refused =
            |uri, headers: &[(&str, &str)]| refusal(&request(uri, headers)).map(|e| e.code().as_str().to_owned());
        assert_eq!(refused("/b/k?X-Amz-Signature=0&Signature=0", &[]).as_deref(), Some("InvalidArgument"));
        let both = refused("/b/k?X-Amz-Signature=0", &[("authorization", "AWS A:old")]);
        assert_eq!(both.as_deref(), Some("InvalidArgument"));
        let form = refused("/b", &[("authorization", ALGORITHM), ("content-type", "Multipart/form-data; boundary=x")]);
        assert_eq!(form.as_deref(), Some("NotImplemented"));
        assert_eq!(refused("/b/k?X-Amz-Signature=0", &[]), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_body_ends() {
        let silent = futures::stream::pending::<Result<Bytes, axum::Error>>();
        let body: Vec<_> = awake(Box::pin(silent), Arc::default()).collect().await;
        assert_eq!(body.len(), 1);
        assert_eq!(body[0].as_ref().unwrap_err().to_string(), SILENT);
    }
}
