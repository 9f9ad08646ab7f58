//! What the kernel's protocol looks like here: numbers, attributes, times, kinds.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use fuser::{FileAttr, FileType, INodeNo, Request, TimeOrNow};
use nix::errno::Errno;
use nix::sys::stat::SFlag;
use nix::time::{ClockId, clock_gettime};

use crate::SPAN_BYTES;
use crate::model::inode::{Ino, Kind};
use crate::model::name::{Name, NameError};
use crate::mount::tree::{Attributes, By, Time};

/// The number the kernel knows the root by. Where it is another inode's here, the two swap.
const ROOT: i64 = 1;

/// Swaps the root's number with the one that the kernel uses for it; its own inverse.
fn swapped(root: Ino, ino: i64) -> i64 {
    match ino {
        ROOT => root,
        ino if ino == root => ROOT,
        ino => ino,
    }
}

pub(super) fn ino_in(root: Ino, ino: INodeNo) -> Ino {
    swapped(root, ino.0 as i64)
}

pub(super) fn ino_out(root: Ino, ino: Ino) -> INodeNo {
    INodeNo(swapped(root, ino) as u64)
}

pub(super) fn errno(errno: Errno) -> fuser::Errno {
    fuser::Errno::from_i32(errno as i32)
}

pub(super) fn name(name: &OsStr) -> Result<Name, Errno> {
    Name::from_bytes(name.as_bytes()).map_err(|error| match error {
        NameError::TooLong => Errno::ENAMETOOLONG,
        NameError::Encoding => Errno::EILSEQ,
        NameError::Empty | NameError::Character | NameError::Dots => Errno::EINVAL,
    })
}

pub(super) fn by(request: &Request) -> By {
    By { uid: request.uid(), gid: request.gid(), now_ns: now_ns() }
}

/// Nanoseconds since 1970, by the clock that programs on this machine read: `make` compares the two.
fn now_ns() -> i64 {
    clock_gettime(ClockId::CLOCK_REALTIME).map_or(0, |now| now.tv_sec() * 1_000_000_000 + now.tv_nsec())
}

fn system_time(ns: i64) -> SystemTime {
    let distance = Duration::from_nanos(ns.unsigned_abs());
    if ns < 0 { UNIX_EPOCH - distance } else { UNIX_EPOCH + distance }
}

pub(super) fn time(time: TimeOrNow) -> Time {
    match time {
        TimeOrNow::Now => Time::Now,
        TimeOrNow::SpecificTime(time) => Time::At(match time.duration_since(UNIX_EPOCH) {
            Ok(since) => i64::try_from(since.as_nanos()).unwrap_or(i64::MAX),
            Err(before) => i64::try_from(before.duration().as_nanos()).map_or(i64::MIN, |ns| -ns),
        }),
    }
}

pub(super) fn file_type(kind: Kind) -> FileType {
    match kind {
        Kind::File => FileType::RegularFile,
        Kind::Directory => FileType::Directory,
        Kind::Symlink => FileType::Symlink,
        Kind::Fifo => FileType::NamedPipe,
        Kind::Socket => FileType::Socket,
        Kind::Character => FileType::CharDevice,
        Kind::Block => FileType::BlockDevice,
    }
}

/// The kind that `mknod` was asked for.
pub(super) fn kind(mode: u32) -> Result<Kind, Errno> {
    let kinds = [
        (SFlag::S_IFREG, Kind::File),
        (SFlag::S_IFIFO, Kind::Fifo),
        (SFlag::S_IFSOCK, Kind::Socket),
        (SFlag::S_IFCHR, Kind::Character),
        (SFlag::S_IFBLK, Kind::Block),
    ];
    let asked = mode & SFlag::S_IFMT.bits();
    kinds.into_iter().find(|(flag, _)| flag.bits() == asked).map(|(_, kind)| kind).ok_or(Errno::EINVAL)
}

pub(super) fn attr(root: Ino, attributes: &Attributes) -> FileAttr {
    let inode = &attributes.inode;
    FileAttr {
        ino: ino_out(root, inode.ino),
        size: inode.size,
        blocks: attributes.blocks,
        atime: system_time(inode.atime_ns),
        mtime: system_time(inode.mtime_ns),
        ctime: system_time(inode.ctime_ns),
        crtime: UNIX_EPOCH,
        kind: file_type(inode.kind),
        perm: inode.mode as u16,
        nlink: inode.nlink,
        uid: inode.uid,
        gid: inode.gid,
        rdev: inode.device,
        blksize: SPAN_BYTES as u32,
        flags: 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_has_the_kernels_number_and_no_other_inode_has() {
        for root in [1, 77] {
            assert_eq!(ino_out(root, root), INodeNo(1));
            for ino in [1, 2, 77] {
                assert_eq!(ino_in(root, ino_out(root, ino)), ino);
            }
        }
    }

    #[test]
    fn times_before_1970_come_back() {
        for ns in [0, 1, -1, 1_700_000_000_123_456_789, -5_000_000_001] {
            let Time::At(back) = time(TimeOrNow::SpecificTime(system_time(ns))) else { panic!("a time is one") };
            assert_eq!(back, ns);
        }
    }
}
