//! The smallest HTTP/1.1 client that serves here: one connection that is kept, requests prepared once as bytes. A whole
//! client would take much of the two processors that it shares with what it measures.

use std::net::SocketAddr;

use anyhow::{Context, bail, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// One connection.
pub(crate) struct Client {
    stream: TcpStream,
    /// Read and not yet taken.
    buffer: Vec<u8>,
}

/// An answer; its body as it came, so compressed or in chunks where it is.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// A header's value. Names are lower case, as hyper sends them.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        header(&self.head, name)
    }
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

/// A request as bytes. `headers` end in line ends each.
pub(crate) fn request(method: &str, path: &str, headers: &str, body: &str) -> Vec<u8> {
    let length = if body.is_empty() { String::new() } else { format!("content-length: {}\r\n", body.len()) };
    format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\n{headers}{length}\r\n{body}").into_bytes()
}

/// A JSON request of an API client; `body` may be empty.
pub(crate) fn api(method: &str, path: &str, token: &str, body: &str) -> Vec<u8> {
    let headers = format!("authorization: Bearer {token}\r\ncontent-type: application/json\r\n");
    request(method, path, &headers, body)
}

impl Client {
    pub(crate) async fn connect(address: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).await.with_context(|| format!("connecting to {address}"))?;
        stream.set_nodelay(true).context("turning Nagle's algorithm off")?;
        Ok(Self { stream, buffer: Vec::with_capacity(1 << 16) })
    }

    /// Sends a request and reads the answer whole.
    pub(crate) async fn send(&mut self, request: &[u8]) -> anyhow::Result<Answer> {
        self.stream.write_all(request).await.context("sending a request")?;
        let head = self.head().await?;
        let body = match header(&head, "content-length") {
            Some(length) => {
                let length: usize = length.parse().context("reading content-length")?;
                self.fill(|buffer| (buffer.len() >= length).then_some(length)).await?
            }
            None if header(&head, "transfer-encoding").is_some() => self.fill(chunks_end).await?,
            None => Vec::new(),
        };
        let status = head.get(9..12).and_then(|digits| digits.parse().ok()).context("reading the status line")?;
        Ok(Answer { status, head, body })
    }

    /// Sends a request whose answer must have this status.
    pub(crate) async fn expect(&mut self, status: u16, request: &[u8]) -> anyhow::Result<Answer> {
        let answer = self.send(request).await?;
        let text = || String::from_utf8_lossy(&answer.body);
        ensure!(answer.status == status, "{} in place of {status}: {}", answer.status, text());
        Ok(answer)
    }

    /// Begins to read a stream of server-sent events.
    pub(crate) async fn stream_open(&mut self, request: &[u8]) -> anyhow::Result<()> {
        self.stream.write_all(request).await.context("sending a request")?;
        let head = self.head().await?;
        ensure!(head.starts_with("HTTP/1.1 200"), "no stream: {head}");
        Ok(())
    }

    /// Reads the stream until `text` has come.
    pub(crate) async fn stream_until(&mut self, text: &str) -> anyhow::Result<()> {
        self.fill(|buffer| find(buffer, text.as_bytes())).await?;
        Ok(())
    }

    /// Reads the stream to its end; the connection is then free again.
    pub(crate) async fn stream_end(&mut self) -> anyhow::Result<()> {
        self.fill(chunks_end).await?;
        Ok(())
    }

    async fn head(&mut self) -> anyhow::Result<String> {
        let head = self.fill(|buffer| find(buffer, b"\r\n\r\n")).await?;
        String::from_utf8(head).context("reading an answer's head")
    }

    /// Reads until `end` finds where something ends, and takes it.
    async fn fill(&mut self, end: impl Fn(&[u8]) -> Option<usize>) -> anyhow::Result<Vec<u8>> {
        loop {
            if let Some(length) = end(&self.buffer) {
                return Ok(self.buffer.drain(..length).collect());
            }
            if self.stream.read_buf(&mut self.buffer).await.context("reading an answer")? == 0 {
                bail!("the server closed the connection");
            }
        }
    }
}

/// The end of the first `text` in `buffer`.
fn find(buffer: &[u8], text: &[u8]) -> Option<usize> {
    buffer.windows(text.len()).position(|window| window == text).map(|start| start + text.len())
}

/// The end of a body in chunks. One answer is under way at a time, so the buffer ends with it.
fn chunks_end(buffer: &[u8]) -> Option<usize> {
    (buffer == b"0\r\n\r\n" || buffer.ends_with(b"\r\n0\r\n\r\n")).then_some(buffer.len())
}
