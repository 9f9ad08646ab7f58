//! Starts one program as init's child.
//!
//! The child shares init's memory until it executes (as vfork does), so that starting costs the same however large init
//! is; between birth and exec it makes system calls only, on what was prepared before.

use std::ffi::CString;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::Duration;

use nix::libc;
use nix::sched::{CloneFlags, clone};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::Signal;
use nix::sys::wait::waitpid;
use nix::unistd::Pid;

use super::Limits;
use super::message::Step;

/// Small: it is cleared for each program.
const STACK_BYTES: usize = 16 * 1024;
/// What a shell would give; programs may ask for more up to the second.
const STACK_SOFT: u64 = 8 * 1024 * 1024;
const STACK_HARD: u64 = 64 * 1024 * 1024;
/// Signals and timers of one room that may wait at a time.
const SIGNALS_MOST: u64 = 1024;
const PATH: &str = "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin";

/// Which rlimits stand in for a cgroup that isn't there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Substitute {
    /// Bound the data of each process.
    pub(super) is_memory: bool,
    /// Processes of the same user that are not of this step.
    pub(super) others: u64,
}

/// Everything the child needs, made before it is born.
struct Prepared {
    candidates: Vec<CString>,
    argv: Vec<*const libc::c_char>,
    env: Vec<*const libc::c_char>,
    fds: [i32; 3],
    rlimits: Vec<(Resource, u64, u64)>,
    work: CString,
    is_terminal: bool,
}

/// Starts `step` in `work`. Returns once it is executed; its process group has its id.
///
/// Errors: `NotFound` when no directory of PATH has it; otherwise what execve(2) or the last preparation said.
pub(super) fn spawn(step: &Step, fds: &[OwnedFd], work: &str, substitute: Substitute) -> io::Result<Pid> {
    let [stdin, stdout, stderr] = fds else { return Err(io::ErrorKind::InvalidInput.into()) };
    let argv = strings(step.argv.iter().cloned())?;
    let vars = environment(&step.env, work);
    let path = vars.iter().find(|(key, _)| key == "PATH").map_or(PATH, |(_, value)| value);
    let candidates = candidates(step.argv.first().ok_or(io::ErrorKind::NotFound)?, path)?;
    let env = strings(vars.iter().map(|(key, value)| format!("{key}={value}")))?;
    let prepared = Prepared {
        candidates,
        argv: pointers(&argv),
        env: pointers(&env),
        fds: [stdin.as_raw_fd(), stdout.as_raw_fd(), stderr.as_raw_fd()],
        rlimits: rlimits(&step.limits, substitute)?,
        work: CString::new(work)?,
        is_terminal: step.is_terminal,
    };
    let mut stack = vec![0; STACK_BYTES];
    let mut errno = 0;
    let flags = CloneFlags::CLONE_VM | CloneFlags::CLONE_VFORK;
    let child = || {
        errno = execute(&prepared);
        127
    };
    // SAFETY: CLONE_VFORK stops this only thread until the child has executed or ended, so they never use the shared
    // memory at once; the child has a stack of its own and allocates nothing.
    let pid = unsafe { clone(Box::new(child), &mut stack, flags, Some(Signal::SIGCHLD as i32)) }?;
    if errno == 0 {
        return Ok(pid);
    }
    let _ = waitpid(pid, None);
    Err(io::Error::from_raw_os_error(errno))
}

