//! Rooms and processes as their user sees them.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Component, Path};
use std::sync::Arc;
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, openat};
use nix::sys::signal::Signal;
use nix::sys::stat::{Mode, SFlag, fstat, mkdirat};
use nix::unistd::{Gid, Uid, fchown, fchownat};

use super::connection::Connection;
use super::message::{Reply, Request, STEP_BYTES_MOST, Step};
use super::start::Shared;
use super::{Cause, Exit, RoomSpec, SandboxError, StepSpec};

/// A keeper that is lent out. Given back when the room and its processes are dropped.
#[derive(Debug)]
struct Seat {
    sandbox: Arc<Shared>,
    /// Taken only by `drop`.
    keeper: Option<Connection>,
}

impl Seat {
    fn keeper(&self) -> Result<&Connection, SandboxError> {
        self.keeper.as_ref().ok_or(SandboxError::RoomEnded)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        // A keeper that can't be told is gone or useless; the helper sends another.
        let Some(keeper) = self.keeper.take() else { return };
        if !keeper.is_given_up() && keeper.tell(&Request::Close).is_ok() {
            self.sandbox.idle.add(keeper);
        } else {
            keeper.give_up();
        }
    }
}

/// A private work directory, `/work` to its programs. Dropping it removes it and kills what is left in it.
#[derive(Debug)]
pub struct Room {
    seat: Arc<Seat>,
    /// Where the agent writes; none of its paths leads out.
    work: Option<OwnedFd>,
}

impl Room {
    pub(super) async fn open(sandbox: Arc<Shared>, keeper: Connection, spec: RoomSpec) -> Result<Self, SandboxError> {
        let id = sandbox.next_id();
        let mut room = Self { seat: Arc::new(Seat { sandbox, keeper: Some(keeper) }), work: None };
        let keeper = room.seat.keeper()?;
        let request = Request::Open { id, bytes: spec.bytes, has_network: spec.has_network };
        match keeper.ask(id, &request, &[]).await? {
            (Reply::Opened { .. }, fds) => room.work = fds.into_iter().next(),
            (Reply::Failed { what, errno, .. }, _) => {
                return Err(SandboxError::Room { what, source: io::Error::from_raw_os_error(errno) });
            }
            (Reply::Started { .. } | Reply::Ended { .. }, _) => return Err(SandboxError::RoomEnded),
        }
        Ok(room)
    }

    /// Writes a file below `/work`, with the directories above it. It belongs to the room's programs, and may be run.
    /// Blocking, in memory.
    ///
    /// # Errors
    /// `InvalidInput` for a path that is absolute or has `..`; `StorageFull`; whatever else the kernel says.
    pub fn write(&self, path: &str, data: &[u8]) -> io::Result<()> {
        let names = names_of(path).ok_or(io::ErrorKind::InvalidInput)?;
        let (file, above) = names.split_last().ok_or(io::ErrorKind::InvalidInput)?;
        let mut dir = self.work.as_ref().ok_or(io::ErrorKind::NotFound)?.try_clone()?;
        for name in above {
            match mkdirat(&dir, *name, Mode::from_bits_truncate(0o755)) {
                Ok(()) => self.give_away_at(&dir, name)?,
                Err(Errno::EEXIST) => {}
                Err(error) => return Err(error.into()),
            }
            dir = openat(&dir, *name, OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC, Mode::empty())?;
        }
        let how = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_TRUNC | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let file = openat(&dir, *file, how, Mode::from_bits_truncate(0o755))?;
        if let Some(owner) = self.owner() {
            fchown(&file, Some(Uid::from_raw(owner)), Some(Gid::from_raw(owner)))?;
        }
        io::Write::write_all(&mut std::fs::File::from(file), data)
    }

    fn give_away_at(&self, dir: &OwnedFd, name: &str) -> io::Result<()> {
        let Some(owner) = self.owner() else { return Ok(()) };
        let (user, group) = (Some(Uid::from_raw(owner)), Some(Gid::from_raw(owner)));
        Ok(fchownat(dir, name, user, group, AtFlags::AT_SYMLINK_NOFOLLOW)?)
    }

    /// Lets the program open its end by name, as `/dev/stderr`. Never a device: that would be the machine's.
    fn give_away_pipe(&self, fd: BorrowedFd<'_>) -> io::Result<()> {
        let Some(owner) = self.owner() else { return Ok(()) };
        if SFlag::from_bits_truncate(fstat(fd)?.st_mode) & SFlag::S_IFMT != SFlag::S_IFIFO {
            return Ok(());
        }
        Ok(fchown(fd, Some(Uid::from_raw(owner)), Some(Gid::from_raw(owner)))?)
    }

    fn owner(&self) -> Option<u32> {
        self.seat.keeper.as_ref().and_then(|keeper| keeper.owner)
    }

