//! What the demo's network consists of, as text for `ip -batch` and for files. Pure.
//!
//! ```text
//!    lab-a, lab-d …          lab-b, lab-e …         lab-c, lab-f …, site
//!   10.77.1.0/24 |          10.77.2.0/24 |          10.77.3.0/24 |
//!               r1 --10.77.12.0/30-- r2 --10.77.23.0/30-- r3
//! ```

use std::fmt::Write;
use std::net::Ipv4Addr;

use super::{HOSTS_MAX, Host};

/// A router: its links to other routers as interface and address (/30), and its routes as network and next router.
struct Router {
    name: &'static str,
    links: &'static [(&'static str, &'static str)],
    routes: &'static [(&'static str, &'static str)],
}

/// The routes include the links that a router is not at: answers to traceroute bear the address of a link.
const ROUTERS: [Router; 3] = [
    Router {
        name: "r1",
        links: &[("east", "10.77.12.1")],
        routes: &[("10.77.2.0/24", "10.77.12.2"), ("10.77.3.0/24", "10.77.12.2"), ("10.77.23.0/30", "10.77.12.2")],
    },
    Router {
        name: "r2",
        links: &[("west", "10.77.12.2"), ("east", "10.77.23.1")],
        routes: &[("10.77.1.0/24", "10.77.12.1"), ("10.77.3.0/24", "10.77.23.2")],
    },
    Router {
        name: "r3",
        links: &[("west", "10.77.23.2")],
        routes: &[("10.77.1.0/24", "10.77.23.1"), ("10.77.2.0/24", "10.77.23.1"), ("10.77.12.0/30", "10.77.23.1")],
    },
];
/// Last byte of the first host's address in each local network; the gateway has 1.
const FIRST_ADDRESS: u8 = 10;
const SITE: &str = "site";
/// Behind the last router, above all hosts' addresses.
const SITE_ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 77, 3, 80);
/// Names that the site goes by.
pub(super) const SITE_NAMES: [&str; 3] = ["web.lab", "dns.lab", "mail.lab"];

#[derive(Debug)]
pub(super) struct Plan {
    pub(super) prefix: String,
    pub(super) hosts: Vec<Host>,
    pub(super) site: Host,
}

impl Plan {
    pub(super) fn new(prefix: &str, hosts: usize) -> Self {
        let host = |index| {
            let name = host_name(index);
            let lan = index % ROUTERS.len();
            let last = FIRST_ADDRESS + u8::try_from(index / ROUTERS.len()).expect("fewer hosts than HOSTS_MAX");
            let address = Ipv4Addr::new(10, 77, lan_byte(lan), last);
            Host { netns: format!("{prefix}-{name}"), name, address, lan }
        };
        let netns = format!("{prefix}-{SITE}");
        let site = Host { name: SITE.to_owned(), netns, address: SITE_ADDRESS, lan: ROUTERS.len() - 1 };
        Self { prefix: prefix.to_owned(), hosts: (0..hosts).map(host).collect(), site }
    }

    fn stations(&self) -> impl Iterator<Item = &Host> {
        self.hosts.iter().chain([&self.site])
    }

    fn router_netns(&self, lan: usize) -> String {
        format!("{}-{}", self.prefix, ROUTERS[lan].name)
    }

    /// Every namespace.
    pub(super) fn namespaces(&self) -> Vec<String> {
        let routers = (0..ROUTERS.len()).map(|lan| self.router_netns(lan));
        routers.chain(self.stations().map(|host| host.netns.clone())).collect()
    }

    /// Batch that makes the namespaces.
    pub(super) fn creation(&self) -> String {
        self.namespaces().iter().map(|netns| format!("netns add {netns}\n")).collect()
    }

    /// Batch that makes the links between them: `eth0` in a host, its name in its router, `east` and `west` between routers.
    pub(super) fn links(&self) -> String {
        let host_link = |host: &Host| {
            let Host { name, netns, lan, .. } = host;
            format!("link add eth0 netns {netns} type veth peer name {name} netns {}\n", self.router_netns(*lan))
        };
        let router_link = |lan: usize| {
            let (before, behind) = (self.router_netns(lan - 1), self.router_netns(lan));
            format!("link add east netns {before} type veth peer name west netns {behind}\n")
        };
        self.stations().map(host_link).chain((1..ROUTERS.len()).map(router_link)).collect()
    }

    /// For each namespace the batch that runs inside it: addresses and routes.
    pub(super) fn insides(&self) -> Vec<(String, String)> {
        let routers = (0..ROUTERS.len()).map(|lan| (self.router_netns(lan), self.router_inside(lan)));
        routers.chain(self.stations().map(|host| (host.netns.clone(), host_inside(host)))).collect()
    }

