//! The page shell: top bar, side bar, messages; what a page knows of its reader.

pub(crate) mod context;
pub(crate) mod page;
