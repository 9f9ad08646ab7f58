//! Calls about directories. A place in a listing is a page and an entry in it, so that a place given once stays good while
//! the directory changes.

use std::sync::Arc;
use std::time::Duration;

use fuser::{FileHandle, FopenFlags, Generation, INodeNo, ReplyDirectory, ReplyDirectoryPlus, ReplyOpen};
use nix::errno::Errno;

use super::Kernel;
use super::handles::{Directory, Listing};
use super::names::or_refuse;
use super::shape;
use crate::mount::core::{Aim, Core, Item, Page};

/// Places of `.` and `..`.
const DOTS: u64 = 2;
/// Bits of a place that count the entries of a page.
const PAGE_BITS: u32 = 16;

impl Kernel {
    pub(super) fn open_dir(&self, ino: INodeNo, reply: ReplyOpen) {
        let (ino, kernel) = (self.ino(ino), self.clone());
        self.serve(
            Aim::Look,
            move |tree| tree.attributes(ino),
            move |result, _| match result {
                Ok(_) => {
                    let seen = kernel.core.failure_seen(ino).into();
                    let listing = tokio::sync::Mutex::default();
                    let handle = kernel.directories.add(Directory { ino, seen, listing });
                    reply.opened(FileHandle(handle), FopenFlags::empty());
                }
                Err(errno) => reply.error(shape::errno(errno)),
            },
        );
    }

    pub(super) fn list(&self, ino: INodeNo, handle: FileHandle, offset: u64, mut reply: ReplyDirectory) {
        let directory = or_refuse!(self.directories.get(handle.0).ok_or(Errno::EBADF), reply);
        let (kernel, root) = (self.clone(), self.root);
        self.begin(async move {
            for (place, dot) in (1..).zip([".", ".."]).skip(offset.min(DOTS) as usize) {
                if reply.add(ino, place, fuser::FileType::Directory, dot) {
                    return reply.ok();
                }
            }
            let (page, from) = or_refuse!(at(&kernel.core, &directory, offset).await, reply);
            for (place, item) in from {
                let Item { name, attributes, .. } = &page.items[item];
                let kind = shape::file_type(attributes.inode.kind);
                if reply.add(shape::ino_out(root, attributes.inode.ino), place, kind, name.as_str()) {
                    break;
                }
            }
            reply.ok();
        });
    }

    pub(super) fn list_plus(&self, ino: INodeNo, handle: FileHandle, offset: u64, mut reply: ReplyDirectoryPlus) {
        let directory = or_refuse!(self.directories.get(handle.0).ok_or(Errno::EBADF), reply);
        let (kernel, root, this) = (self.clone(), self.root, self.ino(ino));
        self.begin(async move {
            let found = kernel.core.run(Aim::Look, |tree| tree.attributes(this)).await;
            let attr = shape::attr(root, &or_refuse!(found, reply));
            for (place, dot) in (1..).zip([".", ".."]).skip(offset.min(DOTS) as usize) {
                if reply.add(ino, place, dot, &Duration::ZERO, &attr, Generation(0)) {
                    return reply.ok();
                }
            }
            let (page, from) = or_refuse!(at(&kernel.core, &directory, offset).await, reply);
            kernel.core.answer(|kept| {
                let mut told = Vec::new();
                for (place, item) in from {
                    let Item { name, attributes, is_kept } = &page.items[item];
                    let kept = if *is_kept { kept } else { Duration::ZERO };
                    let attr = shape::attr(root, attributes);
                    if reply.add(attr.ino, place, name.as_str(), &kept, &attr, Generation(0)) {
                        break;
                    }
                    told.push(attributes.inode.ino);
                }
                kernel.core.remember(&told);
                reply.ok();
            });
        });
    }
}

/// The page that a place is in, and from there on each entry with the place behind it.
async fn at(
    core: &Core,
    directory: &Directory,
    offset: u64,
) -> Result<(Arc<Page>, impl Iterator<Item = (u64, usize)> + use<>), Errno> {
    let place = offset.saturating_sub(DOTS);
    let (mut number, mut entry) = ((place >> PAGE_BITS) as usize, (place & ((1 << PAGE_BITS) - 1)) as usize);
    loop {
        let page = page(core, directory, number, offset == 0).await?;
        if entry < page.items.len() || page.next.is_none() {
            let base = DOTS + ((number as u64) << PAGE_BITS);
            let entries = entry..page.items.len();
            return Ok((page, entries.map(move |entry| (base + entry as u64 + 1, entry))));
        }
        (number, entry) = (number + 1, 0);
    }
}

/// A page. From the start, the listing is made anew; later on a page stays as it was when it was begun.
async fn page(core: &Core, directory: &Directory, number: usize, is_start: bool) -> Result<Arc<Page>, Errno> {
    let mut listing = directory.listing.lock().await;
    if is_start && number == 0 {
        *listing = Listing::default();
    }
    if let Some((current, page)) = &listing.current
        && *current == number
    {
        return Ok(page.clone());
    }
    let after = match number.checked_sub(1) {
        None => None,
        Some(before) => Some(listing.starts.get(before).cloned().ok_or(Errno::EINVAL)?),
    };
    let page = core.page(directory.ino, after).await?;
    if let Some(next) = &page.next
        && listing.starts.len() == number
    {
        listing.starts.push(next.clone());
    }
    listing.current = Some((number, page.clone()));
    Ok(page)
}
