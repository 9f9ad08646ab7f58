//! What the server says by itself: that a meeting has ended, events to hooks. Plain HTTP/1.1, each with a time limit.

use std::time::Duration;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::header::{CONTENT_TYPE, HOST};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use sha1::Sha1;
use tokio::net::TcpStream;
use url::Url;

use crate::checksum;
use crate::state::{Hook, Shared, now_ms};

const TIMEOUT: Duration = Duration::from_secs(5);

/// Calls a URL; whether anybody answers is not told to anybody, as with BigBlueButton.
pub(crate) async fn get(url: &Url) {
    let _ = send(Method::GET, url, String::new()).await;
}

pub(crate) async fn deliver(shared: &Shared, event: &Value) -> usize {
    let hooks = shared.state().hooks.clone();
    let mut taken = 0;
    for hook in hooks.iter().filter(|hook| wants(hook, event)) {
        let Some((url, body)) = signed(shared, hook, event) else { continue };
        // A refusal for want of a right counts as taken with bbb-webhooks, which would repeat anything else.
        let status = send(Method::POST, &url, body).await;
        taken += usize::from(status.is_some_and(|status| status.is_success() || status == StatusCode::UNAUTHORIZED));
    }
    taken
}

fn wants(hook: &Hook, event: &Value) -> bool {
    let meeting = event["data"]["attributes"]["meeting"]["external-meeting-id"].as_str();
    let id = event["data"]["id"].as_str().unwrap_or_default();
    let is_wanted = |ids: &String| ids.split(',').any(|wanted| wanted.eq_ignore_ascii_case(id));
    hook.meeting_id.as_deref().is_none_or(|wanted| meeting == Some(wanted))
        && hook.event_id.as_ref().is_none_or(is_wanted)
}

/// The URL with its checksum and the form; `None`: the URL is none.
fn signed(shared: &Shared, hook: &Hook, event: &Value) -> Option<(Url, String)> {
    let form = form_urlencoded::Serializer::new(String::new())
        .append_pair("domain", &shared.plan.listen.ip().to_string())
        .append_pair("event", &format!("[{event}]"))
        .append_pair("timestamp", &now_ms().to_string())
        .finish();
    let text = format!("{}{form}{}", hook.callback_url, shared.plan.secret);
    let mark = if hook.callback_url.contains('?') { '&' } else { '?' };
    let url = format!("{}{mark}checksum={}", hook.callback_url, checksum::hex::<Sha1>(&text));
    Some((url.parse().ok()?, form))
}

/// One request on a connection of its own; `None`: no answer came.
async fn send(method: Method, url: &Url, body: String) -> Option<StatusCode> {
    let exchange = async {
        let (host, port) = (url.host_str()?, url.port_or_known_default()?);
        let stream = TcpStream::connect((host.trim_matches(['[', ']']), port)).await.ok()?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.ok()?;
        let request = Request::builder()
            .method(method)
            .uri(&url[url::Position::BeforePath..url::Position::AfterQuery])
            .header(HOST, format!("{host}:{port}"))
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Full::new(Bytes::from(body)))
            .ok()?;
        let response = sender.send_request(request);
        tokio::pin!(response);
        let response = tokio::select! {
            response = &mut response => response,
            // The connection may end with the answer already read.
            _ = connection => response.await,
        };
        Some(response.ok()?.status())
    };
    tokio::time::timeout(TIMEOUT, exchange).await.ok().flatten()
}
