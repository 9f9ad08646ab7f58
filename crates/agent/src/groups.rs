//! The process groups of running runs, on disk, so that a new agent can end what a killed one left behind.
//!
//! A record is the group's leader with its start time, so that a process id that was used again is never killed. What
//! the records miss (the leader ended first, or the agent died between the start and the record) is found by its
//! current directory: nothing but runs has one inside `work`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::launcher::group_signal;

/// The records and the work directories below one agent's directory.
pub(crate) struct Groups {
    records: PathBuf,
    work: PathBuf,
}

impl Groups {
    /// Ends every process of a former life, removes its work directories, and starts with empty records. Blocking.
    /// Returns how many groups and processes were killed.
    ///
    /// The caller holds the lock on `dir`, so what is found here belongs to no living agent.
    pub(crate) fn open(dir: &Path) -> io::Result<(Self, usize)> {
        let groups = Self { records: dir.join("groups"), work: dir.join("work") };
        fs::create_dir_all(&groups.records)?;
        let mut killed = 0;
        for record in fs::read_dir(&groups.records)? {
            let record = record?;
            let leader = record.file_name().to_str().and_then(|name| name.parse::<u32>().ok());
            let recorded = fs::read_to_string(record.path())?;
            if let Some(leader) = leader
                && start_time(leader).is_some_and(|now| now == recorded.trim())
            {
                group_signal(leader, Signal::SIGKILL);
                killed += 1;
            }
            fs::remove_file(record.path())?;
        }
        killed += kill_below(&groups.work)?;
        match fs::remove_dir_all(&groups.work) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        fs::create_dir_all(&groups.work)?;
        Ok((groups, killed))
    }

    /// Records the group of a process that was just started. No fsync: the record has to outlive the agent, not the machine.
    pub(crate) fn add(&self, leader: u32) -> io::Result<()> {
        fs::write(self.records.join(leader.to_string()), start_time(leader).unwrap_or_default())
    }

    /// Forgets a group that has ended.
    pub(crate) fn remove(&self, leader: u32) {
        if let Err(error) = fs::remove_file(self.records.join(leader.to_string())) {
            tracing::warn!("the record of process group {leader} stays: {error}");
        }
    }

    /// Makes the private work directory of `run`.
    pub(crate) fn work_dir(&self, run: &str) -> io::Result<PathBuf> {
        let dir = self.work.join(run);
        fs::create_dir(&dir)?;
        Ok(dir)
    }
}

/// Kills every process whose current directory is inside `work`.
fn kill_below(work: &Path) -> io::Result<usize> {
    let mut killed = 0;
    for process in fs::read_dir("/proc")? {
        let process = process?;
        let Some(pid) = process.file_name().to_str().and_then(|name| name.parse::<i32>().ok()) else { continue };
        // A process that ended meanwhile, or one of another user, has nothing readable here.
        if fs::read_link(process.path().join("cwd")).is_ok_and(|cwd| cwd.starts_with(work))
            && kill(Pid::from_raw(pid), Signal::SIGKILL).is_ok()
        {
            killed += 1;
        }
    }
    Ok(killed)
}

/// When a process started, in clock ticks since boot, as text. Source: proc_pid_stat(5), field 22.
fn start_time(pid: u32) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is the program's name in parentheses and may itself hold spaces and parentheses.
    let (_, fields) = stat.rsplit_once(')')?;
    fields.split_whitespace().nth(19).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::{CommandExt, ExitStatusExt};
    use std::process::{Child, Command};

    use super::*;

    fn sleeper(dir: &Path) -> Child {
        Command::new("sleep").arg("1000").current_dir(dir).process_group(0).spawn().unwrap()
    }

    #[test]
    fn a_recorded_group_is_killed_and_a_used_again_pid_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let elsewhere = tempfile::tempdir().unwrap();
        let (groups, killed) = Groups::open(dir.path()).unwrap();
        assert_eq!(killed, 0);
        let (mut left, mut stranger) = (sleeper(elsewhere.path()), sleeper(elsewhere.path()));
        groups.add(left.id()).unwrap();
        fs::write(dir.path().join("groups").join(stranger.id().to_string()), "1").unwrap();
        let (_groups, killed) = Groups::open(dir.path()).unwrap();
        assert_eq!(killed, 1);
        assert_eq!(left.wait().unwrap().signal(), Some(9));
        assert!(stranger.try_wait().unwrap().is_none());
        stranger.kill().unwrap();
        stranger.wait().unwrap();
        assert_eq!(fs::read_dir(dir.path().join("groups")).unwrap().count(), 0);
    }

    #[test]
    fn what_has_no_record_is_found_by_its_work_directory() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().canonicalize().unwrap();
        let (groups, _) = Groups::open(&path).unwrap();
        let work = groups.work_dir("run-1").unwrap();
        let mut left = sleeper(&work);
        let (_groups, killed) = Groups::open(&path).unwrap();
        assert_eq!(killed, 1);
        assert_eq!(left.wait().unwrap().signal(), Some(9));
        assert!(!work.exists());
    }

    #[test]
    fn records_go_when_the_group_has_ended() {
        let dir = tempfile::tempdir().unwrap();
        let (groups, _) = Groups::open(dir.path()).unwrap();
        groups.add(std::process::id()).unwrap();
        groups.remove(std::process::id());
        assert_eq!(fs::read_dir(dir.path().join("groups")).unwrap().count(), 0);
    }
}
