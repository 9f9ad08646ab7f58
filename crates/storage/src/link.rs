//! The control plane's end of what agents say about their stores and their mounts.

use tonic::{Request, Response, Status};
use wire::PeerCertificate;
use wire::store::node_mounts_server::{NodeMounts, NodeMountsServer};
use wire::store::store_registry_server::{StoreRegistry, StoreRegistryServer};
use wire::store::{AnnounceReply, AnnounceRequest, MountsReport, MountsWanted};

use crate::service::ServiceError;
use crate::{NodeFacts, Storage};

/// Where the service answers.
pub(crate) const ROUTE: &str = "/amphi.store.v1.StoreRegistry/{method}";

/// Where the mounts' service answers.
pub(crate) const MOUNTS_ROUTE: &str = "/amphi.store.v1.NodeMounts/{method}";

pub(crate) fn mounts_service(storage: Storage) -> NodeMountsServer<Registry> {
    NodeMountsServer::new(Registry { storage }).max_decoding_message_size(1024 * 1024)
}

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
        let (node, facts) = self.node_of(&request).await?;
        let numbers = self.storage.stores_announced(&node, &facts, request.into_inner()).await.map_err(status)?;
        Ok(Response::new(AnnounceReply { numbers }))
    }
}

#[tonic::async_trait]
impl NodeMounts for Registry {
    async fn sync(&self, request: Request<MountsReport>) -> Result<Response<MountsWanted>, Status> {
        let (node, _) = self.node_of(&request).await?;
        let wanted = self.storage.node_mounts_sync(&node, request.get_ref()).await.map_err(|error| {
            tracing::warn!(error = &error as &dyn std::error::Error, "a node's mounts could not be looked up");
            Status::unavailable("the control plane can't look the mounts up; try again")
        })?;
        Ok(Response::new(wanted))
    }
}

impl Registry {
    /// The node that the caller's certificate names, if it is known here.
    async fn node_of<T>(&self, request: &Request<T>) -> Result<(String, NodeFacts), Status> {
        let certificate = request.extensions().get::<PeerCertificate>();
        let certificate = certificate.ok_or_else(|| Status::unauthenticated("a node certificate is required"))?;
        let node = wire::authority::node_id_of(&certificate.0);
        let node = node.map_err(|_| Status::unauthenticated("the certificate names no node"))?;
        let facts = self.storage.config().nodes.node(&node).await.map_err(|error| {
            tracing::warn!(error = error.as_ref() as &dyn std::error::Error, "a node could not be looked up");
            Status::unavailable("the control plane can't look the node up; try again")
        })?;
        let facts =
            facts.ok_or_else(|| Status::permission_denied("the certificate names no node that is known here"))?;
        Ok((node, facts))
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
