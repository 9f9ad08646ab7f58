//! A name space as those see it who work in it: the mount over the network, the control plane over its own database.

mod ancestry;
mod direct;
pub(crate) mod remote;
pub(crate) mod session;

use std::ops::Range;
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::model::effect::Effect;
use crate::model::inode::{Ino, Inode};
use crate::model::lock::{FileLocks, Held};
use crate::model::name::Name;
use crate::model::stripe::{Stripe, StripeId};

pub use direct::Direct;
pub(crate) use direct::SessionCall;

/// Entries, stripes or attributes that one answer holds at most.
pub const LIST_MAX: usize = 4_096;
/// Effects that one call may bring. An upload of S3 in 10,000 parts ends with four for each.
pub const EFFECTS_MAX: usize = 65_536;

/// Why a call to a name space failed. Nothing was changed, but for `Unavailable`, where that is not known.
#[derive(Debug, thiserror::Error)]
pub enum NamespaceError {
    /// The name is taken.
    #[error("the name is taken")]
    Exists,
    /// What was read has changed since: read again and decide anew.
    #[error("it was changed meanwhile")]
    Changed,
    /// The name space's quota, or its volume, has no room for that.
    #[error("the quota of the name space is reached")]
    Quota,
    /// A snapshot can't be changed.
    #[error("the name space is read-only")]
    ReadOnly,
    /// The session has ended, or another one holds the name space now.
    #[error("the session is over")]
    Stale,
    /// There is no such name space, or it is not the caller's.
    #[error("the name space is gone")]
    Gone,
    /// The effects contradict themselves or what a name space is.
    #[error("the change is not valid: {0}")]
    Invalid(String),
    /// It can't be reached now.
    #[error("the name space can't be reached")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// A name in a directory with what it names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The name.
    pub name: Name,
    /// What it names, read in the same moment.
    pub inode: Inode,
    /// Of a file, its first stripe, so that who reads many small files need not ask for each.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first: Option<Stripe>,
}

/// One stripe of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Placed {
    /// Which of the file's stripes.
    pub number: u64,
    /// The stripe.
    pub stripe: Stripe,
}

/// What a name space has used and may use. 0 as a limit: none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Usage {
    /// User bytes in stripes.
    pub bytes: u64,
    /// Inodes.
    pub inodes: u64,
    /// Above this people are warned.
    pub bytes_soft: u64,
    /// Above this nothing can be written.
    pub bytes_hard: u64,
    /// Above this nothing can be made.
    pub inodes_hard: u64,
}

impl Usage {
    /// Whether people are to be warned.
    pub fn is_above_soft(&self) -> bool {
        self.bytes_soft > 0 && self.bytes > self.bytes_soft
    }
}

/// One name space, for one caller. Every call has a deadline of its own.
#[async_trait]
pub trait Namespace: Send + Sync {
    /// The root directory.
    fn root(&self) -> Ino;

    /// The entry of a directory.
    async fn lookup(&self, parent: Ino, name: &Name) -> Result<Option<Entry>, NamespaceError>;

    /// An inode by its number.
    async fn inode(&self, ino: Ino) -> Result<Option<Inode>, NamespaceError>;

    /// Entries of a directory in order of their names' bytes, those after `after`, at most `limit` and [`LIST_MAX`].
    async fn entries(&self, parent: Ino, after: Option<&Name>, limit: usize) -> Result<Vec<Entry>, NamespaceError>;

    /// All entries of each directory in turn, as long as they are fewer than [`LIST_MAX`] in all: there may be fewer answers
    /// than directories, but for the first, which has its first entries at least.
    async fn listings(&self, parents: &[Ino]) -> Result<Vec<Vec<Entry>>, NamespaceError> {
        let (mut listings, mut count) = (Vec::new(), 0);
        for parent in parents {
            let entries = self.entries(*parent, None, LIST_MAX).await?;
            count += entries.len();
            if count >= LIST_MAX && !listings.is_empty() {
                break;
            }
            listings.push(entries);
        }
        Ok(listings)
    }

    /// Stripes of a file in order, from `number` on, at most `limit` and [`LIST_MAX`].
    async fn stripes(&self, ino: Ino, number: u64, limit: usize) -> Result<Vec<Placed>, NamespaceError>;

    /// A stripe of any file in it, by its number, with the stores it is on now. `None`: nothing refers to it any more.
    async fn stripe(&self, id: StripeId) -> Result<Option<Stripe>, NamespaceError>;

    /// The extended attributes.
    async fn xattrs(&self, ino: Ino) -> Result<Vec<(String, Vec<u8>)>, NamespaceError>;

    /// Does all effects, durably, or none.
    async fn apply(&self, effects: Vec<Effect>) -> Result<Usage, NamespaceError>;

    /// Numbers that nobody else uses, for inodes and stripes. They may be fewer than asked.
    async fn numbers(&self, count: u32) -> Result<Range<i64>, NamespaceError>;

    /// What is used.
    async fn usage(&self) -> Result<Usage, NamespaceError>;

    /// Sets all that the session holds of these files, or nothing of it: then the answer is something that another session
    /// holds and that is at odds with it. Said twice, it is done once.
    async fn locks_set(&self, _: Vec<FileLocks>) -> Result<Option<Held>, NamespaceError> {
        Err(NamespaceError::Invalid(ONLY_SESSIONS_LOCK.to_owned()))
    }

    /// Something that another session holds and that is at odds with these. As long as there is, it waits for at most `wait`.
    async fn lock_against(&self, _: FileLocks, _wait: Duration) -> Result<Option<Held>, NamespaceError> {
        Err(NamespaceError::Invalid(ONLY_SESSIONS_LOCK.to_owned()))
    }
}

const ONLY_SESSIONS_LOCK: &str = "only a session has locks";
