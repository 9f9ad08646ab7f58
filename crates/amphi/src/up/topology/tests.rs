//! The network for real, where this machine lets us.

use std::time::{Duration, Instant};

use super::*;

/// Of these tests alone, whatever else is up on this machine.
const PREFIX: &str = "amphi-test";

async fn output(argv: &[&str]) -> String {
    let output = tokio::process::Command::new(find(argv[0]).unwrap()).args(&argv[1..]).kill_on_drop(true).output();
    let output = tokio::time::timeout(Duration::from_secs(20), output).await.unwrap().unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

async fn inside(host: &Host, argv: &[&str]) -> String {
    output(&[&["ip", "netns", "exec", &host.netns], argv].concat()).await
}

#[tokio::test]
async fn packets_cross_three_routers_and_nothing_stays_behind() {
    if let Err(why) = Topology::possible() {
        eprintln!("skipped: {why}");
        return;
    }
    let topology = Topology::raise(PREFIX, 4).await.unwrap();
    let prefix = topology.plan.prefix.clone();
    let [first, .., last] = topology.hosts() else { panic!("four hosts") };
    let far = topology.hosts()[2].clone();
    assert_eq!((first.name.as_str(), last.name.as_str(), far.name.as_str()), ("lab-a", "lab-d", "lab-c"));
    for to in ["lab-b", "lab-c", "lab-d", "web.lab"] {
        let text = inside(first, &["ping", "-c", "1", "-W", "5", to]).await;
        assert!(text.contains(" 0% packet loss"), "{to}: {text}");
    }
    let path = inside(first, &["traceroute", "-I", "-q", "1", "lab-c"]).await;
    let hops: Vec<_> = path.lines().skip(1).filter_map(|line| line.split_whitespace().nth(1)).collect();
    assert_eq!(hops, ["r1.lab", "r2.lab", "r3.lab", "lab-c"], "{path}");

    // A second network finds the first one's prefix held and takes the next.
    let second = Topology::raise(PREFIX, 1).await.unwrap();
    assert_ne!(second.plan.prefix, prefix);
    assert!(inside(&second.hosts()[0], &["ping", "-c", "1", "-W", "5", "web.lab"]).await.contains(" 0% packet loss"));
    second.lower().await;

    let argv = ["ip", "netns", "exec", &far.netns, "sleep", "60"];
    let mut sleeper =
        tokio::process::Command::new(find("ip").unwrap()).args(&argv[1..]).kill_on_drop(true).spawn().unwrap();
    let marker = Path::new("/proc").join(sleeper.id().unwrap().to_string()).join("cmdline");
    let deadline = Instant::now() + Duration::from_secs(10);
    while !fs::read_to_string(&marker).unwrap().starts_with("sleep") {
        assert!(Instant::now() < deadline, "the program did not start in its namespace");
        tokio::task::yield_now().await;
    }
    topology.lower().await;
    let ended = tokio::time::timeout(Duration::from_secs(10), sleeper.wait()).await;
    assert!(!ended.expect("a process outlived its network").unwrap().success());
    for dir in ["/run/netns", NETNS_ETC] {
        let left: Vec<_> = fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.file_name()).collect();
        let is_ours = |name: &std::ffi::OsString| name.to_string_lossy().starts_with(&format!("{prefix}-"));
        assert!(!left.iter().any(is_ours), "{dir}: {left:?}");
    }
}

#[tokio::test]
async fn what_a_killed_owner_left_is_removed() {
    if let Err(why) = Topology::possible() {
        eprintln!("skipped: {why}");
        return;
    }
    let prefix = format!("{PREFIX}-killed");
    // Dropping frees the lock and leaves the rest, as a kill does.
    drop(Topology::raise(&prefix, 5).await.unwrap());
    let deadline = Instant::now() + Duration::from_secs(10);
    let topology = loop {
        let topology = Topology::raise(&prefix, 1).await.unwrap();
        if topology.plan.prefix == prefix {
            break topology;
        }
        // A program that another test is just starting holds a copy of the lock until it runs.
        topology.lower().await;
        assert!(Instant::now() < deadline, "the prefix stays held");
    };
    let listed = output(&["ip", "netns", "list"]).await;
    assert!(listed.contains(&format!("{prefix}-lab-a")) && !listed.contains(&format!("{prefix}-lab-b")), "{listed}");
    topology.lower().await;
    assert!(!output(&["ip", "netns", "list"]).await.contains(&prefix));
}

#[test]
fn a_held_prefix_is_passed_over() {
    let dir = tempfile::tempdir().unwrap();
    let (first, lock) = claim(dir.path(), "p").unwrap();
    let (second, _other) = claim(dir.path(), "p").unwrap();
    assert_eq!((first.as_str(), second.as_str()), ("p", "p2"));
    drop(lock);
    let deadline = Instant::now() + Duration::from_secs(10);
    // A program that another test is just starting holds a copy of the lock until it runs.
    while claim(dir.path(), "p").unwrap().0 != "p" {
        assert!(Instant::now() < deadline, "the prefix stays held");
        std::thread::yield_now();
    }
}

#[test]
fn capabilities_are_read_from_a_status() {
    let status = "Name:\tamphi\nCapPrm:\t0000000000000000\nCapEff:\t000001ffffffffff\n";
    assert_eq!(capabilities(status) & NEEDED_CAPABILITIES, NEEDED_CAPABILITIES);
    assert_eq!(capabilities("CapEff:\t00000000a80425fb\n") & NEEDED_CAPABILITIES, 0);
    assert_eq!(capabilities(""), 0);
}
