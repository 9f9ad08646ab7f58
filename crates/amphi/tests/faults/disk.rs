//! A control plane whose disk is full.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::unistd::Uid;
use serde_json::json;
use testkit::amphi::{Scratch, Serve};

use crate::api::Trouble;
use crate::site::{LIMIT, Site, ping, ping_fault, program, until};

/// Room for the database, its log and not much else.
const SIZE: &str = "size=16m";

/// A file system of its own, gone when dropped.
pub(crate) struct Mount(PathBuf);

impl Mount {
    pub(crate) fn new(path: &Path) -> Self {
        fs::create_dir(path).unwrap();
        let made = Command::new("mount").args(["-t", "tmpfs", "-o", SIZE, "tmpfs"]).arg(path).status().unwrap();
        assert!(made.success(), "mount: {made}");
        Self(path.to_owned())
    }

    /// A file that takes all the room there is.
    pub(crate) fn fill(&self) -> PathBuf {
        let path = self.0.join("filler");
        let mut file = File::create(&path).unwrap();
        for length in [64 * 1024, 4096, 1] {
            while file.write_all(&vec![0; length]).is_ok() {}
        }
        path
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        // Lazily: who still has a file open there is about to end.
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

/// Submits under new keys until one is refused; what was accepted before, and the key that was not.
async fn submit_until_refused(site: &Site, accepted: &mut Vec<(String, String)>) -> (String, u16, serde_json::Value) {
    for n in 0..2_000 {
        let key = format!("full-{n}");
        match site.api.submit(&key, &ping(1)).await {
            Ok(id) => accepted.push((key, id)),
            Err(Trouble::Status(status, body)) => return (key, status, body),
            Err(away) => panic!("a full disk must not end the control plane: {away:?}"),
        }
    }
    panic!("a full disk took 2,000 submissions");
}

#[tokio::test]
async fn a_full_disk_refuses_and_forgets_nothing() {
    if !Uid::effective().is_root() {
        println!("skipped: a small file system can't be mounted without root");
        return;
    }
    let scratch = Scratch::new().unwrap();
    let mount = Mount::new(&scratch.path().join("control"));
    let serve = Serve::start(program(), &scratch.path().join("control")).await.unwrap();
    let site = Site::with_serve(scratch, serve, 1).await;
    let mut accepted = vec![("before".to_owned(), site.ping("before", 1).await)];
    accepted.push(("across".to_owned(), site.ping("across", 25).await));
    site.prints(&accepted[1].1, 2).await;

    let filler = mount.fill();
    let (refused, status, body) = submit_until_refused(&site, &mut accepted).await;
    assert_eq!(status, 503, "{body}");
    let sentence = body["message"].as_str().unwrap_or_default();
    assert!(sentence.ends_with('.') && body["code"].is_string(), "{body}");
    for (_, id) in &accepted {
        site.api.job(id).await.expect("what was accepted can be read all the while");
    }

    fs::remove_file(filler).unwrap();
    let late =
        until("submissions are taken again", LIMIT, async || site.api.submit(&refused, &ping(1)).await.ok()).await;
    accepted.push((refused, late));
    println!("{} accepted, {status} {sentence:?} on the full disk", accepted.len());
    for (key, id) in &accepted {
        let packets = if key == "across" { 25 } else { 1 };
        let job = site.ends(id).await;
        assert_eq!(job["status"], json!("completed"), "{key}: {job:#}");
        let output = site.api.output(id, job["attempt"].as_u64().unwrap()).await.unwrap();
        assert_eq!(ping_fault(&output, packets, true), None, "{key}: {output}");
        assert_eq!(&site.api.submit(key, &ping(packets)).await.unwrap(), id, "one key, one job");
    }
    assert_eq!(site.api.jobs().await.unwrap().len(), accepted.len());
    drop(site);
    drop(mount);
}
