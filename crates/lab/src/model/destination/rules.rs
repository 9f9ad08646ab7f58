//! Where experiments may not go: what is never a learner's business (this machine, its link, everybody at once, a
//! cloud's metadata), and what an operator adds.

use std::net::{IpAddr, Ipv6Addr};

use ipnet::{IpNet, Ipv6Net};

use super::Host;
use crate::model::refusal::Refusal;

/// Lifted where all nodes are on the learner's own machine.
const LOOPBACK: [&str; 2] = ["127.0.0.0/8", "::1/128"];

/// Always refused. 0.0.0.0 and :: reach this machine on Linux. fd00:ec2::254 is EC2's metadata service over IPv6,
/// 169.254.169.254 lies in the link-local network.
const NEVER: [&str; 9] = [
    "0.0.0.0/8",
    "169.254.0.0/16",
    "224.0.0.0/4",
    "255.255.255.255/32",
    "::/128",
    "fe80::/10",
    "fec0::/10",
    "ff00::/8",
    "fd00:ec2::254/128",
];

/// Destinations that are refused.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DestinationRules {
    /// Networks that an operator forbids, besides those always refused.
    pub networks: Vec<IpNet>,
    /// Names that an operator forbids: `example.org` that name, `*.example.org` all names below it.
    pub names: Vec<String>,
    /// Whether experiments may go to this machine itself.
    pub allow_loopback: bool,
}

impl DestinationRules {
    /// Refuses an address in a forbidden network, or a forbidden name. A name may still lead into a forbidden network:
    /// the node checks that against [`refused_networks`](Self::refused_networks) when it has looked the name up.
    pub fn check_host(&self, host: &str) -> Result<(), Refusal> {
        match Host::parse(host)? {
            Host::Address(address) => self.check_address(address),
            Host::Name(name) => self.check_name(&name),
        }
    }

    /// Refuses a node whose name or address an operator forbids. What is refused always is not looked at: it guards
    /// machines that are no nodes, and nodes of `amphi up` may sit on loopback.
    pub fn check_node(&self, name: &str, address: Option<IpAddr>) -> Result<(), Refusal> {
        name_check(self.names.iter().map(String::as_str), name)?;
        match address {
            Some(address) => address_check(with_mapped(self.networks.iter().copied()), address),
            None => Ok(()),
        }
    }

    fn check_name(&self, name: &str) -> Result<(), Refusal> {
        let loopback = (!self.allow_loopback).then_some(["localhost", "*.localhost"]);
        name_check(self.names.iter().map(String::as_str).chain(loopback.into_iter().flatten()), name)
    }

    /// Refuses an address in a forbidden network, an IPv4 address also inside an IPv6 one.
    pub fn check_address(&self, address: IpAddr) -> Result<(), Refusal> {
        address_check(self.refused_networks(), address)
    }

    /// Every network that no experiment may reach, both families; IPv4 networks stand twice, as they are and mapped
    /// into IPv6 (::ffff:0:0/96).
    pub fn refused_networks(&self) -> Vec<IpNet> {
        let loopback: &[&str] = if self.allow_loopback { &[] } else { &LOOPBACK };
        let always = NEVER.iter().chain(loopback).filter_map(|text| text.parse::<IpNet>().ok());
        with_mapped(always.chain(self.networks.iter().copied())).collect()
    }
}

fn name_check<'a>(mut patterns: impl Iterator<Item = &'a str>, name: &str) -> Result<(), Refusal> {
    match patterns.find(|pattern| pattern_covers(pattern, name)) {
        Some(pattern) => Err(Refusal::NameRefused { name: name.into(), pattern: pattern.into() }),
        None => Ok(()),
    }
}

fn address_check(networks: impl IntoIterator<Item = IpNet>, address: IpAddr) -> Result<(), Refusal> {
    match networks.into_iter().find(|network| network.contains(&address)) {
        Some(network) => {
            Err(Refusal::AddressRefused { address: address.to_string().into(), network: network.to_string().into() })
        }
        None => Ok(()),
    }
}

fn with_mapped(networks: impl Iterator<Item = IpNet>) -> impl Iterator<Item = IpNet> {
    networks.flat_map(|network| [Some(network), mapped(network)]).flatten()
}

fn mapped(network: IpNet) -> Option<IpNet> {
    match network {
        IpNet::V4(network) => {
            let address: Ipv6Addr = network.network().to_ipv6_mapped();
            Ipv6Net::new(address, network.prefix_len() + 96).ok().map(IpNet::V6)
        }
        IpNet::V6(_) => None,
    }
}

fn pattern_covers(pattern: &str, name: &str) -> bool {
    let (pattern, name) = (pattern.trim_end_matches('.').to_ascii_lowercase(), name.trim_end_matches('.'));
    match pattern.strip_prefix('*') {
        Some(suffix) => name.len() > suffix.len() && name.ends_with(suffix),
        None => name == pattern,
    }
}
