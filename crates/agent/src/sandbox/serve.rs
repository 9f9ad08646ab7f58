//! The helper: finds out what this machine offers, builds the root, starts keepers, and takes them along when it ends.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, FromRawFd, OwnedFd};
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::prctl;
use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socketpair};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, fork, pipe2, setsid};

use super::cgroup::{Place, Slot};
use super::confine;
use super::init::children_kill;
use super::keeper::Keeper;
use super::message::{Config, FromHelper, ToHelper, receive, send};
use super::rooms::{self, Rooms};
use super::seccomp::{self, Filter};

mod post;
mod power;

use post::Post;
use power::Power;

/// What the program is run with to become the helper.
pub const HELPER_ARGUMENT: &str = "sandbox-helper";
/// The descriptor that the agent speaks over.
pub(super) const HELPER_SOCKET: i32 = 3;
/// Most keepers of one helper.
const SLOTS_MOST: u32 = 1024;

/// What is the same for all rooms of this helper.
pub(super) struct Site {
    /// Rooms have namespaces and a root of their own.
    pub(super) is_contained: bool,
    pub(super) filter: Option<Filter>,
    pub(super) has_landlock: bool,
    /// The node's network.
    pub(super) netns: Option<OwnedFd>,
}

struct Slots {
    site: Site,
    place: Place,
    slots: Vec<Slot>,
    posts: Vec<Post>,
    /// None when contained: then each room has its places in a root of its own.
    rooms: Option<Rooms>,
    /// Whom programs are to be outside where they have no namespace; the first slot's, where they have.
    outside: Option<u32>,
    agent: OwnedFd,
}

/// The helper's whole life: what the program does when it is run as `amphi sandbox-helper`. Must be called while the
/// process has one thread. Ends when the agent closes its socket.
#[must_use]
pub fn helper_main() -> ExitCode {
    // SAFETY: the agent placed its socket there for this process; if it is anything else the first receive fails.
    let agent = unsafe { OwnedFd::from_raw_fd(HELPER_SOCKET) };
    // It came over one exec and must not go over the next: who holds it speaks to the agent as the helper.
    let sealed = fcntl(&agent, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC)).map_err(io::Error::from);
    let config = match sealed.and_then(|_| receive::<Config>(&agent)) {
        Ok(Some((config, _))) => config,
        Ok(None) => return ExitCode::SUCCESS,
        Err(_) => {
            eprintln!("error: `{HELPER_ARGUMENT}` is started by `amphi agent`, not by hand");
            return ExitCode::from(2);
        }
    };
    match Slots::start(config, agent) {
        Ok(slots) => slots.serve(),
        Err((agent, why)) => {
            // An agent that is gone needs no answer.
            let _ = send(&agent, &FromHelper::Failed { why }, &[]);
            ExitCode::FAILURE
        }
    }
}

impl Slots {
    fn start(config: Config, agent: OwnedFd) -> Result<Self, (OwnedFd, String)> {
        let rooms = config.rooms.clamp(1, SLOTS_MOST);
        let set_up = || -> io::Result<_> {
            close_from(HELPER_SOCKET + 1);
            // The terminal's interrupt key is the agent's to answer, and programs have none.
            setsid()?;
            prctl::set_child_subreaper(true)?;
            rooms::sweep();
            let mut place = Place::find();
            let slots = (0..rooms).map(|index| place.slot(index)).collect::<io::Result<Vec<_>>>()?;
            Ok((place, slots, netns_open(config.netns.as_deref())?))
        };
        let (place, slots, netns) = match set_up() {
            Ok(made) => made,
            Err(error) => return Err((agent, error.to_string())),
        };
        let power = Power::find(config.netns.as_deref());
        if let Some(power) = power
            && let Err(error) = power.enter(config.netns.as_deref())
        {
            return Err((agent, format!("entering namespaces: {error}")));
        }
        let rooms = match power.is_none().then(Rooms::make).transpose() {
            Ok(rooms) => rooms,
            Err(error) => return Err((agent, format!("making a directory for rooms: {error}"))),
        };
        let site = Site {
            is_contained: power.is_some(),
            filter: seccomp::is_available().then(Filter::new),
            has_landlock: confine::landlock_version() > 0,
            // A user's helper may not enter it.
            netns: netns.filter(|_| power == Some(Power::Root)),
        };
        let posts = vec![Post::new(Instant::now()); slots.len()];
        Ok(Self { outside: power::outside_first(power), site, place, slots, posts, rooms, agent })
    }

