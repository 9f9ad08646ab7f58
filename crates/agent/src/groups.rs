//! Where runs are on disk: the process groups of those that run, so that a new agent can end what a killed one left behind,
//! and their work directories.
//!
//! A berth is a row of one file and a directory, and serves run after run: making and removing files for each took the
//! agent two fifths of its time for a short run, and of the disk that may be the database's too. A row holds the group's
//! leader and when it was started, so that a process id that was used again is never killed. What rows miss (the leader
//! ended first, or the agent died between the start and the row) is found by its current directory: nothing but runs has
//! one inside `work`.
//!
//! A process that left its run's group may outlive the run. Its directory is made anew before another run has it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::ops::RangeInclusive;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use nix::sys::signal::{Signal, kill};
use nix::time::{ClockId, clock_gettime};
use nix::unistd::Pid;

use crate::launcher::group_signal;

/// Three numbers as text, and the end of the line.
const ROW_BYTES: usize = 64;
/// What the kernel tells start times in, everywhere. Source: proc_pid_stat(5), sysconf(3).
const TICKS_A_SECOND: u64 = 100;
/// Runs between two looks at who is in the directories that they left: a look reads all of /proc.
const LOOK_AFTER: usize = 128;

/// The berths below one agent's directory.
pub(crate) struct Groups {
    rows: File,
    work: PathBuf,
    berths: Mutex<Berths>,
}

#[derive(Default)]
struct Berths {
    free: Vec<Berth>,
    /// Left empty; nobody has looked yet whether a process is in there.
    left: Vec<Berth>,
    /// How many there are, all in all.
    count: u64,
}

/// One run's row and directory. Given back with [`Groups::leave`].
#[derive(Debug)]
pub(crate) struct Berth {
    row: u64,
    /// Empty, and the run's own.
    pub(crate) dir: PathBuf,
}

impl Groups {
    /// Ends every process of a former life, removes its work directories, and starts with empty rows. Blocking.
    /// Returns how many groups and processes were killed.
    ///
    /// The caller holds the lock on `dir`, so what is found here belongs to no living agent.
    pub(crate) fn open(dir: &Path) -> io::Result<(Self, usize)> {
        let mut rows =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(dir.join("groups.txt"))?;
        // As /proc tells directories.
        let work = dir.canonicalize()?.join("work");
        let mut killed = 0;
        let mut text = Vec::new();
        rows.read_to_end(&mut text)?;
        for (leader, born) in text.chunks(ROW_BYTES).filter_map(row_read) {
            if start_time(leader).is_some_and(|time| born.contains(&time)) {
                group_signal(leader, Signal::SIGKILL);
                killed += 1;
            }
        }
        rows.set_len(0)?;
        killed += kill_below(&work)?;
        match fs::remove_dir_all(&work) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        fs::create_dir_all(&work)?;
        Ok((Self { rows, work, berths: Mutex::default() }, killed))
    }

    /// A berth that no other run has.
    pub(crate) fn berth(&self) -> io::Result<Berth> {
        let mut berths = self.berths();
        if let Some(berth) = berths.free.pop() {
            return Ok(berth);
        }
        let berth = Berth { row: berths.count, dir: self.work.join(berths.count.to_string()) };
        fs::create_dir(&berth.dir)?;
        berths.count += 1;
        Ok(berth)
    }

    /// Records the group of a process that was just started, some time in `born`. No fsync: the row has to outlive the
    /// agent, not the machine.
    pub(crate) fn add(&self, berth: &Berth, leader: u32, born: &RangeInclusive<u64>) -> io::Result<()> {
        self.row_write(berth, &format!("{leader} {} {}", born.start(), born.end()))
    }

    /// Forgets a group that has ended.
    pub(crate) fn remove(&self, berth: &Berth) {
        if let Err(error) = self.row_write(berth, "") {
            tracing::warn!("a row of {} stays: {error}", self.work.display());
        }
    }

