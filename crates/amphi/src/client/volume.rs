//! Volumes and exports as far as this program shows them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;

/// A volume.
#[derive(Debug, Deserialize)]
pub(crate) struct Volume {
    pub(crate) name: String,
    pub(crate) layout: u8,
    /// Labels that its stores carry.
    #[serde(default)]
    pub(crate) stores: BTreeMap<String, String>,
    pub(crate) stores_writable: u64,
    pub(crate) used_bytes: u64,
    #[serde(default)]
    pub(crate) exports: Vec<String>,
    pub(crate) created: Timestamp,
}

/// An export or a snapshot.
#[derive(Debug, Deserialize)]
pub(crate) struct Export {
    pub(crate) name: String,
    pub(crate) volume: String,
    /// Id of the account whose it is.
    pub(crate) owner: Option<String>,
    pub(crate) read_only: bool,
    pub(crate) usage: ExportUsage,
    pub(crate) created: Timestamp,
}

/// What an export holds and may hold.
#[derive(Debug, Deserialize)]
pub(crate) struct ExportUsage {
    pub(crate) bytes: u64,
    pub(crate) inodes: u64,
    pub(crate) bytes_hard: u64,
    /// Above this people are warned; 0 is none.
    #[serde(default)]
    pub(crate) bytes_soft: u64,
    #[serde(default)]
    pub(crate) inodes_hard: u64,
}

/// An export on a directory of a node.
#[derive(Debug, Deserialize)]
pub(crate) struct NodeMount {
    pub(crate) id: String,
    pub(crate) export: String,
    pub(crate) directory: String,
    pub(crate) read_only: bool,
    pub(crate) state: String,
    #[serde(default)]
    pub(crate) detail: String,
    pub(crate) login: String,
}

/// A link to a file.
#[derive(Debug, Deserialize)]
pub(crate) struct Share {
    pub(crate) id: String,
    pub(crate) export: String,
    pub(crate) path: String,
    pub(crate) login: String,
    pub(crate) created: Timestamp,
    pub(crate) expires: Timestamp,
    /// Only in the answer that made it.
    #[serde(default)]
    pub(crate) link: Option<String>,
}

/// What is at a path of an export.
#[derive(Debug, Deserialize)]
pub(crate) struct FileEntry {
    pub(crate) name: String,
    pub(crate) path: String,
    pub(crate) kind: String,
    pub(crate) size: u64,
    pub(crate) modified: Timestamp,
}

/// How a volume's stripes fare; numbers of stripes.
#[derive(Debug, Deserialize)]
pub(crate) struct VolumeHealth {
    pub(crate) volume: String,
    pub(crate) healthy: u64,
    pub(crate) degraded: u64,
    pub(crate) at_risk: u64,
    #[serde(default)]
    pub(crate) exposed: u64,
    /// Of them `away` come back with stores that are away.
    pub(crate) lost: u64,
    #[serde(default)]
    pub(crate) away: u64,
    pub(crate) rebuild_bytes: u64,
    pub(crate) repairs_waiting: u64,
    #[serde(default)]
    pub(crate) rebuild: Option<CareProgress>,
    #[serde(default)]
    pub(crate) rebalance: Option<CareProgress>,
    #[serde(default)]
    pub(crate) scrub: Option<CareProgress>,
}

/// How far work on a volume has come.
#[derive(Debug, Deserialize)]
pub(crate) struct CareProgress {
    pub(crate) done_bytes: u64,
    pub(crate) total_bytes: u64,
    pub(crate) bytes_per_s: u64,
    #[serde(default)]
    pub(crate) seconds_left: Option<u64>,
}

/// How fast data is moved and compared, at most.
#[derive(Debug, Deserialize)]
pub(crate) struct CareRates {
    pub(crate) rebuild_bytes_per_s: u64,
    pub(crate) scrub_bytes_per_s: u64,
}
