//! The root that rooms see, built once by the helper in a mount namespace of its own. A room's init is born into a copy of
//! it and adds what is private to the room.
//!
//! It is built from nothing: /usr read-only, what programs want of /etc as copies, a few devices. Few mounts, because a
//! copy of all of them is made for each room.

use std::ffi::CString;
use std::fs::{self, File};
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, PermissionsExt, symlink};
use std::path::Path;

use nix::libc;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sys::stat::{Mode, SFlag, makedev, mknod};
use nix::unistd::{chdir, pivot_root};

use super::RoomSpec;

mod etc;

/// Character devices: name, major and minor number.
const DEVICES: [(&str, u64, u64); 6] =
    [("null", 1, 3), ("zero", 1, 5), ("full", 1, 7), ("random", 1, 8), ("urandom", 1, 9), ("tty", 5, 0)];
const DEVICE_LINKS: [(&str, &str); 5] = [
    ("fd", "/proc/self/fd"),
    ("stdin", "/proc/self/fd/0"),
    ("stdout", "/proc/self/fd/1"),
    ("stderr", "/proc/self/fd/2"),
    ("shm", "/tmp"),
];
/// Beside /usr; on merged systems all but the last are links into it.
const TREES: [&str; 7] = ["bin", "sbin", "lib", "lib32", "lib64", "libx32", "opt/microsoft"];
/// Where the new root is put together. Everything else on it is out of sight meanwhile.
const SITE: &str = "/tmp";
const NONE: Option<&str> = None;

/// Turns the calling process, which has just unshared its mounts, to the new root. The old one is let go.
/// `netns` names the network whose hosts and resolver the root's /etc tells.
pub(super) fn root_build(netns: Option<&str>) -> io::Result<()> {
    mount(NONE, "/", NONE, MsFlags::MS_REC | MsFlags::MS_PRIVATE, NONE)?;
    let etc = etc::Copies::read(netns);
    mount(Some("tmpfs"), SITE, Some("tmpfs"), MsFlags::MS_NOSUID, Some("mode=755,size=32m"))?;
    let site = Path::new(SITE);
    for dir in ["usr", "etc", "proc", "dev", "tmp", "work", "var", "opt", "root", "home"] {
        fs::create_dir(site.join(dir))?;
    }
    tree_bind(Path::new("/usr"), &site.join("usr"))?;
    for tree in TREES {
        tree_add(&Path::new("/").join(tree), &site.join(tree))?;
    }
    symlink("/tmp", site.join("var/tmp"))?;
    etc.write(&site.join("etc"))?;
    devices_make(&site.join("dev"))?;
    // Stays below each room's own: where users make namespaces the kernel lets nobody mount a proc who could not see one
    // before. They may not mount one of this pid namespace either, so they see the machine's.
    let below = site.join("proc");
    if mount(Some("proc"), &below, Some("proc"), sealed(), NONE).is_err() {
        mount(Some("/proc"), &below, NONE, MsFlags::MS_BIND | MsFlags::MS_REC, NONE)?;
    }
    chdir(site)?;
    pivot_root(".", ".")?;
    umount2(".", MntFlags::MNT_DETACH)?;
    chdir("/")?;
    let read_only = MsFlags::MS_REMOUNT | MsFlags::MS_BIND | MsFlags::MS_RDONLY | MsFlags::MS_NOSUID;
    Ok(mount(NONE, "/", NONE, read_only, NONE)?)
}

/// A proc of the calling process's own pid namespace, which shows its user only what is its own.
pub(super) fn proc_mount() -> io::Result<()> {
    Ok(mount(Some("proc"), "/proc", Some("proc"), sealed(), Some("hidepid=2"))?)
}

/// The room's own places to write, which end with its namespace. `owner` is whose they are, as the caller sees users.
pub(super) fn work_mount(spec: RoomSpec, owner: u32) -> io::Result<()> {
    let (size, files) = capacity(spec);
    for (path, mode) in [("/tmp", "1777"), ("/work", "755")] {
        let options = format!("size={size},nr_inodes={files},mode={mode},uid={owner},gid={owner}");
        mount(Some("tmpfs"), path, Some("tmpfs"), MsFlags::MS_NOSUID | MsFlags::MS_NODEV, Some(options.as_str()))?;
    }
    Ok(())
}

