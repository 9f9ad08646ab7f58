//! The control plane's end of the agents' streams: enrolment, and one session per connected node.

mod acks;
mod admit;
mod intake;
mod messages;
mod session;
mod verdict;

pub(crate) use admit::wire_epoch;
pub(crate) use intake::Intake;

use std::pin::Pin;

use tokio::sync::mpsc;
use tokio_stream::Stream;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};
use wire::PeerCertificate;
use wire::proto::agents_server::{Agents, AgentsServer};
use wire::proto::{EnrollReply, EnrollRequest, FromAgent, ToAgent};

use crate::Lab;
use crate::service::ServiceError;

/// Where the service answers.
pub(crate) const ROUTE: &str = "/amphi.agent.v1.Agents/{method}";
/// Commands that may wait for a slow agent before its stream is given up: the starts and ends of all the runs that it
/// may have, and more.
const COMMANDS_MAX: usize = 4_096;

/// The gRPC service for agents.
pub(crate) fn service(lab: Lab) -> AgentsServer<Link> {
    AgentsServer::new(Link { lab }).max_decoding_message_size(1024 * 1024)
}

/// See the module's head.
pub(crate) struct Link {
    lab: Lab,
}

type Commands = Pin<Box<dyn Stream<Item = Result<ToAgent, Status>> + Send>>;

#[tonic::async_trait]
impl Agents for Link {
    async fn enroll(&self, request: Request<EnrollRequest>) -> Result<Response<EnrollReply>, Status> {
        let reply = self.lab.node_enroll(request.into_inner()).await.map_err(status)?;
        Ok(Response::new(reply))
    }

    type ConnectStream = Commands;

    async fn connect(&self, request: Request<Streaming<FromAgent>>) -> Result<Response<Commands>, Status> {
        let certificate = request.extensions().get::<PeerCertificate>().cloned();
        let certificate = certificate.ok_or_else(|| Status::unauthenticated("a node certificate is required"))?;
        let node = wire::authority::node_id_of(&certificate.0)
            .ok()
            .and_then(|id| id.parse().ok())
            .ok_or_else(|| Status::unauthenticated("the certificate names no node"))?;
        let (commands, receiver) = mpsc::channel(COMMANDS_MAX);
        self.lab.sessions().spawn(session::run(self.lab.clone(), node, request.into_inner(), commands));
        Ok(Response::new(Box::pin(tokio_stream::StreamExt::map(ReceiverStream::new(receiver), Ok))))
    }
}

/// Maps a service's error to gRPC, as `portal` maps it to HTTP.
fn status(error: ServiceError) -> Status {
    let sentence = error.to_string();
    match error {
        ServiceError::JoinToken | ServiceError::OldProtocol { .. } => Status::permission_denied(sentence),
        ServiceError::NodeNameTaken(_) => Status::already_exists(sentence),
        ServiceError::Db(error) => {
            tracing::warn!(error = &error as &dyn std::error::Error, "an agent could not be served");
            Status::unavailable("the control plane can't reach its database; try again")
        }
        _ => Status::invalid_argument(sentence),
    }
}
