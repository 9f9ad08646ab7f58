//! One slot: a process that stays in the slot's cgroup and network, and holds one room after another.
//!
//! What it starts is born into both, which costs nothing; entering them anew for each room would cost more than the
//! program. It runs nothing that is not ours, so it may keep what it needs to bound and measure.

use std::fs;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;
use std::time::Duration;

use nix::errno::Errno;
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sched::CloneFlags;
use nix::sys::prctl;
use nix::sys::signal::{Signal, kill};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socketpair};
use nix::sys::wait::waitpid;
use nix::unistd::Pid;

use super::Cause;
use super::cgroup::{Reading, Slot, Used};
use super::confine::INSIDE_ID;
use super::init::{Birth, init_main};
use super::message::{Ended, FromInit, Reply, Request, Step, WireExit, receive, send, widen};
use super::namespace;
use super::serve::Site;

/// CPU time is looked at this often at least, and this often at most.
const LOOK: (Duration, Duration) = (Duration::from_millis(5), Duration::from_millis(100));

/// What a keeper keeps for its rooms.
pub(super) struct Keeper<'a> {
    site: &'a Site,
    slot: &'a mut Slot,
    agent: OwnedFd,
    user: Option<OwnedFd>,
    /// Whose files of rooms are, as this process sees users.
    owner: u32,
    init: Option<Init>,
    is_open: bool,
    /// Memory that was in use when the room was opened, in bytes.
    base: u64,
    /// Asked once: asking opens files, and where memory has run out that would be this process's end.
    cores: u32,
    running: Option<Running>,
}

struct Init {
    pid: Pid,
    channel: OwnedFd,
    dir: Option<PathBuf>,
}

struct Running {
    id: u64,
    before: Reading,
    cpu: Option<Duration>,
    is_started: bool,
    is_out_of_time: bool,
}

impl<'a> Keeper<'a> {
    /// Moves the calling process, just forked, to where rooms are to be born. `outside` is the user that programs are to
    /// be outside, where the caller may choose.
    pub(super) fn settle(site: &'a Site, slot: &'a mut Slot, agent: OwnedFd, outside: Option<u32>) -> io::Result<Self> {
        prctl::set_pdeathsig(Signal::SIGKILL)?;
        widen(&agent);
        slot.join()?;
        let (mut user, mut owner) = (None, INSIDE_ID);
        if site.is_contained {
            namespace::network_unshare()?;
            owner = outside.unwrap_or(INSIDE_ID);
            user = Some(namespace::user_make(owner)?);
        }
        // Not earlier: the kernel gives the /proc files of what isn't dumpable, user maps among them, to root.
        prctl::set_dumpable(false)?;
        let cores = std::thread::available_parallelism().map_or(1, |cores| u32::try_from(cores.get()).unwrap_or(1));
        Ok(Self { site, slot, agent, user, owner, init: None, is_open: false, base: 0, cores, running: None })
    }

    /// Serves until the agent closes its end.
    pub(super) fn serve(mut self) -> io::Result<()> {
        loop {
            if self.init.is_none() && !self.is_open {
                // Made ahead: the next room finds its namespaces ready.
                self.init = Some(self.init_start()?);
            }
            let (from_agent, from_init) = self.wait()?;
            if from_init {
                self.on_init()?;
            }
            if from_agent {
                match receive::<Request>(&self.agent)? {
                    Some((request, fds)) => self.on_request(request, &fds)?,
                    None => break,
                }
            }
            self.time_check();
        }
        self.room_close();
        Ok(())
    }

    fn wait(&self) -> io::Result<(bool, bool)> {
        let mut fds = vec![PollFd::new(self.agent.as_fd(), PollFlags::POLLIN)];
        fds.extend(self.init.as_ref().map(|init| PollFd::new(init.channel.as_fd(), PollFlags::POLLIN)));
        match poll(&mut fds, self.look_in()) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
        let is_ready = |index: usize| fds.get(index).and_then(PollFd::any).unwrap_or(false);
        Ok((is_ready(0), is_ready(1)))
    }

