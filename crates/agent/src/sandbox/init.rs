//! Process 1 of a room: makes its private places, gives up every privilege, then starts steps and reaps what they leave.
//!
//! It runs as the same user as the programs, behind the same filter. They can't signal it (it is process 1 of their
//! namespace) nor look into it (it isn't dumpable), so what it says of their end is true.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::errno::Errno;
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sched::{CloneFlags, setns};
use nix::sys::prctl;
use nix::sys::signal::{SigSet, Signal, kill, killpg};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::unistd::Pid;

use super::RoomSpec;
use super::confine;
use super::message::{Ended, FromInit, Request, Step, receive, send};
use super::root;
use super::serve::Site;
use super::spawn::{Substitute, spawn};

mod reap;

pub(super) use reap::children_kill;

use reap::Reaped;

/// How often CPU time and memory are looked at where no cgroup counts them.
const LOOK: Duration = Duration::from_millis(100);

const PROCESSES_SPARE: u64 = 8;

/// What an init is given at birth.
pub(super) struct Birth<'a> {
    pub(super) site: &'a Site,
    /// The slot's user namespace; none when not contained.
    pub(super) user: Option<&'a OwnedFd>,
    /// Whose the room's files are, as the keeper sees users.
    pub(super) owner: u32,
    /// They are another user's than the keeper's.
    pub(super) is_owner_chosen: bool,
    pub(super) spec: RoomSpec,
    pub(super) has_cpu_count: bool,
    pub(super) has_memory_limit: bool,
    pub(super) has_pids_limit: bool,
    /// Where the room is when it has no root of its own; that of its slot until it is made.
    pub(super) dir: Option<PathBuf>,
}

struct Init<'a> {
    birth: Birth<'a>,
    channel: OwnedFd,
    children: SignalFd,
    /// How eager the kernel is to kill this process for memory. Missing where the agent isn't root.
    score: Option<File>,
    running: Option<Running>,
}

struct Running {
    id: u64,
    program: Pid,
    /// Limits that are this process's to see to, because nothing else counts.
    cpu: Option<Duration>,
    memory_bytes: Option<u64>,
    reaped: Reaped,
    is_out_of_time: bool,
    is_out_of_memory: bool,
}

/// Lives until its keeper closes `channel`.
pub(super) fn init_main(birth: Birth<'_>, channel: OwnedFd) -> io::Result<()> {
    let mut waited = SigSet::empty();
    waited.add(Signal::SIGCHLD);
    waited.thread_block()?;
    let children = SignalFd::with_flags(&waited, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)?;
    if birth.site.is_contained {
        root::proc_mount()?;
    } else {
        // Orphans come to this process, and die with the step.
        prctl::set_child_subreaper(true)?;
    }
    // Before privileges go, and with them the right to open it.
    let score = OpenOptions::new().write(true).open("/proc/self/oom_score_adj").ok();
    let mut init = Init { birth, channel, children, score, running: None };
    match init.prepare() {
        Ok(places) => {
            let places: Vec<_> = places.iter().map(AsFd::as_fd).collect();
            send(&init.channel, &FromInit::Ready, &places)?;
        }
        Err((what, error)) => return init.fail(0, what, &error),
    }
    init.serve()
}

