//! What the demo's examples are aimed at: a web server, one with TLS, and a name server. They are ordinary programs of
//! the system, at the site behind the last router, or on loopback where there is no topology. A program that is not
//! installed leaves its target out.

mod certificate;
mod server;

use std::fs;
use std::net::{IpAddr, Ipv4Addr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use super::topology::{self, Topology};
use server::{Protocol, Server};

/// The zone of the name server, and its web server's name.
const ZONE: &str = "lab";
const WEB_NAME: &str = "web.lab";
/// Loopback ports to try until one is free for both UDP and TCP.
const PORT_TRIES: usize = 20;

const INDEX_PAGE: &str =
    "<!doctype html>\n<html lang=\"en\">\n<title>web.lab</title>\n<p>This is the web server of the demo.\n</html>\n";

/// The servers, which run until they are stopped or dropped, and how they are reached.
#[derive(Debug)]
pub(super) struct Targets {
    servers: Vec<Server>,
    missing: Vec<String>,
    /// Where to ping and to trace to: a name in the topology, otherwise 127.0.0.1.
    pub(super) destination: String,
    /// Whether packets to the destination cross the three routers.
    pub(super) is_routed: bool,
    /// A page over HTTP.
    pub(super) http_url: Option<String>,
    /// The same over HTTPS, where nodes trust its certificate: in the topology.
    pub(super) https_url: Option<String>,
    /// `HOST:PORT` of a server that shows a certificate.
    pub(super) tls: Option<String>,
    pub(super) dns: Option<DnsTarget>,
}

/// A name server and what it knows.
#[derive(Clone, Debug)]
pub(super) struct DnsTarget {
    /// The server's address.
    pub(super) resolver: IpAddr,
    pub(super) port: u16,
    /// A name with an address.
    pub(super) name: String,
    /// The zone that the name is in; it has MX and TXT records.
    pub(super) zone: String,
}

/// Where the servers run.
#[derive(Clone, Debug)]
struct Place {
    netns: Option<String>,
    address: Ipv4Addr,
    /// Logs, pages and certificates.
    dir: PathBuf,
}

impl Targets {
    /// Starts the servers and waits until they listen, at most 5 s. Those that a killed process left behind under the
    /// same `dir` are ended first.
    ///
    /// Errors: `dir` can't be written. A server that can't be started is no error: see [`missing`](Self::missing).
    /// Cancellation: what was started until then is ended.
    pub(super) async fn start(topology: Option<&Topology>, dir: &Path) -> anyhow::Result<Self> {
        let www = dir.join("www");
        fs::create_dir_all(&www)
            .and_then(|()| fs::write(www.join("index.html"), INDEX_PAGE))
            .with_context(|| format!("writing {}", www.display()))?;
        let dir = dir.canonicalize().with_context(|| format!("finding {}", dir.display()))?;
        let place = match topology {
            Some(topology) => {
                Place { netns: Some(topology.site().netns.clone()), address: topology.site().address, dir }
            }
            None => Place { netns: None, address: Ipv4Addr::LOCALHOST, dir },
        };
        let (http, tls, dns) =
            tokio::join!(http_start(&place), tls_start(&place, topology), dns_start(&place, topology));
        let mut targets = Self::none();
        if let Some(topology) = topology {
            // The third host is behind the third router; with fewer hosts the site is there alone.
            targets.destination = topology.hosts().get(2).map_or(WEB_NAME, |host| &host.name).to_owned();
            targets.is_routed = true;
        }
        if let Some((server, port)) = targets.keep("web server", http) {
            targets.servers.push(server);
            targets.http_url = Some(format!("http://{}/", targets.authority(port, 80)));
        }
        if let Some((server, port)) = targets.keep("web server with TLS", tls) {
            targets.servers.push(server);
            targets.https_url = targets.is_routed.then(|| format!("https://{}/", targets.authority(port, 443)));
            targets.tls = Some(format!("{}:{port}", targets.web_host()));
        }
        if let Some((server, port)) = targets.keep("name server", dns) {
            targets.servers.push(server);
            let resolver = IpAddr::V4(place.address);
            targets.dns = Some(DnsTarget { resolver, port, name: WEB_NAME.to_owned(), zone: ZONE.to_owned() });
        }
        Ok(targets)
    }

    /// What could not be started, a sentence each.
    pub(super) fn missing(&self) -> &[String] {
        &self.missing
    }

    /// Ends the servers and waits until they are gone.
    pub(super) async fn stop(self) {
        for server in self.servers {
            server.stop().await;
        }
    }

    /// This machine itself, and no server.
    pub(super) fn none() -> Self {
        Self {
            servers: Vec::new(),
            missing: Vec::new(),
            destination: Ipv4Addr::LOCALHOST.to_string(),
            is_routed: false,
            http_url: None,
            https_url: None,
            tls: None,
            dns: None,
        }
    }

    fn keep(&mut self, what: &str, started: anyhow::Result<(Server, u16)>) -> Option<(Server, u16)> {
        started.map_err(|why| self.missing.push(format!("The demo goes without its {what}: {why:#}."))).ok()
    }

    /// Outside the topology nobody knows the name.
    fn web_host(&self) -> String {
        if self.is_routed { WEB_NAME.to_owned() } else { Ipv4Addr::LOCALHOST.to_string() }
    }

    fn authority(&self, port: u16, usual: u16) -> String {
        let host = self.web_host();
        if port == usual { host } else { format!("{host}:{port}") }
    }
}

impl Place {
    /// The usual port where the address is ours alone, a free one otherwise.
    fn port(&self, usual: u16) -> anyhow::Result<u16> {
        if self.netns.is_some() {
            return Ok(usual);
        }
        for _ in 0..PORT_TRIES {
            let listener = TcpListener::bind((self.address, 0)).context("looking for a free port")?;
            let port = listener.local_addr().context("looking for a free port")?.port();
            if UdpSocket::bind((self.address, port)).is_ok() {
                return Ok(port);
            }
        }
        bail!("no port of {} is free for both UDP and TCP", self.address)
    }

    fn file(&self, name: &str) -> String {
        self.dir.join(name).display().to_string()
    }
}

/// Fails with what to install.
fn need(program: &str, package: &str) -> anyhow::Result<()> {
    if topology::find(program).is_none() {
        bail!("{program} is not installed (apt install {package})");
    }
    Ok(())
}

async fn http_start(place: &Place) -> anyhow::Result<(Server, u16)> {
    need("busybox", "busybox")?;
    let port = place.port(80)?;
    let address = format!("{}:{port}", place.address);
    let argv = ["busybox", "httpd", "-f", "-p", &address, "-h", &place.file("www")].map(str::to_owned);
    Ok((Server::start(place, "http", &argv, port, Protocol::Tcp).await?, port))
}

async fn tls_start(place: &Place, topology: Option<&Topology>) -> anyhow::Result<(Server, u16)> {
    need("openssl", "openssl")?;
    let made = certificate::make(&place.dir, WEB_NAME, place.address).await?;
    if let Some(topology) = topology {
        topology.trust(&made.authority_pem)?;
    }
    let port = place.port(443)?;
    let address = format!("{}:{port}", place.address);
    let argv =
        ["openssl", "s_server", "-www", "-quiet", "-accept", &address, "-cert", &made.certificate, "-key", &made.key];
    let argv = argv.map(str::to_owned);
    Ok((Server::start(place, "https", &argv, port, Protocol::Tcp).await?, port))
}

async fn dns_start(place: &Place, topology: Option<&Topology>) -> anyhow::Result<(Server, u16)> {
    need("dnsmasq", "dnsmasq-base")?;
    let port = place.port(53)?;
    let argv = dnsmasq_argv(place.address, port, topology);
    Ok((Server::start(place, "dns", &argv, port, Protocol::Udp).await?, port))
}

/// A server of the one zone that asks nobody else and reads no file of the system.
fn dnsmasq_argv(address: Ipv4Addr, port: u16, topology: Option<&Topology>) -> Vec<String> {
    let fixed = ["dnsmasq", "--no-daemon", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--bind-interfaces"];
    let mut argv = fixed.map(str::to_owned).to_vec();
    argv.push(format!("--listen-address={address}"));
    argv.push(format!("--port={port}"));
    argv.push(format!("--local=/{ZONE}/"));
    argv.push(format!("--host-record={WEB_NAME},dns.{ZONE},mail.{ZONE},{address}"));
    argv.push(format!("--mx-host={ZONE},mail.{ZONE},10"));
    argv.push(format!("--txt-record={ZONE},v=spf1 mx -all"));
    for host in topology.map(Topology::hosts).unwrap_or_default() {
        argv.push(format!("--host-record={}.{ZONE},{}", host.name, host.address));
    }
    argv
}

#[cfg(test)]
mod tests;