    fn init_start(&self) -> io::Result<Init> {
        let (ours, theirs) = socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC)?;
        widen(&ours);
        let dir = if self.site.is_contained { None } else { Some(dir_make()?) };
        let namespaces = CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWPID | CloneFlags::CLONE_NEWIPC;
        let flags = if self.site.is_contained { namespaces } else { CloneFlags::empty() };
        if let Some(pid) = namespace::fork_into(flags)? {
            return Ok(Init { pid, channel: ours, dir });
        }
        drop(ours);
        let birth = Birth {
            site: self.site,
            user: self.user.as_ref(),
            owner: self.owner,
            has_cpu_count: self.slot.has_cpu(),
            has_memory_limit: self.slot.has_memory(),
            has_pids_limit: self.slot.has_pids(),
            dir,
        };
        let is_well = init_main(birth, theirs).is_ok();
        // SAFETY: ends this process at once; what it shares with its parent is not to be tidied here.
        unsafe { libc::_exit(i32::from(!is_well)) }
    }

    fn on_request(&mut self, request: Request, fds: &[OwnedFd]) -> io::Result<()> {
        match &request {
            Request::Open { id, .. } => {
                let id = *id;
                self.room_close();
                if self.init.is_none() {
                    self.init = Some(self.init_start()?);
                }
                (self.is_open, self.base) = (true, self.slot.memory_in_use());
                self.pass_on(&request, fds).or_else(|_| self.fail(id, "waking the room", Errno::EOWNERDEAD))
            }
            Request::Step { id, step } => {
                let id = *id;
                if self.running.is_some() {
                    return self.fail(id, "starting the program", Errno::EBUSY);
                }
                if let Err(error) = self.step_begin(id, step) {
                    // Files of earlier steps fill more than this one may use.
                    let errno = error.raw_os_error().map_or(Errno::ENOMEM, Errno::from_raw);
                    return self.fail(id, "limiting the program", errno);
                }
                self.pass_on(&request, fds).or_else(|_| {
                    self.running = None;
                    self.fail(id, "starting the program", Errno::EOWNERDEAD)
                })
            }
            Request::Interrupt { .. } | Request::Kill { .. } => {
                // An init that is gone has no step any more.
                let _ = self.pass_on(&request, fds);
                Ok(())
            }
            Request::Close => {
                self.room_close();
                Ok(())
            }
        }
    }

    fn step_begin(&mut self, id: u64, step: &Step) -> io::Result<()> {
        self.slot.limit(&step.limits)?;
        let before = self.slot.begin();
        self.running = Some(Running { id, before, cpu: step.limits.cpu, is_started: false, is_out_of_time: false });
        Ok(())
    }

    fn pass_on(&mut self, request: &Request, fds: &[OwnedFd]) -> io::Result<()> {
        if matches!(request, Request::Kill { .. }) {
            self.slot.lift_if_full();
        }
        let init = self.init.as_ref().ok_or(Errno::EOWNERDEAD)?;
        let fds: Vec<BorrowedFd<'_>> = fds.iter().map(AsFd::as_fd).collect();
        send(&init.channel, request, &fds)
    }

    fn fail(&self, id: u64, what: &str, errno: Errno) -> io::Result<()> {
        send(&self.agent, &Reply::Failed { id, what: what.to_owned(), errno: errno as i32 }, &[])
    }

    fn on_init(&mut self) -> io::Result<()> {
        if self.running.as_ref().is_some_and(|running| running.is_started) {
            // The step is over; before its end it keeps its limit.
            self.slot.lift_if_full();
        }
        let Some(init) = &self.init else { return Ok(()) };
        let Ok(Some((message, fds))) = receive::<FromInit>(&init.channel) else { return self.on_init_gone() };
        let fds: Vec<BorrowedFd<'_>> = fds.iter().map(AsFd::as_fd).collect();
        match message {
            FromInit::Opened { id } => send(&self.agent, &Reply::Opened { id }, &fds),
            FromInit::Started { id } => {
                if let Some(running) = &mut self.running {
                    running.is_started = true;
                }
                let pid = init.pid.as_raw().unsigned_abs();
                send(&self.agent, &Reply::Started { id, pid }, &[])
            }
            FromInit::Ended { ended, .. } => self.on_ended(&ended),
            FromInit::Failed { id, what, errno } => {
                self.running = None;
                send(&self.agent, &Reply::Failed { id, what, errno }, &[])
            }
        }
    }

    /// Init was killed, by the kernel for memory or by somebody on the node; everything in the room died with it.
    fn on_init_gone(&mut self) -> io::Result<()> {
        self.init_end();
        self.step_killed()
    }

    /// Tells the end of a step whose init is dead.
    fn step_killed(&mut self) -> io::Result<()> {
        let signal = Signal::SIGKILL as i32;
        let (cpu, memory_bytes, is_out_of_time) = (Duration::ZERO, 0, false);
        self.on_ended(&Ended { code: 128 + signal, signal: Some(signal), cpu, memory_bytes, is_out_of_time })
    }

    fn on_ended(&mut self, ended: &Ended) -> io::Result<()> {
        let Some(running) = self.running.take() else { return Ok(()) };
        let used = self.slot.used(&running.before, self.base);
        let cpu = used.cpu.unwrap_or(ended.cpu);
        let is_out_of_time = running.is_out_of_time || ended.is_out_of_time;
        let exit = WireExit {
            code: ended.code,
            signal: ended.signal,
            cpu,
            memory_peak_bytes: used.memory_peak_bytes.unwrap_or(ended.memory_bytes),
            cause: cause_of(ended, &used, is_out_of_time, running.cpu.is_some_and(|most| cpu >= most)),
        };
        send(&self.agent, &Reply::Ended { id: running.id, exit }, &[])
    }

    fn room_close(&mut self) {
        if self.is_open {
            self.init_end();
            // An agent that is gone needs no answer.
            let _ = self.step_killed();
            self.is_open = false;
        }
    }

    /// Kills the room's init and waits until it and everything in its pid namespace is gone.
    fn init_end(&mut self) {
        let Some(init) = self.init.take() else { return };
        if self.site.is_contained {
            let _ = kill(init.pid, Signal::SIGKILL);
        } else if let Some(running) = &self.running {
            // Not process 1 of anything: it has to kill its children itself, and ends when its channel does.
            let _ = send(&init.channel, &Request::Kill { id: running.id }, &[]);
            let _ = receive::<FromInit>(&init.channel);
        }
        drop(init.channel);
        let _ = waitpid(init.pid, None);
        if let Some(dir) = init.dir {
            let _ = fs::remove_dir_all(dir);
        }
    }

    /// How long to sleep at most: half of what is left, were all cores busy, within bounds.
    fn look_in(&self) -> PollTimeout {
        let left = self.time_left();
        let wait = left.map(|left| (left / self.cores).clamp(LOOK.0, LOOK.1));
        wait.and_then(|wait| PollTimeout::try_from(wait).ok()).unwrap_or(PollTimeout::NONE)
    }

    fn time_left(&self) -> Option<Duration> {
        let running = self.running.as_ref().filter(|running| !running.is_out_of_time)?;
        let most = running.cpu?;
        Some(most.saturating_sub(self.slot.cpu()?.saturating_sub(running.before.cpu)))
    }

    fn time_check(&mut self) {
        if self.time_left() == Some(Duration::ZERO)
            && let Some(running) = &mut self.running
        {
            running.is_out_of_time = true;
            let id = running.id;
            // An init that is gone took the step with it.
            let _ = self.pass_on(&Request::Kill { id }, &[]);
        }
    }
}

