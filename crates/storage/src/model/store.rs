//! Stores, as the control plane knows them.

use std::collections::BTreeMap;

use placement::{AdminState, Health};

use super::stripe::StoreId;

/// A store as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Store {
    pub(crate) id: StoreId,
    /// What its directory says it is.
    pub(crate) uuid: String,
    pub(crate) kind: StoreKind,
    /// UID of its node.
    pub(crate) node: String,
    /// The last part of its directory.
    pub(crate) name: String,
    /// `host:port`, best first.
    pub(crate) addresses: Vec<String>,
    /// Those of its node.
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) state: AdminState,
    pub(crate) health: Health,
    pub(crate) capacity_bytes: i64,
    pub(crate) used_bytes: i64,
    pub(crate) free_bytes: i64,
    pub(crate) units: i64,
    pub(crate) boot_id: String,
    /// Why it is not up, for people; empty when it is.
    pub(crate) detail: String,
    pub(crate) announced_ms: i64,
    /// When it last answered.
    pub(crate) seen_ms: i64,
    pub(crate) created_ms: i64,
}

/// What keeps the units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StoreKind {
    /// A directory that an agent offers.
    Node,
}

/// The word is no kind.
#[derive(Debug, thiserror::Error)]
#[error("unknown kind of store")]
pub(crate) struct UnknownKind;

impl StoreKind {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Node => "node",
        }
    }
}

impl std::str::FromStr for StoreKind {
    type Err = UnknownKind;

    fn from_str(word: &str) -> Result<Self, UnknownKind> {
        if word == Self::Node.as_str() { Ok(Self::Node) } else { Err(UnknownKind) }
    }
}

/// Health after a poll that failed for the `misses`th time in a row.
pub(crate) fn health_after(misses: u32) -> Health {
    match misses {
        0 => Health::Up,
        1 | 2 => Health::Suspect,
        _ => Health::Down,
    }
}
