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
use nix::sched::{CloneFlags, unshare};
use nix::sys::prctl;
use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socketpair};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, fork, geteuid, pipe2, sethostname, setsid};

use super::cgroup::{Place, Slot};
use super::confine;
use super::keeper::Keeper;
use super::message::{Config, FromHelper, receive, send};
use super::namespace;
use super::root;
use super::seccomp::{self, Filter};

mod post;

use post::Post;

/// What the program is run with to become the helper.
pub const HELPER_ARGUMENT: &str = "sandbox-helper";
/// The descriptor that the agent speaks over.
pub(super) const HELPER_SOCKET: i32 = 3;
/// Users outside for rooms of a root's agent: above all that systems give away, one for each slot.
const OUTSIDE_FIRST: u32 = 2_000_000_000;
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

/// Who makes namespaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Power {
    /// The machine's root.
    Root,
    /// Anybody, in a user namespace of their own.
    User,
}

struct Slots {
    site: Site,
    place: Place,
    slots: Vec<Slot>,
    posts: Vec<Post>,
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
            let mut place = Place::find();
            let slots = (0..rooms).map(|index| place.slot(index)).collect::<io::Result<Vec<_>>>()?;
            Ok((place, slots, netns_open(config.netns.as_deref())?))
        };
        let (place, slots, netns) = match set_up() {
            Ok(made) => made,
            Err(error) => return Err((agent, error.to_string())),
        };
        let power = [Power::Root, Power::User].into_iter().find(|&power| is_possible(power, config.netns.as_deref()));
        if let Some(power) = power
            && let Err(error) = enter(power, config.netns.as_deref())
        {
            return Err((agent, format!("entering namespaces: {error}")));
        }
        let site = Site {
            is_contained: power.is_some(),
            filter: seccomp::is_available().then(Filter::new),
            has_landlock: confine::landlock_version() > 0,
            // A user's helper may not enter it.
            netns: netns.filter(|_| power == Some(Power::Root)),
        };
        let posts = vec![Post::new(Instant::now()); slots.len()];
        Ok(Self { outside: outside_first(power), site, place, slots, posts, agent })
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
            if fds[0].any().unwrap_or(false) {
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
                let process = process_open(child);
                let fds: Vec<_> = [Some(&theirs), process.as_ref()].into_iter().flatten().map(AsFd::as_fd).collect();
                send(&self.agent, &FromHelper::Keeper { owner: outside }, &fds)
            }
            ForkResult::Child => {
                drop((theirs, told));
                let is_well = keeper_main(&self.site, &mut self.slots[index], ours, outside, tells).is_ok();
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
            let Some(post) = self.posts.iter_mut().find(|post| post.keeper().is_some() && post.keeper() == pid) else {
                continue;
            };
            post.on_end(Instant::now());
            if post.due().is_some_and(|due| due > Instant::now()) {
                self.failed("a keeper ended as soon as it was started")?;
            }
        }
    }

    /// Kills everything and removes the cgroups.
    fn end(&self) {
        for pid in self.posts.iter().filter_map(Post::keeper) {
            let _ = kill(pid, Signal::SIGKILL);
        }
        // Inits of dead keepers come here, being killed.
        while !matches!(waitpid(None, Some(WaitPidFlag::__WALL)), Err(Errno::ECHILD)) {}
        self.place.remove();
    }
}

fn keeper_main(site: &Site, slot: &mut Slot, agent: OwnedFd, outside: Option<u32>, tells: OwnedFd) -> io::Result<()> {
    let keeper = match Keeper::settle(site, slot, agent, outside) {
        Ok(keeper) => keeper,
        Err(error) => return File::from(tells).write_all(format!("starting a keeper: {error}").as_bytes()),
    };
    drop(tells);
    keeper.serve()
}