impl Init<'_> {
    fn serve(mut self) -> io::Result<()> {
        loop {
            let (has_request, has_child) = self.wait()?;
            if has_child {
                while self.children.read_signal()?.is_some() {}
                self.reap();
            } else if !has_request {
                self.use_check();
            }
            if has_request {
                match receive::<Request>(&self.channel)? {
                    None => return Ok(()),
                    Some((request, fds)) => self.carry_out(request, &fds)?,
                }
            }
        }
    }

    fn wait(&self) -> io::Result<(bool, bool)> {
        let mut fds = [
            PollFd::new(self.channel.as_fd(), PollFlags::POLLIN),
            PollFd::new(self.children.as_fd(), PollFlags::POLLIN),
        ];
        let looks =
            self.running.as_ref().is_some_and(|running| running.cpu.is_some() || running.memory_bytes.is_some());
        let timeout = if looks { PollTimeout::try_from(LOOK).unwrap_or(PollTimeout::MAX) } else { PollTimeout::NONE };
        match poll(&mut fds, timeout) {
            Ok(_) | Err(Errno::EINTR) => Ok((fds[0].any().unwrap_or(false), fds[1].any().unwrap_or(false))),
            Err(error) => Err(error.into()),
        }
    }

    fn carry_out(&mut self, request: Request, fds: &[OwnedFd]) -> io::Result<()> {
        match request {
            Request::Step { id, step } => match self.step(id, &step, fds) {
                Ok(()) => send(&self.channel, &FromInit::Started { id }, &[]),
                Err(error) => self.fail(id, "starting the program", &error),
            },
            Request::Interrupt { id } => {
                if let Some(running) = self.running.as_ref().filter(|running| running.id == id) {
                    // Gone already: then its end is under way.
                    let _ = killpg(running.program, Signal::SIGINT);
                }
                Ok(())
            }
            Request::Kill { id } => {
                if self.running.as_ref().is_some_and(|running| running.id == id) {
                    self.kill_all();
                }
                Ok(())
            }
            Request::Open { .. } | Request::Close => Ok(()),
        }
    }

    fn fail(&self, id: u64, what: &str, error: &io::Error) -> io::Result<()> {
        let errno = error.raw_os_error().unwrap_or(if error.kind() == io::ErrorKind::NotFound {
            libc::ENOENT
        } else {
            libc::EINVAL
        });
        send(&self.channel, &FromInit::Failed { id, what: what.to_owned(), errno }, &[])
    }

    /// Makes the room's private places, then gives up all privileges. Nothing is started before.
    fn prepare(&mut self) -> Result<Vec<File>, (&'static str, io::Error)> {
        let Birth { site, user, owner, is_owner_chosen, spec, dir, .. } = &self.birth;
        if site.is_contained {
            if spec.has_network {
                let network = site.netns.as_ref().ok_or(("entering the network", io::ErrorKind::NotFound.into()))?;
                setns(network.as_fd(), CloneFlags::CLONE_NEWNET).map_err(|e| ("entering the network", e.into()))?;
            }
            root::work_mount(*spec, *owner).map_err(|e| ("mounting the work directory", e))?;
        }
        let temporary = dir.is_none().then_some(Path::new("/tmp"));
        let writable: Vec<&Path> = [self.work()].into_iter().chain(temporary).collect();
        let places = writable.iter().map(File::open).collect::<io::Result<Vec<_>>>();
        let places = places.map_err(|e| ("opening the work directory", e))?;
        match user {
            Some(user) => confine::user_enter(user).map_err(|e| ("entering the user namespace", e))?,
            None if *is_owner_chosen => {
                confine::user_become(*owner).map_err(|e| ("becoming another user", e))?;
            }
            None => {}
        }
        confine::privileges_drop().map_err(|e| ("dropping privileges", e))?;
        if site.has_landlock {
            confine::reach_bound(&writable, site.is_contained).map_err(|e| ("setting up Landlock", e))?;
        }
        if let Some(filter) = &site.filter {
            filter.enter().map_err(|e| ("setting up seccomp", e))?;
        }
        Ok(places)
    }

    fn work(&self) -> &Path {
        self.birth.dir.as_deref().unwrap_or(Path::new("/work"))
    }

    fn step(&mut self, id: u64, step: &Step, fds: &[OwnedFd]) -> io::Result<()> {
        if self.running.is_some() {
            return Err(Errno::EBUSY.into());
        }
        // This process counts as one of the user's; elsewhere, so does everything else that the user runs.
        let own = if self.birth.site.is_contained { 1 } else { reap::processes_of_user() };
        // Where a cgroup counts too it is to be the first to refuse, because it tells.
        let others = if self.birth.has_pids_limit { own + PROCESSES_SPARE } else { own };
        let substitute = Substitute { is_memory: !self.birth.has_memory_limit, others };
        let work = self.work().to_str().ok_or(io::ErrorKind::InvalidInput)?;
        // Programs are killed for memory first, whatever their size, then this process, and the keeper last; the other
        // way round the one who tells what happened would be gone.
        self.score_set("1000");
        let program = spawn(step, fds, work, substitute);
        self.score_set("500");
        let program = program?;
        // Without a pid namespace nobody could tell the step's processes from others.
        let Birth { site, has_cpu_count, has_memory_limit, .. } = &self.birth;
        self.running = Some(Running {
            id,
            program,
            cpu: step.limits.cpu.filter(|_| site.is_contained && !has_cpu_count),
            memory_bytes: step.limits.memory_bytes.filter(|_| site.is_contained && !has_memory_limit),
            reaped: Reaped::default(),
            is_out_of_time: false,
            is_out_of_memory: false,
        });
        Ok(())
    }

    fn score_set(&self, score: &str) {
        // Without it the wrong one may be killed, and the room ends instead of the step.
        let _ = self.score.as_ref().map(|file| file.write_all_at(score.as_bytes(), 0));
    }

    /// Takes the dead. Once the program is among them, everything else of the step dies too.
    fn reap(&mut self) {
        let Some(running) = &mut self.running else {
            // Only between steps, when nothing can be left; a zombie would be harmless all the same.
            Reaped::default().take_dead(Pid::from_raw(0));
            return;
        };
        running.reaped.take_dead(running.program);
        if running.reaped.status.is_none() {
            return;
        }
        self.kill_all();
        let Some(mut running) = self.running.take() else { return };
        while running.reaped.take_next(running.program) {
            if !self.birth.site.is_contained {
                // An orphan that was not yet a child of this process when the others were killed.
                children_kill(&[]);
            }
        }
        let (code, signal) = running.reaped.status.unwrap_or((0, None));
        let Reaped { cpu, memory_bytes, .. } = running.reaped;
        let Running { is_out_of_time, is_out_of_memory, .. } = running;
        let ended = Ended { code, signal, cpu, memory_bytes, is_out_of_time, is_out_of_memory };
        // A keeper that can't be told is gone, and this process with it.
        let _ = send(&self.channel, &FromInit::Ended { id: running.id, ended }, &[]);
    }

    fn kill_all(&self) {
        // Never where -1 would mean everything that the agent's user runs.
        if self.birth.site.is_contained && std::process::id() == 1 {
            let _ = kill(Pid::from_raw(-1), Signal::SIGKILL);
        } else {
            children_kill(&[]);
        }
    }

    fn use_check(&mut self) {
        let Some(running) = &mut self.running else { return };
        if running.is_out_of_time || running.is_out_of_memory {
            return;
        }
        running.is_out_of_time = running.cpu.is_some_and(|most| running.reaped.cpu + reap::cpu_of_living() >= most);
        running.is_out_of_memory = running.memory_bytes.is_some_and(|most| reap::memory_of_living() > most);
        if running.is_out_of_time || running.is_out_of_memory {
            self.kill_all();
        }
    }
}
