//! A node: a machine that runs an agent. Its admin state is an operator's word, its health is what was seen of it.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

pub use placement::{AdminState, Health};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::experiment::Family;
use super::id::id;
use super::refusal::Refusal;

id! {
    /// A node's UID.
    NodeId
}

/// A node that has not been heard of for this long is suspect: it gets no new run while another can take it. Milliseconds.
pub const SUSPECT_AFTER_MS: i64 = 7_500;
/// A node's lease: not heard of for this long, it is down and its runs are lost. With the look that finds that out and the
/// next start, its runs are placed again within ten seconds. Milliseconds.
pub const LEASE_MS: i64 = 9_000;
/// Time between two heartbeats of an agent. Milliseconds.
pub const HEARTBEAT_MS: u32 = 5_000;

/// The health of a node that is `connected` and was last heard of at `last_seen_ms`.
pub fn health_of(connected: bool, last_seen_ms: i64, now_ms: i64) -> Health {
    let age = now_ms - last_seen_ms;
    if age >= LEASE_MS {
        Health::Down
    } else if connected && age < SUSPECT_AFTER_MS {
        Health::Up
    } else {
        Health::Suspect
    }
}

/// A program that the node has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct InstalledTool {
    /// The tool's name in the catalogue.
    pub name: String,
    /// The first line in which it says its version.
    pub version: String,
}

/// What a node's agent said of its machine.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inventory {
    /// Host name.
    pub hostname: String,
    /// Operating system, as it names itself.
    pub os: String,
    /// Kernel release.
    pub kernel: String,
    /// Logical processors.
    pub cores: u32,
    /// Memory, bytes.
    pub memory_bytes: u64,
    /// Addresses that runs are sent from, IPv4 first.
    pub addresses: Vec<String>,
    /// Equal for two agents in one network namespace.
    pub host_id: String,
    /// Version of the agent.
    pub agent_version: String,
    /// Runs at the same time that the agent itself allows.
    pub slots: u32,
    /// Whether learners' programs may run on it.
    #[serde(default)]
    pub takes_programs: bool,
    /// What holds programs in there.
    #[serde(default)]
    pub fences: Vec<String>,
}

/// A node as it is stored.
#[derive(Clone, Debug)]
pub struct Node {
    /// Its UID.
    pub id: NodeId,
    /// Its unique name.
    pub name: String,
    /// An operator's word.
    pub state: AdminState,
    /// Runs at the same time.
    pub slots: u32,
    /// Labels that `--on` selects by.
    pub labels: BTreeMap<String, String>,
    /// What the agent said of its machine.
    pub inventory: Inventory,
    /// Tools found on it.
    pub tools: Vec<InstalledTool>,
    /// Whether a replica holds its stream.
    pub connected: bool,
    /// The replica that holds its stream.
    pub replica: String,
    /// Lease epoch: grows with every connection.
    pub epoch: i64,
    /// The agent process's id, new with each start.
    pub boot_id: String,
    /// Epoch milliseconds.
    pub last_seen_ms: i64,
    /// Epoch milliseconds.
    pub created_ms: i64,
    /// Runs leased to it or running on it.
    pub running: u32,
}

impl Node {
    /// Its health now.
    pub fn health(&self, now_ms: i64) -> Health {
        health_of(self.connected, self.last_seen_ms, now_ms)
    }

    /// Whether it has the tool of this name.
    pub fn has_tool(&self, name: &str) -> bool {
        self.tools.iter().any(|t| t.name == name)
    }

