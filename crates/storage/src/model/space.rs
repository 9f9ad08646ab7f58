//! Name spaces: exports, and their snapshots.

use super::inode::Ino;
use super::stripe::Layout;
use crate::namespace::Usage;

/// A name space as stored, with what is of interest of its volume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Space {
    pub(crate) id: i64,
    pub(crate) volume: i64,
    pub(crate) volume_name: String,
    pub(crate) layout: Layout,
    pub(crate) name: String,
    /// Of a snapshot: the export it was taken of.
    pub(crate) parent: Option<i64>,
    /// Whose people may use it; `None`: operators alone, and the owner.
    pub(crate) tenant: Option<String>,
    /// Whose it is.
    pub(crate) owner: Option<String>,
    pub(crate) root: Ino,
    pub(crate) usage: Usage,
    /// Grows each time a delegation is taken away by force.
    pub(crate) epoch: i64,
    /// The session that may keep changes to itself for a while.
    pub(crate) holder: Option<String>,
    /// Since when somebody waits for the holder, by the database's clock.
    pub(crate) wanted_ms: Option<i64>,
    pub(crate) created_ms: i64,
}

impl Space {
    /// A snapshot never changes.
    pub(crate) fn is_read_only(&self) -> bool {
        self.parent.is_some()
    }
}

/// What watchers of a name space's delegation wait for.
pub(crate) fn topic(space: i64) -> String {
    format!("storage.space:{space}")
}
