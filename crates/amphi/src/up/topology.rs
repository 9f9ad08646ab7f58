//! The demo's network: three routers in a line and hosts behind them, each a network namespace of this machine.
//! Whoever raises it holds a lock on its prefix, so a prefix whose lock is free has no owner: what bears it is a killed
//! process's and is removed.

mod command;
mod plan;
mod remains;

use std::fs::{self, File, OpenOptions, TryLockError};
use std::net::Ipv4Addr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::{Context, bail};
use futures::future::try_join_all;

pub(super) use command::{find, run};
use plan::Plan;

/// Locks are here: a restart of the machine removes both them and the namespaces.
const LOCKS: &str = "/run/amphi";
/// What `ip netns exec` shows as /etc inside a namespace.
const NETNS_ETC: &str = "/etc/netns";
/// Networks with one wanted prefix that may exist side by side.
const COPIES: u32 = 16;
/// CAP_NET_ADMIN and CAP_SYS_ADMIN (linux/capability.h): to make links, and to make namespaces.
const NEEDED_CAPABILITIES: u64 = 1 << 12 | 1 << 21;
/// Largest number of hosts: each of the three local networks has addresses for 70.
pub(super) const HOSTS_MAX: usize = 210;

/// A host of the network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Host {
    /// What it is called inside the network, such as `lab-a`.
    pub(super) name: String,
    /// Its namespace, such as `amphi-lab-a`.
    pub(super) netns: String,
    pub(super) address: Ipv4Addr,
    /// Which router it is behind, from 0.
    lan: usize,
}

/// A network that is up. Only [`Topology::lower`] takes it down: a dropped one stays until the next start.
#[derive(Debug)]
pub(super) struct Topology {
    plan: Plan,
    /// Held for as long as the network is ours.
    _lock: File,
}

impl Topology {
    /// Why this process can't make networks, in a sentence; a kernel without veth or bridges is found by `raise` only.
    pub(super) fn possible() -> Result<(), String> {
        if !nix::unistd::geteuid().is_root() {
            return Err("the demo's network of routers and hosts needs root".to_owned());
        }
        if find("ip").is_none() {
            return Err("the program ip is not installed (apt install iproute2)".to_owned());
        }
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        if capabilities(&status) & NEEDED_CAPABILITIES != NEEDED_CAPABILITIES {
            return Err("this root may not make network namespaces (CAP_NET_ADMIN and CAP_SYS_ADMIN are missing, as \
                        in most containers)"
                .to_owned());
        }
        Ok(())
    }

    /// Makes the network: namespaces `PREFIX-lab-a` and so on, where PREFIX is `prefix`, or with a number behind it when
    /// another process holds that one. First removes what a killed process left under the same prefix.
    ///
    /// Errors: more than [`HOSTS_MAX`] hosts, or a step that failed; what was made until then is removed.
    /// Cancellation: what was made until then stays until the next start.
    pub(super) async fn raise(prefix: &str, hosts: usize) -> anyhow::Result<Self> {
        if hosts > HOSTS_MAX {
            bail!("{hosts} hosts are too many for the demo's network, which has room for {HOSTS_MAX}");
        }
        let (prefix, lock) = claim(Path::new(LOCKS), prefix)?;
        remains::remove(&prefix).await.context("removing what an earlier start left behind")?;
        let topology = Self { plan: Plan::new(&prefix, hosts), _lock: lock };
        if let Err(error) = topology.build().await {
            topology.lower().await;
            return Err(error.context(
                "making the demo's network (it needs a kernel with network namespaces, veth links and bridges, and \
                 iproute2); without --demo, nodes use this machine's own network",
            ));
        }
        Ok(topology)
    }

    /// Takes the network down, ending every process in it. Whatever can't be removed is logged; the next start with the
    /// same prefix tries again.
    pub(super) async fn lower(self) {
        if let Err(error) = remains::remove(&self.plan.prefix).await {
            tracing::error!("removing the demo's network: {error:#}");
        }
    }

