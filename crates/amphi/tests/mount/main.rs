//! Mounts of a real volume: programs on them, and what happens when the mount, stores or the control plane end.

mod ends;
mod losses;
mod site;
mod together;
