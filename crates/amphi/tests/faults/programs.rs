//! Learners' programs while their agent is killed, hangs, loses its sandbox or runs out of disk.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use testkit::amphi::{Member, family};

use crate::disk::Mount;
use crate::site::{LIMIT, Site, is_up, until};

/// Ten seconds of lease, a second until somebody looks, and some for a busy machine.
const PLACED_AGAIN: Duration = Duration::from_secs(20);
/// Where the kernel shows what is counted and bounded.
const CGROUPS: &str = "/sys/fs/cgroup";
/// What [`program`] prints.
const WHOLE: &str = "ready\ndone\n";

/// Leaves processes of its own behind, and takes some seconds.
fn program(node: &str) -> Value {
    json!({ "line": "setsid sleep 1000 & sleep 1000 & echo ready; sleep 4; echo done", "node": node })
}

async fn site(agents: usize) -> Site {
    let site = Site::start(agents).await;
    for agent in &crate::site::NAMES[..agents] {
        is_up(&site.api, agent, "shell").await;
    }
    site
}

async fn submit(site: &Site, key: &str, body: Value) -> String {
    let id = site.api.submit(key, &body).await.unwrap();
    site.prints(&id, 1).await;
    id
}

/// Asserts that a job ended well in this attempt, with its whole output.
async fn assert_whole(site: &Site, id: &str, attempt: u64) {
    let job = site.ends(id).await;
    let wanted = (json!("completed"), json!(0), json!(attempt));
    assert_eq!((&job["status"], &job["exit_code"], &job["attempt"]), (&wanted.0, &wanted.1, &wanted.2), "{job:#}");
    assert_eq!(site.api.output(id, attempt).await.unwrap(), WHOLE, "{job:#}");
    for lost in &job["attempts"].as_array().unwrap()[..usize::try_from(attempt).unwrap() - 1] {
        assert_eq!(lost["status"], "lost", "{job:#}");
    }
}

fn is_helper(member: &Member) -> bool {
    let arguments = fs::read(format!("/proc/{}/cmdline", member.pid)).unwrap_or_default();
    arguments.split(|byte| *byte == 0).any(|argument| argument == b"sandbox-helper")
}