    /// The hosts that nodes stand for: `lab-a` behind the first router, `lab-b` behind the second, and round again.
    pub(super) fn hosts(&self) -> &[Host] {
        &self.plan.hosts
    }

    /// The host behind the last router that serves web pages and names.
    pub(super) fn site(&self) -> &Host {
        &self.plan.site
    }

    /// Makes every host trust one certificate authority and no other.
    pub(super) fn trust(&self, authority_pem: &str) -> anyhow::Result<()> {
        for host in self.hosts().iter().chain([self.site()]) {
            // Seen as /etc/ssl in the namespace, which is where Debian's OpenSSL and curl look.
            let certificates = Path::new(NETNS_ETC).join(&host.netns).join("ssl/certs");
            fs::create_dir_all(&certificates)
                .and_then(|()| fs::write(certificates.join("ca-certificates.crt"), authority_pem))
                .with_context(|| format!("writing {}", certificates.display()))?;
        }
        Ok(())
    }

    async fn build(&self) -> anyhow::Result<()> {
        let namespaces = self.plan.namespaces();
        for netns in &namespaces {
            self.names_write(netns)?;
        }
        command::ip(None, &self.plan.creation()).await?;
        try_join_all(namespaces.iter().map(|netns| settings(netns))).await?;
        command::ip(None, &self.plan.links()).await?;
        try_join_all(self.plan.insides().iter().map(|(netns, batch)| command::ip(Some(netns), batch))).await?;
        Ok(())
    }

    /// Names without a name server, and the lab's name server for the rest.
    fn names_write(&self, netns: &str) -> anyhow::Result<()> {
        let dir = Path::new(NETNS_ETC).join(netns);
        fs::create_dir_all(&dir)
            .and_then(|()| fs::write(dir.join("hosts"), self.plan.hosts_file()))
            .and_then(|()| fs::write(dir.join("resolv.conf"), self.plan.resolv_conf()))
            .with_context(|| format!("writing {}", dir.display()))
    }
}

/// Kernel settings of a namespace, written by tee: it is on every system, sysctl is not.
async fn settings(netns: &str) -> anyhow::Result<()> {
    let no_ipv6 = "/proc/sys/net/ipv6/conf/all/disable_ipv6";
    let mut on = vec!["/proc/sys/net/ipv4/ip_forward"];
    // Half-configured IPv6 would only make name look-ups slower.
    on.extend(Path::new(no_ipv6).exists().then_some(no_ipv6));
    settings_write(netns, &on, "1").await?;
    // A router that answers a fast traceroute at every probe.
    settings_write(netns, &["/proc/sys/net/ipv4/icmp_ratelimit"], "0").await?;
    // ping without privileges.
    settings_write(netns, &["/proc/sys/net/ipv4/ping_group_range"], "0 2147483647").await
}

async fn settings_write(netns: &str, files: &[&str], value: &str) -> anyhow::Result<()> {
    run(&[&["ip", "netns", "exec", netns, "tee"], files].concat(), value).await
}

/// The first of PREFIX, PREFIX2, PREFIX3 … that nobody holds, and its lock.
fn claim(locks: &Path, wanted: &str) -> anyhow::Result<(String, File)> {
    fs::create_dir_all(locks).with_context(|| format!("making {}", locks.display()))?;
    for copy in 1..=COPIES {
        let prefix = if copy == 1 { wanted.to_owned() } else { format!("{wanted}{copy}") };
        let path = locks.join(format!("{prefix}.lock"));
        // Others can't open it, hence not hold it.
        let lock = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path);
        let lock = lock.with_context(|| format!("opening {}", path.display()))?;
        match lock.try_lock() {
            Ok(()) => return Ok((prefix, lock)),
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(error)) => {
                return Err(error).with_context(|| format!("locking {}", path.display()));
            }
        }
    }
    bail!("{COPIES} demo networks are up on this machine already; end one first")
}

/// The effective capabilities in /proc/PID/status, a bit each.
fn capabilities(status: &str) -> u64 {
    let value = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    value.and_then(|hex| u64::from_str_radix(hex.trim(), 16).ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests;
