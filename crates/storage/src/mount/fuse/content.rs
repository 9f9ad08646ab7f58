//! Calls about bytes: open, read, write, sync, close.

use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use fuser::{FileHandle, INodeNo, OpenFlags, ReplyData, ReplyEmpty, ReplyLseek, ReplyOpen, ReplyWrite};
use nix::errno::Errno;
use nix::fcntl::{FallocateFlags, OFlag};

use super::Kernel;
use super::handles::File;
use super::shape;
use crate::model::inode::Ino;
use crate::mount::core::{Aim, Core};
use crate::mount::tree::{By, Tree, Written};

/// `whence` of `lseek`.
const SEEK_DATA: i32 = 3;
const SEEK_HOLE: i32 = 4;

/// Whether a write to what was opened so returns only when it is stored.
pub(super) fn is_synced(flags: i32) -> bool {
    let flags = OFlag::from_bits_retain(flags);
    flags.intersects(OFlag::O_SYNC | OFlag::O_DSYNC | OFlag::O_DIRECT)
}

impl Kernel {
    pub(super) fn open_file(&self, ino: INodeNo, flags: OpenFlags, reply: ReplyOpen) {
        let (ino, kernel) = (self.ino(ino), self.clone());
        self.core.opened(ino);
        self.serve(
            Aim::Look,
            move |tree: &mut Tree| tree.freshen(ino),
            move |result, kept| match result {
                Ok(is_fresh) => {
                    let file = File::new(is_synced(flags.0), kernel.core.failure_seen(ino));
                    reply.opened(FileHandle(kernel.files.add(file)), kernel.open_flags(kept, is_fresh));
                }
                Err(errno) => {
                    kernel.core.closed(ino);
                    reply.error(shape::errno(errno));
                }
            },
        );
    }

    pub(super) fn read_file(&self, ino: INodeNo, handle: FileHandle, offset: u64, size: u32, reply: ReplyData) {
        let ino = self.ino(ino);
        let length = size as usize;
        let (is_in_order, ahead) = self.files.get(handle.0).map_or((false, None), |file| file.on_read(offset, length));
        if let Some(range) = ahead {
            self.runtime.spawn(self.core.clone().read_ahead(ino, range));
        }
        let mut op = move |tree: &mut Tree| tree.read(ino, offset, length);
        let parts = self.core.try_run(Aim::Look, &mut op);
        match parts.as_ref().map(|parts| parts.as_ref().map(|parts| Core::gather_now(parts))) {
            Some(Ok(Some(bytes))) => return reply.data(&bytes),
            Some(Err(errno)) => return reply.error(shape::errno(*errno)),
            Some(Ok(None)) | None => {}
        }
        let core = self.core.clone();
        self.begin(async move {
            if offset == 0 {
                core.read_neighbours(ino).await;
            }
            match read(&core, op, is_in_order).await {
                Ok(bytes) => reply.data(&bytes),
                Err(errno) => reply.error(shape::errno(errno)),
            }
        });
    }

    pub(super) fn write_file(
        &self,
        by: By,
        (ino, handle): (INodeNo, FileHandle),
        offset: u64,
        data: &[u8],
        drops_privileges: bool,
        reply: ReplyWrite,
    ) {
        let ino = self.ino(ino);
        let is_synced = self.files.get(handle.0).is_some_and(|file| file.is_synced);
        let write = move |tree: &mut Tree, data: &[u8]| {
            let written = tree.write(&by, ino, offset, data)?;
            if drops_privileges {
                tree.drop_privileges(&by, ino)?;
            }
            Ok(written)
        };
        let length = data.len() as u32;
        if !is_synced {
            match self.core.try_run(Aim::Change, &mut |tree| write(tree, data)) {
                Some(Ok(written)) => {
                    self.put_early(written);
                    return reply.written(length);
                }
                Some(Err(errno)) => return reply.error(shape::errno(errno)),
                None => {}
            }
        }
        let (kernel, data) = (self.clone(), Bytes::copy_from_slice(data));
        self.runtime.spawn(async move {
            let mut done = kernel.core.run(Aim::Change, |tree| write(tree, &data)).await;
            if is_synced && let Ok(written) = &mut done {
                kernel.put_early(std::mem::take(written));
                if let Err(errno) = kernel.synced(ino, handle).await {
                    return reply.error(shape::errno(errno));
                }
            }
            match done {
                Ok(written) => {
                    kernel.put_early(written);
                    reply.written(length);
                }
                Err(errno) => reply.error(shape::errno(errno)),
            }
        });
    }

    fn put_early(&self, written: Written) {
        if !written.full.is_empty() && self.core.is_delegated() {
            self.runtime.spawn(self.core.clone().put_early(written.full));
        }
    }

    /// Waits until what was changed before is stored.
    async fn synced(&self, ino: Ino, handle: FileHandle) -> Result<(), Errno> {
        self.core.sync().await;
        self.files.get(handle.0).map_or(Ok(()), |file| self.told(ino, &file.seen))
    }