/// In the child. Returns the error number of what failed; otherwise doesn't return.
fn execute(prepared: &Prepared) -> i32 {
    // SAFETY: system calls on numbers and on strings that end in NUL and live in the parent, which waits.
    unsafe {
        libc::setsid();
        if prepared.is_terminal && libc::ioctl(prepared.fds[0], libc::TIOCSCTTY, 0) != 0 {
            return errno();
        }
        for (&from, to) in prepared.fds.iter().zip(0..) {
            if libc::dup2(from, to) < 0 {
                return errno();
            }
        }
        // All others close by themselves; one that did not would be a way out. Older kernels than 5.9 can't.
        libc::syscall(libc::SYS_close_range, 3, libc::c_int::MAX, 0);
        if libc::chdir(prepared.work.as_ptr()) != 0 {
            return errno();
        }
        for &(resource, soft, hard) in &prepared.rlimits {
            if let Err(error) = setrlimit(resource, soft, hard) {
                return error as i32;
            }
        }
        libc::signal(libc::SIGPIPE, libc::SIG_DFL);
        let mut none: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut none);
        libc::sigprocmask(libc::SIG_SETMASK, &raw const none, std::ptr::null_mut());
        libc::umask(0o022);
        let mut error = libc::ENOENT;
        for candidate in &prepared.candidates {
            libc::execve(candidate.as_ptr(), prepared.argv.as_ptr(), prepared.env.as_ptr());
            match errno() {
                // Goes on looking, as a shell would, and tells the better reason in the end.
                libc::ENOENT | libc::ENOTDIR => {}
                libc::EACCES => error = libc::EACCES,
                other => return other,
            }
        }
        error
    }
}

fn errno() -> i32 {
    nix::errno::Errno::last_raw()
}

fn environment(given: &[(String, String)], work: &str) -> Vec<(String, String)> {
    let mut vars = given.to_vec();
    for (key, value) in [("PATH", PATH), ("HOME", work), ("LANG", "C.UTF-8")] {
        if !vars.iter().any(|(given, _)| given == key) {
            vars.push((key.to_owned(), value.to_owned()));
        }
    }
    vars
}

fn candidates(program: &str, path: &str) -> io::Result<Vec<CString>> {
    if program.contains('/') {
        return Ok(vec![CString::new(program)?]);
    }
    strings(path.split(':').filter(|dir| !dir.is_empty()).map(|dir| format!("{dir}/{program}")))
}

fn strings(texts: impl Iterator<Item = String>) -> io::Result<Vec<CString>> {
    texts.map(|text| CString::new(text).map_err(io::Error::from)).collect()
}

fn pointers(strings: &[CString]) -> Vec<*const libc::c_char> {
    strings.iter().map(|text| text.as_ptr()).chain([std::ptr::null()]).collect()
}

/// Soft and hard limits, none above what init itself has.
fn rlimits(limits: &Limits, substitute: Substitute) -> io::Result<Vec<(Resource, u64, u64)>> {
    // Rounded up and one more: the cgroup's count is the exact one, and comes first.
    let cpu = limits.cpu.map(|cpu| cpu.saturating_add(Duration::from_millis(1999)).as_secs());
    let wanted = [
        // Not 0: that keeps the kernel from writing a core, but not from starting the machine's core handler as root.
        // Source: core(5) and `do_coredump`, where a limit of 1 ends both.
        (Resource::RLIMIT_CORE, Some((1, 1))),
        // The kernel counts queued signals for the maker of the user namespace too, who would run out of them.
        (Resource::RLIMIT_SIGPENDING, Some((SIGNALS_MOST, SIGNALS_MOST))),
        (Resource::RLIMIT_STACK, Some((STACK_SOFT, STACK_HARD))),
        (Resource::RLIMIT_CPU, cpu.map(|cpu| (cpu, cpu + 1))),
        (Resource::RLIMIT_FSIZE, limits.file_bytes.map(|bytes| (bytes, bytes))),
        (Resource::RLIMIT_NOFILE, limits.open_files.map(|files| (files.into(), files.into()))),
        (
            Resource::RLIMIT_NPROC,
            limits.processes.map(|most| u64::from(most) + substitute.others).map(|most| (most, most)),
        ),
        (Resource::RLIMIT_DATA, limits.memory_bytes.filter(|_| substitute.is_memory).map(|bytes| (bytes, bytes))),
    ];
    let set = wanted.into_iter().filter_map(|(resource, limit)| limit.map(|(soft, hard)| (resource, soft, hard)));
    set.map(|(resource, soft, hard)| {
        let (_, most) = getrlimit(resource)?;
        Ok((resource, soft.min(most), hard.min(most)))
    })
    .collect()
}
