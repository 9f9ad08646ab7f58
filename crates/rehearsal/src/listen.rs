//! From sockets to calls: connections, faults, answers that never end.

use std::convert::Infallible;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http_body_util::{BodyExt, Limited};
use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, LOCATION};
use hyper::service::service_fn;
use hyper::{Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::reply::Reply;
use crate::request::Request;
use crate::state::Shared;
use crate::{Fault, call, page};

/// The listening socket, while there is one.
pub(crate) type Door = Option<Arc<TcpListener>>;

const BODY_BYTES_MAX: usize = 64 << 20;
const FILLER: &[u8] = &[b' '; 16 << 10];

/// A socket at `address` that does not listen yet. Several may hold one address as long as at most one listens.
pub(crate) fn bind(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}

pub(crate) fn open(address: SocketAddr) -> io::Result<TcpListener> {
    bind(address)?.listen(1024)
}

/// Serves until aborted. While there is no door it has no connections either.
pub(crate) async fn serve(shared: Arc<Shared>, mut doors: watch::Receiver<Door>) {
    let mut connections = JoinSet::new();
    loop {
        let door = doors.borrow_and_update().clone();
        let Some(door) = door else {
            connections.shutdown().await;
            if doors.changed().await.is_err() {
                return;
            }
            continue;
        };
        tokio::select! {
            changed = doors.changed() => if changed.is_err() { return },
            Ok((stream, _)) = door.accept() => drop(connections.spawn(connection(shared.clone(), stream))),
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn connection(shared: Arc<Shared>, stream: TcpStream) {
    let service = service_fn(|request| {
        let shared = shared.clone();
        async move { respond(&shared, request).await }
    });
    // How a connection ends concerns its client alone.
    let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

/// Closes the connection without an answer.
#[derive(Debug)]
struct Dropped;

impl fmt::Display for Dropped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the connection is dropped as asked for")
    }
}

impl std::error::Error for Dropped {}

async fn respond(shared: &Arc<Shared>, request: hyper::Request<Incoming>) -> Result<Response<Answer>, Dropped> {
    let (parts, body) = request.into_parts();
    let Ok(body) = Limited::new(body, BODY_BYTES_MAX).collect().await else { return Err(Dropped) };
    let request = Request::new(&parts, body.to_bytes());
    if !request.is_api() {
        let is_closed = shared.state().fault == Fault::Refuse;
        return if is_closed { Err(Dropped) } else { Ok(plain(page::answer(shared, &request))) };
    }
    let is_signed = call::is_signed(shared, &request);
    let fault = shared.state().on_call(&request, is_signed);
    match fault {
        Fault::None => Ok(plain(call::answer(shared, &request, is_signed))),
        Fault::Refuse | Fault::Drop => Err(Dropped),
        Fault::Hang => std::future::pending().await,
        Fault::CreateThenHang => {
            call::answer(shared, &request, is_signed);
            std::future::pending().await
        }
        Fault::Slow(time) => {
            let reply = call::answer(shared, &request, is_signed);
            tokio::time::sleep(time).await;
            Ok(plain(reply))
        }
        Fault::Status(status) => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            Ok(plain(Reply::html(status, String::new())))
        }
        Fault::Garbage(bytes) => Ok(plain(Reply::new(StatusCode::OK, "text/xml;charset=utf-8", bytes))),
        Fault::Redirect(url) => Ok(plain(Reply::redirect(url))),
        Fault::Endless => Ok(filled(None)),
        Fault::Huge(bytes) => Ok(filled(Some(bytes))),
    }
}

fn plain(reply: Reply) -> Response<Answer> {
    let mut response = Response::builder().status(reply.status).header(CONTENT_TYPE, reply.content_type);
    response = response.header(CACHE_CONTROL, "no-cache");
    if let Some(location) = reply.location {
        response = response.header(LOCATION, location);
    }
    if let Some(allow) = reply.allow {
        response = response.header(ALLOW, allow);
    }
    let failed = |_| {
        // Only a location that a test made up can be no header.
        let mut response = Response::new(Answer::new(Vec::new()));
        *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        response
    };
    response.body(Answer::new(reply.body)).unwrap_or_else(failed)
}

/// `length` bytes that begin like an answer; `None`: without end.
fn filled(length: Option<usize>) -> Response<Answer> {
    let head = Bytes::from_static(b"<response><returncode>SUCCESS</returncode>");
    let head = head.slice(..head.len().min(length.unwrap_or(usize::MAX)));
    let filler = length.map_or(u64::MAX, |length| (length - head.len()) as u64);
    let mut response = Response::new(Answer { head, filler });
    response.headers_mut().insert(CONTENT_TYPE, hyper::header::HeaderValue::from_static("text/xml;charset=utf-8"));
    response
}

/// A body: some bytes, then this much of spaces; `u64::MAX`: without end.
struct Answer {
    head: Bytes,
    filler: u64,
}

impl Answer {
    fn new(body: Vec<u8>) -> Self {
        Self { head: body.into(), filler: 0 }
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if !self.head.is_empty() {
            return Poll::Ready(Some(Ok(Frame::data(std::mem::take(&mut self.head)))));
        }
        let length = self.filler.min(FILLER.len() as u64);
        if self.filler != u64::MAX {
            self.filler -= length;
        }
        let filler = Bytes::from_static(&FILLER[..length as usize]);
        Poll::Ready((!filler.is_empty()).then_some(Ok(Frame::data(filler))))
    }

    fn is_end_stream(&self) -> bool {
        self.head.is_empty() && self.filler == 0
    }

    fn size_hint(&self) -> SizeHint {
        if self.filler == u64::MAX {
            SizeHint::new()
        } else {
            SizeHint::with_exact(self.head.len() as u64 + self.filler)
        }
    }
}
