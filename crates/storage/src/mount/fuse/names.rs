//! Calls about names and attributes.

use std::ffi::OsStr;
use std::path::Path;
use std::time::Duration;

use fuser::{
    FileHandle, FopenFlags, Generation, INodeNo, RenameFlags, ReplyAttr, ReplyCreate, ReplyEmpty, ReplyEntry,
    ReplyXattr,
};
use nix::errno::Errno;

use super::Kernel;
use super::content::is_synced;
use super::handles::File;
use super::shape;
use crate::model::inode::{Ino, Kind};
use crate::mount::core::Aim;
use crate::mount::tree::{Attributes, By, Changes, Make, Rename, Stop, Tree};

/// Attributes of what the kernel is told of; it may ask for it by its number from now on.
fn told(tree: &mut Tree, ino: Ino) -> Result<Attributes, Stop> {
    let attributes = tree.attributes(ino)?;
    tree.remember(ino);
    Ok(attributes)
}

/// Takes the value out of a result, or answers with the error and leaves.
macro_rules! or_refuse {
    ($result:expr, $reply:ident) => {
        match $result {
            Ok(value) => value,
            Err(errno) => return $reply.error(shape::errno(errno)),
        }
    };
}
pub(super) use or_refuse;

fn answer_xattr(reply: ReplyXattr, size: u32, value: &[u8]) {
    match size {
        0 => reply.size(value.len() as u32),
        size if value.len() <= size as usize => reply.data(value),
        _ => reply.error(fuser::Errno::ERANGE),
    }
}

impl Kernel {
    fn answer_entry(root: Ino, reply: ReplyEntry, result: Result<Attributes, Errno>, kept: Duration) {
        match result {
            Ok(attributes) => reply.entry(&kept, &shape::attr(root, &attributes), Generation(0)),
            Err(errno) => reply.error(shape::errno(errno)),
        }
    }

    pub(super) fn find(&self, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        let (root, parent) = (self.root, self.ino(parent));
        let name = or_refuse!(shape::name(name), reply);
        let op = move |tree: &mut Tree| {
            let ino = tree.lookup(parent, &name)?.ok_or(Errno::ENOENT)?.ino;
            told(tree, ino)
        };
        self.serve(Aim::Look, op, move |result, kept| Self::answer_entry(root, reply, result, kept));
    }

    pub(super) fn show(&self, ino: INodeNo, reply: ReplyAttr) {
        let (root, ino) = (self.root, self.ino(ino));
        self.serve(
            Aim::Look,
            move |tree: &mut Tree| tree.attributes(ino),
            move |result, kept| match result {
                Ok(attributes) => reply.attr(&kept, &shape::attr(root, &attributes)),
                Err(errno) => reply.error(shape::errno(errno)),
            },
        );
    }

    pub(super) fn set(&self, by: By, ino: INodeNo, changes: Changes, reply: ReplyAttr) {
        let (root, ino) = (self.root, self.ino(ino));
        let op = move |tree: &mut Tree| {
            tree.set_attributes(&by, ino, &changes)?;
            tree.attributes(ino)
        };
        let aim = if changes.size == Some(0) { Aim::Less } else { Aim::Change };
        self.serve(aim, op, move |result, kept| match result {
            Ok(attributes) => reply.attr(&kept, &shape::attr(root, &attributes)),
            Err(errno) => reply.error(shape::errno(errno)),
        });
    }

    pub(super) fn make(&self, by: By, parent: INodeNo, name: &OsStr, make: Make, reply: ReplyEntry) {
        let (root, parent) = (self.root, self.ino(parent));
        let name = or_refuse!(shape::name(name), reply);
        let op = move |tree: &mut Tree| {
            let ino = tree.make(&by, parent, &name, &make)?;
            told(tree, ino)
        };
        self.serve(Aim::Change, op, move |result, kept| Self::answer_entry(root, reply, result, kept));
    }

    pub(super) fn make_link(&self, by: By, parent: INodeNo, name: &OsStr, target: &Path, reply: ReplyEntry) {
        let target = or_refuse!(target.to_str().map(str::to_owned).ok_or(Errno::EILSEQ), reply);
        let make = Make { kind: Kind::Symlink, mode: 0o777, target: Some(target), device: 0 };
        self.make(by, parent, name, make, reply);
    }

