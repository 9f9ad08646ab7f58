//! Where an experiment is aimed: at a node, or at a name or address of the world; and what nobody may aim at.

use std::collections::HashMap;
use std::net::{IpAddr, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;

use super::ServiceError;
use super::run::is_gone;
use super::submit::{check_tool, check_usable};
use crate::Lab;
use crate::model::destination::DestinationRules;
use crate::model::experiment::{Experiment, Family, Target};
use crate::model::node::{Node, NodeId};
use crate::model::refusal::Refusal;
use crate::model::work::Work;
use crate::queries::node::{node_find, node_list};

/// How long a destination's name may take to be looked up before the answer is left to the node.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(2);
/// Look-ups at the same time.
const LOOKUPS_MAX: usize = 16;

impl Lab {
    /// Refuses what may not be aimed at. Returns the node that the destination names.
    pub(super) async fn check_target(
        &self,
        experiment: &Experiment,
        near: Option<&Node>,
        now_ms: i64,
    ) -> Result<Option<Node>, ServiceError> {
        let far = self.far_node(experiment, now_ms).await?;
        match &far {
            Some(far) => {
                let near_host_id = near.map(|node| node.inventory.host_id.as_str()).unwrap_or_default();
                self.node_address(far, near_host_id, experiment.family())?;
            }
            None => self.check_destination(experiment).await?,
        }
        Ok(far)
    }

    /// The node that the destination names. Errors: it would have to serve and can't.
    async fn far_node(&self, experiment: &Experiment, now_ms: i64) -> Result<Option<Node>, ServiceError> {
        let Some(host) = node_name(experiment) else { return Ok(None) };
        let Some(node) = node_find(self.db(), &host).await? else { return Ok(None) };
        check_far(experiment, &node, now_ms)?;
        Ok(Some(node))
    }

    /// What elements of a batch are checked against that would run on this node, or on any.
    pub(super) async fn targets(&self, near: Option<&Node>) -> Result<Targets, ServiceError> {
        let near_host_id = near.map(|node| node.inventory.host_id.clone()).unwrap_or_default();
        Ok(Targets { rules: self.destination_rules(), nodes: self.known_nodes().await?, near_host_id })
    }

    /// All nodes as they are now, for many elements to aim at.
    pub(super) async fn known_nodes(&self) -> Result<KnownNodes, ServiceError> {
        let read_ms = self.now_ms();
        let nodes = node_list(self.db()).await?.into_iter().map(Arc::new);
        let names = nodes.flat_map(|node| [(node.name.clone(), node.clone()), (node.id.to_string(), node)]);
        Ok(KnownNodes { read_ms, by_name: names.collect() })
    }

    /// Why an element is not to wait any longer for its far end on this node, as a sentence; `nodes` has it.
    pub(super) fn far_is_gone(&self, nodes: &KnownNodes, experiment: &Experiment, far: &Node) -> Option<String> {
        let tool = experiment.tool().name;
        // While an agent starts it has not told of all its tools.
        let lacks = self.fleet().with(far.id, |session| session.is_known && !session.tools.contains(tool));
        if lacks != Some(true) && !is_gone(Some(far), nodes.read_ms) {
            return None;
        }
        check_far(experiment, far, nodes.read_ms).err().map(|error| error.to_string())
    }

    /// Refuses a destination that an operator forbids, by its name or by an address that the name has here. The node
    /// looks the name up once more just before the start, against the same networks.
    async fn check_destination(&self, experiment: &Experiment) -> Result<(), ServiceError> {
        let Some(host) = experiment.host() else { return Ok(()) };
        let rules = self.destination_rules();
        rules.check_host(&host)?;
        if host.parse::<IpAddr>().is_ok() {
            return Ok(());
        }
        // A name that can't be looked up here and now is left to the node.
        for address in lookup(host).await {
            rules.check_address(address)?;
        }
        Ok(())
    }

    /// Where a node is reached from another one; `None` when its name has to be looked up. Errors: it has no address of
    /// this family, or an operator forbids to aim there.
    fn node_address(&self, far: &Node, near_host_id: &str, family: Family) -> Result<Option<IpAddr>, Refusal> {
        let address = far.address_for(near_host_id, family)?;
        self.destination_rules().check_node(&far.name, address)?;
        Ok(address)
    }

    /// What nobody may aim at.
    pub(crate) fn destination_rules(&self) -> DestinationRules {
        let policy = self.policy();
        DestinationRules {
            networks: policy.networks().expect("a policy is checked before it is stored"),
            names: policy.refused_names.clone(),
            allow_loopback: self.config().allow_loopback,
        }
    }

    /// Where a near end aims: at its far end, at the node that its destination names, or wherever the name leads.
    /// Errors: that node's addresses and the policy may have changed after the submission.
    pub(super) fn target(
        &self,
        far: Option<&Node>,
        port: Option<u16>,
        node: NodeId,
        family: Family,
    ) -> Result<Target, Refusal> {
        let host_id = self.fleet().with(node, |session| session.inventory.host_id.clone()).unwrap_or_default();
        let address = far.map(|far| self.node_address(far, &host_id, family)).transpose()?.flatten();
        Ok(Target { address, port })
    }
}

/// All nodes as they were read at one moment, by what may stand for them as a destination: name and UID.
pub(super) struct KnownNodes {
    read_ms: i64,
    by_name: HashMap<String, Arc<Node>>,
}

impl KnownNodes {
    /// The node that the destination names.
    pub(super) fn aimed_at(&self, experiment: &Experiment) -> Option<&Arc<Node>> {
        self.by_name.get(&node_name(experiment)?)
    }

    /// The same of any work.
    pub(super) fn far_of(&self, work: &Work) -> Option<&Arc<Node>> {
        self.aimed_at(work.experiment()?)
    }
}

/// What elements of a batch may be aimed at, as of one moment.
pub(super) struct Targets {
    rules: DestinationRules,
    nodes: KnownNodes,
    near_host_id: String,
}

impl Targets {
    /// Refuses what may not be aimed at. Names of the world are not looked up: the nodes do that.
    pub(super) fn check(&self, experiment: &Experiment) -> Result<(), ServiceError> {
        let Some(host) = experiment.host() else { return Ok(()) };
        match self.nodes.aimed_at(experiment) {
            Some(far) => {
                check_far(experiment, far, self.nodes.read_ms)?;
                let address = far.address_for(&self.near_host_id, experiment.family())?;
                self.rules.check_node(&far.name, address)?;
            }
            None => self.rules.check_host(&host)?,
        }
        Ok(())
    }
}

/// What may be a node's name: that is a single label, so most destinations need no look-up.
pub(super) fn node_name(experiment: &Experiment) -> Option<String> {
    experiment.host().filter(|host| !host.contains(['.', ':']))
}

/// Refuses a node that would have to serve and can't.
fn check_far(experiment: &Experiment, node: &Node, now_ms: i64) -> Result<(), ServiceError> {
    if experiment.far_end().is_some() {
        check_usable(node, now_ms)?;
        check_tool(node, experiment.tool().name)?;
    }
    Ok(())
}

/// Addresses of a name, as far as they are found in time. A thread that hangs in the system's resolver can't be
/// stopped, so only so many may.
async fn lookup(host: String) -> Vec<IpAddr> {
    static THREADS: Semaphore = Semaphore::const_new(LOOKUPS_MAX);
    let found = async {
        let place = THREADS.acquire().await.ok()?;
        let resolve = move || {
            let found = (host.as_str(), 0).to_socket_addrs();
            drop(place);
            found.map(|found| found.map(|address| address.ip()).collect()).ok()
        };
        tokio::task::spawn_blocking(resolve).await.ok()?
    };
    tokio::time::timeout(LOOKUP_TIMEOUT, found).await.ok().flatten().unwrap_or_default()
}
