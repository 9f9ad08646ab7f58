//! Parts of services that run on nodes. The agent knows none of them: `amphi agent` plugs them in.

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Who this node is, as TLS needs it. Renewed while the agent runs.
#[derive(Clone, PartialEq, Eq)]
pub struct NodeIdentity {
    /// The node's UID.
    pub node_id: String,
    /// Its certificate, followed by the private key; PEM.
    pub pair_pem: String,
    /// The only authority it trusts; PEM.
    pub ca_pem: String,
}

impl std::fmt::Debug for NodeIdentity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NodeIdentity").field("node_id", &self.node_id).finish_non_exhaustive()
    }
}

/// What a part is given by the agent that runs it.
#[derive(Clone, Debug)]
pub struct NodeSite {
    /// Changes when the certificate is renewed.
    pub identity: watch::Receiver<NodeIdentity>,
    /// Where the control plane is dialled, such as `https://192.0.2.1:8443`; its certificate is for [`crate::SERVER_NAME`].
    pub control_url: String,
    /// Addresses by which others reach this node, best first.
    pub addresses: Vec<String>,
}

/// What one service does on a node.
#[tonic::async_trait]
pub trait NodePart: Send + Sync {
    /// Runs until `shutdown`; what goes wrong meanwhile it mends or logs itself. It is started once the node has joined.
    ///
    /// # Errors
    /// What makes the part useless from the start, as a sentence: the agent ends with it.
    async fn run(
        &self,
        site: NodeSite,
        shutdown: CancellationToken,
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>>;

    /// Whether it needs what other parts offer, here or on other nodes, until it has ended: it is ended before they are.
    fn uses_others(&self) -> bool {
        false
    }
}
