//! Counting and ending processes without a cgroup: by waiting for them, and by what /proc tells.

use std::fs;
use std::time::Duration;

use nix::libc;
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, SysconfVar, geteuid, sysconf};

const SIGNALLED: i32 = 128;

/// What is known of a step's processes that have ended.
#[derive(Default)]
pub(super) struct Reaped {
    /// Exit status and signal of the program itself, once it has ended.
    pub(super) status: Option<(i32, Option<i32>)>,
    pub(super) cpu: Duration,
    /// Of the largest one.
    pub(super) memory_bytes: u64,
}

impl Reaped {
    /// Takes all that are dead now.
    pub(super) fn take_dead(&mut self, program: Pid) {
        while self.take(program, libc::WNOHANG) {}
    }

    /// Waits for the next one; false when there is none left.
    pub(super) fn take_next(&mut self, program: Pid) -> bool {
        self.take(program, 0)
    }

    fn take(&mut self, program: Pid, options: i32) -> bool {
        let mut status = 0;
        // SAFETY: all zeroes is a valid value of this structure of numbers.
        let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
        // SAFETY: both places live through the call.
        let pid = unsafe { libc::wait4(-1, &raw mut status, options | libc::__WALL, &raw mut usage) };
        if pid <= 0 {
            return pid < 0 && nix::errno::Errno::last() == nix::errno::Errno::EINTR;
        }
        self.cpu += of(usage.ru_utime) + of(usage.ru_stime);
        let kilobytes = u64::try_from(usage.ru_maxrss).unwrap_or_default();
        self.memory_bytes = self.memory_bytes.max(kilobytes * 1024);
        if pid == program.as_raw() {
            let signal = libc::WIFSIGNALED(status).then(|| libc::WTERMSIG(status));
            let code = signal.map_or_else(|| libc::WEXITSTATUS(status), |signal| SIGNALLED + signal);
            self.status = Some((code, signal));
        }
        true
    }
}

fn of(time: libc::timeval) -> Duration {
    Duration::from_secs(time.tv_sec.unsigned_abs()) + Duration::from_micros(time.tv_usec.unsigned_abs())
}

/// Kills the children of the calling process but for those `spared`. Theirs come to it then.
pub(in super::super) fn children_kill(spared: &[Pid]) {
    let own = Pid::this();
    let children = fs::read_to_string(format!("/proc/{own}/task/{own}/children")).unwrap_or_default();
    let children = children.split_whitespace().filter_map(|pid| pid.parse().ok()).map(Pid::from_raw);
    for child in children.filter(|child| !spared.contains(child)) {
        let _ = kill(child, Signal::SIGKILL);
    }
}

/// CPU time of the processes that are alive in the calling one's pid namespace, but for it.
pub(super) fn cpu_of_living() -> Duration {
    let ticks_a_second =
        sysconf(SysconfVar::CLK_TCK).ok().flatten().and_then(|ticks| u64::try_from(ticks).ok()).unwrap_or(100);
    let ticks: u64 = processes().filter(|&pid| pid != Pid::this().as_raw()).filter_map(ticks_of).sum();
    Duration::from_millis(ticks * 1000 / ticks_a_second)
}

/// Memory that the same processes have for themselves, in bytes. Source: proc_pid_statm(5), resident less shared.
pub(super) fn memory_of_living() -> u64 {
    let page =
        sysconf(SysconfVar::PAGE_SIZE).ok().flatten().and_then(|bytes| u64::try_from(bytes).ok()).unwrap_or(4096);
    let pages = |pid| {
        let statm = fs::read_to_string(format!("/proc/{pid}/statm")).ok()?;
        let mut counts = statm.split(' ').skip(1).filter_map(|count| count.parse::<u64>().ok());
        Some(counts.next()?.saturating_sub(counts.next()?))
    };
    processes().filter(|&pid| pid != Pid::this().as_raw()).filter_map(pages).sum::<u64>() * page
}

/// User and system time of a process and of its children that it waited for. Source: proc_pid_stat(5), fields 14 to 17.
fn ticks_of(pid: i32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, fields) = stat.rsplit_once(')')?;
    Some(fields.split_whitespace().skip(11).take(4).filter_map(|ticks| ticks.parse::<u64>().ok()).sum())
}

/// How many processes and threads the calling process's user has.
pub(super) fn processes_of_user() -> u64 {
    use std::os::unix::fs::MetadataExt;
    let user = geteuid().as_raw();
    let own = processes().filter(|pid| fs::metadata(format!("/proc/{pid}")).is_ok_and(|process| process.uid() == user));
    own.filter_map(|pid| fs::read_dir(format!("/proc/{pid}/task")).ok()).map(|threads| threads.count() as u64).sum()
}

fn processes() -> impl Iterator<Item = i32> {
    fs::read_dir("/proc").into_iter().flatten().flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}
