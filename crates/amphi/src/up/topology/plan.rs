//! What the demo's network consists of, as text for `ip -batch` and for files. Pure.
//!
//! ```text
//!    lab-a, lab-d …          lab-b, lab-e …         lab-c, lab-f …, site
//!   10.77.1.0/24 |          10.77.2.0/24 |          10.77.3.0/24 |
//!               r1 --10.77.12.0/30-- r2 --10.77.23.0/30-- r3
//! ```

use std::fmt::Write;
use std::net::Ipv4Addr;

use super::Host;

const ROUTERS: usize = 3;
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
            let name = format!("lab-{}", letters(index));
            let lan = index % ROUTERS;
            let last = FIRST_ADDRESS + u8::try_from(index / ROUTERS).expect("fewer hosts than HOSTS_MAX");
            let address = Ipv4Addr::new(10, 77, lan_byte(lan), last);
            Host { netns: format!("{prefix}-{name}"), name, address, lan }
        };
        let netns = format!("{prefix}-{SITE}");
        let site = Host { name: SITE.to_owned(), netns, address: SITE_ADDRESS, lan: ROUTERS - 1 };
        Self { prefix: prefix.to_owned(), hosts: (0..hosts).map(host).collect(), site }
    }

    fn stations(&self) -> impl Iterator<Item = &Host> {
        self.hosts.iter().chain([&self.site])
    }

    fn router(&self, index: usize) -> String {
        format!("{}-r{}", self.prefix, index + 1)
    }

    /// Every namespace.
    pub(super) fn namespaces(&self) -> Vec<String> {
        let routers = (0..ROUTERS).map(|index| self.router(index));
        routers.chain(self.stations().map(|host| host.netns.clone())).collect()
    }

    /// Batch that makes the namespaces.
    pub(super) fn creation(&self) -> String {
        self.namespaces().iter().fold(String::new(), |batch, netns| batch + "netns add " + netns + "\n")
    }

    /// Batch that makes the links between them: `eth0` in a host, its name in its router, `east` and `west` between routers.
    pub(super) fn links(&self) -> String {
        let mut batch = String::new();
        for Host { name, netns, lan, .. } in self.stations() {
            let router = self.router(*lan);
            line(&mut batch, &format!("link add eth0 netns {netns} type veth peer name {name} netns {router}"));
        }
        for index in 1..ROUTERS {
            let (before, behind) = (self.router(index - 1), self.router(index));
            line(&mut batch, &format!("link add east netns {before} type veth peer name west netns {behind}"));
        }
        batch
    }

    /// For each namespace the batch that runs inside it: addresses and routes.
    pub(super) fn insides(&self) -> Vec<(String, String)> {
        let routers = (0..ROUTERS).map(|index| (self.router(index), self.router_inside(index)));
        routers.chain(self.stations().map(|host| (host.netns.clone(), host_inside(host)))).collect()
    }

    fn router_inside(&self, index: usize) -> String {
        let lan = lan_byte(index);
        let mut batch = format!(
            "link set lo up\nlink add lan type bridge\naddr add 10.77.{lan}.1/24 dev lan\nlink set lan up\n"
        );
        for host in self.stations().filter(|host| host.lan == index) {
            line(&mut batch, &format!("link set {} master lan up", host.name));
        }
        for (name, address, _) in neighbours(index) {
            line(&mut batch, &format!("addr add {address}/30 dev {name}"));
            line(&mut batch, &format!("link set {name} up"));
        }
        for (name, _, next) in neighbours(index) {
            let others: Vec<usize> = match name {
                "west" => (0..index).collect(),
                _ => (index + 1..ROUTERS).collect(),
            };
            for other in others {
                line(&mut batch, &format!("route add 10.77.{}.0/24 via {next}", lan_byte(other)));
                // So that a router further away can send its answers, which bear its link's address.
                if let Some((_, link, _)) = neighbours(other).into_iter().find(|(side, ..)| *side == name) {
                    let [a, b, c, _] = link.octets();
                    line(&mut batch, &format!("route add {a}.{b}.{c}.0/30 via {next}"));
                }
            }
        }
        batch
    }

    /// /etc/hosts in every namespace; the first name of an address is the one that traceroute shows.
    pub(super) fn hosts_file(&self) -> String {
        let mut text = "127.0.0.1 localhost\n".to_owned();
        for host in &self.hosts {
            line(&mut text, &format!("{} {} {}.lab", host.address, host.name, host.name));
        }
        line(&mut text, &format!("{} {}", self.site.address, SITE_NAMES.join(" ")));
        for index in 0..ROUTERS {
            line(&mut text, &format!("10.77.{}.1 r{}.lab", lan_byte(index), index + 1));
            for (_, address, _) in neighbours(index) {
                line(&mut text, &format!("{address} r{}.lab", index + 1));
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
    let (address, lan) = (host.address, lan_byte(host.lan));
    format!(
        "link set lo up\naddr add {address}/24 dev eth0\nlink set eth0 up\nroute add default via 10.77.{lan}.1\n"
    )
}

/// A router's links to other routers: name, its own address, the other end's.
fn neighbours(index: usize) -> Vec<(&'static str, Ipv4Addr, Ipv4Addr)> {
    // The link between r1 and r2 is network 12, that between r2 and r3 network 23.
    let address = |first: usize, last| Ipv4Addr::new(10, 77, lan_byte(first) * 11 + 1, last);
    let west = (index > 0).then(|| ("west", address(index - 1, 2), address(index - 1, 1)));
    let east = (index + 1 < ROUTERS).then(|| ("east", address(index, 1), address(index, 2)));
    west.into_iter().chain(east).collect()
}

/// Third byte of a local network's addresses: 1 behind r1.
fn lan_byte(lan: usize) -> u8 {
    u8::try_from(lan + 1).expect("there are three routers")
}

fn line(text: &mut String, words: &str) {
    writeln!(text, "{words}").expect("writing to a String cannot fail");
}

/// a, b … z, aa, ab …
fn letters(index: usize) -> String {
    let last = char::from(b'a' + u8::try_from(index % 26).expect("below 26"));
    match index / 26 {
        0 => last.to_string(),
        more => letters(more - 1) + &last.to_string(),
    }
}

/// Whether a namespace of this name, behind the prefix and its dash, is one that a plan makes.
pub(super) fn is_ours(name: &str) -> bool {
    let is_router = (1..=ROUTERS).any(|router| name == format!("r{router}"));
    let is_host = name.strip_prefix("lab-").is_some_and(|rest| {
        !rest.is_empty() && rest.len() <= 2 && rest.bytes().all(|byte| byte.is_ascii_lowercase())
    });
    name == SITE || is_router || is_host
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
        let plan = Plan::new("p", super::super::HOSTS_MAX);
        let addresses: std::collections::BTreeSet<_> = plan.stations().map(|host| host.address).collect();
        assert_eq!(addresses.len(), super::super::HOSTS_MAX + 1);
        assert!(plan.namespaces().iter().all(|netns| is_ours(netns.strip_prefix("p-").unwrap())));
        assert_eq!((letters(25), letters(26), letters(27 * 26)), ("z".into(), "aa".into(), "aaa".into()));
    }

    #[test]
    fn routers_know_every_network_they_are_not_in() {
        let plan = Plan::new("p", 3);
        let routes = |index: usize| {
            let inside = plan.router_inside(index);
            let mut routes: Vec<_> = inside.lines().filter_map(|line| line.strip_prefix("route add ")).map(str::to_owned).collect();
            routes.sort();
            routes
        };
        let through_r2 = ["10.77.2.0/24 via 10.77.12.2", "10.77.23.0/30 via 10.77.12.2", "10.77.3.0/24 via 10.77.12.2"];
        assert_eq!(routes(0), through_r2);
        assert_eq!(routes(1), ["10.77.1.0/24 via 10.77.12.1", "10.77.3.0/24 via 10.77.23.2"]);
        assert_eq!(routes(2), ["10.77.1.0/24 via 10.77.23.1", "10.77.12.0/30 via 10.77.23.1", "10.77.2.0/24 via 10.77.23.1"]);
    }

    #[test]
    fn foreign_namespaces_are_left_alone() {
        for foreign in ["", "prod", "r4", "r10", "lab-", "lab-A", "lab-abc", "lab-a1", "test-lab-a", "sites"] {
            assert!(!is_ours(foreign), "{foreign}");
        }
    }
}
