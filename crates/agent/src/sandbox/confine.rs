//! How an init gives up what it has, before it starts anything: user, capabilities, new privileges, reach.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use landlock::{
    ABI, Access, AccessFs, CompatLevel, Compatible, PathBeneath, PathFd, Ruleset, RulesetAttr, RulesetCreatedAttr,
    Scope,
};
use nix::libc;
use nix::sched::{CloneFlags, setns};
use nix::sys::prctl;
use nix::sys::signal::Signal;
use nix::unistd::{Gid, Uid, setgroups, setresgid, setresuid};

/// The user and group of programs, as they see themselves.
pub(super) const INSIDE_ID: u32 = 65534;
/// Where programs read and execute but never write, inside a room and, without one, of the machine itself.
const READABLE: [&str; 9] = ["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/etc", "/opt/microsoft", "/proc"];
/// Newest interface this was written for; older kernels get what they know.
const LANDLOCK: ABI = ABI::V6;

/// Enters the slot's user namespace as its only user, who may do nothing special there.
pub(super) fn user_enter(namespace: &OwnedFd) -> io::Result<()> {
    // Refused where the agent's user made the outer namespace; its groups reach nothing in a room.
    let _ = setgroups(&[]);
    setns(namespace.as_fd(), CloneFlags::CLONE_NEWUSER)?;
    let (user, group) = (Uid::from_raw(INSIDE_ID), Gid::from_raw(INSIDE_ID));
    setresgid(group, group, group)?;
    Ok(setresuid(user, user, user)?)
}

/// Becomes `user`. Programs without a namespace must not own what root owns. Errors: this process isn't root.
pub(super) fn user_become(user: u32) -> io::Result<()> {
    setgroups(&[])?;
    let (user, group) = (Uid::from_raw(user), Gid::from_raw(user));
    setresgid(group, group, group)?;
    Ok(setresuid(user, user, user)?)
}

/// Ends with the parent, can't be looked into by its own children, and never gets a privilege again.
pub(super) fn privileges_drop() -> io::Result<()> {
    // After the change of user, which clears both.
    prctl::set_pdeathsig(Signal::SIGKILL)?;
    prctl::set_dumpable(false)?;
    bounding_set_clear();
    capabilities_clear()?;
    Ok(prctl::set_no_new_privs()?)
}

fn bounding_set_clear() {
    for capability in 0..64 {
        // SAFETY: plain numbers. Fails past the last capability, and where there is none to drop.
        if unsafe { libc::prctl(libc::PR_CAPBSET_DROP, capability, 0, 0, 0) } != 0 {
            break;
        }
    }
}

fn capabilities_clear() -> io::Result<()> {
    /// `struct __user_cap_header_struct`, version 3; and twice `struct __user_cap_data_struct`. Source: capset(2).
    static HEADER: [u32; 2] = [0x2008_0522, 0];
    static NONE: [u32; 6] = [0; 6];
    // SAFETY: both arrays have the sizes that version 3 reads.
    let done = unsafe { libc::syscall(libc::SYS_capset, &raw const HEADER, &raw const NONE) };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Landlock as a fence of its own: nothing is written but below `writable`, nothing outside is read or signalled.
/// Where the root `is_built` for rooms, directories may be listed from there on: there is nothing else in it.
/// Kernels that know less of it do less.
pub(super) fn reach_bound(writable: &[&Path], is_built: bool) -> io::Result<()> {
    let refused = |error: landlock::RulesetError| io::Error::other(error);
    let all = AccessFs::from_all(LANDLOCK);
    let mut ruleset = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(all)
        .and_then(|ruleset| ruleset.scope(Scope::AbstractUnixSocket | Scope::Signal))
        .and_then(Ruleset::create)
        .map_err(refused)?;
    let devices = AccessFs::ReadFile | AccessFs::ReadDir | AccessFs::WriteFile | AccessFs::IoctlDev;
    let readable = READABLE.iter().map(|path| (Path::new(path), AccessFs::from_read(LANDLOCK)));
    let writable = writable.iter().map(|path| (*path, all));
    let listed = is_built.then_some((Path::new("/"), AccessFs::ReadDir.into()));
    for (path, access) in readable.chain(writable).chain([(Path::new("/dev"), devices)]).chain(listed) {
        // Not every machine has each of these; what is missing needs no rule.
        if let Ok(fd) = PathFd::new(path) {
            ruleset = ruleset.add_rule(PathBeneath::new(fd, access)).map_err(refused)?;
        }
    }
    ruleset.restrict_self().map(|_| ()).map_err(refused)
}

/// The version of Landlock that this kernel has; 0 for none.
pub(super) fn landlock_version() -> i64 {
    const ASK_VERSION: u32 = 1;
    // SAFETY: with this flag the kernel takes no attributes. Source: landlock_create_ruleset(2).
    unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, std::ptr::null::<u8>(), 0_usize, ASK_VERSION) }.max(0)
}
