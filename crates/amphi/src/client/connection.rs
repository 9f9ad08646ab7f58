//! Which server, and who we are there: the environment first, then what `amphi login` stored. The token in the file
//! belongs to the server in the file and is never sent to another.

use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::{env, fmt, fs, io};

use serde::{Deserialize, Serialize};
use url::{Host, Url};

/// How a server is reached.
#[derive(Clone)]
pub(crate) struct Connection {
    pub(crate) url: Url,
    pub(crate) token: Option<String>,
    /// The only certificate authority that is trusted; without it, the system's.
    pub(crate) ca_pem: Option<String>,
}

/// What `amphi login` keeps, in `~/.config/amphi/credentials.toml` (0600).
#[derive(Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Credentials {
    pub(crate) url: Url,
    pub(crate) token: String,
    /// For `amphi logout`, which revokes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) token_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) ca_pem: Option<String>,
}

/// No usable settings.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConnectionError {
    #[error("no server is configured")]
    NotConfigured,
    #[error("{origin} is not the address of a server: {url}")]
    BadUrl { origin: &'static str, url: String },
    #[error("a token would travel in the clear to {url}")]
    Unencrypted { url: String },
    #[error("neither HOME nor XDG_CONFIG_HOME is set")]
    NoHome,
    #[error("reading {}", path.display())]
    Read {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("{} is damaged", path.display())]
    Damaged {
        path: PathBuf,
        #[source]
        source: Box<toml::de::Error>,
    },
    #[error("writing {}", path.display())]
    Write {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("url", &self.url.as_str()).finish_non_exhaustive()
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("url", &self.url.as_str()).finish_non_exhaustive()
    }
}

impl Connection {
    /// AMPHI_URL, AMPHI_TOKEN and AMPHI_CA, completed from the stored credentials.
    pub(crate) fn from_environment() -> Result<Self, ConnectionError> {
        let stored = match Credentials::path() {
            Ok(path) => Credentials::load(&path)?,
            Err(ConnectionError::NoHome) => None,
            Err(failure) => return Err(failure),
        };
        let ca_pem = ca_from_environment()?;
        Self::choose(variable("AMPHI_URL"), variable("AMPHI_TOKEN"), ca_pem, stored)
    }

    fn choose(
        url: Option<String>,
        token: Option<String>,
        ca_pem: Option<String>,
        stored: Option<Credentials>,
    ) -> Result<Self, ConnectionError> {
        let url = match (&url, &stored) {
            (Some(url), _) => parse_url("AMPHI_URL", url)?,
            (None, Some(stored)) => stored.url.clone(),
            (None, None) => return Err(ConnectionError::NotConfigured),
        };
        let stored = stored.filter(|stored| stored.url.origin() == url.origin());
        let (stored_token, stored_ca) = stored.map_or((None, None), |stored| (Some(stored.token), stored.ca_pem));
        let connection = Self { url, token: token.or(stored_token), ca_pem: ca_pem.or(stored_ca) };
        connection.check()
    }

    /// Refuses to send a token over plain HTTP to another machine.
    pub(crate) fn check(self) -> Result<Self, ConnectionError> {
        if self.token.is_some() && self.url.scheme() == "http" && !self.is_loopback() {
            return Err(ConnectionError::Unencrypted { url: self.url.to_string() });
        }
        Ok(self)
    }

    /// Does the server stand on this machine?
    pub(crate) fn is_loopback(&self) -> bool {
        match self.url.host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        }
    }
}

impl Credentials {
    /// `$XDG_CONFIG_HOME/amphi/credentials.toml`, by default below `~/.config`.
    pub(crate) fn path() -> Result<PathBuf, ConnectionError> {
        let home = variable("XDG_CONFIG_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
        let home = home.or_else(|| variable("HOME").map(|home| Path::new(&home).join(".config")));
        Ok(home.ok_or(ConnectionError::NoHome)?.join("amphi/credentials.toml"))
    }

    /// `None` when nothing is stored.
    pub(crate) fn load(path: &Path) -> Result<Option<Self>, ConnectionError> {
        match fs::read_to_string(path) {
            Ok(text) => toml::from_str(&text)
                .map(Some)
                .map_err(|source| ConnectionError::Damaged { path: path.to_owned(), source: Box::new(source) }),
            Err(source) if source.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(ConnectionError::Read { path: path.to_owned(), source }),
        }
    }

    /// Replaces the file as a whole; only its owner can read it.
    pub(crate) fn save(&self, path: &Path) -> Result<(), ConnectionError> {
        self.write(path).map_err(|source| ConnectionError::Write { path: path.to_owned(), source })
    }

    fn write(&self, path: &Path) -> io::Result<()> {
        let text = toml::to_string(self).map_err(io::Error::other)?;
        if let Some(dir) = path.parent() {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
        }
        let fresh = path.with_extension(format!("{}.new", std::process::id()));
        let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&fresh)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&fresh, path)
    }
}