    /// Tells what went wrong and was not told yet to who has it open.
    fn told(&self, ino: Ino, seen: &AtomicU64) -> Result<(), Errno> {
        let Some((event, errno)) = self.core.failure(ino, seen.load(Ordering::Relaxed)) else { return Ok(()) };
        seen.store(event, Ordering::Relaxed);
        self.core.failure_told(ino, event);
        Err(errno)
    }

    pub(super) fn sync_directory(&self, ino: INodeNo, handle: FileHandle, reply: ReplyEmpty) {
        let (kernel, ino) = (self.clone(), self.ino(ino));
        self.runtime.spawn(async move {
            kernel.core.sync().await;
            let directory = kernel.directories.get(handle.0);
            match directory.map_or(Ok(()), |directory| kernel.told(ino, &directory.seen)) {
                Ok(()) => reply.ok(),
                Err(errno) => reply.error(shape::errno(errno)),
            }
        });
    }

    pub(super) fn sync_file(&self, ino: INodeNo, handle: FileHandle, reply: ReplyEmpty) {
        let (kernel, ino) = (self.clone(), self.ino(ino));
        self.runtime.spawn(async move {
            match kernel.synced(ino, handle).await {
                Ok(()) => reply.ok(),
                Err(errno) => reply.error(shape::errno(errno)),
            }
        });
    }

    /// A descriptor was closed. Nothing is waited for: whoever needs the bytes safe asks with `fsync`, and who looks from
    /// elsewhere takes the delegation, which stores them first. Many don't look at what this answers, so a failure counts as
    /// told only once `fsync` has answered it.
    pub(super) fn flush_file(&self, ino: INodeNo, handle: FileHandle, owner: u64, reply: ReplyEmpty) {
        let (ino, core) = (self.ino(ino), self.core.clone());
        let seen = self.files.get(handle.0).map(|file| file.seen.load(Ordering::Relaxed));
        self.freed_then(ino, owner, move || match seen.and_then(|seen| core.failure(ino, seen)) {
            None => reply.ok(),
            Some((_, errno)) => reply.error(shape::errno(errno)),
        });
    }

    pub(super) fn close_file(&self, ino: INodeNo, handle: FileHandle, reply: ReplyEmpty) {
        let ino = self.ino(ino);
        self.files.remove(handle.0);
        self.free_handle(ino, handle.0);
        if self.core.closed(ino) {
            self.serve_empty(Aim::Less, move |tree| tree.reap(ino), reply);
        } else {
            reply.ok();
        }
    }

    pub(super) fn reserve(&self, by: By, ino: INodeNo, offset: u64, length: u64, mode: i32, reply: ReplyEmpty) {
        let ino = self.ino(ino);
        let flags = FallocateFlags::from_bits_retain(mode);
        let keeps = FallocateFlags::FALLOC_FL_KEEP_SIZE;
        let (punch, zero) = (FallocateFlags::FALLOC_FL_PUNCH_HOLE, FallocateFlags::FALLOC_FL_ZERO_RANGE);
        let is_zeroed = flags == keeps | punch || flags == zero || flags == zero | keeps;
        if !is_zeroed && !flags.is_empty() && flags != keeps {
            return reply.error(shape::errno(Errno::EOPNOTSUPP));
        }
        let extends = !flags.contains(keeps);
        let op = move |tree: &mut Tree| {
            if is_zeroed {
                tree.punch(&by, ino, offset, length)?;
            }
            if extends { tree.extend(&by, ino, offset.saturating_add(length)) } else { Ok(()) }
        };
        self.serve_empty(Aim::Change, op, reply);
    }

    pub(super) fn seek_file(&self, ino: INodeNo, offset: i64, whence: i32, reply: ReplyLseek) {
        let ino = self.ino(ino);
        let Ok(from) = u64::try_from(offset) else { return reply.error(shape::errno(Errno::ENXIO)) };
        if whence != SEEK_DATA && whence != SEEK_HOLE {
            return reply.error(shape::errno(Errno::EINVAL));
        }
        let op = move |tree: &mut Tree| tree.seek(ino, from, whence == SEEK_DATA);
        self.serve(Aim::Look, op, move |result, _| match result {
            Ok(found) => reply.offset(found as i64),
            Err(errno) => reply.error(shape::errno(errno)),
        });
    }
}

/// Reads; once more when the stripes were replaced and collected in between.
async fn read(
    core: &Core,
    mut op: impl FnMut(&mut Tree) -> Result<Vec<crate::mount::tree::Part>, crate::mount::tree::Stop>,
    is_in_order: bool,
) -> Result<Bytes, Errno> {
    let parts = core.run(Aim::Look, &mut op).await?;
    match core.gather(parts, is_in_order).await {
        Err(_) if !core.is_delegated() => {
            let parts = core.run(Aim::Look, &mut op).await?;
            core.gather(parts, is_in_order).await
        }
        done => done,
    }
}