    fn serve(mut self) -> ExitCode {
        let is_well = self.rounds();
        self.end();
        // An agent that is gone needs no answer, and a closed socket says the same.
        if let Err(error) = is_well
            && error.kind() != io::ErrorKind::BrokenPipe
        {
            eprintln!("error: the sandbox's helper ended: {error}");
            return ExitCode::FAILURE;
        }
        ExitCode::SUCCESS
    }

    fn rounds(&mut self) -> io::Result<()> {
        let mut signals = SigSet::empty();
        signals.add(Signal::SIGCHLD);
        signals.add(Signal::SIGTERM);
        signals.thread_block()?;
        let signals = SignalFd::with_flags(&signals, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)?;
        let hello = FromHelper::Hello { fences: self.fences(), is_contained: self.is_contained() };
        send(&self.agent, &hello, &[])?;
        loop {
            self.keepers_start()?;
            // The agent starts another helper rather than wait for rooms that never come.
            if self.posts.iter().all(Post::is_hopeless) {
                return Err(io::Error::other("no keeper lives"));
            }
            let mut fds =
                [PollFd::new(self.agent.as_fd(), PollFlags::POLLIN), PollFd::new(signals.as_fd(), PollFlags::POLLIN)];
            match poll(&mut fds, self.next_start()) {
                Ok(_) | Err(Errno::EINTR) => {}
                Err(error) => return Err(error.into()),
            }
            if fds[0].any().unwrap_or(false) && !self.on_agent()? {
                return Ok(());
            }
            while let Some(signal) = signals.read_signal()? {
                if signal.ssi_signo == Signal::SIGTERM as u32 {
                    return Ok(());
                }
            }
            self.reap()?;
        }
    }

    /// False when the agent is gone.
    fn on_agent(&self) -> io::Result<bool> {
        let Some((ToHelper::KeeperKill { pid }, _)) = receive(&self.agent)? else { return Ok(false) };
        // Never another process: a keeper stays here until it is waited for.
        if let Some(keeper) = self.keepers().into_iter().find(|keeper| keeper.as_raw() == pid) {
            let _ = kill(keeper, Signal::SIGKILL);
        }
        Ok(true)
    }

    fn keepers(&self) -> Vec<Pid> {
        self.posts.iter().filter_map(Post::keeper).collect()
    }

    fn is_contained(&self) -> bool {
        self.site.is_contained && self.site.filter.is_some()
    }

    fn fences(&self) -> Vec<String> {
        let namespaces = ["user namespace", "mount namespace", "pid namespace", "network namespace", "ipc namespace"];
        let mut fences: Vec<String> =
            namespaces.into_iter().filter(|_| self.site.is_contained).map(str::to_owned).collect();
        fences.extend(self.place.name());
        fences.extend(self.site.filter.is_some().then(|| "seccomp".to_owned()));
        fences.extend(self.site.has_landlock.then(|| "landlock".to_owned()));
        fences.push("rlimits".to_owned());
        fences
    }

    /// The user outside for programs of one slot, where this process may choose one.
    fn outside(&self, index: usize) -> Option<u32> {
        let slot = u32::try_from(index).unwrap_or_default();
        self.outside.map(|first| if self.site.is_contained { first + slot } else { first })
    }

    /// Starts the keepers that are due. Errors: the agent is gone.
    fn keepers_start(&mut self) -> io::Result<()> {
        for index in 0..self.posts.len() {
            if self.posts[index].due().is_some_and(|due| due <= Instant::now())
                && let Err(error) = self.keeper_start(index)
            {
                self.posts[index].on_end(Instant::now());
                self.failed(&error.to_string())?;
            }
        }
        Ok(())
    }

