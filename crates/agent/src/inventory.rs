//! What the node tells about itself: machine, addresses, and the tools that start here.

use std::collections::BTreeMap;
use std::fs;
use std::net::IpAddr;
use std::os::linux::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use futures::future::join_all;
use serde::Deserialize;
use wire::proto::{Heartbeat, Inventory, Probe, Tool, Tools};

use crate::launcher::Launcher;

const PROBE_TIMEOUT: Duration = Duration::from_secs(2);
const ADDRESS_TIMEOUT: Duration = Duration::from_secs(2);
/// Longest version line that is reported, in bytes.
const MAX_VERSION_BYTES: usize = 200;

/// Cores that this process may use.
pub(crate) fn cores() -> u32 {
    std::thread::available_parallelism().map_or(1, |cores| u32::try_from(cores.get()).unwrap_or(u32::MAX))
}

/// Runs at the same time when nothing else is asked for: most tools wait for the network, so never fewer than 2.
pub(crate) fn default_slots() -> u32 {
    cores().max(2)
}

/// The host's name.
pub(crate) fn hostname() -> String {
    line("/proc/sys/kernel/hostname")
}

/// Collects the inventory; what can't be read stays empty.
pub(crate) async fn inventory(launcher: &Launcher, labels: &BTreeMap<String, String>, slots: u32) -> Inventory {
    Inventory {
        hostname: hostname(),
        os: os_name(&fs::read_to_string("/etc/os-release").unwrap_or_default()),
        kernel: line("/proc/sys/kernel/osrelease"),
        cores: cores(),
        memory_bytes: memory("MemTotal:"),
        addresses: addresses(launcher).await,
        labels: labels.clone().into_iter().collect(),
        slots,
        host_id: host_id(launcher.netns()),
        takes_programs: false,
        fences: Vec::new(),
    }
}

/// Load and free memory as of now.
pub(crate) fn heartbeat(running: u32) -> Heartbeat {
    let load = line("/proc/loadavg").split(' ').next().and_then(|word| word.parse::<f64>().ok()).unwrap_or(0.0);
    Heartbeat { running, load: load / f64::from(cores()), memory_available_bytes: memory("MemAvailable:") }
}

/// Runs every probe at once, 2 s each, and reports the tools that started.
pub(crate) async fn tools(launcher: &Launcher, probes: Vec<Probe>) -> Tools {
    let found = join_all(probes.into_iter().map(|probe| async move {
        let output = launcher.capture(&probe.argv, PROBE_TIMEOUT).await.ok()?;
        let version = first_line(&output.stdout).or_else(|| first_line(&output.stderr)).unwrap_or_default();
        Some(Tool { name: probe.name, version })
    }));
    Tools { tools: found.await.into_iter().flatten().collect() }
}

fn first_line(bytes: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(bytes);
    let line = text.lines().map(str::trim).find(|line| !line.is_empty())?;
    Some(line[..line.floor_char_boundary(MAX_VERSION_BYTES)].to_owned())
}

async fn addresses(launcher: &Launcher) -> Vec<String> {
    let argv = ["ip", "-j", "addr"].map(str::to_owned);
    match launcher.capture(&argv, ADDRESS_TIMEOUT).await {
        Ok(output) => global_addresses(&output.stdout),
        Err(error) => {
            tracing::warn!("the node's addresses are unknown: {error}");
            Vec::new()
        }
    }
}

#[derive(Deserialize)]
struct Interface {
    #[serde(default)]
    addr_info: Vec<InterfaceAddress>,
}

#[derive(Deserialize)]
struct InterfaceAddress {
    scope: Option<String>,
    local: Option<IpAddr>,
}