/// What the counters and the signal say about a step that failed.
fn cause_of(ended: &Ended, used: &Used, is_out_of_time: bool, is_time_used: bool) -> Option<Cause> {
    let is_signal = |signal: Signal| ended.signal == Some(signal as i32);
    if ended.code == 0 {
        None
    } else if is_out_of_time || is_signal(Signal::SIGXCPU) {
        Some(Cause::CpuTime)
    } else if used.was_killed_for_memory {
        Some(Cause::Memory)
    } else if is_signal(Signal::SIGSYS) {
        Some(Cause::BlockedCall)
    } else if is_signal(Signal::SIGXFSZ) {
        Some(Cause::FileSize)
    } else if used.was_refused_processes {
        Some(Cause::Processes)
    } else if is_signal(Signal::SIGKILL) && is_time_used {
        Some(Cause::CpuTime)
    } else {
        None
    }
}

/// A directory for a room that has no root of its own.
fn dir_make() -> io::Result<PathBuf> {
    let mut template = std::env::temp_dir().join("amphi-room-XXXXXX").into_os_string().into_encoded_bytes();
    template.push(0);
    // SAFETY: the bytes end in NUL, and mkdtemp writes over the six X only.
    let made = unsafe { libc::mkdtemp(template.as_mut_ptr().cast()) };
    if made.is_null() {
        return Err(io::Error::last_os_error());
    }
    template.pop();
    String::from_utf8(template).map(PathBuf::from).map_err(io::Error::other)
}
