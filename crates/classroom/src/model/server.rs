//! Conference servers: the members of the pool that meetings are placed on.

use std::sync::Arc;

use placement::AdminState;
use portal::Secret;
use url::Url;

/// A server's id: made by us, or taken over from another balancer.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ServerId(Arc<str>);

impl ServerId {
    pub(crate) fn new() -> Self {
        Self(uuid::Uuid::now_v7().to_string().into())
    }

    /// Reads an id: 1 to 64 letters, digits and `- _ .`; `None` for anything else.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        (1..=64).contains(&text.len()).then_some(())?;
        text.bytes().all(is_allowed).then(|| Self(text.into()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for ServerId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// A server as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Server {
    pub(crate) id: ServerId,
    /// The address of its API, without a slash at the end: `https://bbb1.example.org/bigbluebutton/api`.
    pub(crate) url: String,
    pub(crate) secret: Secret<String>,
    /// Meetings that ask for this tag come here, and no others; empty for a server that takes any meeting without a tag.
    pub(crate) tag: String,
    /// Its share of the meetings relative to the others, [`WEIGHT_USUAL`] being the usual one.
    pub(crate) weight: u32,
    pub(crate) state: AdminState,
    pub(crate) created_ms: i64,
}

/// The weight of a server that nobody gave one.
pub(crate) const WEIGHT_USUAL: u32 = 100;
/// The most that a server may be given.
pub(crate) const WEIGHT_MOST: u32 = 10_000;

/// What is wrong with a server that is to be added or changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ServerRefusal {
    #[error("{0:?} is no address of a BigBlueButton server; give one like https://bbb1.example.org/bigbluebutton/api.")]
    Url(String),
    #[error("The secret is empty, or longer than 255 characters; `bbb-conf --secret` on the server prints it.")]
    Secret,
    #[error("A tag has 1 to 63 letters, digits, - and _; {0:?} has not.")]
    Tag(String),
    #[error("A weight is a whole number from 1 to {WEIGHT_MOST}; {WEIGHT_USUAL} is the usual one.")]
    Weight,
    #[error("An id has 1 to 64 letters, digits, -, _ and a point; {0:?} has not.")]
    Id(String),
}

impl ServerRefusal {
    /// The field it is about.
    pub(crate) fn field(&self) -> &'static str {
        match self {
            Self::Url(_) => "url",
            Self::Secret => "secret",
            Self::Tag(_) => "tag",
            Self::Weight => "weight",
            Self::Id(_) => "id",
        }
    }
}

/// The address of a server's API as it is stored: what `bbb-conf --secret` prints, or the address of the API itself.
pub(crate) fn url_checked(text: &str) -> Result<String, ServerRefusal> {
    let refused = || ServerRefusal::Url(text.chars().take(200).collect());
    let url = Url::parse(text.trim()).map_err(|_| refused())?;
    let is_plain = url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() || !is_plain || url.password().is_some() {
        return Err(refused());
    }
    let base = url.as_str().trim_end_matches('/');
    let base = if base.ends_with("/api") {
        base.to_owned()
    } else if base.ends_with("/bigbluebutton") {
        format!("{base}/api")
    } else if url.path() == "/" {
        format!("{base}/bigbluebutton/api")
    } else {
        return Err(refused());
    };
    if base.len() <= 190 { Ok(base) } else { Err(refused()) }
}

/// A tag as stored: lower case; empty for none.
pub(crate) fn tag_checked(text: &str) -> Result<String, ServerRefusal> {
    let tag = text.trim().to_ascii_lowercase();
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    // `none` is the word by which a meeting asks for servers without a tag.
    if tag.len() > 63 || tag == "none" || !tag.bytes().all(is_allowed) {
        return Err(ServerRefusal::Tag(text.chars().take(100).collect()));
    }
    Ok(tag)
}

pub(crate) fn secret_checked(text: &str) -> Result<Secret<String>, ServerRefusal> {
    let secret = text.trim();
    if secret.is_empty() || secret.len() > 255 {
        Err(ServerRefusal::Secret)
    } else {
        Ok(Secret::new(secret.to_owned()))
    }
}

pub(crate) fn weight_checked(weight: u32) -> Result<u32, ServerRefusal> {
    if (1..=WEIGHT_MOST).contains(&weight) { Ok(weight) } else { Err(ServerRefusal::Weight) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_may_be_what_bbb_conf_prints() {
        let api = "https://bbb1.example.org/bigbluebutton/api";
        for text in [
            "https://bbb1.example.org/bigbluebutton/",
            "https://bbb1.example.org/bigbluebutton/api",
            "https://bbb1.example.org/bigbluebutton/api/",
            "https://bbb1.example.org",
            " https://BBB1.example.org/ ",
        ] {
            assert_eq!(url_checked(text).as_deref(), Ok(api), "{text}");
        }
        for text in
            ["", "bbb1", "ftp://bbb1/bigbluebutton/api", "https://u:p@bbb1/", "https://bbb1/?a=1", "https://bbb1/x"]
        {
            assert!(matches!(url_checked(text), Err(ServerRefusal::Url(_))), "{text}");
        }
    }

    #[test]
    fn tags_ids_and_weights_are_bounded() {
        assert_eq!(tag_checked("GPU-1").as_deref(), Ok("gpu-1"));
        assert!(tag_checked("a;b").is_err() && tag_checked("none").is_err());
        assert!(weight_checked(0).is_err() && weight_checked(WEIGHT_MOST).is_ok());
        assert!(ServerId::parse("bbb1.example.org").is_some() && ServerId::parse("a/b").is_none());
        assert!(ServerId::parse("").is_none());
    }
}
