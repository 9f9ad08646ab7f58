//! The connections to conference servers.
//!
//! They are hyper's own and not reqwest's, which is made of the same parts: reqwest does not bound what a connection
//! reads at once, so that each grows a buffer of the longest answer it saw and keeps it. With hundreds of servers that
//! are polled these were most of the process.

use axum::http::header::{ACCEPT, HeaderValue};
use axum::http::{Request, StatusCode, Uri};
use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt as _, Full};
use hyper_rustls::{HttpsConnectorBuilder, MaybeHttpsStream};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tower::timeout::Timeout;
use tower::util::BoxCloneSyncService;

use super::{ANSWER_BYTES_MAX, CONNECT_WITHIN, CallError, IDLE_FOR, IDLE_MAX};

/// What a connection reads at once, and goes on to hold. Bytes.
const READ_BYTES: usize = 8 << 10;

/// Connects to a server in so much time.
type Connector = BoxCloneSyncService<Uri, MaybeHttpsStream<TokioIo<TcpStream>>, tower::BoxError>;

/// Sends requests; a cheap handle.
#[derive(Clone)]
pub(super) struct Http(Client<Connector, Full<Bytes>>);

impl Http {
    /// # Errors
    /// TLS can't be set up.
    pub(super) fn new() -> Result<Self, rustls::Error> {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        let tls = HttpsConnectorBuilder::new().try_with_platform_verifier()?;
        let connector = Timeout::new(tls.https_or_http().enable_http1().wrap_connector(tcp), CONNECT_WITHIN);
        let mut client = Client::builder(TokioExecutor::new());
        client.timer(TokioTimer::new()).pool_timer(TokioTimer::new());
        client.pool_idle_timeout(IDLE_FOR).pool_max_idle_per_host(IDLE_MAX).http1_read_buf_exact_size(READ_BYTES);
        Ok(Self(client.build(BoxCloneSyncService::new(connector))))
    }

    /// What is answered with status 200: of each piece `keep` adds what is wanted. A redirect is no answer.
    pub(super) async fn answer(
        &self,
        mut request: Request<Full<Bytes>>,
        mut keep: impl FnMut(&mut BytesMut, &[u8]),
    ) -> Result<Bytes, CallError> {
        request.headers_mut().insert(ACCEPT, HeaderValue::from_static("*/*"));
        let sent = self.0.request(request).await;
        let response = sent.map_err(|error| {
            if error.is_connect() { CallError::Unreachable(error) } else { CallError::Broken(error.into()) }
        })?;
        if response.status() != StatusCode::OK {
            return Err(CallError::Status(response.status().as_u16()));
        }
        let mut body = response.into_body();
        let (mut kept, mut length) = (BytesMut::new(), 0);
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| CallError::Broken(error.into()))?;
            let Some(piece) = frame.data_ref() else { continue };
            length += piece.len();
            if length > ANSWER_BYTES_MAX {
                return Err(CallError::TooLong);
            }
            keep(&mut kept, piece);
        }
        Ok(kept.freeze())
    }
}
