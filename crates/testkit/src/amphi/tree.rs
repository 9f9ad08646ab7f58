//! Processes that others started, read from /proc, for tests that see to it that nothing stays behind.

use std::fs;
use std::io;

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// A process, told from a later one with the same id by when it started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its id.
    pub pid: u32,
    /// The program's name, at most 15 bytes.
    pub name: String,
    started: String,
}

impl Member {
    /// Whether it still runs. One that ended and was not waited for yet does not.
    pub fn is_alive(&self) -> bool {
        stat(self.pid).is_some_and(|now| now.started == self.started && now.state != "Z")
    }

    /// kill -9, unless it has ended. Errors: it is not ours to kill.
    pub fn kill(&self) -> io::Result<()> {
        let pid = i32::try_from(self.pid).map_err(io::Error::other)?;
        if !self.is_alive() {
            return Ok(());
        }
        match kill(Pid::from_raw(pid), Signal::SIGKILL) {
            Ok(()) | Err(Errno::ESRCH) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

/// What `ancestor` started, and what those started in turn. Errors: /proc can't be read.
pub fn family(ancestor: u32) -> io::Result<Vec<Member>> {
    let mut all = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let pid = entry?.file_name().to_str().and_then(|name| name.parse().ok());
        all.extend(pid.and_then(|pid: u32| Some((pid, stat(pid)?))));
    }
    let mut found = Vec::new();
    let mut parents = vec![ancestor];
    while let Some(parent) = parents.pop() {
        for (pid, stat) in all.iter().filter(|(_, stat)| stat.parent == parent) {
            found.push(Member { pid: *pid, name: stat.name.clone(), started: stat.started.clone() });
            parents.push(*pid);
        }
    }
    Ok(found)
}

struct Stat {
    name: String,
    state: String,
    parent: u32,
    started: String,
}

/// `None`: there is no such process. Source: proc_pid_stat(5), fields 2, 3, 4 and 22.
fn stat(pid: u32) -> Option<Stat> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name stands in parentheses and may itself hold spaces and parentheses.
    let (head, fields) = text.rsplit_once(") ")?;
    let fields: Vec<&str> = fields.split_whitespace().collect();
    let name = head.split_once('(')?.1.to_owned();
    Some(Stat {
        name,
        state: (*fields.first()?).to_owned(),
        parent: fields.get(1)?.parse().ok()?,
        started: (*fields.get(19)?).to_owned(),
    })
}
