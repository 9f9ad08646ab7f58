//! The keys of buckets: from a file in the form that S3's own tools keep theirs in, or from the environment.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};

use portal::Secret;

use super::offer::BucketOffer;

/// A service's key.
#[derive(Clone, Debug)]
pub struct BucketKey {
    /// Its public half.
    pub(super) id: String,
    pub(super) secret: Secret<String>,
    pub(super) token: Option<Secret<String>>,
}

/// Why there is no key for a bucket. Never with a part of a key.
#[derive(Debug, thiserror::Error)]
pub enum BucketKeyError {
    /// The file can't be read.
    #[error("reading the credentials of buckets from {0}")]
    File(PathBuf, #[source] io::Error),
    /// A line is neither a section nor a setting.
    #[error("line {1} of {0} is neither [NAME] nor KEY = VALUE")]
    Line(PathBuf, usize),
    /// There is no section, or half of a key.
    #[error("{path} has no aws_access_key_id and aws_secret_access_key in a section [{profile}]")]
    Profile {
        /// The file.
        path: PathBuf,
        /// The section.
        profile: String,
    },
    /// Nothing names a key.
    #[error(
        "there is no key for the bucket {0}: name a file with --store-credentials, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
    )]
    Missing(String),
}

impl BucketKey {
    /// The key of a bucket: that of its profile in `file`, or what `variable` says where there is no file.
    ///
    /// # Errors
    /// See [`BucketKeyError`].
    pub fn find(
        offer: &BucketOffer,
        file: Option<&Path>,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, BucketKeyError> {
        let found = match file {
            Some(path) => read(path, &offer.profile)?,
            None => Self::of(|name| variable(&name.to_ascii_uppercase())),
        };
        found.ok_or_else(|| match file {
            Some(path) => BucketKeyError::Profile { path: path.to_owned(), profile: offer.profile.clone() },
            None => BucketKeyError::Missing(offer.name()),
        })
    }

    fn of(value: impl Fn(&str) -> Option<String>) -> Option<Self> {
        let value = |name| value(name).filter(|value| !value.is_empty());
        let (id, secret) = (value("aws_access_key_id")?, Secret::new(value("aws_secret_access_key")?));
        Some(Self { id, secret, token: value("aws_session_token").map(Secret::new) })
    }
}

fn read(path: &Path, profile: &str) -> Result<Option<BucketKey>, BucketKeyError> {
    let text = std::fs::read_to_string(path).map_err(|source| BucketKeyError::File(path.to_owned(), source))?;
    let (mut is_ours, mut values) = (false, HashMap::new());
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        if let Some(section) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            is_ours = section.trim() == profile;
        } else if let Some((name, value)) = line.split_once('=') {
            if is_ours {
                values.insert(name.trim().to_ascii_lowercase(), value.trim().to_owned());
            }
        } else {
            return Err(BucketKeyError::Line(path.to_owned(), number));
        }
    }
    Ok(BucketKey::of(|name| values.get(name).cloned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offer(profile: &str) -> BucketOffer {
        format!("s3://b?endpoint=https://a&profile={profile}:1G").parse().unwrap()
    }

    #[test]
    fn keys_are_found_by_their_section() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("credentials");
        let text = "# ours\n[one]\naws_access_key_id = A\naws_secret_access_key=hush=\n\n[two]\nAWS_ACCESS_KEY_ID=B\n\
                    aws_secret_access_key = c\naws_session_token = t\n[half]\naws_access_key_id = A\n";
        std::fs::write(&path, text).unwrap();
        let find = |profile: &str| BucketKey::find(&offer(profile), Some(&path), |_| Some("no".to_owned()));
        let one = find("one").unwrap();
        assert_eq!((one.id.as_str(), one.secret.expose().as_str(), one.token.is_none()), ("A", "hush=", true));
        assert!(!format!("{one:?}").contains("hush"));
        assert_eq!(find("two").unwrap().token.unwrap().expose(), "t");
        for profile in ["half", "none", "default"] {
            assert!(matches!(find(profile), Err(BucketKeyError::Profile { .. })), "{profile}");
        }
        std::fs::write(&path, "[one]\nhush\n").unwrap();
        let wrong = find("one").unwrap_err().to_string();
        assert!(wrong.starts_with("line 2 of") && !wrong.contains("hush"), "{wrong}");
        let absent = BucketKey::find(&offer("one"), Some(&dir.path().join("no")), |_| None);
        assert!(matches!(absent, Err(BucketKeyError::File(..))));
    }

    #[test]
    fn without_a_file_the_environment_says() {
        let set = |name: &str| ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"].contains(&name).then(|| name.to_owned());
        assert_eq!(BucketKey::find(&offer("default"), None, set).unwrap().id, "AWS_ACCESS_KEY_ID");
        assert!(matches!(BucketKey::find(&offer("default"), None, |_| None), Err(BucketKeyError::Missing(_))));
    }
}
