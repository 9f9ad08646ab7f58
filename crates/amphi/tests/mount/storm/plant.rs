//! What the faults hit: a control plane and eight agents with a store each, in a network of their own, where links can be
//! cut; each store on a file system of its own, which can be filled.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use nix::sched::{CloneFlags, unshare};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};
use storage::stripe::Credentials;
use storage::testing::Probe;
use testkit::amphi::{Agent, AgentPlan, Scratch, Serve};
use wire::authority::{Authority, KeyRequest, node_id_of_pem};

use super::api::Api;
use crate::site::{Mount, program};

/// One for each unit of a stripe, and two that may be lost.
pub(super) const STORES: usize = 8;
/// Far more than is written in five minutes, after which room comes back.
const DISK: &str = "size=1g";
const LIMIT: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(86_400);

/// Kept in this order, so that processes end before their directories go.
pub(super) struct Plant {
    agents: Vec<Agent>,
    pub(super) serve: Serve,
    pub(super) api: Api,
    numbers: Vec<i64>,
    pub(super) scratch: Scratch,
    _disks: Vec<Disk>,
    /// Processes that were not killed and ended all the same, and how.
    pub(super) ended: Vec<String>,
}

/// A file system of its own, gone when dropped.
struct Disk(PathBuf);

impl Disk {
    fn new(path: PathBuf) -> Self {
        fs::create_dir(&path).unwrap();
        run(Command::new("mount").args(["-t", "tmpfs", "-o", DISK, "tmpfs"]).arg(&path));
        Self(path)
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily: who still has a file open there is about to end.
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

fn run(command: &mut Command) {
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

fn nft(line: &str) {
    run(Command::new("nft").arg(line));
}

/// Puts this thread, and what it starts, into a network of its own. `false`: this machine can't, and that was said.
pub(super) fn network_own() -> bool {
    let is_there = |path: &str| Path::new(path).exists();
    if !is_there("/dev/fuse") || !nix::unistd::geteuid().is_root() || !is_there("/usr/sbin/nft") {
        println!("skipped: a storm of faults needs /dev/fuse, nft and root");
        return false;
    }
    unshare(CloneFlags::CLONE_NEWNET).unwrap();
    run(Command::new("ip").args(["link", "set", "lo", "up"]));
    nft("add table inet storm");
    nft("add set inet storm hosts { type ipv4_addr; }");
    nft("add set inet storm ports { type inet_service; }");
    nft("add chain inet storm out { type filter hook output priority 0; }");
    for rule in ["ip daddr @hosts", "ip saddr @hosts", "tcp dport @ports", "tcp sport @ports"] {
        nft(&format!("add rule inet storm out {rule} drop"));
    }
    true
}

impl Plant {
    pub(super) async fn start() -> Self {
        let scratch = Scratch::new().unwrap();
        let serve = Serve::start(program(), &scratch.path().join("control")).await.unwrap();
        let api = Api::new(serve.url(), serve.token().unwrap());
        let (mut agents, mut disks) = (Vec::new(), Vec::new());
        for place in 0..STORES {
            let disk = Disk::new(scratch.path().join(format!("disk-{place}")));
            let store = disk.0.join(format!("s{place}")).display().to_string();
            // Every other one is somewhere else after each start, as happens when no port was chosen.
            let port = if place % 2 == 0 { 7_000 } else { 0 };
            let listen = format!("127.0.1.{place}:{port}");
            let more = ["--store", &store, "--store-listen", &listen].map(str::to_owned).to_vec();
            let token = api.json("POST", "node-tokens", Some(json!({}))).await.unwrap();
            let token = Some(token["token"].as_str().unwrap().to_owned());
            let name = format!("node-{place}");
            // No tools: looking for them would take most of the machine.
            let path = Some("/nowhere".to_owned());
            let plan = AgentPlan { join: serve.url(), token, name: &name, slots: 1, path, more };
            agents.push(Agent::start(program(), &scratch.path().join(&name), &plan).unwrap());
            disks.push(disk);
        }
        let (numbers, ended) = (Vec::new(), Vec::new());
        let mut plant = Self { agents, serve, api, numbers, scratch, _disks: disks, ended };
        plant.numbers = plant.numbers_wait().await;
        for volume in ["films", "shelf"] {
            plant.api.json("POST", "volumes", Some(json!({ "name": volume, "layout": 1 }))).await.unwrap();
        }
        plant
    }

    /// The stores' numbers, once all have some room.
    async fn numbers_wait(&self) -> Vec<i64> {
        let deadline = tokio::time::Instant::now() + LIMIT;
        loop {
            let stores = self.api.json("GET", "stores", None).await.unwrap_or_default();
            let number = |place: usize| {
                let name = format!("s{place}");
                let items = stores["items"].as_array()?.iter();
                let mut ours = items.filter(|store| store["name"] == name.as_str() && store["free_bytes"] != 0);
                ours.find_map(|store| store["id"].as_i64())
            };
            if let Some(numbers) = (0..STORES).map(number).collect() {
                return numbers;
            }
            assert!(tokio::time::Instant::now() < deadline, "not all stores joined: {stores:#}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    pub(super) async fn mount(&self, name: &str) -> Mount {
        let mut command = tokio::process::Command::new(program());
        let path = self.scratch.path().join(name);
        command.args(["volume", "mount", "films"]).arg(&path);
        command.env("AMPHI_URL", self.serve.url()).env("AMPHI_TOKEN", self.serve.token().unwrap());
        command.env("HOME", self.scratch.path()).env("RUST_LOG", "info").stdin(Stdio::null()).kill_on_drop(true);
        Mount::start(command, &path, &self.scratch.path().join("mount.log")).await
    }

    pub(super) fn agent_signal(&self, place: usize, signal: Signal) {
        signal_send(self.agents[place].pid(), signal);
    }

    pub(super) fn control_signal(&self, signal: Signal) {
        signal_send(self.serve.pid(), signal);
    }

    /// Starts an agent again that has ended.
    pub(super) fn agent_start(&mut self, place: usize) {
        self.agents[place].revive().unwrap();
    }

    /// Starts the control plane again when it has ended.
    pub(super) fn control_start(&mut self) {
        self.serve.revive().unwrap();
    }

    /// Starts again what ended by itself, as systemd would; who was killed stays so.
    pub(super) fn revive(&mut self, killed: &[usize]) {
        for place in (0..STORES).filter(|place| !killed.contains(place)) {
            if let Some(status) = self.agents[place].revive().unwrap() {
                let log = self.agents[place].log().unwrap();
                self.ended.push(format!("agent {place}: {status}: {}", log.lines().last().unwrap_or_default()));
            }
        }
    }

    /// How often an agent has begun to serve its store, and where it does now.
    pub(super) fn served(&self, place: usize) -> (usize, String) {
        let log = self.agents[place].log().unwrap();
        let mut at = log.lines().filter_map(|line| line.split_once("stores are served on ")).map(|(_, rest)| rest);
        let address = |rest: &str| rest.split_whitespace().next().unwrap_or_default().to_owned();
        let last = at.clone().next_back().map(address).unwrap_or_default();
        (at.by_ref().count(), last)
    }

    /// Looks into the store as it is served now.
    pub(super) fn probe(&self, place: usize) -> Probe {
        let request = KeyRequest::generate().unwrap();
        let authority = Authority::open_or_create(&self.scratch.path().join("control")).unwrap();
        let now_ms = db::Clock::now_ms(&db::SystemClock);
        let certificate = authority.client_certificate(&request.csr_pem, "control", DAY, now_ms).unwrap();
        let ca_pem = authority.certificate_pem().to_owned();
        let credentials = Credentials { pair_pem: certificate + &request.key_pem, ca_pem };
        let pair = fs::read_to_string(self.scratch.path().join(format!("node-{place}/node.pem"))).unwrap();
        Probe::new(self.numbers[place], &node_id_of_pem(&pair).unwrap(), &self.served(place).1, credentials)
    }

    fn disk(&self, place: usize) -> PathBuf {
        self.scratch.path().join(format!("disk-{place}"))
    }

    /// The files that a store keeps units in.
    pub(super) fn segments(&self, place: usize) -> Vec<PathBuf> {
        let dir = self.disk(place).join(format!("s{place}/segments"));
        let files = fs::read_dir(dir).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path()));
        files.filter(|path| path.extension().is_some_and(|extension| extension == "seg")).collect()
    }

    /// Takes all the room that a store's disk has.
    pub(super) fn disk_fill(&self, place: usize) {
        let mut file = File::create(self.disk(place).join("filler")).unwrap();
        for length in [1 << 20, 4_096, 1] {
            while file.write_all(&vec![0; length]).is_ok() {}
        }
    }

    pub(super) fn disk_empty(&self, place: usize) {
        fs::remove_file(self.disk(place).join("filler")).unwrap();
    }

    /// Cuts the link to a store, or mends it.
    pub(super) fn store_cut(&self, place: usize, is_cut: bool) {
        let verb = if is_cut { "add" } else { "delete" };
        nft(&format!("{verb} element inet storm hosts {{ 127.0.1.{place} }}"));
    }

    /// Cuts the links to the control plane, or mends them.
    pub(super) fn control_cut(&self, is_cut: bool) {
        let verb = if is_cut { "add" } else { "delete" };
        nft(&format!("{verb} element inet storm ports {{ {} }}", self.serve.address().port()));
    }

    /// How the volumes fare; `None`: nobody says.
    pub(super) async fn health(&self) -> Option<Value> {
        self.api.json("GET", "storage/health", None).await.ok()
    }
}

fn signal_send(pid: u32, signal: Signal) {
    kill(Pid::from_raw(pid.try_into().unwrap()), signal).unwrap();
}
