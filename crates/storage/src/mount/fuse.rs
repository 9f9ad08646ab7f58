//! The kernel's side of the mount. A call that needs nothing from elsewhere is answered in the thread that received it; any
//! other becomes a task, so that one that waits keeps nobody else waiting.

mod content;
mod handles;
mod listing;
mod lock;
mod names;
mod serve;
mod shape;

use std::ffi::OsStr;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::SystemTime;

use fuser::{
    BsdFileFlags, FileHandle, Filesystem, INodeNo, InitFlags, IoctlFlags, KernelConfig, LockOwner, OpenFlags,
    RenameFlags, ReplyAttr, ReplyCreate, ReplyData, ReplyDirectory, ReplyDirectoryPlus, ReplyEmpty, ReplyEntry,
    ReplyIoctl, ReplyLock, ReplyLseek, ReplyOpen, ReplyStatfs, ReplyWrite, ReplyXattr, Request, TimeOrNow, WriteFlags,
};
use nix::errno::Errno;
use tokio::runtime::Handle;

use self::handles::{Directory, File, Handles};
use super::core::{Aim, Core};
use super::locks::Locker;
use super::tree::{Changes, Make, Tree};
use crate::model::inode::{Ino, Kind};
use crate::model::name::NAME_BYTES_MAX;
use names::or_refuse;
pub(crate) use serve::untell;

/// Largest write in one call, in bytes.
const WRITE_BYTES_MAX: u32 = 1024 * 1024;
/// Calls that the kernel has under way in the background, such as reads ahead.
const BACKGROUND: u16 = 64;
/// Unit in which room is told, in bytes.
const BLOCK_BYTES: u64 = 4_096;

/// The file system as the kernel calls it: a cheap handle.
#[derive(Clone)]
pub(crate) struct Kernel {
    core: Arc<Core>,
    runtime: Handle,
    files: Arc<Handles<File>>,
    directories: Arc<Handles<Directory>>,
    root: Ino,
    /// What the stores have room for, in bytes of files.
    free_bytes: Arc<AtomicU64>,
    /// There once the kernel can be told something.
    notifier: Arc<OnceLock<fuser::Notifier>>,
}

impl Kernel {
    pub(crate) fn new(core: Arc<Core>, runtime: Handle, free_bytes: Arc<AtomicU64>) -> Self {
        let root = core.root();
        let (files, directories, notifier) = Default::default();
        Self { core, runtime, files, directories, root, free_bytes, notifier }
    }

    /// Where what tells the kernel something is to be put.
    pub(crate) fn notifier(&self) -> Arc<OnceLock<fuser::Notifier>> {
        self.notifier.clone()
    }

    fn ino(&self, ino: INodeNo) -> Ino {
        shape::ino_in(self.root, ino)
    }
}

impl Filesystem for Kernel {
    fn init(&mut self, _: &Request, config: &mut KernelConfig) -> std::io::Result<()> {
        let wanted = InitFlags::FUSE_PARALLEL_DIROPS
            | InitFlags::FUSE_DO_READDIRPLUS
            | InitFlags::FUSE_READDIRPLUS_AUTO
            | InitFlags::FUSE_EXPLICIT_INVAL_DATA
            | InitFlags::FUSE_HANDLE_KILLPRIV_V2
            | InitFlags::FUSE_CACHE_SYMLINKS
            | InitFlags::FUSE_ASYNC_DIO
            | InitFlags::FUSE_POSIX_LOCKS
            | InitFlags::FUSE_FLOCK_LOCKS;
        // An older kernel does without what it lacks; a value it refuses it replaces.
        let _lacking = config.add_capabilities(wanted & config.capabilities());
        let _nearest = config.set_max_write(WRITE_BYTES_MAX);
        let _nearest = config.set_max_background(BACKGROUND);
        Ok(())
    }

    fn lookup(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        self.find(parent, name, reply);
    }

    fn forget(&self, _: &Request, ino: INodeNo, count: u64) {
        self.core.forget(std::iter::once((self.ino(ino), count)));
    }

    fn getattr(&self, _: &Request, ino: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        self.show(ino, reply);
    }

