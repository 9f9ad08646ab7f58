//! Mounts of a real volume: programs on them, and what happens when the mount, stores or the control plane end.
#![expect(clippy::unwrap_used, reason = "clippy knows tests by their attribute; what they stand on here has none")]

mod download;
mod ends;
mod forced;
mod locks;
mod losses;
mod nodes;
mod site;
mod storm;
mod together;