/// The first of the users that programs are to be outside, where this process may choose them.
fn outside_first(power: Option<Power>) -> Option<u32> {
    // Another helper of this machine has other users, so that neither's processes count for the other.
    let own = std::process::id() % 100_000;
    match power {
        Some(Power::Root) => Some(OUTSIDE_FIRST + own * SLOTS_MOST),
        // Not where this is the root of a container that knows no other user.
        None => is_well_in_child(|| confine::user_become(confine::INSIDE_ID)).ok().map(|()| confine::INSIDE_ID),
        Some(Power::User) => None,
    }
}

/// Tries in a child, which leaves nothing behind, whether namespaces, root and all can be had this way.
fn is_possible(power: Power, netns: Option<&str>) -> bool {
    if power == Power::Root && !geteuid().is_root() {
        return false;
    }
    let tried = is_well_in_child(|| rehearse(power, netns));
    if let Err(error) = &tried {
        eprintln!("the sandbox can't make namespaces as {power:?}: {error}");
    }
    tried.is_ok()
}

/// Does `act` in a child that ends with it.
fn is_well_in_child(act: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
    // SAFETY: this process has one thread, so that the child may go on as it could.
    match unsafe { fork() }? {
        ForkResult::Child => {
            let errno = act().map_or_else(|error| error.raw_os_error().unwrap_or(libc::EIO), |()| 0);
            // SAFETY: ends this process at once; what it shares with its parent is not to be tidied here.
            unsafe { libc::_exit(errno) }
        }
        ForkResult::Parent { child } => match waitpid(child, None)? {
            WaitStatus::Exited(_, 0) => Ok(()),
            WaitStatus::Exited(_, errno) => Err(io::Error::from_raw_os_error(errno)),
            _ => Err(io::ErrorKind::Interrupted.into()),
        },
    }
}

fn rehearse(power: Power, netns: Option<&str>) -> io::Result<()> {
    enter(power, netns)?;
    namespace::network_unshare()?;
    let outside = if power == Power::Root { OUTSIDE_FIRST } else { confine::INSIDE_ID };
    namespace::user_make(outside)?;
    let namespaces = CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWPID | CloneFlags::CLONE_NEWIPC;
    match namespace::fork_into(namespaces)? {
        None => {
            let is_well = root::proc_mount().is_ok();
            // SAFETY: as above.
            unsafe { libc::_exit(i32::from(!is_well)) }
        }
        Some(child) => match waitpid(child, None)? {
            WaitStatus::Exited(_, 0) => Ok(()),
            _ => Err(io::ErrorKind::PermissionDenied.into()),
        },
    }
}

/// Takes this process to where rooms are made: the new root, a host name and a view of cgroups of its own.
fn enter(power: Power, netns: Option<&str>) -> io::Result<()> {
    if power == Power::User {
        namespace::user_unshare()?;
    }
    unshare(CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWUTS)?;
    // Old kernels have none; then paths of cgroups can be read, which tells nothing that matters.
    let _ = unshare(CloneFlags::CLONE_NEWCGROUP);
    sethostname("amphi")?;
    root::root_build(netns)
}

fn netns_open(name: Option<&str>) -> io::Result<Option<OwnedFd>> {
    let open = |name| File::open(Path::new("/run/netns").join(name)).map(OwnedFd::from);
    name.map(open).transpose()
}

/// A descriptor of a child that has not been waited for.
fn process_open(child: Pid) -> Option<OwnedFd> {
    // SAFETY: plain numbers; the descriptor that comes back is new and owned here alone.
    unsafe {
        let fd = libc::syscall(libc::SYS_pidfd_open, child.as_raw(), 0);
        i32::try_from(fd).ok().filter(|fd| *fd >= 0).map(|fd| OwnedFd::from_raw_fd(fd))
    }
}

/// Closes what a careless parent may have left open.
fn close_from(first: i32) {
    // SAFETY: nothing in this process owns descriptors yet but the first four.
    let _ = unsafe { libc::syscall(libc::SYS_close_range, first, libc::c_int::MAX, 0) };
}
