//! What an operator writes to offer a bucket as a store:
//! `s3://BUCKET[/PREFIX]?endpoint=https://HOST&region=REGION&profile=NAME:SIZE`.

use std::str::FromStr;

use sha2::{Digest as _, Sha256};
use url::{Host, Url};
use uuid::{Builder, Uuid};

use crate::store::directory::{StoreDirError, bytes};

/// What a bucket's address begins with.
pub(crate) const SCHEME: &str = "s3://";

/// A bucket to keep units in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BucketOffer {
    /// The bucket.
    pub bucket: String,
    /// What the names of its objects begin with, without `/` at either end; empty: nothing.
    pub prefix: String,
    /// Where the service answers.
    pub endpoint: Url,
    /// What the service calls its region.
    pub region: String,
    /// The section of the credentials' file that holds its key.
    pub profile: String,
    /// The most it may take, bytes.
    pub size: u64,
}

/// What is not right about it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BucketOfferError {
    /// A part is missing.
    #[error(
        "the {0} is missing; write s3://BUCKET[/PREFIX]?endpoint=https://HOST[&region=REGION][&profile=NAME]:SIZE, such as s3://files?endpoint=https://s3.example.org:500G"
    )]
    Missing(&'static str),
    /// What follows the last colon is no size.
    #[error(transparent)]
    Size(StoreDirError),
    /// Bucket or prefix have characters that no service takes, or that would need quoting.
    #[error("`{0}` can't be a bucket or a prefix: they have letters, digits, `-`, `_` and `.`")]
    Name(String),
    /// The endpoint is no address.
    #[error("`{0}` is no endpoint; write its address without a path, such as endpoint=https://s3.example.org")]
    Endpoint(String),
    /// There is no such setting; a key in particular does not belong on a command line.
    #[error("there is no setting `{0}` of a bucket; there are endpoint, region and profile")]
    Setting(String),
}

impl BucketOffer {
    /// Who the store in this bucket is, wherever it is served from.
    pub(super) fn uuid(&self) -> Uuid {
        let name = format!("amphi bucket store\n{}\n{}\n{}", self.endpoint, self.bucket, self.prefix);
        let mut first = [0; 16];
        first.copy_from_slice(&Sha256::digest(name)[..16]);
        Builder::from_custom_bytes(first).into_uuid()
    }

    /// What people know it by.
    pub(super) fn name(&self) -> String {
        if self.prefix.is_empty() { self.bucket.clone() } else { format!("{}/{}", self.bucket, self.prefix) }
    }

    /// Who keeps it: the endpoint's host, with its port where that is not the usual one.
    pub(super) fn provider(&self) -> String {
        let host = self.endpoint.host().map(|host: Host<&str>| host.to_string()).unwrap_or_default();
        self.endpoint.port().map_or(host.clone(), |port| format!("{host}:{port}"))
    }
}

impl FromStr for BucketOffer {
    type Err = BucketOfferError;

    fn from_str(text: &str) -> Result<Self, BucketOfferError> {
        let rest = text.strip_prefix(SCHEME).ok_or(BucketOfferError::Missing("bucket"))?;
        let (rest, size) = rest.rsplit_once(':').ok_or(BucketOfferError::Missing("size"))?;
        // The colon of `https:` or of a port is not that of a size.
        if size.starts_with("//") || bytes(size).is_err() && size.contains(['/', '&', '=']) {
            return Err(BucketOfferError::Missing("size"));
        }
        let size = bytes(size).map_err(BucketOfferError::Size)?;
        let (path, settings) = rest.split_once('?').ok_or(BucketOfferError::Missing("endpoint"))?;
        let (bucket, prefix) = path.split_once('/').unwrap_or((path, ""));
        let prefix = prefix.trim_end_matches('/');
        if bucket.is_empty() {
            return Err(BucketOfferError::Missing("bucket"));
        }
        let names = prefix.split('/').filter(|_| !prefix.is_empty()).chain([bucket]);
        if let Some(wrong) = names.into_iter().find(|name| !is_name(name)) {
            return Err(BucketOfferError::Name(wrong.to_owned()));
        }
        let (mut endpoint, mut region, mut profile) = (None, "us-east-1".to_owned(), "default".to_owned());
        for setting in settings.split('&') {
            match setting.split_once('=') {
                Some(("endpoint", address)) => endpoint = Some(endpoint_of(address)?),
                Some(("region", name)) => name.clone_into(&mut region),
                Some(("profile", name)) => name.clone_into(&mut profile),
                // Only its name: what follows may be a secret.
                other => return Err(BucketOfferError::Setting(other.map_or(setting, |(name, _)| name).to_owned())),
            }
        }
        let endpoint = endpoint.ok_or(BucketOfferError::Missing("endpoint"))?;
        Ok(Self { bucket: bucket.to_owned(), prefix: prefix.to_owned(), endpoint, region, profile, size })
    }
}