/// Gives one of these places, mounted anywhere, another size. Linux 5.2; nothing but a little may be in it.
pub(super) fn place_resize(place: &OwnedFd, spec: RoomSpec) -> io::Result<()> {
    let (size, files) = capacity(spec);
    // SAFETY: the strings end in NUL; the descriptor that comes back is new and owned here alone.
    let context = unsafe {
        let fd = libc::syscall(libc::SYS_fspick, place.as_raw_fd(), c"".as_ptr(), FSPICK_EMPTY_PATH | FSPICK_CLOEXEC);
        OwnedFd::from_raw_fd(i32::try_from(fd).ok().filter(|fd| *fd >= 0).ok_or_else(io::Error::last_os_error)?)
    };
    for (key, value) in [(c"size", size), (c"nr_inodes", files)] {
        let value = CString::new(value.to_string())?;
        fsconfig(&context, FSCONFIG_SET_STRING, key.as_ptr(), value.as_ptr())?;
    }
    fsconfig(&context, FSCONFIG_CMD_RECONFIGURE, std::ptr::null(), std::ptr::null())
}

fn fsconfig(context: &OwnedFd, command: u32, key: *const libc::c_char, value: *const libc::c_char) -> io::Result<()> {
    // SAFETY: both are strings that end in NUL and live through the call, or null for a command that takes none.
    let done = unsafe { libc::syscall(libc::SYS_fsconfig, context.as_raw_fd(), command, key, value, 0) };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Bytes and files that a place takes: one file a page and a few to spare; more files than that are a way to use memory
/// that no size counts.
fn capacity(spec: RoomSpec) -> (u64, u64) {
    let size = spec.bytes.max(PAGE_BYTES);
    (size, (size / PAGE_BYTES).clamp(256, 100_000))
}

// Source: linux/mount.h.
const FSPICK_CLOEXEC: u32 = 1;
const FSPICK_EMPTY_PATH: u32 = 8;
const FSCONFIG_SET_STRING: u32 = 1;
const FSCONFIG_CMD_RECONFIGURE: u32 = 7;
const PAGE_BYTES: u64 = 4096;

fn sealed() -> MsFlags {
    MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC
}

/// A directory as it is, a link as a link; what is missing is left out.
fn tree_add(from: &Path, to: &Path) -> io::Result<()> {
    let Ok(kind) = fs::symlink_metadata(from) else { return Ok(()) };
    if kind.is_symlink() {
        return symlink(fs::read_link(from)?, to);
    }
    fs::create_dir(to)?;
    tree_bind(from, to)
}

fn tree_bind(from: &Path, to: &Path) -> io::Result<()> {
    mount(Some(from), to, NONE, MsFlags::MS_BIND | MsFlags::MS_REC, NONE)?;
    if read_only_below(to).is_ok() {
        return Ok(());
    }
    // Linux before 5.12: the top one only. Programs are nobody who could write what is mounted below.
    let read_only =
        MsFlags::MS_REMOUNT | MsFlags::MS_BIND | MsFlags::MS_RDONLY | MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    Ok(mount(NONE, to, NONE, read_only, NONE)?)
}

fn read_only_below(path: &Path) -> io::Result<()> {
    let path = CString::new(path.as_os_str().as_encoded_bytes())?;
    let attributes = libc::mount_attr {
        attr_set: libc::MOUNT_ATTR_RDONLY | libc::MOUNT_ATTR_NOSUID | libc::MOUNT_ATTR_NODEV,
        attr_clr: 0,
        propagation: 0,
        userns_fd: 0,
    };
    // SAFETY: the string ends in NUL; the structure has the size that is passed.
    let done = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            libc::AT_FDCWD,
            path.as_ptr(),
            libc::AT_RECURSIVE,
            &raw const attributes,
            size_of::<libc::mount_attr>(),
        )
    };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Root makes devices; others, who may not, bind those of the machine.
fn devices_make(dev: &Path) -> io::Result<()> {
    for (name, major, minor) in DEVICES {
        let path = dev.join(name);
        let mode = Mode::from_bits_truncate(0o666);
        if mknod(&path, SFlag::S_IFCHR, mode, makedev(major, minor)).is_ok() {
            fs::set_permissions(&path, fs::Permissions::from_mode(0o666))?;
            if File::open(&path).is_ok() || name == "tty" {
                continue;
            }
            fs::remove_file(&path)?;
        }
        let machine = Path::new("/dev").join(name);
        if !fs::metadata(&machine).is_ok_and(|kind| kind.file_type().is_char_device()) {
            continue;
        }
        fs::write(&path, "")?;
        mount(Some(&machine), &path, NONE, MsFlags::MS_BIND, NONE)?;
    }
    DEVICE_LINKS.iter().try_for_each(|(name, target)| symlink(target, dev.join(name)))
}
