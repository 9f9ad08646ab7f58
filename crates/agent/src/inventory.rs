//! What the node tells about itself: the machine, its addresses, what it takes.

use std::fs;
use std::net::IpAddr;
use std::os::linux::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use serde::Deserialize;
use wire::proto::Inventory;

use crate::launcher::Launcher;
use crate::program::Programs;

const ADDRESS_TIMEOUT: Duration = Duration::from_secs(2);

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
pub(crate) async fn inventory(launcher: &Launcher, programs: Option<&Programs>, slots: u32) -> Inventory {
    Inventory {
        hostname: hostname(),
        os: os_name(&fs::read_to_string("/etc/os-release").unwrap_or_default()),
        kernel: line("/proc/sys/kernel/osrelease"),
        cores: cores(),
        memory_bytes: memory("MemTotal:"),
        addresses: addresses(launcher).await,
        slots,
        host_id: host_id(launcher.netns()),
        takes_programs: programs.is_some_and(Programs::are_taken),
        fences: programs.map(|programs| programs.fences().to_vec()).unwrap_or_default(),
    }
}

/// Global addresses of the network namespace that `launcher` starts in.
pub(crate) async fn addresses(launcher: &Launcher) -> Vec<String> {
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

    #[tokio::test]
    async fn this_machine_has_an_inventory() {
        let inventory = inventory(&Launcher::new(None), None, 3).await;
        assert!(!inventory.hostname.is_empty() && !inventory.kernel.is_empty() && !inventory.os.is_empty());
        assert!(inventory.cores >= 1 && inventory.memory_bytes > 1 << 20 && inventory.slots == 3);
        assert_eq!(inventory.host_id, host_id(None));
        assert!(inventory.host_id.len() > 37, "{}", inventory.host_id);
    }
}
