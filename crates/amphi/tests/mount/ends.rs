//! The mount, stores and the control plane end in the middle.

use testkit::amphi::family;

use crate::site::{Site, has_word};

/// What is in the directory, with its bytes.
const SUMS: &str = "find . -type f | sort | xargs -r sha256sum";

#[tokio::test]
async fn what_was_synced_outlives_the_mount() {
    let Some(site) = Site::start().await else { return };
    let mount = site.mount("one").await;
    mount.shell("mkdir d; head -c 3000000 /dev/urandom > d/large; seq 100 > d/small; sync d d/large d/small").await;
    let sums = mount.shell(SUMS).await;
    mount.kill().await;
    let again = site.mount("one").await;
    assert_eq!(again.shell(SUMS).await, sums);
    again.unmount(&site).await;
}

#[tokio::test]
async fn unmounting_while_files_are_open_is_refused() {
    let Some(site) = Site::start().await else { return };
    let mount = site.mount("one").await;
    let open = std::fs::File::create(mount.path.join("open")).unwrap();
    let refused = site.amphi(&["volume", "unmount", mount.path.to_str().unwrap()]).await;
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(refused.status.code() == Some(5) && said.contains("in use: close the files"), "{said}");
    drop(open);
    mount.unmount(&site).await;
}

#[tokio::test]
async fn only_a_mount_of_ours_is_unmounted_and_none_is_put_on_another() {
    let Some(site) = Site::start().await else { return };
    let other = site.scratch.path().join("other file system");
    std::fs::create_dir(&other).unwrap();
    let none = nix::mount::MsFlags::empty();
    nix::mount::mount(Some("none"), &other, Some("tmpfs"), none, None::<&str>).unwrap();
    let refused = site.amphi(&["volume", "unmount", other.to_str().unwrap()]).await;
    assert_eq!(refused.status.code(), Some(2), "{refused:?}");
    nix::mount::umount(&other).expect("it is still mounted");
    for nothing in [other.to_str().unwrap(), "/nowhere"] {
        let refused = site.amphi(&["volume", "unmount", nothing]).await;
        assert_eq!(refused.status.code(), Some(2), "{refused:?}");
    }
    let mount = site.mount("one").await;
    let second = site.amphi(&["volume", "mount", "films", mount.path.to_str().unwrap()]).await;
    assert_eq!(second.status.code(), Some(5), "{second:?}");
    mount.unmount(&site).await;
}

#[tokio::test]
async fn the_loss_of_an_agent_is_not_noticed() {
    let Some(site) = Site::start().await else { return };
    let mount = site.mount("one").await;
    mount.shell("head -c 20000000 /dev/urandom > before; sync before").await;
    let sums = mount.shell(SUMS).await;
    let is_agent = |pid: u32| std::fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|line| has_word(&line, "agent"));
    let started = family(site.up.id().unwrap()).unwrap();
    started.iter().find(|member| is_agent(member.pid)).expect("amphi up runs agents").kill().unwrap();
    mount.shell("head -c 20000000 /dev/urandom > after; sync after").await;
    let sums = format!("{sums}{}", mount.shell("sha256sum ./after").await);
    mount.kill().await;
    let again = site.mount("one").await;
    let seen = again.shell(SUMS).await;
    assert!(sums.lines().all(|line| seen.contains(line)), "{seen} lacks some of {sums}");
    again.unmount(&site).await;
}

#[tokio::test]
async fn a_restart_under_the_mount_loses_nothing() {
    let Some(mut site) = Site::start().await else { return };
    let mount = site.mount("one").await;
    mount.shell("mkdir d; seq 1000 > d/before; sync d/before").await;
    site.restart().await;
    mount.shell("seq 2000 > d/after; sync d/after; mv d/before d/renamed; sync d").await;
    let sums = mount.shell(SUMS).await;
    mount.unmount(&site).await;
    let again = site.mount("one").await;
    assert_eq!(again.shell(SUMS).await, sums);
    again.unmount(&site).await;
}
