//! The control plane's end of what agents say about their stores.

use tonic::{Request, Response, Status};
use wire::PeerCertificate;
use wire::store::store_registry_server::{StoreRegistry, StoreRegistryServer};
use wire::store::{AnnounceReply, AnnounceRequest};

use crate::Storage;
use crate::service::ServiceError;

/// Where the service answers.
pub(crate) const ROUTE: &str = "/amphi.store.v1.StoreRegistry/{method}";

pub(crate) fn service(storage: Storage) -> StoreRegistryServer<Registry> {
    StoreRegistryServer::new(Registry { storage }).max_decoding_message_size(1024 * 1024)
}

/// See the module's head.
pub(crate) struct Registry {
    storage: Storage,
}

#[tonic::async_trait]
impl StoreRegistry for Registry {
    async fn announce(&self, request: Request<AnnounceRequest>) -> Result<Response<AnnounceReply>, Status> {
        let certificate = request.extensions().get::<PeerCertificate>();
        let certificate = certificate.ok_or_else(|| Status::unauthenticated("a node certificate is required"))?;
        let node = wire::authority::node_id_of(&certificate.0);
        let node = node.map_err(|_| Status::unauthenticated("the certificate names no node"))?;
        let facts = self.storage.config().nodes.node(&node).await.map_err(|error| {
            tracing::warn!(error = error.as_ref() as &dyn std::error::Error, "a node's stores could not be taken up");
            Status::unavailable("the control plane can't look the node up; try again")
        })?;
        let facts =
            facts.ok_or_else(|| Status::permission_denied("the certificate names no node that is known here"))?;
        let numbers = self.storage.stores_announced(&node, &facts, request.into_inner()).await.map_err(status)?;
        Ok(Response::new(AnnounceReply { numbers }))
    }
}

fn status(error: ServiceError) -> Status {
    match error {
        ServiceError::Db(error) => {
            tracing::warn!(error = &error as &dyn std::error::Error, "a node's stores could not be taken up");
            Status::unavailable("the control plane can't reach its database; try again")
        }
        other => Status::invalid_argument(other.to_string()),
    }
}
