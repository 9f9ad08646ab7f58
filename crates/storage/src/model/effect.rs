//! Effects: the few ways in which the metadata of a name space changes.
//!
//! Who changes something works out the effects himself, against what he has read; the database checks only that this still
//! holds. So a mount can do many things in its memory and store them together later.

use serde::{Deserialize, Serialize};

use super::inode::{Ino, Inode};
use super::name::Name;
use super::stripe::Stripe;

/// One change. A list of them is done in order, in one transaction, wholly or not at all.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Stores the inode. Its `version` says which one was read (0: none was); it is stored with the next. Refused as
    /// `Changed` when another is there.
    InodePut(Inode),
    /// Removes an inode with its stripes and attributes; what of it is not there is no fault.
    InodeRemove {
        /// Which.
        ino: Ino,
    },
    /// Refused as `Exists` when the name is taken, as `Changed` when the directory is gone.
    EntryAdd {
        /// The directory.
        parent: Ino,
        /// The name in it.
        name: Name,
        /// What it names.
        ino: Ino,
    },
    /// Refused as `Changed` unless the name is there and names this inode.
    EntryRemove {
        /// The directory.
        parent: Ino,
        /// The name in it.
        name: Name,
        /// What it names.
        ino: Ino,
    },
    /// Refused as `Changed` when the directory has entries.
    DirectoryEmpty {
        /// The directory.
        ino: Ino,
    },
    /// Puts a stripe in the place of the one that is there, if any. Its units are safe on their stores.
    StripePut {
        /// The file.
        ino: Ino,
        /// Which of its stripes, from 0.
        number: u64,
        /// The new one.
        stripe: Stripe,
    },
    /// Removes the stripes from `number` on, up to but without `end`.
    StripeCut {
        /// The file.
        ino: Ino,
        /// The first.
        number: u64,
        /// The first that stays; `None`: none stays.
        end: Option<u64>,
    },
    /// Gives all stripes of a file to one that is made by the same list, `number` further on. Nothing is counted or coded
    /// anew: a file made of parts takes no more room than they did.
    StripesMove {
        /// Whose they are.
        from: Ino,
        /// Whose they become.
        to: Ino,
        /// Where the first comes to be.
        number: u64,
    },
    /// Sets an extended attribute.
    XattrPut {
        /// Whose.
        ino: Ino,
        /// Its name with the `user.`.
        name: String,
        /// Its value.
        value: Vec<u8>,
    },
    /// Removes an extended attribute; one that is not there is no fault.
    XattrRemove {
        /// Whose.
        ino: Ino,
        /// Its name.
        name: String,
    },
}