    pub(super) fn make_open(&self, by: By, parent: INodeNo, name: &OsStr, mode: u32, flags: i32, reply: ReplyCreate) {
        let (root, parent, kernel) = (self.root, self.ino(parent), self.clone());
        let name = or_refuse!(shape::name(name), reply);
        let make = Make { kind: Kind::File, mode, target: None, device: 0 };
        let op = move |tree: &mut Tree| {
            let ino = tree.make(&by, parent, &name, &make)?;
            tree.freshen(ino)?;
            told(tree, ino)
        };
        self.serve(Aim::Change, op, move |result, kept| match result {
            Ok(attributes) => {
                kernel.core.opened(attributes.inode.ino);
                let file = File::new(is_synced(flags), kernel.core.failure_seen(attributes.inode.ino));
                let handle = FileHandle(kernel.files.add(file));
                let flags = kernel.open_flags(kept, true);
                reply.created(&kept, &shape::attr(root, &attributes), Generation(0), handle, flags);
            }
            Err(errno) => reply.error(shape::errno(errno)),
        });
    }

    /// Whether the kernel may go on using the bytes it has: as long as nobody else writes, and has not since it got them.
    pub(super) fn open_flags(&self, kept: Duration, is_fresh: bool) -> FopenFlags {
        if kept.is_zero() || !is_fresh { FopenFlags::empty() } else { FopenFlags::FOPEN_KEEP_CACHE }
    }

    pub(super) fn link_to(&self, by: By, ino: INodeNo, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        let (root, ino, parent) = (self.root, self.ino(ino), self.ino(parent));
        let name = or_refuse!(shape::name(name), reply);
        let op = move |tree: &mut Tree| {
            tree.link(&by, ino, parent, &name)?;
            told(tree, ino)
        };
        self.serve(Aim::Change, op, move |result, kept| Self::answer_entry(root, reply, result, kept));
    }

    pub(super) fn take_name(&self, by: By, parent: INodeNo, name: &OsStr, is_directory: bool, reply: ReplyEmpty) {
        let parent = self.ino(parent);
        let name = or_refuse!(shape::name(name), reply);
        let op = move |tree: &mut Tree| match is_directory {
            true => tree.rmdir(&by, parent, &name),
            false => tree.unlink(&by, parent, &name),
        };
        self.serve_empty(Aim::Less, op, reply);
    }

    pub(super) fn move_name(
        &self,
        by: By,
        from: (INodeNo, &OsStr),
        to: (INodeNo, &OsStr),
        flags: RenameFlags,
        reply: ReplyEmpty,
    ) {
        let how = match flags {
            flags if flags.is_empty() => Rename::Replace,
            RenameFlags::RENAME_NOREPLACE => Rename::Fresh,
            RenameFlags::RENAME_EXCHANGE => Rename::Exchange,
            _ => return reply.error(shape::errno(Errno::EINVAL)),
        };
        let (parent, new_parent) = (self.ino(from.0), self.ino(to.0));
        let name = or_refuse!(shape::name(from.1), reply);
        let new_name = or_refuse!(shape::name(to.1), reply);
        let op = move |tree: &mut Tree| tree.rename(&by, (parent, &name), (new_parent, &new_name), how);
        self.serve_empty(Aim::Change, op, reply);
    }

    pub(super) fn xattr(&self, ino: INodeNo, name: &OsStr, size: u32, reply: ReplyXattr) {
        let ino = self.ino(ino);
        let name = or_refuse!(name.to_str().map(str::to_owned).ok_or(Errno::ENODATA), reply);
        self.serve(
            Aim::Look,
            move |tree: &mut Tree| tree.xattr(ino, &name),
            move |result, _| match result {
                Ok(value) => answer_xattr(reply, size, &value),
                Err(errno) => reply.error(shape::errno(errno)),
            },
        );
    }

    pub(super) fn xattr_names(&self, ino: INodeNo, size: u32, reply: ReplyXattr) {
        let ino = self.ino(ino);
        self.serve(
            Aim::Look,
            move |tree: &mut Tree| tree.xattr_names(ino),
            move |result, _| match result {
                Ok(names) => {
                    let list: Vec<u8> = names.iter().flat_map(|name| name.bytes().chain([0])).collect();
                    answer_xattr(reply, size, &list);
                }
                Err(errno) => reply.error(shape::errno(errno)),
            },
        );
    }

    pub(super) fn set_xattr(&self, by: By, ino: INodeNo, name: &OsStr, value: &[u8], flags: i32, reply: ReplyEmpty) {
        const CREATE: i32 = 1;
        const REPLACE: i32 = 2;
        let must = match flags {
            CREATE => Some(false),
            REPLACE => Some(true),
            _ => None,
        };
        let (ino, value) = (self.ino(ino), value.to_vec());
        let name = or_refuse!(name.to_str().map(str::to_owned).ok_or(Errno::EILSEQ), reply);
        self.serve_empty(Aim::Change, move |tree| tree.xattr_set(&by, ino, &name, &value, must), reply);
    }
}
