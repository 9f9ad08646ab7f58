//! A request's id, its line in the log, its metrics.

use std::sync::OnceLock;
use std::time::Instant;

use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tracing::Instrument as _;

/// The id of a request, ours or the one the front gave it.
#[derive(Clone, Debug)]
pub(crate) struct RequestId(pub(crate) String);

const HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// Upper bounds of the duration histogram, s.
const BUCKETS: [f64; 10] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2.0, 10.0];

/// The layer.
pub(crate) async fn observe(mut request: Request, next: Next) -> Response {
    let id = request_id(&request);
    let method = request.method().as_str().to_owned();
    let route = request.extensions().get::<MatchedPath>().map_or("unknown", MatchedPath::as_str).to_owned();
    let span = tracing::info_span!("request", request.id = %id, http.method = %method, http.route = %route);
    request.extensions_mut().insert(RequestId(id.clone()));
    let started = Instant::now();
    let mut response = next.run(request).instrument(span.clone()).await;
    let elapsed = started.elapsed();
    let status = response.status().as_u16();
    span.in_scope(|| {
        let duration_ms = elapsed.as_secs_f64() * 1000.0;
        tracing::debug!(http.status = status, duration_ms, "{method} {route} answered {status}");
    });
    let status = status.to_string();
    metrics::counter!("amphi_http_requests_total", "method" => bounded(&method), "route" => route.clone(), "status" => status)
        .increment(1);
    metrics::histogram!("amphi_http_request_duration_seconds", "route" => route).record(elapsed.as_secs_f64());
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(HEADER, value);
    }
    response
}

/// The front's id when it looks like one, else a new one.
fn request_id(request: &Request) -> String {
    let given = request.headers().get(&HEADER).and_then(|v| v.to_str().ok());
    let is_tame =
        |id: &&str| (8..=64).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    given.filter(is_tame).map_or_else(crate::model::new_id, str::to_owned)
}

/// A client may invent methods; a metric's labels must stay few.
fn bounded(method: &str) -> &'static str {
    ["GET", "POST", "PATCH", "PUT", "DELETE", "HEAD", "OPTIONS"].into_iter().find(|m| *m == method).unwrap_or("other")
}

/// The process's metrics: one recorder whatever the number of portals (tests open many).
pub(crate) fn recorder() -> &'static PrometheusHandle {
    static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
    HANDLE.get_or_init(|| {
        let builder = || {
            let matcher = Matcher::Full(String::from("amphi_http_request_duration_seconds"));
            PrometheusBuilder::new()
                .set_buckets_for_metric(matcher, &BUCKETS)
                .unwrap_or_else(|_| PrometheusBuilder::new())
        };
        let recorder = builder().build_recorder();
        let handle = recorder.handle();
        if metrics::set_global_recorder(recorder).is_err() {
            tracing::warn!("another metrics recorder is installed; /metrics will be empty");
        }
        handle
    })
}
