//! A connection once both sides know each other: TLS, or, within one machine, TCP as it is. There TLS proves who the other
//! side is and is then left: whoever could listen in on loopback could read the memory of both.

use std::io::{self, IoSlice};
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::LazyLock;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader, ReadBuf, ReadHalf, WriteHalf, split};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio_rustls::{TlsStream, client, server};

use super::READ_BYTES;

/// The protocol's name in TLS (ALPN).
const PROTOCOL: &[u8] = b"amphi-store/1";
/// What TLS takes in before it is sent, in bytes: its records are of 16 KiB, and one call to the system for each costs more
/// than to make them.
const SEND_BYTES: usize = 256 << 10;
/// What a store says first when TLS is left: by then it has read all of it.
const LEFT: u8 = b'.';

/// The protocol's name where TLS is left. Both sides say it only when they run on the same kernel: that is in it.
static LOCAL_PROTOCOL: LazyLock<Option<Vec<u8>>> = LazyLock::new(|| {
    let boot_id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some(format!("amphi-store-local/1 {}", boot_id.trim()).into_bytes())
});

/// What a store's client offers to speak with the store at `peer`.
pub(crate) fn offered(peer: IpAddr) -> Vec<Vec<u8>> {
    let local = LOCAL_PROTOCOL.iter().filter(|_| peer.to_canonical().is_loopback()).cloned();
    local.chain([PROTOCOL.to_vec()]).collect()
}

/// What a store speaks, the best first.
pub(crate) fn spoken() -> Vec<Vec<u8>> {
    LOCAL_PROTOCOL.iter().cloned().chain([PROTOCOL.to_vec()]).collect()
}

/// See the file's head.
pub(crate) enum Reader {
    Tls(ReadHalf<TlsStream<BufReader<TcpStream>>>),
    Local(BufReader<OwnedReadHalf>),
}

/// See the file's head.
pub(crate) enum Writer {
    Tls(WriteHalf<TlsStream<BufReader<TcpStream>>>),
    Local(OwnedWriteHalf),
}

/// A store's end of a connection whose handshake is over.
pub(crate) async fn served(stream: server::TlsStream<BufReader<TcpStream>>) -> io::Result<(Reader, Writer)> {
    if !is_local_protocol(stream.get_ref().1.alpn_protocol()) {
        return Ok(in_tls(stream.into()));
    }
    let mut stream = stream.into_inner().0;
    stream.get_mut().write_all(&[LEFT]).await?;
    local(stream)
}

/// A client's end of one.
pub(crate) async fn dialled(stream: client::TlsStream<BufReader<TcpStream>>) -> io::Result<(Reader, Writer)> {
    if !is_local_protocol(stream.get_ref().1.alpn_protocol()) {
        return Ok(in_tls(stream.into()));
    }
    let mut stream = stream.into_inner().0;
    match stream.read_u8().await? {
        LEFT => local(stream),
        _ => Err(io::Error::new(io::ErrorKind::InvalidData, "the store does not leave TLS as agreed")),
    }
}

fn is_local_protocol(protocol: Option<&[u8]>) -> bool {
    protocol.is_some() && protocol == LOCAL_PROTOCOL.as_deref()
}

fn in_tls(mut stream: TlsStream<BufReader<TcpStream>>) -> (Reader, Writer) {
    match &mut stream {
        TlsStream::Client(stream) => stream.get_mut().1.set_buffer_limit(Some(SEND_BYTES)),
        TlsStream::Server(stream) => stream.get_mut().1.set_buffer_limit(Some(SEND_BYTES)),
    }
    let (reader, writer) = split(stream);
    (Reader::Tls(reader), Writer::Tls(writer))
}

fn local(stream: BufReader<TcpStream>) -> io::Result<(Reader, Writer)> {
    if !stream.buffer().is_empty() {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "something was said before TLS was left"));
    }
    let (reader, writer) = stream.into_inner().into_split();
    Ok((Reader::Local(BufReader::with_capacity(READ_BYTES, reader)), Writer::Local(writer)))
}

impl AsyncRead for Reader {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tls(reader) => Pin::new(reader).poll_read(cx, buf),
            Self::Local(reader) => Pin::new(reader).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Writer {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tls(writer) => Pin::new(writer).poll_write(cx, bytes),
            Self::Local(writer) => Pin::new(writer).poll_write(cx, bytes),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tls(writer) => Pin::new(writer).poll_write_vectored(cx, parts),
            Self::Local(writer) => Pin::new(writer).poll_write_vectored(cx, parts),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Tls(writer) => writer.is_write_vectored(),
            Self::Local(writer) => writer.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tls(writer) => Pin::new(writer).poll_flush(cx),
            Self::Local(writer) => Pin::new(writer).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tls(writer) => Pin::new(writer).poll_shutdown(cx),
            Self::Local(writer) => Pin::new(writer).poll_shutdown(cx),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tls_is_left_on_loopback_alone() {
        let loopback = ["127.0.0.1", "127.0.1.7", "::1", "::ffff:127.0.0.1"];
        for peer in loopback.into_iter().chain(["10.0.0.1", "fe80::1", "0.0.0.0"]) {
            let offered = offered(peer.parse().unwrap());
            let is_local = offered.iter().any(|protocol| is_local_protocol(Some(protocol)));
            assert_eq!(is_local, loopback.contains(&peer), "{peer}");
            assert_eq!(offered.last().unwrap(), PROTOCOL, "{peer}");
        }
        assert!(!is_local_protocol(None) && !is_local_protocol(Some(b"amphi-store-local/1 another kernel")));
    }
}
