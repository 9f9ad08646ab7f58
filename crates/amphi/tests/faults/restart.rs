//! The control plane, restarted while runs go on.

use std::process::Stdio;
use std::time::Duration;

use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::site::{LIMIT, Site, assert_whole_at_once, ping_fault, program, until};

/// A control plane lets open requests finish for five seconds.
const STOP_LIMIT: Duration = Duration::from_secs(10);

/// `amphi run` of a ping, connected to the site.
fn run_from_the_command_line(site: &Site, name: &str, packets: u32) -> Child {
    let mut command = Command::new(program());
    command.args(["run", "--name", name, "ping", "-c", &packets.to_string(), "-i", "0.2", "127.0.0.1"]);
    command.env("AMPHI_URL", site.serve.url()).env("AMPHI_TOKEN", site.serve.token().unwrap());
    command.env("HOME", site.scratch.path()).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.kill_on_drop(true).spawn().unwrap()
}

/// Restarts while one run was submitted through the API and another is followed by `amphi run`.
async fn restart_in_the_middle(site: &mut Site, key: &str, is_graceful: bool) {
    const PACKETS: u32 = 20;
    let id = site.ping(key, PACKETS).await;
    site.prints(&id, 2).await;
    let name = format!("followed-{key}");
    let follower = run_from_the_command_line(site, &name, PACKETS);
    let followed = until("the command line's job is there", LIMIT, async || {
        let jobs = site.api.jobs().await.ok()?;
        jobs.iter().find(|job| job["name"] == name.as_str())?["id"].as_str().map(str::to_owned)
    })
    .await;
    site.prints(&followed, 2).await;

    if is_graceful {
        let status = site.serve.stop_and_restart(STOP_LIMIT).await.unwrap();
        assert!(status.success(), "{status}");
    } else {
        site.serve.kill_and_restart().await.unwrap();
    }
    site.serve.ready().await.unwrap();
    assert_whole_at_once(site, &id, PACKETS).await;
    assert_whole_at_once(site, &followed, PACKETS).await;
    let done = timeout(LIMIT, follower.wait_with_output()).await.expect("amphi run ends").unwrap();
    let (stdout, stderr) = (String::from_utf8(done.stdout).unwrap(), String::from_utf8(done.stderr).unwrap());
    assert!(done.status.success(), "{}: {stderr}", done.status);
    assert_eq!(ping_fault(&stdout, PACKETS, true), None, "{stdout}");
}

#[tokio::test]
async fn a_control_plane_restart_keeps_runs_going() {
    let mut site = Site::start(1).await;
    restart_in_the_middle(&mut site, "stopped", true).await;
    restart_in_the_middle(&mut site, "killed", false).await;
}
