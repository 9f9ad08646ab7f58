//! Stores, as the control plane knows them.

use std::collections::BTreeMap;

use placement::Health;

use super::stripe::StoreId;

/// A store as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Store {
    pub(crate) id: StoreId,
    /// What its directory says it is, or what its bucket is by its address.
    pub(crate) uuid: String,
    pub(crate) kind: StoreKind,
    /// UID of its node.
    pub(crate) node: String,
    /// The last part of its directory, or its bucket.
    pub(crate) name: String,
    /// `host:port`, best first.
    pub(crate) addresses: Vec<String>,
    /// Those of its node; a bucket has its provider's besides.
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) state: StoreState,
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

/// What an operator wants of a store. Unlike other members of pools, a store has to be emptied before it can go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StoreState {
    /// It takes units.
    Enabled,
    /// It takes nothing new.
    Cordoned,
    /// It takes nothing new, and may be removed while its agent still offers it.
    Disabled,
    /// What it has is being put on others.
    Draining,
    /// No stripe is on it any more.
    Drained,
}

/// The word is no state.
#[derive(Debug, thiserror::Error)]
#[error("unknown state of a store")]
pub(crate) struct UnknownState;

impl StoreState {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Enabled => "enabled",
            Self::Cordoned => "cordoned",
            Self::Disabled => "disabled",
            Self::Draining => "draining",
            Self::Drained => "drained",
        }
    }
}

impl std::str::FromStr for StoreState {
    type Err = UnknownState;

    fn from_str(word: &str) -> Result<Self, UnknownState> {
        let all = [Self::Enabled, Self::Cordoned, Self::Disabled, Self::Draining, Self::Drained];
        all.into_iter().find(|state| state.as_str() == word).ok_or(UnknownState)
    }
}

impl Store {
    /// Whether its units can be read.
    pub(crate) fn is_up(&self) -> bool {
        self.health != Health::Down
    }

    /// Whether it has been away for longer than `away_ms`. While nobody asked it, because the control plane was away
    /// itself, it is not: only who does not answer is down.
    pub(crate) fn is_lost(&self, now_ms: i64, away_ms: i64) -> bool {
        self.health == Health::Down && now_ms - self.seen_ms > away_ms
    }

    /// Whether its units are to be put on others: it is to be emptied, or lost.
    pub(crate) fn is_given_up(&self, now_ms: i64, away_ms: i64) -> bool {
        matches!(self.state, StoreState::Draining | StoreState::Drained) || self.is_lost(now_ms, away_ms)
    }
}

/// What keeps the units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StoreKind {
    /// A directory that an agent offers.
    Node,
    /// A bucket of an S3-compatible service, which an agent offers.
    Bucket,
}

/// The label of a bucket that says whom it lies with: the service's host. It is the bucket's failure domain.
pub(crate) const PROVIDER_LABEL: &str = "provider";

/// The word is no kind.
#[derive(Debug, thiserror::Error)]
#[error("unknown kind of store")]
pub(crate) struct UnknownKind;

impl StoreKind {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Node => "node",
            Self::Bucket => "bucket",
        }
    }
}

impl std::str::FromStr for StoreKind {
    type Err = UnknownKind;

    fn from_str(word: &str) -> Result<Self, UnknownKind> {
        [Self::Node, Self::Bucket].into_iter().find(|kind| kind.as_str() == word).ok_or(UnknownKind)
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