    /// The address of this family by which another node reaches it; loopback when it has none at all and both share one
    /// network namespace; `None` when its name has to be looked up. Errors: it has addresses, and none of the family.
    pub fn address_for(&self, other_host_id: &str, family: Family) -> Result<Option<IpAddr>, Refusal> {
        let addresses: Vec<IpAddr> = self.inventory.addresses.iter().filter_map(|a| a.parse().ok()).collect();
        let (fits, loopback, version): (fn(&IpAddr) -> bool, IpAddr, _) = match family {
            Family::Any => (|_| true, Ipv4Addr::LOCALHOST.into(), ""),
            Family::V4 => (IpAddr::is_ipv4, Ipv4Addr::LOCALHOST.into(), "4"),
            Family::V6 => (IpAddr::is_ipv6, Ipv6Addr::LOCALHOST.into(), "6"),
        };
        if addresses.is_empty() {
            let shares_host = self.inventory.host_id == other_host_id && !other_host_id.is_empty();
            return Ok(shares_host.then_some(loopback));
        }
        match addresses.into_iter().find(fits) {
            Some(address) => Ok(Some(address)),
            None => Err(Refusal::NodeFamily { node: self.name.as_str().into(), version: version.into() }),
        }
    }
}

/// A node's name: a host name label, so that it can stand as a destination.
/// Errors: a sentence for people.
pub fn checked_name(name: &str) -> Result<String, NodeNameRefusal> {
    let is_label = !name.is_empty()
        && name.len() <= 63
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        && !name.starts_with('-')
        && !name.ends_with('-');
    if is_label { Ok(name.to_owned()) } else { Err(NodeNameRefusal(name.chars().take(80).collect())) }
}

/// A name that no node may have.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "{0:?} is no node name: use 1 to 63 lower-case letters, digits and hyphens, not at either end, such as \"lab-a\"."
)]
pub struct NodeNameRefusal(pub String);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn health_goes_down_with_silence() {
        assert_eq!(health_of(true, 0, 5_000), Health::Up);
        assert_eq!(health_of(false, 0, 5_000), Health::Suspect);
        assert_eq!(health_of(true, 0, SUSPECT_AFTER_MS), Health::Suspect);
        assert_eq!(health_of(true, 0, LEASE_MS), Health::Down);
        assert_eq!(health_of(true, 5_000, 1_000), Health::Up, "a clock that went back harms nobody");
    }

    fn node(addresses: &[&str]) -> Node {
        let addresses = addresses.iter().map(ToString::to_string).collect();
        Node {
            id: NodeId::generate(),
            name: "lab-b".into(),
            state: AdminState::Enabled,
            slots: 1,
            labels: BTreeMap::new(),
            inventory: Inventory { addresses, host_id: "h".into(), ..Inventory::default() },
            tools: Vec::new(),
            connected: true,
            replica: String::new(),
            epoch: 1,
            boot_id: String::new(),
            last_seen_ms: 0,
            created_ms: 0,
            running: 0,
        }
    }

    #[test]
    fn the_address_is_of_the_family_asked_for() {
        let address = |node: &Node, family| node.address_for("other", family).map(|a| a.map(|a| a.to_string()));
        let both = node(&["192.0.2.7", "2001:db8::7"]);
        assert_eq!(address(&both, Family::Any).unwrap().as_deref(), Some("192.0.2.7"));
        assert_eq!(address(&both, Family::V4).unwrap().as_deref(), Some("192.0.2.7"));
        assert_eq!(address(&both, Family::V6).unwrap().as_deref(), Some("2001:db8::7"));
        for (only, family, version) in [("192.0.2.7", Family::V6, "6"), ("2001:db8::7", Family::V4, "4")] {
            let refusal = node(&[only]).address_for("h", family).unwrap_err();
            assert_eq!(refusal, Refusal::NodeFamily { node: "lab-b".into(), version: version.into() });
        }
    }

    #[test]
    fn a_node_without_addresses_is_reached_by_loopback_on_its_own_host_alone() {
        let bare = node(&[]);
        assert_eq!(bare.address_for("other", Family::V6).unwrap(), None);
        assert_eq!(bare.address_for("h", Family::Any).unwrap(), Some(Ipv4Addr::LOCALHOST.into()));
        assert_eq!(bare.address_for("h", Family::V6).unwrap(), Some(Ipv6Addr::LOCALHOST.into()));
    }

    #[test]
    fn names_are_host_labels() {
        assert!(checked_name("lab-a").is_ok());
        for bad in ["", "Lab", "-a", "a-", "a b", "a.b", "é", &"x".repeat(64)] {
            assert!(checked_name(bad).is_err(), "{bad}");
        }
    }
}
