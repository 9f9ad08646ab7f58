//! From the destination's name to one address, on the node and just before the start.
//!
//! The tool is given the address, never the name, so that what was checked is what is reached: a name that changes its
//! answer between check and use (DNS rebinding) gains nothing.

use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;
use wire::proto::Family;

use crate::launcher::{LaunchError, Launcher};

const LOOKUP_TIMEOUT: Duration = Duration::from_secs(5);

/// Where a run may go.
#[derive(Clone, Debug)]
pub(crate) struct Destination {
    pub(crate) host: String,
    pub(crate) refused: Vec<IpNet>,
    pub(crate) family: Family,
}

/// Why there is no address to use. The text is shown to the learner.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ResolveError {
    #[error("{host} has no address on this node")]
    Unknown { host: String },
    #[error("{host} has no {family} address on this node")]
    NoSuchFamily { host: String, family: &'static str },
    #[error("looking up {host} took longer than 5 s")]
    TimedOut { host: String },
    #[error("{host} leads to {address}, which lies in the refused network {network}")]
    Forbidden { host: String, address: IpAddr, network: IpNet },
    #[error("looking up {host} failed: {source}")]
    LookupFailed {
        host: String,
        #[source]
        source: LaunchError,
    },
}

/// The one address to use for `destination`.
///
/// Errors: `Forbidden` when any of the name's addresses is refused, also one that would not have been chosen: which one
/// comes first is the name's owner to say.
pub(crate) async fn resolve(launcher: &Launcher, destination: &Destination) -> Result<IpAddr, ResolveError> {
    let addresses = match destination.host.parse::<IpAddr>() {
        Ok(address) => vec![address],
        Err(_) => look_up(launcher, &destination.host).await?,
    };
    choose(destination, &addresses)
}

async fn look_up(launcher: &Launcher, host: &str) -> Result<Vec<IpAddr>, ResolveError> {
    let argv = ["getent", "ahosts", "--", host].map(str::to_owned);
    let output = match launcher.capture(&argv, LOOKUP_TIMEOUT).await {
        Ok(output) => output,
        Err(LaunchError::TimedOut { .. }) => return Err(ResolveError::TimedOut { host: host.to_owned() }),
        Err(source) => return Err(ResolveError::LookupFailed { host: host.to_owned(), source }),
    };
    Ok(addresses(&String::from_utf8_lossy(&output.stdout)))
}

/// The addresses in the output of `getent ahosts`, in its order, each once.
fn addresses(text: &str) -> Vec<IpAddr> {
    let mut found: Vec<IpAddr> = Vec::new();
    for word in text.lines().filter_map(|line| line.split_whitespace().next()) {
        // A link-local address comes with its interface: fe80::1%eth0.
        let bare = word.split('%').next().unwrap_or(word);
        if let Ok(address) = bare.parse::<IpAddr>()
            && !found.contains(&address)
        {
            found.push(address);
        }
    }
    found
}

fn choose(destination: &Destination, addresses: &[IpAddr]) -> Result<IpAddr, ResolveError> {
    let host = || destination.host.clone();
    // ::ffff:127.0.0.1 is 127.0.0.1 to the kernel, so it has to be here too.
    let addresses: Vec<IpAddr> = addresses.iter().map(IpAddr::to_canonical).collect();
    for &address in &addresses {
        if let Some(&network) = destination.refused.iter().find(|network| network.contains(&address)) {
            return Err(ResolveError::Forbidden { host: host(), address, network });
        }
    }
    let (wanted, family): (fn(&IpAddr) -> bool, _) = match destination.family {
        Family::Any => (|_| true, ""),
        Family::V4 => (IpAddr::is_ipv4, "IPv4"),
        Family::V6 => (IpAddr::is_ipv6, "IPv6"),
    };
    match addresses.iter().copied().find(wanted) {
        Some(address) => Ok(address),
        None if addresses.is_empty() => Err(ResolveError::Unknown { host: host() }),
        None => Err(ResolveError::NoSuchFamily { host: host(), family }),
    }
}

/// Fills `{address}` and `{address_url}` in every element of `argv`.
pub(crate) fn fill(argv: &[String], address: IpAddr) -> Vec<String> {
    let plain = address.to_string();
    let url = if address.is_ipv6() { format!("[{plain}]") } else { plain.clone() };
    argv.iter().map(|word| word.replace("{address_url}", &url).replace("{address}", &plain)).collect()
}

/// Whether any element waits for an address.
pub(crate) fn has_placeholder(argv: &[String]) -> bool {
    argv.iter().any(|word| word.contains("{address}") || word.contains("{address_url}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn to(host: &str, refused: &[&str], family: Family) -> Destination {
        let refused = refused.iter().map(|network| network.parse().unwrap()).collect();
        Destination { host: host.to_owned(), refused, family }
    }

    fn ips(texts: &[&str]) -> Vec<IpAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn any_refused_address_refuses_the_name() {
        let destination = to("example.org", &["127.0.0.0/8", "fc00::/7"], Family::V4);
        for bad in [&["192.0.2.1", "127.0.0.2"][..], &["192.0.2.1", "fd00::1"], &["::ffff:127.0.0.1"]] {
            let error = choose(&destination, &ips(bad)).unwrap_err();
            assert!(matches!(error, ResolveError::Forbidden { .. }), "{bad:?}: {error:?}");
        }
        assert_eq!(choose(&destination, &ips(&["2001:db8::1", "192.0.2.1"])).unwrap(), ips(&["192.0.2.1"])[0]);
    }

    #[test]
    fn a_missing_family_is_said() {
        let error = choose(&to("a", &[], Family::V6), &ips(&["192.0.2.1"])).unwrap_err();
        assert_eq!(error.to_string(), "a has no IPv6 address on this node");
        let error = choose(&to("a", &[], Family::Any), &[]).unwrap_err();
        assert_eq!(error.to_string(), "a has no address on this node");
    }

    #[test]
    fn answers_are_read_once_each_and_in_order() {
        let text = "2001:db8::1 STREAM a.example.org\n2001:db8::1 DGRAM\nfe80::1%eth0 STREAM\n192.0.2.1 RAW\njunk\n\n";
        assert_eq!(addresses(text), ips(&["2001:db8::1", "fe80::1", "192.0.2.1"]));
    }

    #[test]
    fn both_placeholders_are_filled() {
        let argv = ["ping", "{address}", "http://{address_url}:80/{address}"].map(str::to_owned);
        assert!(has_placeholder(&argv));
        assert_eq!(fill(&argv, ips(&["::1"])[0]), ["ping", "::1", "http://[::1]:80/::1"]);
        assert_eq!(fill(&argv, ips(&["192.0.2.1"])[0]), ["ping", "192.0.2.1", "http://192.0.2.1:80/192.0.2.1"]);
        assert!(!has_placeholder(&["{addr}".to_owned()]));
    }

    #[tokio::test]
    async fn unusual_spellings_of_loopback_are_seen_through() {
        let launcher = Launcher::new(None);
        for host in ["localhost", "127.0.0.1", "127.1", "0x7f.1", "2130706433", "::ffff:127.0.0.1"] {
            let error = resolve(&launcher, &to(host, &["127.0.0.0/8", "::1/128"], Family::Any)).await.unwrap_err();
            assert!(matches!(error, ResolveError::Forbidden { .. }), "{host}: {error:?}");
        }
        let error = resolve(&launcher, &to("--help", &[], Family::Any)).await.unwrap_err();
        assert!(matches!(error, ResolveError::Unknown { .. }), "{error:?}");
    }
}