    fn setattr(
        &self,
        request: &Request,
        ino: INodeNo,
        mode: Option<u32>,
        uid: Option<u32>,
        gid: Option<u32>,
        size: Option<u64>,
        atime: Option<TimeOrNow>,
        mtime: Option<TimeOrNow>,
        _ctime: Option<SystemTime>,
        _: Option<FileHandle>,
        _: Option<SystemTime>,
        _: Option<SystemTime>,
        _: Option<SystemTime>,
        _: Option<BsdFileFlags>,
        reply: ReplyAttr,
    ) {
        let (atime, mtime) = (atime.map(shape::time), mtime.map(shape::time));
        self.set(shape::by(request), ino, Changes { mode, uid, gid, size, atime, mtime }, reply);
    }

    fn readlink(&self, _: &Request, ino: INodeNo, reply: ReplyData) {
        let ino = self.ino(ino);
        self.serve(
            Aim::Look,
            move |tree: &mut Tree| tree.target(ino),
            move |result, _| match result {
                Ok(target) => reply.data(target.as_bytes()),
                Err(errno) => reply.error(shape::errno(errno)),
            },
        );
    }

    fn mknod(
        &self,
        request: &Request,
        parent: INodeNo,
        name: &OsStr,
        mode: u32,
        _: u32,
        device: u32,
        reply: ReplyEntry,
    ) {
        let kind = or_refuse!(shape::kind(mode), reply);
        self.make(shape::by(request), parent, name, Make { kind, mode, target: None, device }, reply);
    }

    fn mkdir(&self, request: &Request, parent: INodeNo, name: &OsStr, mode: u32, _: u32, reply: ReplyEntry) {
        let make = Make { kind: Kind::Directory, mode, target: None, device: 0 };
        self.make(shape::by(request), parent, name, make, reply);
    }

    fn unlink(&self, request: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        self.take_name(shape::by(request), parent, name, false, reply);
    }

    fn rmdir(&self, request: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        self.take_name(shape::by(request), parent, name, true, reply);
    }

    fn symlink(&self, request: &Request, parent: INodeNo, name: &OsStr, target: &Path, reply: ReplyEntry) {
        self.make_link(shape::by(request), parent, name, target, reply);
    }

    fn rename(
        &self,
        request: &Request,
        parent: INodeNo,
        name: &OsStr,
        new_parent: INodeNo,
        new_name: &OsStr,
        flags: RenameFlags,
        reply: ReplyEmpty,
    ) {
        self.move_name(shape::by(request), (parent, name), (new_parent, new_name), flags, reply);
    }

    fn link(&self, request: &Request, ino: INodeNo, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        self.link_to(shape::by(request), ino, parent, name, reply);
    }

    fn create(
        &self,
        request: &Request,
        parent: INodeNo,
        name: &OsStr,
        mode: u32,
        _: u32,
        flags: i32,
        reply: ReplyCreate,
    ) {
        self.make_open(shape::by(request), parent, name, mode, flags, reply);
    }

    fn open(&self, _: &Request, ino: INodeNo, flags: OpenFlags, reply: ReplyOpen) {
        self.open_file(ino, flags, reply);
    }

    fn read(
        &self,
        _: &Request,
        ino: INodeNo,
        handle: FileHandle,
        offset: u64,
        size: u32,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyData,
    ) {
        self.read_file(ino, handle, offset, size, reply);
    }

    fn write(
        &self,
        request: &Request,
        ino: INodeNo,
        handle: FileHandle,
        offset: u64,
        data: &[u8],
        write_flags: WriteFlags,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        let drops_privileges = write_flags.contains(WriteFlags::FUSE_WRITE_KILL_SUIDGID);
        self.write_file(shape::by(request), (ino, handle), offset, data, drops_privileges, reply);
    }

    fn flush(&self, _: &Request, ino: INodeNo, handle: FileHandle, owner: LockOwner, reply: ReplyEmpty) {
        self.flush_file(ino, handle, owner.0, reply);
    }

    fn getlk(
        &self,
        _: &Request,
        ino: INodeNo,
        handle: FileHandle,
        owner: LockOwner,
        first: u64,
        last: u64,
        kind: i32,
        pid: u32,
        reply: ReplyLock,
    ) {
        let locker = Locker { owner: owner.0, handle: handle.0, pid };
        self.show_lock(lock::wish(self.ino(ino), locker, (first, last), kind), reply);
    }