fn is_name(name: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    !name.is_empty() && name.chars().all(is_plain) && !name.chars().all(|c| c == '.')
}

fn endpoint_of(address: &str) -> Result<Url, BucketOfferError> {
    let wrong = || BucketOfferError::Endpoint(address.to_owned());
    let url = Url::parse(address).map_err(|_| wrong())?;
    let is_bare = url.path() == "/" && url.query().is_none() && url.username().is_empty() && url.password().is_none();
    let is_web = matches!(url.scheme(), "http" | "https") && url.host().is_some();
    if is_bare && is_web { Ok(url) } else { Err(wrong()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_read() {
        let whole = "s3://files/amphi/a?endpoint=https://s3.example.org&region=eu-1&profile=one:500G";
        let offer: BucketOffer = whole.parse().unwrap();
        assert_eq!((offer.bucket.as_str(), offer.prefix.as_str(), offer.size), ("files", "amphi/a", 500 << 30));
        assert_eq!((offer.region.as_str(), offer.profile.as_str()), ("eu-1", "one"));
        assert_eq!((offer.provider().as_str(), offer.name().as_str()), ("s3.example.org", "files/amphi/a"));
        let short: BucketOffer = "s3://files?endpoint=http://127.0.0.1:9000:1G".parse().unwrap();
        assert_eq!((short.provider().as_str(), short.name().as_str()), ("127.0.0.1:9000", "files"));
        assert_eq!((short.region.as_str(), short.profile.as_str(), short.size), ("us-east-1", "default", 1 << 30));
        assert_ne!(offer.uuid(), short.uuid());
        assert_eq!(BucketOffer { size: 1, region: "x".to_owned(), ..offer.clone() }.uuid(), offer.uuid());
    }

    #[test]
    fn what_is_wrong_with_a_bucket_is_said() {
        let wrong = |text: &str| text.parse::<BucketOffer>().unwrap_err();
        assert_eq!(wrong("s3://files?endpoint=https://s3.example.org"), BucketOfferError::Missing("size"));
        assert_eq!(wrong("s3://files"), BucketOfferError::Missing("size"));
        assert_eq!(wrong("s3://files:1G"), BucketOfferError::Missing("endpoint"));
        assert_eq!(wrong("s3://files?region=a:1G"), BucketOfferError::Missing("endpoint"));
        assert_eq!(wrong("s3://?endpoint=https://a:1G"), BucketOfferError::Missing("bucket"));
        assert!(matches!(wrong("s3://f?endpoint=https://a:G"), BucketOfferError::Size(StoreDirError::NotASize(_))));
        assert!(matches!(wrong("s3://f?endpoint=https://a:9"), BucketOfferError::Size(StoreDirError::TooSmall(_))));
        for name in ["f%", "a b", "f/../g", "f//g"] {
            assert!(
                matches!(wrong(&format!("s3://{name}?endpoint=https://a:1G")), BucketOfferError::Name(_)),
                "{name}"
            );
        }
        for address in ["ftp://a", "https://a/path", "https://u:p@a", "a", ""] {
            let text = format!("s3://f?endpoint={address}:1G");
            assert!(matches!(wrong(&text), BucketOfferError::Endpoint(_)), "{address}");
        }
        let key = wrong("s3://f?endpoint=https://a&secret=hush:1G");
        assert!(!key.to_string().contains("hush"), "{key}");
    }
}
