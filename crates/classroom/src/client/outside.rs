//! Calls to addresses that clients gave, which may be any: what is not for the world to call is not called, whatever name
//! it goes by.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use portal::Secret;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::CONTENT_TYPE;
use reqwest::redirect::Policy;
use url::{Host, Url};

use super::CONNECT_WITHIN;

/// What is posted to an address that a client gave.
#[derive(Clone, Debug)]
pub(crate) struct Post {
    content_type: &'static str,
    /// Behind the address's query.
    checksum: Option<String>,
    bearer: Option<Secret<String>>,
    body: String,
}

impl Post {
    pub(crate) fn form(body: String) -> Self {
        Self { content_type: super::FORM, checksum: None, bearer: None, body }
    }

    pub(crate) fn json(body: String, bearer: String) -> Self {
        Self { content_type: "application/json", checksum: None, bearer: Some(Secret::new(bearer)), body }
    }

    /// The same with a checksum in the address.
    #[must_use]
    pub(crate) fn with_checksum(self, checksum: String) -> Self {
        Self { checksum: Some(checksum), ..self }
    }
}

/// Calls what clients want called; a cheap handle.
#[derive(Clone)]
pub(crate) struct Outside {
    http: reqwest::Client,
    allow_loopback: bool,
}

impl Outside {
    /// `allow_loopback`: whether this machine's own addresses may be called, where an LMS is on it as well.
    ///
    /// # Errors
    /// TLS can't be set up.
    pub(crate) fn new(allow_loopback: bool) -> Result<Self, reqwest::Error> {
        let http = reqwest::Client::builder()
            .http1_only()
            .connect_timeout(CONNECT_WITHIN)
            .redirect(Policy::none())
            .dns_resolver(Checked { allow_loopback })
            .build()?;
        Ok(Self { http, allow_loopback })
    }

    /// Calls an address, and reads nothing of the answer.
    pub(crate) async fn tell(&self, url: &str, limit: Duration) {
        let Some(url) = self.checked(url) else { return };
        let told = tokio::time::timeout(limit, self.http.get(url).send()).await;
        if !matches!(&told, Ok(Ok(response)) if response.status().is_success()) {
            tracing::info!("an address that a client gave did not answer");
        }
    }

    /// Posts to an address, and reads nothing but the status; `None`: there was no answer, or it may not be called.
    pub(crate) async fn post(&self, url: &str, post: Post, limit: Duration) -> Option<u16> {
        let join = if url.contains('?') { '&' } else { '?' };
        let url = post.checksum.map_or_else(|| url.to_owned(), |sum| format!("{url}{join}checksum={sum}"));
        let mut request = self.http.post(self.checked(&url)?).header(CONTENT_TYPE, post.content_type).body(post.body);
        if let Some(bearer) = post.bearer {
            request = request.bearer_auth(bearer.expose());
        }
        let sent = tokio::time::timeout(limit, request.send()).await;
        sent.ok()?.ok().map(|response| response.status().as_u16())
    }

    /// An address of the web; what it names by number is checked here, what it names by name when it is looked up.
    fn checked(&self, url: &str) -> Option<Url> {
        let url = Url::parse(url).ok().filter(|url| matches!(url.scheme(), "http" | "https"))?;
        let is_allowed = match url.host()? {
            Host::Ipv4(address) => is_allowed(address.into(), self.allow_loopback),
            Host::Ipv6(address) => is_allowed(address.into(), self.allow_loopback),
            Host::Domain(_) => true,
        };
        if !is_allowed {
            tracing::warn!("a client gave an address that is not called");
        }
        is_allowed.then_some(url)
    }
}

/// Looks names up, and leaves out what may not be called.
struct Checked {
    allow_loopback: bool,
}

impl Resolve for Checked {
    fn resolve(&self, name: Name) -> Resolving {
        let allow_loopback = self.allow_loopback;
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let allowed: Vec<SocketAddr> = found.filter(|address| is_allowed(address.ip(), allow_loopback)).collect();
            if allowed.is_empty() {
                return Err("the name leads to no address that may be called".into());
            }
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

/// Private networks are allowed, since an LMS is often in one; what answers only its own machine is not.
fn is_allowed(address: IpAddr, allow_loopback: bool) -> bool {
    let address = address.to_canonical();
    let is_link_local = match address {
        IpAddr::V4(address) => address.is_link_local() || address.is_broadcast(),
        IpAddr::V6(address) => address.is_unicast_link_local(),
    };
    !is_link_local && !address.is_unspecified() && !address.is_multicast() && (allow_loopback || !address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_answers_its_own_machine_alone_is_not_called() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let (strict, local) = (Outside::new(false).unwrap(), Outside::new(true).unwrap());
        for url in [
            "http://169.254.169.254/latest",
            "http://[::ffff:169.254.169.254]/",
            "http://0.0.0.0/",
            "http://[fe80::1]/",
            "http://2852039166/",
            "ftp://lms.example.org/",
            "lms",
        ] {
            assert!(strict.checked(url).is_none() && local.checked(url).is_none(), "{url}");
        }
        for url in ["http://127.0.0.1/", "http://[::1]/"] {
            assert!(strict.checked(url).is_none() && local.checked(url).is_some(), "{url}");
        }
        assert!(strict.checked("https://10.1.2.3/moodle").is_some());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let post = || Post::form(String::new());
        let called = strict.post(&format!("http://localhost:{port}/"), post(), Duration::from_secs(5)).await;
        assert_eq!(called, None);
        use futures::FutureExt as _;
        assert!(listener.accept().now_or_never().is_none(), "nobody came by that name");
    }
}
