//! One slot: a process that stays in the slot's cgroup and network, and holds one room after another.
//!
//! What it starts is born into both, which costs nothing; entering them anew for each room would cost more than the
//! program. It runs nothing that is not ours, so it may keep what it needs to bound and measure.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::prctl;
use nix::sys::signal::Signal;
use nix::sys::wait::waitpid;
use nix::unistd::Pid;

use super::cgroup::{Reading, Slot, Used};
use super::confine::INSIDE_ID;
use super::init::Birth;
use super::message::{Ended, FromInit, Reply, Request, Step, WireExit, receive, send, widen};
use super::namespace;
use super::network::Network;
use super::serve::Site;
use super::{Cause, RoomSpec};

mod ward;

use ward::Ward;

/// CPU time is looked at this often at least, and this often at most.
const LOOK: (Duration, Duration) = (Duration::from_millis(5), Duration::from_millis(100));

/// What the first room of a slot is made for.
const FIRST: RoomSpec = RoomSpec { bytes: 64 * 1024 * 1024, has_network: false };

/// What a keeper keeps for its rooms.
pub(super) struct Keeper<'a> {
    site: &'a Site,
    slot: &'a mut Slot,
    agent: OwnedFd,
    user: Option<OwnedFd>,
    /// Whose programs and files of rooms are, where this process may choose.
    outside: Option<u32>,
    /// The slot's own; none when not contained.
    network: Option<Network>,
    /// Where the slot's rooms are when they have no root of their own.
    dir: Option<PathBuf>,
    ward: Option<Ward>,
    /// Killed with its room and not waited for yet.
    leaving: Option<Pid>,
    is_open: bool,
    /// What the next room is made for.
    next: RoomSpec,
    /// Memory that was in use before the room's first step, in bytes.
    base: Option<u64>,
    /// Asked once: asking opens files, and where memory has run out that would be this process's end.
    cores: u32,
    running: Option<Running>,
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
    /// be outside, where the caller may choose; `dir` is where rooms are that have no root of their own.
    pub(super) fn settle(
        site: &'a Site,
        slot: &'a mut Slot,
        agent: OwnedFd,
        outside: Option<u32>,
        dir: Option<PathBuf>,
    ) -> io::Result<Self> {
        prctl::set_pdeathsig(Signal::SIGKILL)?;
        widen(&agent);
        slot.join()?;
        let (mut user, mut network) = (None, None);
        if site.is_contained {
            network = Some(Network::enter()?);
            user = Some(namespace::user_make(outside.unwrap_or(INSIDE_ID))?);
        }
        // Not earlier: the kernel gives the /proc files of what isn't dumpable, user maps among them, to root.
        prctl::set_dumpable(false)?;
        let cores = std::thread::available_parallelism().map_or(1, |cores| u32::try_from(cores.get()).unwrap_or(1));
        let (ward, leaving, running, base) = (None, None, None, None);
        Ok(Self {
            site,
            slot,
            agent,
            user,
            outside,
            network,
            dir,
            ward,
            leaving,
            is_open: false,
            next: FIRST,
            base,
            cores,
            running,
        })
    }

    /// Serves until the agent closes its end.
    pub(super) fn serve(mut self) -> io::Result<()> {
        loop {
            if self.ward.is_none() && !self.is_open {
                // Made ahead: the next room is there when it is asked for.
                self.ward = Some(self.ward_start(self.next)?);
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
        self.room_close()?;
        self.left();
        Ok(())
    }

    fn wait(&self) -> io::Result<(bool, bool)> {
        let mut fds = vec![PollFd::new(self.agent.as_fd(), PollFlags::POLLIN)];
        let ward = self.ward.as_ref().filter(|ward| ward.is_heard());
        fds.extend(ward.map(|ward| PollFd::new(ward.channel.as_fd(), PollFlags::POLLIN)));
        match poll(&mut fds, self.look_in()) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
        let is_ready = |index: usize| fds.get(index).and_then(PollFd::any).unwrap_or(false);
        Ok((is_ready(0), is_ready(1)))
    }

    fn ward_start(&self, spec: RoomSpec) -> io::Result<Ward> {
        Ward::start(Birth {
            site: self.site,
            user: self.user.as_ref(),
            owner: self.outside.unwrap_or(INSIDE_ID),
            is_owner_chosen: self.outside.is_some(),
            spec,
            has_cpu_count: self.slot.has_cpu(),
            has_memory_limit: self.slot.has_memory(),
            has_pids_limit: self.slot.has_pids(),
            dir: self.dir.clone(),
        })
    }

    fn on_request(&mut self, request: Request, fds: &[OwnedFd]) -> io::Result<()> {
        match &request {
            Request::Open { id, bytes, has_network } => {
                self.room_open(*id, RoomSpec { bytes: *bytes, has_network: *has_network })
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
            Request::Close => self.room_close(),
        }
    }

    /// Hands the room that was made ahead over, or makes another where that one can't be what is asked for.
    fn room_open(&mut self, id: u64, spec: RoomSpec) -> io::Result<()> {
        self.room_close()?;
        (self.is_open, self.base) = (true, None);
        self.next = RoomSpec { has_network: false, ..spec };
        if !self.ward.as_mut().is_some_and(|ward| ward.is_made_for(spec)) {
            self.ward_end();
            let mut ward = self.ward_start(spec)?;
            ward.settle();
            self.ward = Some(ward);
        }
        let made = self.ward.as_ref().map_or(Err(("waking the room", Errno::EOWNERDEAD)), Ward::work);
        match made {
            Ok(work) => send(&self.agent, &Reply::Opened { id }, &[work.as_fd()]),
            Err((what, errno)) => self.fail(id, what, errno),
        }
    }

    fn step_begin(&mut self, id: u64, step: &Step) -> io::Result<()> {
        // What the room before used is free again only then.
        self.left();
        self.slot.limit(&step.limits)?;
        let before = self.slot.begin();
        self.base.get_or_insert(before.memory_in_use());
        self.running = Some(Running { id, before, cpu: step.limits.cpu, is_started: false, is_out_of_time: false });
        Ok(())
    }

    fn pass_on(&mut self, request: &Request, fds: &[OwnedFd]) -> io::Result<()> {
        if matches!(request, Request::Kill { .. }) {
            self.slot.lift_if_full();
        }
        let ward = self.ward.as_ref().ok_or(Errno::EOWNERDEAD)?;
        let fds: Vec<BorrowedFd<'_>> = fds.iter().map(AsFd::as_fd).collect();
        send(&ward.channel, request, &fds)
    }

    fn fail(&self, id: u64, what: &str, errno: Errno) -> io::Result<()> {
        send(&self.agent, &Reply::Failed { id, what: what.to_owned(), errno: errno as i32 }, &[])
    }

    fn on_init(&mut self) -> io::Result<()> {
        if self.running.as_ref().is_some_and(|running| running.is_started) {
            // The step is over; before its end it keeps its limit.
            self.slot.lift_if_full();
        }
        let Some(ward) = &mut self.ward else { return Ok(()) };
        if ward.is_coming() {
            ward.settle();
            return Ok(());
        }
        let Ok(Some((message, _))) = receive::<FromInit>(&ward.channel) else { return self.on_init_gone() };
        match message {
            FromInit::Ready => Ok(()),
            FromInit::Started { id } => {
                if let Some(running) = &mut self.running {
                    running.is_started = true;
                }
                let pid = ward.pid.as_raw().unsigned_abs();
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
        self.ward_end();
        self.step_killed()
    }

    /// Tells the end of a step whose init is dead.
    fn step_killed(&mut self) -> io::Result<()> {
        let signal = Signal::SIGKILL as i32;
        self.on_ended(&Ended { code: 128 + signal, signal: Some(signal), ..Ended::default() })
    }

    fn on_ended(&mut self, ended: &Ended) -> io::Result<()> {
        let Some(running) = self.running.take() else { return Ok(()) };
        let used = self.slot.used(&running.before, self.base.unwrap_or_default());
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

    fn room_close(&mut self) -> io::Result<()> {
        if !self.is_open {
            return Ok(());
        }
        self.is_open = false;
        if self.running.is_some() || !self.site.is_contained {
            self.ward_end();
            // An agent that is gone needs no answer.
            let _ = self.step_killed();
        } else if let Some(ward) = self.ward.take() {
            // Nothing of the room runs any more: what the kernel has to take down is taken down beside what follows.
            self.left();
            self.leaving = Some(ward.leave());
        }
        if self.network.as_ref().is_some_and(Network::is_used) {
            self.network = Some(Network::enter()?);
        }
        Ok(())
    }

    /// Kills the room's init and waits until it and everything in its pid namespace is gone.
    fn ward_end(&mut self) {
        if let Some(ward) = self.ward.take() {
            ward.end(self.running.as_ref().map(|running| running.id));
        }
    }

    /// Waits for the init that was killed last, which has taken its mounts and its memory along then.
    fn left(&mut self) {
        if let Some(pid) = self.leaving.take() {
            let _ = waitpid(pid, None);
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
    } else if used.was_killed_for_memory || ended.is_out_of_memory {
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
