//! Listing directories page by page: one that is in memory as well as one of millions of entries, which never is.

use std::sync::Arc;

use nix::errno::Errno;

use super::{Aim, Core, errno};
use crate::model::inode::Ino;
use crate::model::name::Name;
use crate::mount::tree::{Attributes, Tree};
use crate::namespace::Entry;

/// Entries of a page at most.
const PAGE_ENTRIES: usize = 4_096;

/// One entry as it is listed.
#[derive(Clone, Debug)]
pub(crate) struct Item {
    pub(crate) name: Name,
    pub(crate) attributes: Attributes,
    /// The tree has it, so that the kernel may keep it until it is told otherwise.
    pub(crate) is_kept: bool,
}

/// A page of a directory.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) items: Vec<Item>,
    /// Behind which name the next one begins; `None`: there is no other.
    pub(crate) next: Option<Name>,
}

impl Core {
    /// The entries behind `after`.
    pub(crate) async fn page(&self, ino: Ino, after: Option<Name>) -> Result<Arc<Page>, Errno> {
        let is_large = {
            let state = self.state();
            state.tree.as_ref().is_none_or(|tree| tree.is_large(ino))
        };
        if is_large { self.page_stored(ino, after).await } else { self.page_held(ino, after).await }
    }

    async fn page_held(&self, ino: Ino, after: Option<Name>) -> Result<Arc<Page>, Errno> {
        let page = self.run(Aim::Look, |tree| {
            if tree.is_large(ino) {
                return Ok(None);
            }
            let names = tree.page(ino, after.as_ref(), PAGE_ENTRIES)?;
            let is_last = names.len() < PAGE_ENTRIES;
            let mut items = Vec::with_capacity(names.len());
            for (name, ino) in names {
                items.push(Item { name, attributes: tree.attributes(ino)?, is_kept: true });
            }
            let next = if is_last { None } else { items.last().map(|item| item.name.clone()) };
            Ok(Some(Arc::new(Page { items, next })))
        });
        match page.await? {
            Some(page) => Ok(page),
            None => self.page_stored(ino, after).await,
        }
    }

    /// What the store says, with what is known better laid over it.
    async fn page_stored(&self, ino: Ino, after: Option<Name>) -> Result<Arc<Page>, Errno> {
        let entries = self.namespace.entries(ino, after.as_ref(), PAGE_ENTRIES).await;
        let entries = entries.map_err(|error| errno(error.into()))?;
        let next = if entries.len() < PAGE_ENTRIES { None } else { entries.last().map(|entry| entry.name.clone()) };
        let known = match &self.state().tree {
            Some(tree) => tree.overlay(ino, after.as_ref(), next.as_ref()),
            None => Vec::new(),
        };
        let mut items: Vec<Item> = entries.into_iter().filter(|entry| !is_known(&known, entry)).map(read).collect();
        for (name, ino) in known {
            let Some(ino) = ino else { continue };
            let attributes = self.run(Aim::Look, |tree: &mut Tree| tree.attributes(ino)).await?;
            items.push(Item { name, attributes, is_kept: false });
        }
        items.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(Arc::new(Page { items, next }))
    }
}

fn is_known(known: &[(Name, Option<Ino>)], entry: &Entry) -> bool {
    known.binary_search_by(|(name, _)| name.cmp(&entry.name)).is_ok()
}

fn read(entry: Entry) -> Item {
    let blocks = entry.inode.size.div_ceil(512);
    Item { name: entry.name, attributes: Attributes { inode: entry.inode, blocks }, is_kept: false }
}
