//! An export mounted on a node by an operator: kept through a restart of its agent, and unmounted.

use std::time::Duration;

use serde_json::Value;
use testkit::amphi::family;
use tokio::time::{Instant, sleep};

use crate::site::{LIMIT, Site, has_word};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_keeps_an_export_mounted() {
    let Some(site) = Site::start().await else { return };
    let directory = site.scratch.path().join("on-lab-a/films");
    let directory_text = directory.to_str().unwrap();
    let here = site.scratch.path().join("file");
    std::fs::write(&here, "seen on the node").unwrap();
    done(&site, &["volume", "put", here.to_str().unwrap(), "films:file"]).await;

    let full = site.scratch.path();
    let refused = site.amphi(&["node", "mount", "lab-a", "films", full.to_str().unwrap()]).await;
    assert_eq!(refused.status.code(), Some(69));
    let why = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(why.contains("not empty"), "{why}");
    done(&site, &["node", "unmount", "lab-a", full.to_str().unwrap()]).await;
    assert_eq!(site.amphi(&["node", "mount", "lab-a", "films", "tmp"]).await.status.code(), Some(2));
    assert_eq!(site.amphi(&["node", "mount", "lab-z", "films", "/tmp/x"]).await.status.code(), Some(4));

    let said = done(&site, &["node", "mount", "lab-a", "films", directory_text]).await;
    assert_eq!(said, format!("films is mounted on {directory_text} of lab-a\n"));
    assert_eq!(std::fs::read_to_string(directory.join("file")).unwrap(), "seen on the node");
    // Safe, so that a kill takes nothing of it.
    let made = std::fs::File::create(directory.join("made on the node")).unwrap();
    std::io::Write::write_all(&mut &made, b"x").unwrap();
    made.sync_all().unwrap();
    drop(made);
    let twice = site.amphi(&["node", "mount", "lab-a", "films", directory_text]).await;
    assert_eq!(twice.status.code(), Some(5));

    kill_agent(&site, "lab-a");
    // What the killed agent had mounted is broken until the next one mounts it anew.
    until("it is mounted again", || std::fs::read_to_string(directory.join("made on the node")).is_ok()).await;
    let mounts = done(&site, &["node", "mounts", "lab-a", "--output", "json"]).await;
    let mounts: Value = serde_json::from_str(&mounts).unwrap();
    assert_eq!((mounts.as_array().unwrap().len(), &mounts[0]["export"]), (1, &"films".into()));

    done(&site, &["node", "unmount", "lab-a", directory_text]).await;
    assert_eq!(std::fs::read_dir(&directory).unwrap().count(), 0);
    let listed = done(&site, &["volume", "ls", "films"]).await;
    assert!(listed.contains("made on the node"), "{listed}");
    assert_eq!(done(&site, &["node", "mounts", "lab-a", "--output", "json"]).await.trim(), "[]");
}

fn kill_agent(site: &Site, node: &str) {
    let is_it = |pid: u32| std::fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|line| has_word(&line, node));
    let started = family(site.up.id().unwrap()).unwrap();
    started.iter().filter(|member| is_it(member.pid)).for_each(|member| member.kill().unwrap());
}

async fn until(what: &str, holds: impl Fn() -> bool) {
    let deadline = Instant::now() + LIMIT;
    while !holds() {
        assert!(Instant::now() < deadline, "not within {LIMIT:?}: {what}");
        sleep(Duration::from_millis(50)).await;
    }
}

/// What a command that has to succeed prints.
async fn done(site: &Site, arguments: &[&str]) -> String {
    let output = site.amphi(arguments).await;
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}