/// Addresses of global scope in the output of `ip -j addr`, IPv4 first.
fn global_addresses(json: &[u8]) -> Vec<String> {
    let interfaces: Vec<Interface> = serde_json::from_slice(json).unwrap_or_default();
    let all = interfaces.into_iter().flat_map(|interface| interface.addr_info);
    let mut addresses: Vec<IpAddr> =
        all.filter(|address| address.scope.as_deref() == Some("global")).filter_map(|address| address.local).collect();
    addresses.sort_by_key(IpAddr::is_ipv6);
    addresses.iter().map(IpAddr::to_string).collect()
}

fn os_name(os_release: &str) -> String {
    let name = os_release.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="));
    name.unwrap_or("Linux").trim_matches('"').to_owned()
}

/// This boot of this machine, and the network namespace: equal for agents that share both.
fn host_id(netns: Option<&str>) -> String {
    let namespace = netns.map_or("/proc/self/ns/net".to_owned(), |name| format!("/run/netns/{name}"));
    let inode = Path::new(&namespace).metadata().map_or(0, |meta| meta.st_ino());
    format!("{}-{inode}", line("/proc/sys/kernel/random/boot_id"))
}

fn memory(field: &str) -> u64 {
    let text = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let value = text.lines().find_map(|line| line.strip_prefix(field));
    value.and_then(|rest| rest.trim().trim_end_matches(" kB").parse::<u64>().ok()).unwrap_or(0) * 1024
}

fn line(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_global_addresses_count_and_ipv4_comes_first() {
        let json = br#"[
            {"ifname":"lo","addr_info":[{"family":"inet","local":"127.0.0.1","prefixlen":8,"scope":"host"}]},
            {"ifname":"eth0","addr_info":[
                {"family":"inet6","local":"2001:db8::7","scope":"global"},
                {"family":"inet6","local":"fe80::1","scope":"link"},
                {"family":"inet","local":"192.0.2.7","scope":"global"}]},
            {"ifname":"tun0"}]"#;
        assert_eq!(global_addresses(json), ["192.0.2.7", "2001:db8::7"]);
        assert!(global_addresses(b"not json").is_empty());
    }

    #[test]
    fn the_system_has_a_readable_name() {
        assert_eq!(
            os_name("ID=debian\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n"),
            "Debian GNU/Linux 12 (bookworm)"
        );
        assert_eq!(os_name(""), "Linux");
    }

    #[test]
    fn versions_are_one_short_line() {
        assert_eq!(first_line(b"\n  ping 20221126 \nmore"), Some("ping 20221126".to_owned()));
        assert_eq!(first_line(b" \n"), None);
        let long = "é".repeat(300);
        assert_eq!(first_line(long.as_bytes()).unwrap().len(), 200);
    }

    #[tokio::test]
    async fn tools_that_start_are_reported_even_when_they_fail() {
        let probe = |name: &str, argv: &[&str]| Probe {
            name: name.to_owned(),
            argv: argv.iter().map(|&word| word.to_owned()).collect(),
            is_contained: false,
        };
        let probes = vec![
            probe("echo", &["echo", "echo 1.0"]),
            probe("failing", &["sh", "-c", "echo on stderr >&2; exit 3"]),
            probe("missing", &["no-such-tool", "--version"]),
        ];
        let tools = tools(&Launcher::new(None), probes).await.tools;
        let found: Vec<_> = tools.iter().map(|tool| (tool.name.as_str(), tool.version.as_str())).collect();
        assert_eq!(found, [("echo", "echo 1.0"), ("failing", "on stderr")]);
    }

    #[tokio::test]
    async fn this_machine_has_an_inventory() {
        let inventory = inventory(&Launcher::new(None), &BTreeMap::new(), 3).await;
        assert!(!inventory.hostname.is_empty() && !inventory.kernel.is_empty() && !inventory.os.is_empty());
        assert!(inventory.cores >= 1 && inventory.memory_bytes > 1 << 20 && inventory.slots == 3);
        assert_eq!(inventory.host_id, host_id(None));
        assert!(inventory.host_id.len() > 37, "{}", inventory.host_id);
    }
}
