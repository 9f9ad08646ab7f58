//! The one stream to the control plane: dialled, kept, and dialled again when it is lost.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity as TlsIdentity};
use tonic::{Request, Status, Streaming};
use wire::NodeIdentity;
use wire::authority::AuthorityError;
use wire::proto::agents_client::AgentsClient;
use wire::proto::from_agent::Message;
use wire::proto::{FromAgent, Hello, Inventory, ToAgent, Welcome, to_agent};

use crate::clock;
use crate::config::ControlPlane;
use crate::identity::{Home, Identity, IdentityError};
use crate::inventory;
use crate::node::Node;

mod renewal;
mod session;

/// A dead link is seen after a ping goes unanswered: at most the sum, 8 s.
const PING_INTERVAL: Duration = Duration::from_secs(4);
const PING_TIMEOUT: Duration = Duration::from_secs(4);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const WELCOME_TIMEOUT: Duration = Duration::from_secs(10);
const FIRST_BACKOFF: Duration = Duration::from_millis(100);
const LAST_BACKOFF: Duration = Duration::from_secs(5);
/// How long an ending agent waits for its runs to be gone.
const RUNS_END: Duration = Duration::from_secs(2);
/// Messages between the agent and the connection, at most 32 KiB each.
const OUTBOUND: usize = 32;