/// The address of a server: http or https, without a query, a login or a fragment.
pub(crate) fn parse_url(origin: &'static str, text: &str) -> Result<Url, ConnectionError> {
    let bad = || ConnectionError::BadUrl { origin, url: text.to_owned() };
    let url = Url::parse(text).map_err(|_| bad())?;
    let is_plain = url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() || !is_plain {
        return Err(bad());
    }
    Ok(url)
}

/// The certificate authority that AMPHI_CA names, PEM.
pub(crate) fn ca_from_environment() -> Result<Option<String>, ConnectionError> {
    let Some(path) = variable("AMPHI_CA").map(PathBuf::from) else { return Ok(None) };
    fs::read_to_string(&path).map(Some).map_err(|source| ConnectionError::Read { path, source })
}

fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn stored() -> Option<Credentials> {
        Some(Credentials {
            url: Url::parse("https://amphi.example.org/").unwrap(),
            token: "stored".to_owned(),
            token_id: None,
            ca_pem: Some("CA".to_owned()),
        })
    }

    fn text(value: &str) -> Option<String> {
        Some(value.to_owned())
    }

    #[test]
    fn the_environment_precedes_the_file() {
        let chosen = Connection::choose(None, None, None, stored()).unwrap();
        assert_eq!((chosen.token, chosen.ca_pem), (text("stored"), text("CA")));
        let chosen = Connection::choose(None, text("mine"), text("other"), stored()).unwrap();
        assert_eq!(chosen.url.as_str(), "https://amphi.example.org/");
        assert_eq!((chosen.token, chosen.ca_pem), (text("mine"), text("other")));
        assert!(matches!(Connection::choose(None, text("mine"), None, None), Err(ConnectionError::NotConfigured)));
    }

    #[test]
    fn a_stored_token_never_goes_to_another_server() {
        let chosen = Connection::choose(text("https://else.example.org"), None, None, stored()).unwrap();
        assert_eq!((chosen.token, chosen.ca_pem), (None, None));
        let chosen = Connection::choose(text("https://amphi.example.org"), None, None, stored()).unwrap();
        assert_eq!(chosen.token, text("stored"));
    }

    #[test]
    fn a_token_travels_in_the_clear_on_this_machine_only() {
        for url in ["http://127.0.0.1:8080", "http://[::1]:8080", "http://localhost:8080", "https://192.0.2.1"] {
            assert!(Connection::choose(text(url), text("t"), None, None).is_ok(), "{url}");
        }
        let refused = Connection::choose(text("http://192.0.2.1:8080"), text("t"), None, None);
        assert!(matches!(refused, Err(ConnectionError::Unencrypted { .. })));
    }

    #[test]
    fn an_address_that_is_none_is_refused() {
        for url in ["", "amphi", "ftp://example.org", "http://", "https://a@b", "https://a/?q", "https://a/#f"] {
            assert!(parse_url("AMPHI_URL", url).is_err(), "{url}");
        }
    }

    #[test]
    fn credentials_are_kept_for_their_owner_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("amphi/credentials.toml");
        assert!(Credentials::load(&path).unwrap().is_none());
        for token in ["one", "two"] {
            Credentials { token: token.to_owned(), ..stored().unwrap() }.save(&path).unwrap();
            assert_eq!(Credentials::load(&path).unwrap().unwrap().token, token);
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
        fs::write(&path, "url = 5").unwrap();
        assert!(matches!(Credentials::load(&path), Err(ConnectionError::Damaged { .. })));
    }
}
