//! Servers that answer what no conference server would.

use std::time::{Duration, Instant};

use placement::Health;
use testkit::conference::Fault;

use super::Site;

fn faults() -> Vec<Fault> {
    let bomb = "<!DOCTYPE r [<!ENTITY a \"aaaaaaaaaaaaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;\">]>\
        <response><returncode>SUCCESS</returncode><messageKey>&b;</messageKey></response>";
    let outside =
        "<!DOCTYPE r [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><response><returncode>&x;</returncode></response>";
    vec![
        Fault::Status(500),
        Fault::Status(404),
        Fault::Redirect("http://127.0.0.1:1/elsewhere".to_owned()),
        Fault::Garbage(b"<html>It works!</html>".to_vec()),
        Fault::Garbage(b"{\"returncode\":\"SUCCESS\"}".to_vec()),
        Fault::Garbage(Vec::new()),
        Fault::Garbage(bomb.into()),
        Fault::Garbage(outside.into()),
        Fault::Garbage("<a>".repeat(100_000).into_bytes()),
        Fault::Huge(50 << 20),
        Fault::Drop,
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_a_server_answers_a_create_finds_another_one() {
    for (n, fault) in faults().into_iter().enumerate() {
        let site = Site::new(2).await;
        site.conferences[0].set_fault(fault.clone());
        for m in 0..2 {
            let begun = Instant::now();
            site.create(&format!("class-{n}-{m}")).await;
            assert!(begun.elapsed() < Duration::from_secs(15), "{fault:?}");
        }
        assert_eq!(site.conferences[1].meetings().len(), 2, "{fault:?}");
        let health = site.plane.classroom.fleet().entry(&Site::id(0)).unwrap().health();
        assert_ne!(health, Health::Up, "{fault:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_client_sends_makes_no_server_suspect() {
    let site = Site::new(2).await;
    for server in &site.conferences {
        server.set_fault_for("create", Fault::Status(500));
    }
    for n in 0..4 {
        let answer = site.call("create", &format!("meetingID=class-{n}&name=Class")).await;
        assert!(answer.contains("internalError"), "{answer}");
        site.plane.clock.advance(Duration::from_secs(1));
    }
    for server in 0..2 {
        assert_eq!(site.plane.classroom.fleet().entry(&Site::id(server)).unwrap().health(), Health::Up);
    }
    assert_eq!(site.plane.count("classroom_meeting").await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_refuses_our_signature_is_passed_over() {
    let site = Site::new(2).await;
    let refusal = "<response><returncode>FAILED</returncode><messageKey>checksumError</messageKey></response>";
    site.conferences[0].set_fault(Fault::Garbage(refusal.into()));
    for n in 0..3 {
        site.create(&format!("class-{n}")).await;
    }
    assert_eq!(site.conferences[1].meetings().len(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_without_an_end_is_given_up() {
    let site = Site::new(1).await;
    site.create("class").await;
    site.conferences[0].set_fault(Fault::Endless);
    let begun = Instant::now();
    let info = site.call("getMeetingInfo", "meetingID=class").await;
    assert!(info.contains("internalError"), "{info}");
    assert!(begun.elapsed() < Duration::from_secs(15));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_server_at_all_is_said_plainly() {
    let site = Site::new(0).await;
    let answer = site.call("create", "meetingID=class&name=Class").await;
    assert!(answer.contains("internalError") && answer.contains("available servers"), "{answer}");
    assert_eq!(site.plane.count("classroom_meeting").await, 0);
    let mut site = Site::new(1).await;
    site.server_add("gpu").await;
    let wish = site.call("create", "meetingID=one&name=Class&meta_server-tag=gpu").await;
    assert!(wish.contains("SUCCESS") && site.conferences[1].meetings().len() == 1);
    let demand = site.call("create", "meetingID=two&name=Class&meta_server-tag=law!").await;
    assert!(demand.contains("serverTagUnavailable"), "{demand}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_server_refuses_is_told_as_it_is_and_leaves_no_place() {
    let site = Site::new(1).await;
    let refusal =
        "<response><returncode>FAILED</returncode><messageKey>idNotUnique</messageKey><message>no</message></response>";
    site.conferences[0].set_fault_for("create", Fault::Garbage(refusal.into()));
    assert_eq!(site.call("create", "meetingID=class&name=Class").await, refusal);
    assert_eq!(site.plane.count("classroom_meeting").await, 0);
}
