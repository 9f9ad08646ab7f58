//! Namespaces: who is whom in them, and processes that are born into new ones.

use std::fs::{self, File};
use std::io;
use std::os::fd::OwnedFd;

use nix::libc;
use nix::sched::{CloneFlags, unshare};
use nix::sys::prctl;
use nix::sys::signal::{Signal, kill, raise};
use nix::sys::wait::waitpid;
use nix::unistd::{ForkResult, Pid, Uid, close, fork, getegid, geteuid, getpid, getppid, pipe, read, setresuid, write};

use super::confine::INSIDE_ID;

/// Forks into new namespaces. `None` in the child, its process id in the parent.
///
/// The caller must have one thread, as the helper and keepers do: then the child may do all that its parent may.
pub(super) fn fork_into(flags: CloneFlags) -> io::Result<Option<Pid>> {
    let flags = libc::c_long::from(flags.bits() | Signal::SIGCHLD as i32);
    // SAFETY: without CLONE_VM and a stack this is fork(2), from a process with one thread.
    let pid = unsafe { libc::syscall(libc::SYS_clone, flags, 0, 0, 0, 0) };
    match i32::try_from(pid) {
        Ok(0) => Ok(None),
        Ok(pid) if pid > 0 => Ok(Some(Pid::from_raw(pid))),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Puts the calling process into a user namespace of its own, in which it may do everything and is `INSIDE_ID`.
pub(super) fn user_unshare() -> io::Result<()> {
    let (user, group) = (geteuid(), getegid());
    unshare(CloneFlags::CLONE_NEWUSER)?;
    // Without it the kernel lets nobody but root map groups. Source: user_namespaces(7).
    fs::write("/proc/self/setgroups", "deny")?;
    fs::write("/proc/self/uid_map", format!("{INSIDE_ID} {user} 1"))?;
    fs::write("/proc/self/gid_map", format!("{INSIDE_ID} {group} 1"))
}

/// Makes a user namespace below the caller's in which `INSIDE_ID` is the caller's `outside`, and nobody else is anybody.
pub(super) fn user_make(outside: u32) -> io::Result<OwnedFd> {
    let (ready_read, ready_write) = pipe()?;
    let caller = getpid();
    // SAFETY: the caller has one thread, so that the child may go on as it could.
    match unsafe { fork() }? {
        ForkResult::Child => {
            let is_made = maker_become(outside).is_ok()
                && unshare(CloneFlags::CLONE_NEWUSER).is_ok()
                && prctl::set_pdeathsig(Signal::SIGKILL).is_ok();
            // A caller that was killed earlier than that can't end this process any more, which has its descriptors.
            if getppid() != caller {
                let _ = raise(Signal::SIGKILL);
            }
            let _ = write(&ready_write, &[u8::from(is_made)]);
            // Stays as the namespace's only member until it is killed.
            loop {
                nix::unistd::pause();
            }
        }
        ForkResult::Parent { child } => {
            let _ = close(ready_write);
            let mut is_made = [0];
            let made = match read(&ready_read, &mut is_made) {
                Ok(1) if is_made[0] == 1 => user_map(child, outside),
                Ok(_) => Err(io::ErrorKind::PermissionDenied.into()),
                Err(error) => Err(error.into()),
            };
            let _ = kill(child, Signal::SIGKILL);
            let _ = waitpid(child, None);
            made
        }
    }
}

/// Becomes `outside` without losing a capability. What the users of a namespace hold (inotify instances, queued signals)
/// the kernel counts for its maker too: made by root, one room could use up what the machine's own programs need.
fn maker_become(outside: u32) -> io::Result<()> {
    let keep = libc::SECBIT_NO_SETUID_FIXUP as libc::c_ulong;
    // SAFETY: plain numbers. Source: capabilities(7).
    if unsafe { libc::prctl(libc::PR_SET_SECUREBITS, keep, 0, 0, 0) } != 0 {
        return Err(io::Error::last_os_error());
    }
    let outside = Uid::from_raw(outside);
    Ok(setresuid(outside, outside, outside)?)
}

fn user_map(member: Pid, outside: u32) -> io::Result<OwnedFd> {
    let map = format!("{INSIDE_ID} {outside} 1");
    fs::write(format!("/proc/{member}/uid_map"), &map)?;
    fs::write(format!("/proc/{member}/gid_map"), &map)?;
    Ok(File::open(format!("/proc/{member}/ns/user"))?.into())
}

/// Puts the calling process into an empty network: a loopback of its own that works, and nothing else.
pub(super) fn network_unshare() -> io::Result<()> {
    unshare(CloneFlags::CLONE_NEWNET)?;
    let mut request = loopback();
    // SAFETY: a socket that is closed below; the kernel reads and writes the one request that is passed.
    unsafe {
        let socket = libc::socket(libc::AF_INET, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, 0);
        let done = libc::ioctl(socket, libc::SIOCSIFFLAGS, &raw mut request);
        let error = io::Error::last_os_error();
        libc::close(socket);
        if done == 0 { Ok(()) } else { Err(error) }
    }
}

/// A request to bring `lo` up. Source: netdevice(7).
fn loopback() -> libc::ifreq {
    // SAFETY: all zeroes is a valid request for the interface without a name.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(b"lo") {
        *to = *from as libc::c_char;
    }
    request.ifr_ifru.ifru_flags = (libc::IFF_UP | libc::IFF_RUNNING) as libc::c_short;
    request
}
