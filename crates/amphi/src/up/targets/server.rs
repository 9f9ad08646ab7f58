//! One server program: started, waited for until it listens, ended with its whole group. A record of its process stays
//! in the directory, so that a start after a kill of this process can end it.

use std::fs::{self, File};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::process::{Child, Command};

use super::Place;
use crate::up::topology::find;

const START_LIMIT: Duration = Duration::from_secs(5);
const START_POLL: Duration = Duration::from_millis(5);
/// How long a killed program may take to be gone.
const STOP_LIMIT: Duration = Duration::from_secs(5);

/// How a server is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    Tcp,
    Udp,
}

/// A running program, killed with its group when dropped.
#[derive(Debug)]
pub(super) struct Server {
    child: Child,
    group: i32,
    record: PathBuf,
}

impl Server {
    /// Starts `argv` in `place` and waits until it listens on `port`. `name` names its log and its record.
    ///
    /// Errors: it can't be started, ends, or does not listen within 5 s; with the last line of its log.
    pub(super) async fn start(
        place: &Place,
        name: &str,
        argv: &[String],
        port: u16,
        protocol: Protocol,
    ) -> anyhow::Result<Self> {
        let record = place.dir.join(format!("{name}.pid"));
        end_recorded(&record);
        let log_path = place.dir.join(format!("{name}.log"));
        let log = File::create(&log_path).with_context(|| format!("writing {}", log_path.display()))?;
        let mut command = command(place, argv)?;
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        let child = command.spawn().with_context(|| format!("starting {}", argv[0]))?;
        let group = child.id().and_then(|id| i32::try_from(id).ok()).context("a started program has an id")?;
        let mut server = Self { child, group, record };
        let born = born(group).context("the program ended at once")?;
        fs::write(&server.record, format!("{group} {born}\n"))
            .with_context(|| format!("writing {}", server.record.display()))?;
        if let Err(error) = server.listens(place.address, port, protocol).await {
            let log = fs::read_to_string(&log_path).unwrap_or_default();
            let said = log.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("it said nothing");
            bail!("{} {error:#}: {}", argv[0], said.trim());
        }
        Ok(server)
    }

    /// Kills the group and waits until the program is gone.
    pub(super) async fn stop(mut self) {
        self.kill();
        if tokio::time::timeout(STOP_LIMIT, self.child.wait()).await.is_err() {
            tracing::warn!("process {} does not end", self.group);
        }
    }

    async fn listens(&mut self, address: Ipv4Addr, port: u16, protocol: Protocol) -> anyhow::Result<()> {
        // A process's own view: that of the namespace it is in.
        let table = match protocol {
            Protocol::Tcp => format!("/proc/{}/net/tcp", self.group),
            Protocol::Udp => format!("/proc/{}/net/udp", self.group),
        };
        let deadline = Instant::now() + START_LIMIT;
        loop {
            if is_listed(&fs::read_to_string(&table).unwrap_or_default(), address, port, protocol) {
                return Ok(());
            }
            if let Some(status) = self.child.try_wait().context("can't be waited for")? {
                bail!("ended ({status})");
            }
            if Instant::now() >= deadline {
                bail!("does not listen on {address} port {port} after {} s", START_LIMIT.as_secs());
            }
            tokio::time::sleep(START_POLL).await;
        }
    }

    fn kill(&self) {
        // Only until it was waited for is the id surely ours.
        if self.child.id().is_some() {
            let _ = killpg(Pid::from_raw(self.group), Signal::SIGKILL);
        }
        let _ = fs::remove_file(&self.record);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

fn command(place: &Place, argv: &[String]) -> anyhow::Result<Command> {
    let file = |name: &str| find(name).with_context(|| format!("{name} is not installed"));
    let (name, arguments) = argv.split_first().context("no program was named")?;
    let mut command = match &place.netns {
        None => Command::new(file(name)?),
        Some(netns) => {
            let mut command = Command::new(file("ip")?);
            command.args(["netns", "exec", netns]).arg(file(name)?);
            command
        }
    };
    // A group of its own: Ctrl-C reaches this process, which ends its servers in order.
    command.args(arguments).process_group(0).kill_on_drop(true);
    Ok(command)
}

/// Ends the server that a record names, if that process is still the one that was started.
fn end_recorded(record: &Path) {
    let text = fs::read_to_string(record).unwrap_or_default();
    let Some((group, then)) = text.trim().split_once(' ') else { return };
    let Ok(group) = group.parse::<i32>() else { return };
    // Ids are used again, start times are not.
    if group > 1 && born(group).is_some_and(|now| now == then) {
        let _ = killpg(Pid::from_raw(group), Signal::SIGKILL);
    }
    let _ = fs::remove_file(record);
}

/// When a process was started, in clock ticks since the machine's start: field 22 of its stat (proc(5)).
fn born(pid: i32) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field, the program's name, may hold blanks and parentheses.
    let behind_name = stat.rsplit_once(") ")?.1;
    behind_name.split(' ').nth(19).map(str::to_owned)
}

/// Whether a table of /proc/net shows a socket that takes connections or datagrams there.
fn is_listed(table: &str, address: Ipv4Addr, port: u16, protocol: Protocol) -> bool {
    // The kernel prints the address as one number of this machine's byte order.
    let local = format!("{:08X}:{port:04X}", u32::from_ne_bytes(address.octets()));
    let state = match protocol {
        Protocol::Tcp => "0A",
        Protocol::Udp => "07",
    };
    table.lines().skip(1).any(|line| {
        let mut fields = line.split_whitespace().skip(1);
        fields.next() == Some(&local) && fields.nth(1) == Some(state)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listening_socket_is_found_in_its_table() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let table = || fs::read_to_string("/proc/self/net/tcp").unwrap();
        assert!(is_listed(&table(), Ipv4Addr::LOCALHOST, port, Protocol::Tcp));
        assert!(!is_listed(&table(), Ipv4Addr::new(127, 0, 0, 2), port, Protocol::Tcp));
        assert!(!is_listed(&table(), Ipv4Addr::LOCALHOST, port, Protocol::Udp));
        let client = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let port = client.local_addr().unwrap().port();
        let table = fs::read_to_string("/proc/self/net/udp").unwrap();
        assert!(is_listed(&table, Ipv4Addr::LOCALHOST, port, Protocol::Udp));
    }

    #[tokio::test]
    async fn a_recorded_process_is_ended_and_another_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let record = dir.path().join("x.pid");
        let mut child = Command::new("sleep").arg("60").process_group(0).kill_on_drop(true).spawn().unwrap();
        let pid = i32::try_from(child.id().unwrap()).unwrap();
        fs::write(&record, format!("{pid} 1\n")).unwrap();
        end_recorded(&record);
        assert!(child.try_wait().unwrap().is_none() && !record.exists());
        fs::write(&record, format!("{pid} {}\n", born(pid).unwrap())).unwrap();
        end_recorded(&record);
        let status = tokio::time::timeout(Duration::from_secs(10), child.wait()).await.unwrap().unwrap();
        assert!(!status.success());
        end_recorded(&record);
    }
}