    fn setlk(
        &self,
        request: &Request,
        ino: INodeNo,
        handle: FileHandle,
        owner: LockOwner,
        first: u64,
        last: u64,
        kind: i32,
        pid: u32,
        waits: bool,
        reply: ReplyEmpty,
    ) {
        let locker = Locker { owner: owner.0, handle: handle.0, pid };
        let wish = lock::wish(self.ino(ino), locker, (first, last), kind);
        self.set_lock(wish, waits.then(|| request.pid()), reply);
    }

    fn release(
        &self,
        _: &Request,
        ino: INodeNo,
        handle: FileHandle,
        _: OpenFlags,
        _: Option<LockOwner>,
        _: bool,
        reply: ReplyEmpty,
    ) {
        self.close_file(ino, handle, reply);
    }

    fn fsync(&self, _: &Request, ino: INodeNo, handle: FileHandle, _: bool, reply: ReplyEmpty) {
        self.sync_file(ino, handle, reply);
    }

    fn opendir(&self, _: &Request, ino: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        self.open_dir(ino, reply);
    }

    fn readdir(&self, _: &Request, ino: INodeNo, handle: FileHandle, offset: u64, reply: ReplyDirectory) {
        self.list(ino, handle, offset, reply);
    }

    fn readdirplus(&self, _: &Request, ino: INodeNo, handle: FileHandle, offset: u64, reply: ReplyDirectoryPlus) {
        self.list_plus(ino, handle, offset, reply);
    }

    fn releasedir(&self, _: &Request, _: INodeNo, handle: FileHandle, _: OpenFlags, reply: ReplyEmpty) {
        self.directories.remove(handle.0);
        reply.ok();
    }

    fn fsyncdir(&self, _: &Request, ino: INodeNo, handle: FileHandle, _: bool, reply: ReplyEmpty) {
        self.sync_directory(ino, handle, reply);
    }

    fn statfs(&self, _: &Request, _: INodeNo, reply: ReplyStatfs) {
        let usage = self.core.usage();
        let stores = self.free_bytes.load(Ordering::Relaxed);
        let left = usage.bytes_hard.saturating_sub(usage.bytes);
        let free = if usage.bytes_hard > 0 { left.min(stores) } else { stores };
        let (total, free) = ((usage.bytes + free) / BLOCK_BYTES, free / BLOCK_BYTES);
        // Without a limit there is always room for one more; this is what a 32-bit program can count.
        let most = if usage.inodes_hard > 0 { usage.inodes_hard } else { u64::from(u32::MAX) };
        let unit = BLOCK_BYTES as u32;
        let left = most.saturating_sub(usage.inodes);
        reply.statfs(total, free, free, most, left, unit, NAME_BYTES_MAX as u32, unit);
    }

    fn setxattr(
        &self,
        request: &Request,
        ino: INodeNo,
        name: &OsStr,
        value: &[u8],
        flags: i32,
        _: u32,
        reply: ReplyEmpty,
    ) {
        self.set_xattr(shape::by(request), ino, name, value, flags, reply);
    }

    fn getxattr(&self, _: &Request, ino: INodeNo, name: &OsStr, size: u32, reply: ReplyXattr) {
        self.xattr(ino, name, size, reply);
    }

    fn listxattr(&self, _: &Request, ino: INodeNo, size: u32, reply: ReplyXattr) {
        self.xattr_names(ino, size, reply);
    }

    fn removexattr(&self, request: &Request, ino: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        let (by, ino) = (shape::by(request), self.ino(ino));
        let name = or_refuse!(name.to_str().map(str::to_owned).ok_or(Errno::ENODATA), reply);
        self.serve_empty(Aim::Change, move |tree| tree.xattr_remove(&by, ino, &name), reply);
    }

    fn fallocate(
        &self,
        request: &Request,
        ino: INodeNo,
        _: FileHandle,
        offset: u64,
        length: u64,
        mode: i32,
        reply: ReplyEmpty,
    ) {
        self.reserve(shape::by(request), ino, offset, length, mode, reply);
    }

    fn ioctl(
        &self,
        _: &Request,
        _: INodeNo,
        _: FileHandle,
        _: IoctlFlags,
        _: u32,
        _: &[u8],
        _: u32,
        reply: ReplyIoctl,
    ) {
        // Programs ask so whether a file is a terminal.
        reply.error(fuser::Errno::ENOTTY);
    }

    fn lseek(&self, _: &Request, ino: INodeNo, _: FileHandle, offset: i64, whence: i32, reply: ReplyLseek) {
        self.seek_file(ino, offset, whence, reply);
    }
}
