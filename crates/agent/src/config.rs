//! What `amphi agent` is told on its command line.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::sync::Arc;

use reqwest::Url;
use wire::NodePart;

/// Settings of one agent. `Debug` hides the token.
#[derive(Clone, Default)]
pub struct AgentConfig {
    /// URL of the control plane; `http` only on loopback.
    pub join: String,
    /// The join token, whole. Needed once: an enrolled `dir` does without.
    pub token: Option<String>,
    /// Wanted node name; the control plane picks one from the host name when there is none.
    pub name: Option<String>,
    /// Runs at the same time; by default one for each core, at least 2.
    pub slots: Option<u32>,
    /// What `--on key=value` selects by.
    pub labels: BTreeMap<String, String>,
    /// The agent's own directory: key, certificate, records of running groups, work directories.
    pub dir: PathBuf,
    /// Network namespace that runs, probes and look-ups happen in. The agent itself stays outside.
    pub netns: Option<String>,
    /// This very program, whose `sandbox-helper` starts learners' programs. `None`: the node takes none.
    pub sandbox: Option<PathBuf>,
    /// Take programs although nothing on this machine would hold them in.
    pub allow_uncontained: bool,
    /// What services do on this node beside runs.
    pub parts: Vec<Arc<dyn NodePart>>,
    /// End when standard input closes, so that the agent never outlives the process that started it.
    pub exit_with_stdin: bool,
}

impl fmt::Debug for AgentConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AgentConfig")
            .field("join", &self.join)
            .field("name", &self.name)
            .field("slots", &self.slots)
            .field("labels", &self.labels)
            .field("dir", &self.dir)
            .field("netns", &self.netns)
            .field("sandbox", &self.sandbox)
            .field("allow_uncontained", &self.allow_uncontained)
            .field("exit_with_stdin", &self.exit_with_stdin)
            .finish_non_exhaustive()
    }
}

/// Why a `--join` URL can't be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AddressError {
    #[error("`{0}` is no URL; the control plane's address looks like https://amphi.example.org")]
    NotAUrl(String),
    #[error("`{0}` is neither http nor https")]
    Scheme(String),
    #[error("`{0}` is not on this machine, so it has to be https")]
    PlainHttp(String),
}

/// Where the control plane is.
#[derive(Clone, Debug)]
pub(crate) struct ControlPlane {
    url: Url,
}

impl ControlPlane {
    /// Reads a `--join` URL; its path is dropped.
    pub(crate) fn parse(text: &str) -> Result<Self, AddressError> {
        let mut url = Url::parse(text).map_err(|_| AddressError::NotAUrl(text.to_owned()))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(AddressError::Scheme(text.to_owned()));
        }
        let Some(host) = url.host_str() else { return Err(AddressError::NotAUrl(text.to_owned())) };
        if url.scheme() == "http" && !is_loopback(host) {
            return Err(AddressError::PlainHttp(text.to_owned()));
        }
        url.set_path("/");
        url.set_query(None);
        url.set_fragment(None);
        Ok(Self { url })
    }

    /// The loopback address by which the control plane is reached, when it is on this machine.
    pub(crate) fn loopback(&self) -> Option<IpAddr> {
        let host = self.url.host_str().filter(|host| is_loopback(host))?;
        Some(bare(host).parse().unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST)))
    }

    /// Where the authority's certificate is fetched.
    pub(crate) fn authority_url(&self) -> String {
        format!("{}ca.pem", self.url)
    }

    /// Where agents dial: always TLS, on the same port.
    pub(crate) fn agents_url(&self) -> String {
        let host = self.url.host_str().unwrap_or_default();
        let port = self.url.port_or_known_default().unwrap_or(443);
        format!("https://{host}:{port}")
    }
}

impl fmt::Display for ControlPlane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.url.as_str().trim_end_matches('/'))
    }
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || bare(host).parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn bare(host: &str) -> &str {
    host.trim_start_matches('[').trim_end_matches(']')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_is_for_this_machine_only() {
        for good in ["http://127.0.0.1:8080", "http://localhost", "http://[::1]:80/", "https://amphi.example.org/x?y"] {
            ControlPlane::parse(good).unwrap();
        }
        for bad in ["http://192.0.2.1", "http://localhost.example.org", "ftp://127.0.0.1", "127.0.0.1:8080", "", "x"] {
            assert!(ControlPlane::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_control_plane_on_this_machine_is_known_by_its_address() {
        let loopback = |url: &str| ControlPlane::parse(url).unwrap().loopback().map(|address| address.to_string());
        assert_eq!(loopback("http://localhost:8080").as_deref(), Some("127.0.0.1"));
        assert_eq!(loopback("http://127.0.0.2:8080").as_deref(), Some("127.0.0.2"));
        assert_eq!(loopback("https://[::1]").as_deref(), Some("::1"));
        assert_eq!(loopback("https://192.0.2.1"), None);
    }

    #[test]
    fn both_addresses_keep_host_and_port() {
        let place = ControlPlane::parse("http://[::1]:8080/some/page").unwrap();
        assert_eq!(place.authority_url(), "http://[::1]:8080/ca.pem");
        assert_eq!(place.agents_url(), "https://[::1]:8080");
        assert_eq!(ControlPlane::parse("https://a.example.org").unwrap().agents_url(), "https://a.example.org:443");
    }

    #[test]
    fn the_token_stays_out_of_debug() {
        let config = AgentConfig { token: Some("amphi1.secret.x".into()), ..AgentConfig::default() };
        assert!(!format!("{config:?}").contains("secret"));
    }
}
