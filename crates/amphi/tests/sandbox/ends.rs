//! Nothing outlives its step, its room, its agent; whoever is killed.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use agent::sandbox::Cause;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::site::{as_everybody, python, room, roomy, sandbox, sandbox_with, sh, start, until};

const AGENT: &str = "AMPHI_TEST_AGENT";

/// A word that only processes of this test have among their arguments.
fn mark(name: &str) -> String {
    format!("{name}-{}-{}", std::process::id(), nix::unistd::geteuid())
}

/// Living processes with `mark` in their command line.
fn marked(mark: &str) -> Vec<i32> {
    let pids =
        fs::read_dir("/proc").expect("proc").flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let is_marked = |pid: &i32| {
        fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|line| String::from_utf8_lossy(&line).contains(mark))
    };
    pids.filter(|&pid| pid != nix::unistd::getpid().as_raw()).filter(is_marked).collect()
}

/// A line of Python that leaves a process behind, in a session of its own.
fn orphan(mark: &str) -> String {
    format!(
        "import os, time\nif os.fork() == 0:\n  os.setsid()\n  if os.fork() == 0:\n    os.closerange(0, 10); time.sleep(1000); '{mark}'\n  os._exit(0)\nos.wait()\nprint('left')"
    )
}

#[test]
fn orphans_die_with_their_step() {
    as_everybody("ends::orphans_die_with_their_step", || async {
        let mark = mark("orphan");
        let sandbox = sandbox().await;
        let mut room = room(&sandbox).await;
        assert_eq!(python(&mut room, &orphan(&mark)).await.ok(), "left");
        assert_eq!(marked(&mark), Vec::<i32>::new(), "told of the end before all was dead");
        assert_ne!(sh(&mut room, "grep -l python /proc/[0-9]*/comm").await.exit.code, 0, "it is still there");
    });
}

#[test]
fn what_runs_dies_with_its_room() {
    as_everybody("ends::what_runs_dies_with_its_room", || async {
        let mark = mark("room");
        let sandbox = sandbox().await;
        let mut one = room(&sandbox).await;
        let line = format!("sleep 1000 & sleep 1000; : {mark}");
        let (mut process, ..) = start(&mut one, &["sh", "-c", &line], roomy()).await;
        until("the program is there", || !marked(&mark).is_empty());
        drop(one);
        assert_eq!(process.wait().await.signal, Some(9));
        assert_eq!(marked(&mark), Vec::<i32>::new());
        drop(process);
        let mut next = room(&sandbox).await;
        assert_eq!(sh(&mut next, "echo next").await.ok(), "next");
    });
}

#[test]
fn a_killed_init_or_keeper_costs_one_room() {
    as_everybody("ends::a_killed_init_or_keeper_costs_one_room", || async {
        let sandbox = sandbox_with(1, None).await;
        let mut one = room(&sandbox).await;
        let (mut process, ..) = start(&mut one, &["sleep", "1000"], roomy()).await;
        kill(pid(process.pid()), Signal::SIGKILL).expect("init is killed");
        assert_eq!(process.wait().await.signal, Some(9));
        drop((process, one));
        // However young it is.
        for _ in 0..3 {
            let mut two = room(&sandbox).await;
            let (mut process, ..) = start(&mut two, &["sleep", "1000"], roomy()).await;
            let keeper = parent_of(process.pid());
            kill(pid(keeper), Signal::SIGKILL).expect("the keeper is killed");
            assert_eq!(process.wait().await.signal, Some(9));
        }
        let mut three = room(&sandbox).await;
        assert_eq!(sh(&mut three, "echo three").await.ok(), "three");
    });
}

#[test]
fn a_keeper_that_hangs_is_given_up_and_replaced() {
    as_everybody("ends::a_keeper_that_hangs_is_given_up_and_replaced", || async {
        let mark = mark("hang");
        let sandbox = sandbox().await;
        let mut one = room(&sandbox).await;
        let line = format!("sleep 1000; : {mark}");
        let (mut process, ..) = start(&mut one, &["sh", "-c", &line], roomy()).await;
        let keeper = parent_of(process.pid());
        kill(pid(keeper), Signal::SIGSTOP).expect("the keeper is stopped");
        // More than its socket holds, all of it unread.
        for _ in 0..20_000 {
            process.kill();
        }
        assert_eq!(process.give_up().cause, Some(Cause::RoomLost));
        assert_eq!(process.wait().await.cause, Some(Cause::RoomLost));
        until("keeper and program are gone", || !is_alive(keeper) && marked(&mark).is_empty());
        drop((process, one));
        let mut two = room(&sandbox).await;
        assert_eq!(sh(&mut two, "echo two").await.ok(), "two");
    });
}