/// Waits until all have ended.
async fn assert_end(members: &[Member]) {
    let deadline = Instant::now() + LIMIT;
    while members.iter().any(Member::is_alive) {
        let left: Vec<_> = members.iter().filter(|member| member.is_alive()).collect();
        assert!(Instant::now() < deadline, "still there after {LIMIT:?}: {left:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Directories of cgroups that were made by one of these.
fn cgroups(members: &[Member]) -> Vec<String> {
    let hierarchies = fs::read_dir(CGROUPS).into_iter().flatten().flatten().map(|entry| entry.path());
    let places = hierarchies.chain([Path::new(CGROUPS).to_owned()]);
    let own = members.iter().map(|member| format!("amphi-{}", member.pid));
    let own: Vec<_> = own.collect();
    let paths = places.flat_map(|place| own.iter().map(move |name| place.join(name)).collect::<Vec<_>>());
    paths.filter(|path| path.exists()).map(|path| path.display().to_string()).collect()
}

fn is_empty(dir: &Path) -> bool {
    fs::read_dir(dir).unwrap().next().is_none()
}

#[tokio::test]
async fn a_killed_agent_leaves_nothing_of_its_programs() {
    let mut site = site(2).await;
    let other = submit(&site, "other", program("node-b")).await;
    let id = submit(&site, "killed", program("node-a")).await;
    let members = family(site.agent("node-a").pid()).unwrap();
    assert_eq!(members.iter().filter(|member| member.name == "sleep").count(), 3, "{members:?}");
    assert!(!cgroups(&members).is_empty(), "programs are counted in cgroups here");

    site.agent("node-a").kill_and_restart().await.unwrap();
    assert_end(&members).await;
    assert_whole(&site, &id, 2).await;
    assert_whole(&site, &other, 1).await;
    let dir = site.scratch.path().join("node-a");
    assert_eq!(fs::read_to_string(dir.join("groups.txt")).unwrap(), "", "records are left");
    assert!(is_empty(&dir.join("work")), "work directories are left");
    assert_eq!(cgroups(&members), Vec::<String>::new());
}

#[tokio::test]
async fn a_sandbox_that_dies_takes_programs_along_and_comes_back() {
    let mut site = site(1).await;
    let ping = site.ping("ping", 30).await;
    let id = submit(&site, "program", program("node-a")).await;
    let members = family(site.agent("node-a").pid()).unwrap();
    let (inside, helper): (Vec<_>, Vec<_>) = {
        let helper = members.iter().filter(|member| is_helper(member)).min_by_key(|member| member.pid).unwrap();
        let inside = family(helper.pid).unwrap();
        (inside, vec![helper.clone()])
    };
    helper[0].kill().unwrap();
    assert_end(&inside).await;
    assert_whole(&site, &id, 2).await;
    let ping = site.ends(&ping).await;
    assert_eq!((&ping["status"], &ping["attempt"]), (&json!("completed"), &json!(1)), "{ping:#}");
    assert_eq!(site.agent("node-a").revive().unwrap(), None, "the agent goes on");
    assert!(site.agent("node-a").log().unwrap().contains("the sandbox's helper has ended"));
}

#[tokio::test]
async fn a_program_of_a_hanging_agent_is_placed_again() {
    let mut site = site(2).await;
    let body = json!({ "line": "echo ready; sleep 4; echo done" });
    let id = submit(&site, "hang", body).await;
    let name = site.api.job(&id).await.unwrap()["node"].as_str().unwrap().to_owned();
    site.agent(&name).freeze().unwrap();
    until("it is placed again", PLACED_AGAIN, async || (site.api.job(&id).await.ok()?["attempt"] == 2).then_some(()))
        .await;
    assert_whole(&site, &id, 2).await;
    let told = site.api.job(&id).await.unwrap();
    assert_ne!(told["node"], name.as_str());

    site.agent(&name).thaw().unwrap();
    is_up(&site.api, &name, "shell").await;
    // What the agent held comes before this on the same stream.
    let last = submit(&site, "after", program(&name)).await;
    assert_whole(&site, &last, 1).await;
    assert_eq!(site.api.job(&id).await.unwrap(), told, "late results changed the job");
    assert_eq!(site.api.output(&id, 2).await.unwrap(), WHOLE);
}

#[tokio::test]
async fn an_agent_on_a_full_disk_says_so_and_recovers() {
    if !nix::unistd::Uid::effective().is_root() {
        println!("skipped: only root may mount a small disk");
        return;
    }
    let mut site = Site::start(0).await;
    let mount = Mount::new(&site.scratch.path().join("node-a"));
    let url = site.serve.url();
    site.join("node-a", &url).await;
    is_up(&site.api, "node-a", "shell").await;
    let filler = mount.fill();
    // A tool's work directory takes none of the disk's room, or the run says that it could not start.
    let ping = site.ping("full", 1).await;
    let job = site.ends(&ping).await;
    println!("on the full disk a tool ends as {} for {} ({})", job["status"], job["reason"], job["reason_text"]);
    assert!(job["status"] == "completed" || job["reason"] == "not-started", "{job:#}");
    // Programs are in memory.
    let id = submit(&site, "program", program("node-a")).await;
    assert_whole(&site, &id, 1).await;
    // A new lease has to be kept on the disk before anything is done under it: the agent waits for room.
    site.serve.kill_and_restart().await.unwrap();
    site.serve.ready().await.unwrap();
    let says_so = async || site.agent("node-a").log().ok()?.contains("No space left on device").then_some(());
    until("the agent says what it lacks", LIMIT, says_so).await;
    fs::remove_file(filler).unwrap();
    is_up(&site.api, "node-a", "shell").await;
    let id = submit(&site, "after", program("node-a")).await;
    assert_whole(&site, &id, 1).await;
    drop(site);
    drop(mount);
}