    /// Starts a program in the room. One at a time; when it ends, all that it started has ended too.
    /// Dropped: the program may have started, and lives until the next step is asked for or the room is dropped.
    ///
    /// # Errors
    /// `Program` when it can't be executed, `Busy` while another step runs, `RoomEnded` when the room is gone.
    pub async fn start(&mut self, step: StepSpec) -> Result<Process, SandboxError> {
        let StepSpec { argv, env, limits, stdin, stdout, stderr, is_terminal } = step;
        let bytes =
            argv.iter().map(String::len).sum::<usize>() + env.iter().map(|(k, v)| k.len() + v.len()).sum::<usize>();
        if bytes > STEP_BYTES_MOST {
            return Err(SandboxError::TooLarge { bytes, most: STEP_BYTES_MOST });
        }
        let program = argv.first().cloned().unwrap_or_default();
        let id = self.seat.sandbox.next_id();
        let request = Request::Step { id, step: Step { argv, env, limits, is_terminal } };
        let keeper = self.seat.keeper()?;
        let fds = [stdin.as_fd(), stdout.as_fd(), stderr.as_fd()];
        fds.iter().try_for_each(|fd| self.give_away_pipe(*fd)).map_err(SandboxError::Message)?;
        match keeper.ask(id, &request, &fds).await?.0 {
            Reply::Started { pid, .. } => Ok(Process { seat: Arc::clone(&self.seat), id, pid, exit: None }),
            Reply::Failed { errno, .. } if errno == Errno::EBUSY as i32 => Err(SandboxError::Busy),
            Reply::Failed { errno, .. } if errno == Errno::EOWNERDEAD as i32 => Err(SandboxError::RoomEnded),
            Reply::Failed { errno, .. } => {
                Err(SandboxError::Program { program, source: io::Error::from_raw_os_error(errno) })
            }
            Reply::Opened { .. } | Reply::Ended { .. } => Err(SandboxError::RoomEnded),
        }
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        // Its processes may be held longer than the room; they end now. What can't be told is gone.
        if Arc::strong_count(&self.seat) > 1
            && let Ok(keeper) = self.seat.keeper()
        {
            let _ = keeper.tell(&Request::Close);
        }
    }
}

/// One program in a room. Dropping it kills all of the step.
#[derive(Debug)]
pub struct Process {
    seat: Arc<Seat>,
    id: u64,
    pid: u32,
    exit: Option<Exit>,
}

impl Process {
    /// Process 1 of the room, in the agent's pid namespace: when it is gone, so is everything in the room.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Sends SIGINT to the program and what it started in its process group.
    pub fn interrupt(&self) {
        self.tell(&Request::Interrupt { id: self.id });
    }

    /// Kills everything of the step; [`Process::wait`] then returns. To be said again when it does not: a keeper that has
    /// much to do may not be told.
    pub fn kill(&self) {
        self.tell(&Request::Kill { id: self.id });
    }

    /// For a step that does not end when it is killed: its room is lost, whether all in it can be ended or not.
    pub fn give_up(&mut self) -> Exit {
        if let Ok(keeper) = self.seat.keeper() {
            keeper.give_up();
        }
        self.exit.get_or_insert_with(room_lost).clone()
    }

    fn tell(&self, request: &Request) {
        // A keeper that is gone took the step with it.
        if self.exit.is_none()
            && let Ok(keeper) = self.seat.keeper()
        {
            let _ = keeper.tell(request);
        }
    }

    /// Waits until the program has ended and everything it started is dead. May be called again, and dropped.
    pub async fn wait(&mut self) -> Exit {
        if let Some(exit) = &self.exit {
            return exit.clone();
        }
        let reply = match self.seat.keeper() {
            Ok(keeper) => keeper.reply(self.id).await,
            Err(_) => Ok(None),
        };
        let exit = match reply {
            Ok(Some((Reply::Ended { exit, .. }, _))) => exit.into(),
            // The keeper was killed, and with it everything in the room.
            Ok(Some((Reply::Opened { .. } | Reply::Started { .. } | Reply::Failed { .. }, _)) | None) | Err(_) => {
                room_lost()
            }
        };
        self.exit = Some(exit.clone());
        exit
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

fn room_lost() -> Exit {
    let signal = Signal::SIGKILL as i32;
    let (cpu, cause) = (Duration::ZERO, Some(Cause::RoomLost));
    Exit { code: 128 + signal, signal: Some(signal), cpu, memory_peak_bytes: 0, cause }
}

/// The names that make up a path that stays below where it starts; `None` for any other.
fn names_of(path: &str) -> Option<Vec<&str>> {
    let names = Path::new(path).components().map(|part| match part {
        Component::Normal(name) => name.to_str(),
        Component::Prefix(_) | Component::RootDir | Component::CurDir | Component::ParentDir => None,
    });
    names.collect::<Option<Vec<_>>>().filter(|names| !names.is_empty())
}

#[cfg(test)]
mod tests {
    use super::names_of;

    #[test]
    fn only_paths_that_stay_inside_are_taken() {
        assert_eq!(names_of("main.py"), Some(vec!["main.py"]));
        assert_eq!(names_of("src/a/b.c"), Some(vec!["src", "a", "b.c"]));
        for path in ["", "/etc/passwd", "../x", "a/../../x", ".", "./a"] {
            assert_eq!(names_of(path), None, "{path:?}");
        }
    }
}