/// Why the link ended for good.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LinkError {
    #[error("the control plane sent this node away: {0}")]
    Dismissed(String),
    #[error("the stored certificate or the address of the control plane can't be used")]
    Setup(#[source] tonic::transport::Error),
    #[error("reading the stored certificate")]
    Certificate(#[source] AuthorityError),
    #[error("this node's certificate has ended; join anew with a token from `amphi node token`")]
    CertificateEnded,
}

/// Why one stream ended; another is tried.
#[derive(Debug, thiserror::Error)]
enum Lost {
    #[error("it can't be reached")]
    Dial(#[source] tonic::transport::Error),
    #[error("the stream broke")]
    Stream(#[source] Box<Status>),
    #[error("it closed the stream")]
    Closed,
    #[error("it gave no answer for {0:?}")]
    Silent(Duration),
    #[error("its first message was no welcome")]
    NoWelcome,
    #[error("its lease could not be stored here, and is not taken")]
    Epoch(#[source] IdentityError),
}

/// How a session ended.
enum End {
    /// The agent was told to end.
    Shutdown,
    Lost {
        why: Lost,
        was_welcome: bool,
    },
}

/// Everything a stream needs.
pub(crate) struct Link {
    pub(crate) place: ControlPlane,
    pub(crate) home: Arc<Home>,
    /// Replaced by a renewal; each connection is made with the present one.
    pub(crate) identity: Mutex<Identity>,
    /// The same, for the parts.
    pub(crate) shown: watch::Sender<NodeIdentity>,
    pub(crate) node: Arc<Node>,
    pub(crate) slots: u32,
    /// New each time the agent starts.
    pub(crate) boot_id: String,
    pub(crate) shutdown: CancellationToken,
    pub(crate) runs: TaskTracker,
}

impl Link {
    /// Keeps a stream until `shutdown`, over any number of losses. Runs have ended when it returns.
    ///
    /// Errors: `Dismissed` when the control plane says not to come back, `CertificateEnded` when a connection is lost and
    /// the certificate no longer holds.
    pub(crate) async fn keep(&self) -> Result<(), LinkError> {
        let result = self.keep_dialling().await;
        self.node.ledger(|ledger| ledger.close());
        self.runs.close();
        if timeout(RUNS_END, self.runs.wait()).await.is_err() {
            tracing::warn!("some runs did not end; the next start of this agent kills what they left");
        }
        result
    }

    async fn keep_dialling(&self) -> Result<(), LinkError> {
        let mut failures = 0;
        loop {
            let endpoint = self.endpoint()?;
            let End::Lost { why, was_welcome } = self.session(&endpoint).await? else { return Ok(()) };
            failures = if was_welcome { 1 } else { failures + 1 };
            let delay = backoff(failures, rand::random());
            let chain = anyhow::Error::new(why);
            tracing::warn!("lost the control plane at {}: {chain:#}; trying again in {delay:.1?}", self.place);
            tokio::select! {
                () = tokio::time::sleep(delay) => {}
                () = self.shutdown.cancelled() => return Ok(()),
            }
        }
    }

    /// Never held across an await.
    fn identity(&self) -> MutexGuard<'_, Identity> {
        self.identity.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where and as whom to dial now.
    fn endpoint(&self) -> Result<Endpoint, LinkError> {
        let identity = self.identity();
        if identity.left_ms(clock::now_ms()).map_err(LinkError::Certificate)? <= 0 {
            return Err(LinkError::CertificateEnded);
        }
        self.endpoint_as(&identity).map_err(LinkError::Setup)
    }

    fn endpoint_as(&self, identity: &Identity) -> Result<Endpoint, tonic::transport::Error> {
        let tls = ClientTlsConfig::new()
            .ca_certificate(Certificate::from_pem(&identity.ca_pem))
            .identity(TlsIdentity::from_pem(&identity.pair_pem, &identity.pair_pem))
            .domain_name(wire::SERVER_NAME);
        Ok(Endpoint::from_shared(self.place.agents_url())?
            .tls_config(tls)?
            .connect_timeout(CONNECT_TIMEOUT)
            .tcp_nodelay(true)
            .initial_stream_window_size(wire::STREAM_WINDOW)
            .initial_connection_window_size(wire::CONNECTION_WINDOW)
            .http2_keep_alive_interval(PING_INTERVAL)
            .keep_alive_timeout(PING_TIMEOUT)
            .keep_alive_while_idle(true))
    }

    async fn session(&self, endpoint: &Endpoint) -> Result<End, LinkError> {
        let (outbound, queue) = tokio::sync::mpsc::channel(OUTBOUND);
        let opened = tokio::select! {
            opened = self.open(endpoint, &outbound, queue) => opened,
            () = self.shutdown.cancelled() => return Ok(End::Shutdown),
        };
        match opened {
            Ok((welcome, inbound)) => session::Session::new(self, outbound, inbound).keep(welcome).await,
            Err(Opening::Lost(why)) => Ok(End::Lost { why, was_welcome: false }),
            Err(Opening::Final(error)) => Err(error),
        }
    }

    /// Dials, says hello, waits for the welcome.
    async fn open(
        &self,
        endpoint: &Endpoint,
        outbound: &tokio::sync::mpsc::Sender<FromAgent>,
        queue: tokio::sync::mpsc::Receiver<FromAgent>,
    ) -> Result<(Welcome, Streaming<ToAgent>), Opening> {
        let channel: Channel = endpoint.connect().await.map_err(Lost::Dial)?;
        let hello = FromAgent { message: Some(Message::Hello(self.hello().await)) };
        outbound.send(hello).await.map_err(|_| Lost::Closed)?;
        let requests = Request::new(tokio_stream::wrappers::ReceiverStream::new(queue));
        let deadline = Instant::now() + WELCOME_TIMEOUT;
        let silent = |_| Lost::Silent(WELCOME_TIMEOUT);
        let mut client = AgentsClient::new(channel);
        let response = tokio::time::timeout_at(deadline, client.connect(requests)).await.map_err(silent)?;
        let mut inbound = response.map_err(|status| Lost::Stream(Box::new(status)))?.into_inner();
        let first = tokio::time::timeout_at(deadline, inbound.message()).await.map_err(silent)?;
        let first = first.map_err(|status| Lost::Stream(Box::new(status)))?.ok_or(Lost::Closed)?;
        match first.message {
            Some(to_agent::Message::Welcome(welcome)) => Ok((welcome, inbound)),
            Some(to_agent::Message::Goodbye(bye)) => Err(Opening::Final(LinkError::Dismissed(bye.reason))),
            Some(
                to_agent::Message::Start(_)
                | to_agent::Message::Cancel(_)
                | to_agent::Message::OutputAck(_)
                | to_agent::Message::EndedAck(_)
                | to_agent::Message::Certificate(_)
                | to_agent::Message::Input(_),
            )
            | None => Err(Lost::NoWelcome.into()),
        }
    }

    async fn inventory(&self) -> Inventory {
        inventory::inventory(&self.node.launcher, self.node.programs.as_ref(), self.slots).await
    }

    async fn hello(&self) -> Hello {
        Hello {
            protocol: wire::PROTOCOL,
            boot_id: self.boot_id.clone(),
            inventory: Some(self.inventory().await),
            runs: self.node.ledger_quietly(|ledger| ledger.held()),
            agent_version: env!("CARGO_PKG_VERSION").to_owned(),
            epoch: self.node.ledger_quietly(|ledger| ledger.epoch()),
        }
    }
}

/// Why no stream came about.
enum Opening {
    Lost(Lost),
    Final(LinkError),
}

impl From<Lost> for Opening {
    fn from(why: Lost) -> Self {
        Self::Lost(why)
    }
}

/// The pause after `failures` (from 1) attempts in a row; `random` is from 0 to 1. Doubles up to 5 s, and half of it is
/// chance, so that agents that lost the same control plane don't all return in the same instant.
pub(crate) fn backoff(failures: u32, random: f64) -> Duration {
    let doubled = FIRST_BACKOFF.saturating_mul(1 << failures.saturating_sub(1).min(10));
    doubled.min(LAST_BACKOFF).mul_f64(0.5 + random / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pause_grows_to_its_cap_and_is_never_nothing() {
        assert_eq!(backoff(1, 1.0), Duration::from_millis(100));
        assert_eq!(backoff(1, 0.0), Duration::from_millis(50));
        assert_eq!(backoff(3, 1.0), Duration::from_millis(400));
        for failures in [7, 50, u32::MAX] {
            assert_eq!(backoff(failures, 1.0), Duration::from_secs(5));
            assert_eq!(backoff(failures, 0.0), Duration::from_millis(2500));
        }
    }
}
