//! Volumes, and what names may be given to them and to exports.

use std::collections::BTreeMap;

use super::store::Store;
use super::stripe::Layout;

/// A volume as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Volume {
    pub(crate) id: i64,
    pub(crate) name: String,
    pub(crate) layout: Layout,
    /// Labels that its stores have to carry.
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) created_ms: i64,
}

impl Volume {
    /// Whether a store carries the labels.
    pub(crate) fn has(&self, store: &Store) -> bool {
        self.labels.iter().all(|(key, value)| store.labels.get(key) == Some(value))
    }
}

/// The volume that personal exports are on.
pub(crate) const HOME: &str = "home";

/// Why a text can't name a volume, an export or a snapshot.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no name. A name has 1 to 63 characters: a to z, 0 to 9, and - or . between them.")]
pub struct NameRefusal(pub String);

/// Names of three characters or more are names of S3 buckets as well; S3 makes and lists no shorter ones. Source: Amazon
/// S3 User Guide, "General purpose bucket naming rules".
pub(crate) fn name_checked(text: &str) -> Result<&str, NameRefusal> {
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let is_well = (1..=63).contains(&text.len())
        && text.starts_with(is_plain)
        && text.ends_with(is_plain)
        && text.chars().all(|c| is_plain(c) || c == '-' || c == '.')
        && !text.contains("..");
    let shown = || text.chars().filter(|c| !c.is_control()).take(80).collect();
    if is_well { Ok(text) } else { Err(NameRefusal(shown())) }
}

/// The name of somebody's personal export. Where the login has other characters than a name, part of the account's id
/// keeps it apart from others.
pub(crate) fn home_name(login: &str, account: &str) -> String {
    let name = format!("{HOME}-{login}");
    if name_checked(&name).is_ok() {
        return name;
    }
    let plain = |c: char| if c.is_ascii_lowercase() || c.is_ascii_digit() { c } else { '-' };
    let login: String = login.chars().map(plain).take(40).collect();
    let account: String = account.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
    let tail = &account[account.len().saturating_sub(8)..];
    format!("{HOME}-{login}-{tail}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_buckets_or_shorter() {
        for good in ["v", "0", "ab", "abc", "a-b", "a.b", "0x0", &"x".repeat(63)] {
            assert_eq!(name_checked(good).unwrap(), good);
        }
        for bad in ["", "-", ".", "a-", "-ab", "ab-", "a..b", "Abc", "a_b", "a b", "é12", "a/b", "a@b", &"x".repeat(64)]
        {
            assert!(name_checked(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn every_login_has_a_home_of_its_own() {
        assert_eq!(home_name("ada", "x"), "home-ada");
        let names = [
            home_name("a_b@c", "0123-456789ab"),
            home_name("a@b_c", "0123-456789ac"),
            home_name(&"x".repeat(64), "0-f"),
        ];
        assert_eq!(names[0], "home-a-b-c-456789ab");
        for name in &names {
            assert!(name_checked(name).is_ok(), "{name}");
        }
        assert_ne!(names[0], names[1]);
    }
}
