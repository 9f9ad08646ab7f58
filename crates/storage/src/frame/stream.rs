//! A connection once both sides know each other: TLS, or, within one machine, TCP as it is. There TLS proves who the other
//! side is and that nobody is in between, and is then left: only who may read raw packets of loopback could listen in.

use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt;
use std::pin::Pin;
use std::sync::{Arc, LazyLock};
use std::task::{Context, Poll};

use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader, ReadBuf, ReadHalf, WriteHalf, split};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio_rustls::{TlsAcceptor, TlsStream, client, server};

use super::READ_BYTES;

/// The protocol's name in TLS (ALPN).
pub(crate) const PROTOCOL: &[u8] = b"amphi-store/1";
/// What TLS takes in before it is sent, in bytes: its records are of 16 KiB, and one call to the system for each costs more
/// than to make them.
const SEND_BYTES: usize = 256 << 10;
/// What a store says first when TLS is left: by then it has read all of it.
const LEFT: u8 = b'.';
const REFUSED: &str = "the store refuses the connection, for its certificate perhaps: the store's log says why";

/// The kernel and the network namespace of this process.
static HERE: LazyLock<Option<String>> = LazyLock::new(|| {
    let boot_id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let network = std::fs::metadata("/proc/self/ns/net").ok()?.ino();
    Some(format!("{} {network}", boot_id.trim()))
});

/// The protocol's name where TLS is left on this one connection; `None`: it is not, for it is not within this machine. Both
/// ends have the same name only when nobody is between them: no two connections of a machine join the same addresses.
fn local_protocol(client: SocketAddr, store: SocketAddr) -> Option<Vec<u8>> {
    let canonical = |address: SocketAddr| SocketAddr::new(address.ip().to_canonical(), address.port());
    let (client, store) = (canonical(client), canonical(store));
    let is_local = client.ip().is_loopback() && store.ip().is_loopback();
    let here = HERE.as_ref().filter(|_| is_local)?;
    Some(format!("amphi-store-local/1 {here} {client} {store}").into_bytes())
}

/// What a store's client offers to speak on a connection to a store, the best first.
pub(crate) fn offered(stream: &TcpStream) -> io::Result<Vec<Vec<u8>>> {
    let local = local_protocol(stream.local_addr()?, stream.peer_addr()?);
    Ok(local.into_iter().chain([PROTOCOL.to_vec()]).collect())
}

/// A store's end of TLS on a connection from a client; what it speaks is that of `tls`, or better TCP as it is.
pub(crate) fn acceptor(tls: &ServerConfig, stream: &TcpStream) -> io::Result<TlsAcceptor> {
    let mut tls = tls.clone();
    let local = local_protocol(stream.peer_addr()?, stream.local_addr()?);
    tls.alpn_protocols.splice(..0, local);
    Ok(TlsAcceptor::from(Arc::new(tls)))
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
    let (tcp, tls) = stream.get_ref();
    if !is_local(tls.alpn_protocol(), tcp.get_ref().peer_addr()?, tcp.get_ref().local_addr()?) {
        return Ok(in_tls(stream.into()));
    }
    let mut stream = stream.into_inner().0;
    stream.get_mut().write_all(&[LEFT]).await?;
    local(stream)
}

/// A client's end of one.
pub(crate) async fn dialled(stream: client::TlsStream<BufReader<TcpStream>>) -> io::Result<(Reader, Writer)> {
    let (tcp, tls) = stream.get_ref();
    if !is_local(tls.alpn_protocol(), tcp.get_ref().local_addr()?, tcp.get_ref().peer_addr()?) {
        return Ok(in_tls(stream.into()));
    }
    let mut stream = stream.into_inner().0;
    match stream.read_u8().await {
        Ok(LEFT) => local(stream),
        // In TLS 1.3 a store looks at the client's certificate when the client is through.
        Ok(_) => Err(io::Error::new(io::ErrorKind::PermissionDenied, REFUSED)),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            Err(io::Error::new(io::ErrorKind::PermissionDenied, REFUSED))
        }
        Err(error) => Err(error),
    }
}

/// Whether the two have agreed to leave TLS.
fn is_local(agreed: Option<&[u8]>, client: SocketAddr, store: SocketAddr) -> bool {
    agreed.is_some() && agreed == local_protocol(client, store).as_deref()
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
    fn a_connection_within_the_machine_has_a_name_of_its_own() {
        let name = |client: &str, store: &str| local_protocol(client.parse().unwrap(), store.parse().unwrap());
        let loopback = name("127.0.0.1:4000", "127.0.0.1:7000").unwrap();
        assert!(loopback.len() <= 255, "it is one of TLS's protocol names");
        assert_eq!(name("127.0.0.1:4000", "[::ffff:127.0.0.1]:7000").unwrap(), loopback);
        for other in
            [("127.0.0.1:4001", "127.0.0.1:7000"), ("127.0.0.1:4000", "127.0.0.1:7001"), ("[::1]:4000", "[::1]:7000")]
        {
            assert_ne!(name(other.0, other.1).unwrap(), loopback, "{other:?}");
        }
        for far in
            [("10.0.0.1:4000", "127.0.0.1:7000"), ("127.0.0.1:4000", "10.0.0.1:7000"), ("[fe80::1]:1", "[fe80::1]:2")]
        {
            assert_eq!(name(far.0, far.1), None, "{far:?}");
        }
    }
}
