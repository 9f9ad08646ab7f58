//! A client that sends bytes and reads bytes, so that nothing stands between a test and the wire.

use std::time::Duration;

use rehearsal::{Conference, ConferencePlan};
use sha1::Sha1;
use sha2::Digest;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Longer than anything here takes.
pub const DEADLINE: Duration = Duration::from_secs(20);

pub async fn conference() -> Conference {
    Conference::start(ConferencePlan { secret: "s3cret".to_owned(), ..Default::default() }).await.unwrap()
}

/// Lower-case hex of a digest.
pub fn hex<D: Digest>(text: &str) -> String {
    D::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The query with its SHA-1.
pub fn signed(call: &str, query: &str) -> String {
    let sum = hex::<Sha1>(&format!("{call}{query}s3cret"));
    if query.is_empty() { format!("checksum={sum}") } else { format!("{query}&checksum={sum}") }
}

/// Sends one request and reads until the server closes.
pub async fn exchange(conference: &Conference, request: &[u8]) -> std::io::Result<String> {
    let url: url::Url = conference.url().parse().unwrap();
    let mut stream = TcpStream::connect(("127.0.0.1", url.port().unwrap())).await?;
    stream.write_all(request).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

pub async fn send(conference: &Conference, method: &str, target: &str, kind: &str, body: &str) -> String {
    let head = format!("{method} {target} HTTP/1.1\r\nhost: rehearsal.test\r\nconnection: close\r\n");
    let length = body.len();
    let request = format!("{head}content-type: {kind}\r\ncontent-length: {length}\r\n\r\n{body}");
    tokio::time::timeout(DEADLINE, exchange(conference, request.as_bytes())).await.unwrap().unwrap()
}

/// A signed GET of an API call; the whole answer.
pub async fn get(conference: &Conference, call: &str, query: &str) -> String {
    let target = format!("/bigbluebutton/api/{call}?{}", signed(call, query));
    send(conference, "GET", &target, "", "").await
}

/// A signed POST of XML.
pub async fn post_xml(conference: &Conference, call: &str, query: &str, xml: &str) -> String {
    let target = format!("/bigbluebutton/api/{call}?{}", signed(call, query));
    send(conference, "POST", &target, "application/xml", xml).await
}

/// The text of the first element of that name.
pub fn text(answer: &str, element: &str) -> String {
    let (_, rest) = answer.split_once(&format!("<{element}>")).unwrap_or_else(|| panic!("no {element} in {answer}"));
    rest.split_once(&format!("</{element}>")).unwrap().0.to_owned()
}

pub fn assert_failed(answer: &str, key: &str) {
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert_eq!((text(answer, "returncode"), text(answer, "messageKey")), ("FAILED".to_owned(), key.to_owned()));
}

pub fn assert_success(answer: &str) {
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.contains("content-type: text/xml;charset=utf-8\r\n"), "{answer}");
    assert_eq!(text(answer, "returncode"), "SUCCESS", "{answer}");
}