    /// Gives the berth of a run that is gone back. Another has it when it is empty and no process is in it.
    /// Errors: what could not be looked at or made anew stays as it is, and is no longer used.
    pub(crate) async fn leave(&self, berth: Berth) -> io::Result<()> {
        if fs::read_dir(&berth.dir)?.next().is_some() {
            return self.renew(vec![berth]).await;
        }
        let left = {
            let mut berths = self.berths();
            berths.left.push(berth);
            if berths.left.len() < LOOK_AFTER {
                return Ok(());
            }
            std::mem::take(&mut berths.left)
        };
        let look = || directories().map(Iterator::collect::<Vec<_>>);
        let directories = tokio::task::spawn_blocking(look).await.map_err(io::Error::other)??;
        let is_inhabited = |berth: &Berth| directories.iter().any(|(_, cwd)| cwd.starts_with(&berth.dir));
        let (inhabited, free): (Vec<_>, Vec<_>) = left.into_iter().partition(is_inhabited);
        self.berths().free.extend(free);
        self.renew(inhabited).await
    }

    async fn renew(&self, berths: Vec<Berth>) -> io::Result<()> {
        for berth in berths {
            let dir = berth.dir.clone();
            let renew = move || fs::remove_dir_all(&dir).and_then(|()| fs::create_dir(&dir));
            tokio::task::spawn_blocking(renew).await.map_err(io::Error::other)??;
            self.give_back(berth);
        }
        Ok(())
    }

    /// Gives a berth back that nothing was started in.
    pub(crate) fn give_back(&self, berth: Berth) {
        self.berths().free.push(berth);
    }

    fn row_write(&self, berth: &Berth, text: &str) -> io::Result<()> {
        let row = format!("{text:<width$}\n", width = ROW_BYTES - 1);
        self.rows.write_all_at(row.as_bytes(), berth.row * ROW_BYTES as u64)
    }

    /// Never held across an await.
    fn berths(&self) -> MutexGuard<'_, Berths> {
        self.berths.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The leader and when it was started, in ticks since boot. A row that was never written is all zeroes.
fn row_read(row: &[u8]) -> Option<(u32, RangeInclusive<u64>)> {
    let mut numbers = std::str::from_utf8(row).ok()?.split_whitespace();
    let leader = numbers.next()?.parse().ok()?;
    let (from, to) = (numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?);
    Some((leader, from..=to))
}

/// Now, in clock ticks since boot.
pub(crate) fn ticks() -> u64 {
    // Fails for no clock that this kernel has, and it has this one.
    let now = clock_gettime(ClockId::CLOCK_BOOTTIME).map(std::time::Duration::from).unwrap_or_default();
    u64::try_from(now.as_millis()).unwrap_or(u64::MAX) / (1000 / TICKS_A_SECOND)
}

/// Kills every process whose current directory is inside `work`.
fn kill_below(work: &Path) -> io::Result<usize> {
    let is_killed =
        |(pid, cwd): &(i32, PathBuf)| cwd.starts_with(work) && kill(Pid::from_raw(*pid), Signal::SIGKILL).is_ok();
    Ok(directories()?.filter(is_killed).count())
}

/// Processes and their current directories.
fn directories() -> io::Result<impl Iterator<Item = (i32, PathBuf)>> {
    let processes = fs::read_dir("/proc")?.flatten();
    Ok(processes.filter_map(|process| {
        let pid = process.file_name().to_str()?.parse().ok()?;
        // A process that ended meanwhile, or one of another user, has nothing readable here.
        Some((pid, fs::read_link(process.path().join("cwd")).ok()?))
    }))
}

/// When a process started, in clock ticks since boot. Source: proc_pid_stat(5), field 22.
fn start_time(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is the program's name in parentheses and may itself hold spaces and parentheses.
    let (_, fields) = stat.rsplit_once(')')?;
    fields.split_whitespace().nth(19)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;
    use std::os::unix::process::{CommandExt, ExitStatusExt};
    use std::process::{Child, Command};

    use super::*;

    fn sleeper(dir: &Path) -> (Child, RangeInclusive<u64>) {
        let before = ticks();
        let child = Command::new("sleep").arg("1000").current_dir(dir).process_group(0).spawn().unwrap();
        (child, before..=ticks())
    }

    #[tokio::test]
    async fn a_recorded_group_is_killed_and_a_used_again_pid_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let elsewhere = tempfile::tempdir().unwrap();
        let (groups, killed) = Groups::open(dir.path()).unwrap();
        assert_eq!(killed, 0);
        let [(mut left, born), (mut ended, _), (mut stranger, _)] = [(); 3].map(|()| sleeper(elsewhere.path()));
        let [one, two, three] = [(); 3].map(|()| groups.berth().unwrap());
        groups.add(&one, left.id(), &born).unwrap();
        groups.add(&two, ended.id(), &born).unwrap();
        groups.remove(&two);
        groups.leave(two).await.unwrap();
        groups.add(&three, stranger.id(), &(1..=1)).unwrap();
        let (_groups, killed) = Groups::open(dir.path()).unwrap();
        assert_eq!(killed, 1);
        assert_eq!(left.wait().unwrap().signal(), Some(9));
        for child in [&mut ended, &mut stranger] {
            assert!(child.try_wait().unwrap().is_none());
            child.kill().unwrap();
            child.wait().unwrap();
        }
        assert_eq!(Groups::open(dir.path()).unwrap().1, 0, "rows of a former life are still there");
    }

