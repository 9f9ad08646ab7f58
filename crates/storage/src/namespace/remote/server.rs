//! Where the control plane of a mount is, and the connections to it.

use std::net::SocketAddr;

use url::Url;

use super::{CONNECT_TIMEOUT, RemoteError};

/// Where the control plane is, and who the caller is there.
#[derive(Clone)]
pub struct Server {
    /// Such as `https://amphi.example.org`.
    pub url: Url,
    /// An API token.
    pub token: Option<String>,
    /// The only authority that is trusted, PEM; without it, the system's.
    pub ca_pem: Option<String>,
    /// Where the URL's host is, if no name service is to be asked.
    pub addresses: Vec<SocketAddr>,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").field("url", &self.url.as_str()).finish_non_exhaustive()
    }
}

/// Connections to it.
///
/// # Errors
/// `Setup`.
pub(super) fn client(server: &Server) -> Result<reqwest::Client, RemoteError> {
    let mut http = reqwest::Client::builder()
        .http1_only()
        .user_agent(concat!("amphi-mount/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT_TIMEOUT)
        .redirect(reqwest::redirect::Policy::none());
    if let (Some(host), false) = (server.url.host_str(), server.addresses.is_empty()) {
        http = http.resolve_to_addrs(host, &server.addresses);
    }
    let is_loopback = match server.url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    if is_loopback || !server.addresses.is_empty() {
        http = http.no_proxy();
    }
    if let Some(pem) = &server.ca_pem {
        let authority = reqwest::Certificate::from_pem(pem.as_bytes()).map_err(RemoteError::Setup)?;
        http = http.tls_certs_only([authority]);
    } else if server.url.scheme() == "http" {
        http = http.tls_certs_only([]);
    }
    http.build().map_err(RemoteError::Setup)
}
