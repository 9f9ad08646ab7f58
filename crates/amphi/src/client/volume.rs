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
    pub(crate) lost: u64,
    pub(crate) rebuild_bytes: u64,
    pub(crate) repairs_waiting: u64,
}