    #[test]
    fn rows_that_were_never_written_or_are_no_text_hide_no_other() {
        let dir = tempfile::tempdir().unwrap();
        let elsewhere = tempfile::tempdir().unwrap();
        let (groups, _) = Groups::open(dir.path()).unwrap();
        let (mut left, born) = sleeper(elsewhere.path());
        let [_unwritten, garbled, third] = [(); 3].map(|()| groups.berth().unwrap());
        groups.rows.write_all_at(&[0xff; ROW_BYTES], garbled.row * ROW_BYTES as u64).unwrap();
        groups.add(&third, left.id(), &born).unwrap();
        let (_groups, killed) = Groups::open(dir.path()).unwrap();
        assert_eq!((killed, left.wait().unwrap().signal()), (1, Some(9)));
    }

    #[test]
    fn what_has_no_record_is_found_by_its_work_directory() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().canonicalize().unwrap();
        let (groups, _) = Groups::open(&path).unwrap();
        let berth = groups.berth().unwrap();
        let (mut left, _) = sleeper(&berth.dir);
        let (_groups, killed) = Groups::open(&path).unwrap();
        assert_eq!(killed, 1);
        assert_eq!(left.wait().unwrap().signal(), Some(9));
        assert!(!berth.dir.exists());
    }

    #[tokio::test]
    async fn a_berth_is_empty_again_for_the_next_run_and_has_one_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        let (groups, _) = Groups::open(dir.path()).unwrap();
        let (first, second) = (groups.berth().unwrap(), groups.berth().unwrap());
        assert_ne!((first.row, &first.dir), (second.row, &second.dir));
        let path = first.dir.clone();
        fs::create_dir(path.join("left")).unwrap();
        fs::write(path.join("left/behind"), "text").unwrap();
        groups.leave(first).await.unwrap();
        let third = groups.berth().unwrap();
        assert_eq!(third.dir, path);
        assert_eq!(fs::read_dir(&path).unwrap().count(), 0);
    }

    #[tokio::test]
    async fn a_directory_that_a_process_is_still_in_is_another_runs_only_after_it_was_made_anew() {
        let dir = tempfile::tempdir().unwrap();
        let (groups, _) = Groups::open(dir.path()).unwrap();
        let berths: Vec<_> = (0..LOOK_AFTER).map(|_| groups.berth().unwrap()).collect();
        let (mut escaped, _) = sleeper(&berths[7].dir);
        let (path, other) = (berths[7].dir.clone(), berths[8].dir.clone());
        // Open, so that their inodes can't be given to others.
        let before = [&path, &other].map(|dir| File::open(dir).unwrap());
        for berth in berths {
            groups.leave(berth).await.unwrap();
        }
        let again: Vec<_> = (0..LOOK_AFTER).map(|_| groups.berth().unwrap().dir).collect();
        assert!(again.contains(&path) && again.contains(&other), "they are not used again");
        let is_same = |file: &File, dir: &Path| file.metadata().unwrap().ino() == fs::metadata(dir).unwrap().ino();
        assert!(!is_same(&before[0], &path), "a process of another run is in there");
        assert!(is_same(&before[1], &other), "made anew without need");
        assert!(escaped.try_wait().unwrap().is_none());
        let (_groups, killed) = Groups::open(dir.path()).unwrap();
        assert_eq!((killed, escaped.wait().unwrap().signal()), (1, Some(9)), "it is no longer found");
    }
}