    /// Until the next keeper is due.
    fn next_start(&self) -> PollTimeout {
        let next = self.posts.iter().filter_map(Post::due).min();
        let wait = next.map(|next| next.saturating_duration_since(Instant::now()) + Duration::from_millis(1));
        wait.and_then(|wait| PollTimeout::try_from(wait).ok()).unwrap_or(PollTimeout::NONE)
    }

    /// Starts the keeper of one slot and hands its socket to the agent.
    fn keeper_start(&mut self, index: usize) -> io::Result<()> {
        let (ours, theirs) = socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC)?;
        let (told, tells) = pipe2(nix::fcntl::OFlag::O_CLOEXEC)?;
        let outside = self.outside(index);
        let dir = self.rooms.as_ref().map(|rooms| rooms.slot(index)).transpose()?;
        // SAFETY: this process has one thread, so that the child may go on as it could.
        match unsafe { fork() }? {
            ForkResult::Parent { child } => {
                drop(tells);
                let mut why = String::new();
                File::from(told).read_to_string(&mut why)?;
                if !why.is_empty() {
                    let _ = waitpid(child, None);
                    return Err(io::Error::other(why));
                }
                self.posts[index].on_start(child, Instant::now());
                let keeper = FromHelper::Keeper { pid: child.as_raw(), owner: outside };
                send(&self.agent, &keeper, &[theirs.as_fd()])
            }
            ForkResult::Child => {
                drop((theirs, told));
                let settle = || Keeper::settle(&self.site, &mut self.slots[index], ours, outside, dir);
                let is_well = keeper_main(settle, tells).is_ok();
                // SAFETY: ends this process at once; what it shares with its parent is not to be tidied here.
                unsafe { libc::_exit(i32::from(!is_well)) }
            }
        }
    }

    fn failed(&self, why: &str) -> io::Result<()> {
        send(&self.agent, &FromHelper::Failed { why: why.to_owned() }, &[])
    }

    fn reap(&mut self) -> io::Result<()> {
        loop {
            let pid = match waitpid(None, Some(WaitPidFlag::WNOHANG | WaitPidFlag::__WALL)) {
                Ok(WaitStatus::StillAlive) | Err(Errno::ECHILD) => return Ok(()),
                Ok(status) => status.pid(),
                Err(Errno::EINTR) => continue,
                Err(error) => return Err(error.into()),
            };
            if self.rooms.is_some() {
                // What dead keepers' inits left, which no pid namespace took along.
                children_kill(&self.keepers());
            }
            let Some(post) = self.posts.iter_mut().find(|post| post.keeper().is_some() && post.keeper() == pid) else {
                continue;
            };
            post.on_end(Instant::now());
            if post.due().is_some_and(|due| due > Instant::now()) {
                self.failed("a keeper ended as soon as it was started")?;
            }
        }
    }

    /// Kills everything and removes the cgroups and directories.
    fn end(&self) {
        for pid in self.keepers() {
            let _ = kill(pid, Signal::SIGKILL);
        }
        // Inits of dead keepers come here, being killed.
        while !matches!(waitpid(None, Some(WaitPidFlag::__WALL)), Err(Errno::ECHILD)) {
            if self.rooms.is_some() {
                children_kill(&[]);
            }
        }
        self.place.remove();
        self.rooms.iter().for_each(Rooms::remove);
    }
}

fn keeper_main<'a>(settle: impl FnOnce() -> io::Result<Keeper<'a>>, tells: OwnedFd) -> io::Result<()> {
    let keeper = match settle() {
        Ok(keeper) => keeper,
        Err(error) => return File::from(tells).write_all(format!("starting a keeper: {error}").as_bytes()),
    };
    drop(tells);
    keeper.serve()
}

fn netns_open(name: Option<&str>) -> io::Result<Option<OwnedFd>> {
    let open = |name| File::open(Path::new("/run/netns").join(name)).map(OwnedFd::from);
    name.map(open).transpose()
}

/// Closes what a careless parent may have left open.
fn close_from(first: i32) {
    // SAFETY: nothing in this process owns descriptors yet but the first four.
    let _ = unsafe { libc::syscall(libc::SYS_close_range, first, libc::c_int::MAX, 0) };
}