    fn router_inside(&self, lan: usize) -> String {
        let gateway = gateway(lan);
        let mut batch =
            format!("link set lo up\nlink add lan type bridge\naddr add {gateway}/24 dev lan\nlink set lan up\n");
        for host in self.stations().filter(|host| host.lan == lan) {
            line(&mut batch, &format!("link set {} master lan up", host.name));
        }
        for (link, address) in ROUTERS[lan].links {
            line(&mut batch, &format!("addr add {address}/30 dev {link}"));
            line(&mut batch, &format!("link set {link} up"));
        }
        for (network, next) in ROUTERS[lan].routes {
            line(&mut batch, &format!("route add {network} via {next}"));
        }
        batch
    }

    /// /etc/hosts in every namespace; the first name of an address is the one that traceroute shows.
    pub(super) fn hosts_file(&self) -> String {
        let mut text = "127.0.0.1 localhost\n".to_owned();
        for Host { name, address, .. } in &self.hosts {
            line(&mut text, &format!("{address} {name} {name}.lab"));
        }
        line(&mut text, &format!("{} {}", self.site.address, SITE_NAMES.join(" ")));
        for (lan, Router { name, links, .. }) in ROUTERS.iter().enumerate() {
            line(&mut text, &format!("{} {name}.lab", gateway(lan)));
            for (_, address) in *links {
                line(&mut text, &format!("{address} {name}.lab"));
            }
        }
        text
    }

    /// /etc/resolv.conf in every namespace.
    pub(super) fn resolv_conf(&self) -> String {
        format!("nameserver {}\nsearch lab\noptions timeout:1 attempts:1\n", self.site.address)
    }
}

fn host_inside(host: &Host) -> String {
    let (address, gateway) = (host.address, gateway(host.lan));
    format!("link set lo up\naddr add {address}/24 dev eth0\nlink set eth0 up\nroute add default via {gateway}\n")
}

/// A router's address in its local network.
fn gateway(lan: usize) -> Ipv4Addr {
    Ipv4Addr::new(10, 77, lan_byte(lan), 1)
}

/// Third byte of a local network's addresses: 1 behind r1.
fn lan_byte(lan: usize) -> u8 {
    u8::try_from(lan + 1).expect("there are three routers")
}

fn line(text: &mut String, words: &str) {
    writeln!(text, "{words}").expect("writing to a String cannot fail");
}

/// lab-a … lab-z, then lab-27 and on.
fn host_name(index: usize) -> String {
    match u8::try_from(index) {
        Ok(index @ 0..26) => format!("lab-{}", char::from(b'a' + index)),
        Ok(26..) | Err(_) => format!("lab-{}", index + 1),
    }
}

/// Whether a namespace of this name, behind the prefix and its dash, is one that a plan makes.
pub(super) fn is_ours(name: &str) -> bool {
    let is_router = ROUTERS.iter().any(|router| name == router.name);
    name == SITE || is_router || (0..HOSTS_MAX).any(|index| name == host_name(index))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_spread_over_the_routers() {
        let plan = Plan::new("p", 4);
        let shown: Vec<_> = plan.hosts.iter().map(|host| format!("{} {}", host.netns, host.address)).collect();
        assert_eq!(shown, ["p-lab-a 10.77.1.10", "p-lab-b 10.77.2.10", "p-lab-c 10.77.3.10", "p-lab-d 10.77.1.11"]);
        assert_eq!(plan.namespaces().len(), 8);
    }

    #[test]
    fn the_largest_plan_has_names_and_addresses_for_all() {
        let plan = Plan::new("p", HOSTS_MAX);
        let addresses: std::collections::BTreeSet<_> = plan.stations().map(|host| host.address).collect();
        assert_eq!(addresses.len(), HOSTS_MAX + 1);
        assert!(plan.namespaces().iter().all(|netns| is_ours(netns.strip_prefix("p-").unwrap())));
        assert_eq!((host_name(25), host_name(26)), ("lab-z".into(), "lab-27".into()));
    }

    #[test]
    fn routers_know_every_network_they_are_not_in() {
        let networks = ["10.77.1.0/24", "10.77.2.0/24", "10.77.3.0/24", "10.77.12.0/30", "10.77.23.0/30"];
        for (lan, router) in ROUTERS.iter().enumerate() {
            let routed = |network: &str| router.routes.iter().any(|(to, _)| *to == network);
            // All networks differ in their third byte.
            let own = |network: &str| {
                let links = router.links.iter().map(|(_, address)| (*address).to_owned());
                let start = network.rsplit_once('.').unwrap().0;
                links.chain([gateway(lan).to_string()]).any(|address| address.rsplit_once('.').unwrap().0 == start)
            };
            for network in networks {
                assert!(routed(network) != own(network), "{} and {network}", router.name);
            }
        }
    }

    #[test]
    fn foreign_namespaces_are_left_alone() {
        for foreign in ["", "prod", "r4", "r10", "lab-", "lab-A", "lab-aa", "lab-1", "lab-211", "test-lab-a", "sites"] {
            assert!(!is_ours(foreign), "{foreign}");
        }
    }
}