/// Not a test by itself: the agent that the next one kills.
#[test]
fn agent_to_be_killed() {
    let Ok(mark) = std::env::var(AGENT) else { return };
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let sandbox = sandbox_with(2, None).await;
        let mut room = room(&sandbox).await;
        let line = format!("sleep 1000 & sleep 1000; : {mark}");
        let (mut process, ..) = start(&mut room, &["sh", "-c", &line], roomy()).await;
        println!("\nstarted {}", process.pid());
        process.wait().await;
    });
}

fn agent_start(mark: &str) -> (Child, u32) {
    let mut command = Command::new(std::env::current_exe().expect("this test"));
    command.args(["ends::agent_to_be_killed", "--exact", "--nocapture"]).env(AGENT, mark).stdout(Stdio::piped());
    let mut agent = command.spawn().expect("the agent starts");
    let stdout = BufReader::new(agent.stdout.take().expect("piped"));
    let told = stdout.lines().map_while(Result::ok).find_map(|line| line.strip_prefix("started ")?.parse().ok());
    (agent, told.expect("it says that it started"))
}

fn cgroups(helper: u32) -> Vec<PathBuf> {
    let name = format!("amphi-{helper}");
    let hierarchies = fs::read_dir("/sys/fs/cgroup").into_iter().flatten().flatten().map(|entry| entry.path());
    let roots = hierarchies.chain([PathBuf::from("/sys/fs/cgroup")]);
    roots.map(|root| root.join(&name)).filter(|dir| dir.exists()).collect()
}

#[test]
fn a_killed_agent_leaves_nothing() {
    as_everybody("ends::a_killed_agent_leaves_nothing", || async {
        let mark = mark("agent");
        let (mut agent, init) = agent_start(&mark);
        let keeper = parent_of(init);
        let helper = parent_of(keeper);
        let other = init_count(helper);
        assert!(other >= 2, "the second room is ready too");
        agent.kill().expect("killed");
        agent.wait().expect("dead");
        for process in [init, keeper, helper] {
            until("helper, keeper and init are gone", || !is_alive(process));
        }
        until("the program is gone", || marked(&format!(": {mark}")).is_empty());
        until("the cgroups are gone", || cgroups(helper).is_empty());
    });
}

#[test]
fn a_killed_helper_leaves_no_process() {
    as_everybody("ends::a_killed_helper_leaves_no_process", || async {
        let mark = mark("helper");
        let (mut agent, init) = agent_start(&mark);
        let keeper = parent_of(init);
        let helper = parent_of(keeper);
        kill(pid(helper), Signal::SIGKILL).expect("the helper is killed");
        agent.wait().expect("its wait ends");
        for process in [init, keeper, helper] {
            until("helper, keeper and init are gone", || !is_alive(process));
        }
        until("the program is gone", || marked(&format!(": {mark}")).is_empty());
        // The next helper removes what this one could not.
        let _sandbox = sandbox().await;
        assert_eq!(cgroups(helper), Vec::<PathBuf>::new());
    });
}

pub(crate) fn pid(number: u32) -> Pid {
    Pid::from_raw(i32::try_from(number).expect("a process id"))
}

pub(crate) fn is_alive(process: u32) -> bool {
    stat_of(process).is_some_and(|fields| fields.first().is_some_and(|state| state != "Z"))
}

/// The fields of proc_pid_stat(5) from the third on.
fn stat_of(process: u32) -> Option<Vec<String>> {
    let stat = fs::read_to_string(Path::new("/proc").join(process.to_string()).join("stat")).ok()?;
    Some(stat.rsplit_once(')')?.1.split_whitespace().map(str::to_owned).collect())
}

pub(crate) fn parent_of(process: u32) -> u32 {
    stat_of(process).and_then(|fields| fields.get(1)?.parse().ok()).expect("a parent")
}

fn init_count(helper: u32) -> usize {
    fs::read_to_string(format!("/proc/{helper}/task/{helper}/children")).unwrap_or_default().split_whitespace().count()
}
