//! Where meetings go, and what becomes of them when servers fail.

use std::time::{Duration, Instant};

use futures::future::join_all;
use placement::AdminState;
use testkit::conference::Fault;

use super::Site;

fn spread(counts: &[usize]) -> usize {
    counts.iter().max().unwrap() - counts.iter().min().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thirty_meetings_at_once_are_spread_evenly() {
    let site = Site::new(3).await;
    let names: Vec<String> = (0..30).map(|n| format!("class-{n}")).collect();
    join_all(names.iter().map(|name| site.create(name))).await;
    assert_eq!(site.counts().iter().sum::<usize>(), 30);
    assert!(spread(&site.counts()) <= 1, "{:?}", site.counts());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_meeting_made_by_many_at_once_is_one_meeting() {
    let site = Site::new(3).await;
    join_all((0..20).map(|_| site.create("class"))).await;
    assert_eq!(site.counts().iter().sum::<usize>(), 1);
    assert_eq!(site.plane.count("classroom_meeting").await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_server_fails_no_create_and_its_meetings_can_be_made_again() {
    let site = Site::new(3).await;
    for n in 0..9 {
        site.create(&format!("class-{n}")).await;
    }
    site.conferences[0].set_fault(Fault::Refuse);
    let dead: Vec<String> = site.conferences[0].meetings().into_iter().map(|meeting| meeting.meeting_id).collect();
    assert_eq!(dead.len(), 3);
    // New ones go elsewhere, within the same request; and so does one that was there, once the server is known to be down.
    for n in 9..15 {
        site.create(&format!("class-{n}")).await;
    }
    site.create(&dead[0]).await;
    assert_ne!(site.server_of(&dead[0]).await, 0);
    // The others are not "over" before they are lost, since that is what every client would show to a whole class.
    let info = |id: &str| format!("meetingID={id}");
    assert!(site.call("getMeetingInfo", &info(&dead[1])).await.contains("internalError"));
    site.pass(30).await;
    assert!(site.call("getMeetingInfo", &info(&dead[1])).await.contains("internalError"));
    let join = site.call("join", &format!("meetingID={}&fullName=A", dead[1])).await;
    assert!(join.contains("serverUnavailable"), "{join}");
    site.pass(60).await;
    assert!(site.call("getMeetingInfo", &info(&dead[1])).await.contains("notFound"));
    site.create(&dead[1]).await;
    assert_ne!(site.server_of(&dead[1]).await, 0);
    assert!(site.call("getMeetings", "").await.contains(&format!("<meetingID>{}</meetingID>", dead[1])));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_blip_ends_nothing_and_moves_nothing() {
    let site = Site::new(2).await;
    site.create("class").await;
    let home = site.server_of("class").await;
    site.conferences[home].attend("class", "Ada", true, true, true).unwrap();
    site.pass(5).await;
    site.conferences[home].set_fault(Fault::Status(502));
    site.pass(5).await;
    site.conferences[home].set_fault(Fault::None);
    site.create("class").await;
    site.pass(30).await;
    assert_eq!(site.server_of("class").await, home);
    assert_eq!(site.conferences[home].meetings()[0].attendees.len(), 1);
    assert!(site.conferences[1 - home].meetings().is_empty());
    assert!(site.conferences.iter().all(|server| server.calls().iter().all(|call| call.name != "end")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_reaches_no_server_gives_up_no_meeting() {
    let site = Site::new(2).await;
    for n in 0..4 {
        site.create(&format!("class-{n}")).await;
    }
    site.conferences.iter().for_each(|server| server.set_fault(Fault::Refuse));
    site.pass(120).await;
    assert!(site.call("getMeetingInfo", "meetingID=class-0").await.contains("internalError"));
    site.conferences.iter().for_each(|server| server.set_fault(Fault::None));
    site.pass(5).await;
    for n in 0..4 {
        assert!(site.call("getMeetingInfo", &format!("meetingID=class-{n}")).await.contains("SUCCESS"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cordoned_server_keeps_what_it_has_and_is_disabled_when_it_is_empty() {
    let site = Site::new(2).await;
    site.create("old").await;
    let home = site.server_of("old").await;
    site.state_set(home, AdminState::Cordoned).await;
    for n in 0..4 {
        site.create(&format!("new-{n}")).await;
    }
    assert_eq!(site.conferences[home].meetings().len(), 1, "no new ones");
    site.create("old").await;
    site.pass(20).await;
    assert_eq!(site.server_of("old").await, home);
    let state = || site.plane.classroom.fleet().entry(&Site::id(home)).unwrap().server.state;
    assert_eq!(state(), AdminState::Cordoned);
    site.conferences[home].forget_all();
    site.pass(30).await;
    assert_eq!(state(), AdminState::Disabled);
    assert!(site.call("getMeetingInfo", "meetingID=old").await.contains("notFound"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_hangs_holds_up_no_call_for_others() {
    let site = Site::new(3).await;
    for n in 0..6 {
        site.create(&format!("class-{n}")).await;
    }
    let mut well = None;
    for n in 0..6 {
        let name = format!("class-{n}");
        if site.server_of(&name).await != 0 {
            well = Some(name);
        }
    }
    let well = format!("meetingID={}", well.unwrap());
    site.conferences[0].set_fault(Fault::Hang);
    let begun = Instant::now();
    let (list, infos) =
        tokio::join!(site.call("getMeetings", ""), join_all((0..20).map(|_| site.call("getMeetingInfo", &well))),);
    assert!(infos.iter().all(|info| info.contains("SUCCESS")));
    assert_eq!(list.matches("<meeting>").count(), 4, "{list}");
    // The deadline of a call is five seconds.
    assert!(begun.elapsed() < Duration::from_secs(15));
    site.create("another").await;
    assert_ne!(site.server_of("another").await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_create_that_was_done_without_a_word_is_found() {
    let site = Site::new(2).await;
    site.conferences.iter().for_each(|server| server.set_fault_for("create", Fault::CreateThenHang));
    let (answer, ()) = tokio::join!(site.call("create", "meetingID=class&name=class"), async {
        while site.counts().iter().sum::<usize>() == 0 {
            tokio::task::yield_now().await;
        }
        site.conferences.iter().for_each(|server| server.set_fault_for("create", Fault::None));
    });
    assert!(answer.contains("SUCCESS"), "{answer}");
    assert_eq!(site.counts().iter().sum::<usize>(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_class_with_people_is_not_moved_before_its_server_is_lost() {
    let site = Site::new(2).await;
    site.create("class").await;
    let home = site.server_of("class").await;
    site.conferences[home].attend("class", "Ada", true, true, true).unwrap();
    site.pass(5).await;
    site.conferences[home].set_fault(Fault::Refuse);
    for _ in 0..2 {
        let answer = site.call("create", "meetingID=class&name=class").await;
        assert!(answer.contains("serverUnavailable"), "{answer}");
    }
    assert!(site.conferences[1 - home].meetings().is_empty());
    site.conferences[home].set_fault(Fault::None);
    site.pass(5).await;
    site.create("class").await;
    assert_eq!(site.server_of("class").await, home);
    site.conferences[home].set_fault(Fault::Refuse);
    site.pass(90).await;
    site.create("class").await;
    assert_eq!(site.server_of("class").await, 1 - home, "lost: it is made again");
    site.conferences[1 - home].attend("class", "Bea", true, true, true).unwrap();
    site.conferences[home].set_fault(Fault::None);
    site.pass(30).await;
    assert_eq!(site.counts(), [1, 1], "people are in both: neither is ended");
    site.conferences[home].leave("class", &site.conferences[home].meetings()[0].attendees[0].user_id);
    site.pass(10).await;
    assert!(site.conferences[home].meetings().is_empty(), "nobody is in this one any more");
    assert_eq!(site.conferences[1 - home].meetings()[0].attendees.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_meetings_of_one_name_the_one_with_people_lives() {
    let site = Site::new(2).await;
    site.create("class").await;
    let home = site.server_of("class").await;
    let (stays, goes) = (&site.conferences[home], &site.conferences[1 - home]);
    stays.attend("class", "Ada", true, true, false).unwrap();
    site.pass(5).await;
    // As after a create that timed out here and was done there all the same.
    assert!(made_elsewhere(goes, "class").await.contains("SUCCESS"));
    site.pass(10).await;
    assert!(goes.meetings().is_empty(), "the second one was ended");
    assert_eq!(stays.meetings()[0].attendees.len(), 1);
    let user = stays.meetings()[0].attendees[0].user_id.clone();
    stays.leave("class", &user);
    assert!(made_elsewhere(goes, "class").await.contains("SUCCESS"));
    goes.attend("class", "Bea", false, true, false).unwrap();
    site.pass(10).await;
    assert_eq!(site.server_of("class").await, 1 - home, "it is where its people are");
    assert!(stays.meetings().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_ended_meeting_is_not_adopted_and_a_new_session_not_forgotten_by_an_old_poll() {
    let site = Site::new(1).await;
    site.create("class").await;
    site.conferences[0].attend("class", "Ada", true, true, false).unwrap();
    site.pass(20).await;
    site.call("end", "meetingID=class&password=mp").await;
    // What the last poll showed is older than the end.
    site.plane.classroom.reconcile().await.unwrap();
    assert_eq!(site.plane.count("classroom_meeting").await, 0);
    site.create("class").await;
    site.pass(20).await;
    site.conferences[0].forget_all();
    site.plane.clock.advance(Duration::from_secs(5));
    site.plane.classroom.servers_poll().await.unwrap();
    // The session is over, and its place is there still: another one begins in it, which that poll does not show.
    site.create("class").await;
    site.plane.classroom.reconcile().await.unwrap();
    assert_eq!(site.plane.count("classroom_meeting").await, 1);
    assert!(site.call("getMeetingInfo", "meetingID=class").await.contains("SUCCESS"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_another_replica_reaches_is_not_lost() {
    let site = Site::new(2).await;
    site.create("class").await;
    let home = site.server_of("class").await;
    site.conferences[home].set_fault(Fault::Refuse);
    for _ in 0..24 {
        site.pass(5).await;
        let mut seen = db::Write::new();
        let now_ms = site.plane.db.time_ms().await.unwrap();
        crate::queries::server::servers_seen(&mut seen, &[Site::id(home)], now_ms);
        site.plane.db.write(seen).await.unwrap();
    }
    assert_eq!(site.plane.count("classroom_meeting").await, 1);
    site.pass(70).await;
    assert_eq!(site.plane.count("classroom_meeting").await, 0);
}

/// Creates a meeting at a server itself, as if it had come through another balancer.
pub(super) async fn made_elsewhere(conference: &testkit::conference::Conference, meeting: &str) -> String {
    let query = format!("meetingID={meeting}&name=class");
    let sum = crate::model::checksum::checksum(
        crate::model::checksum::Algorithm::Sha256,
        &[b"create", query.as_bytes(), conference.secret().as_bytes()],
    );
    let answer = reqwest::get(format!("{}/create?{query}&checksum={sum}", conference.url())).await.unwrap();
    answer.text().await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_nobody_made_through_us_is_adopted_and_ended_meetings_are_forgotten() {
    let site = Site::new(1).await;
    assert!(made_elsewhere(&site.conferences[0], "class").await.contains("SUCCESS"));
    site.conferences[0].attend("class", "Ada", true, false, false).unwrap();
    site.pass(10).await;
    assert!(site.call("getMeetingInfo", "meetingID=class").await.contains("SUCCESS"));
    assert!(site.call("isMeetingRunning", "meetingID=class").await.contains("<running>true"));
    assert!(site.call("getMeetings", "").await.contains("<meetingID>class</meetingID>"));
    site.conferences[0].forget_all();
    site.pass(25).await;
    assert!(site.call("isMeetingRunning", "meetingID=class").await.contains("<running>false"));
    assert_eq!(site.plane.count("classroom_meeting").await, 0);
    assert_eq!(site.plane.count("classroom_history").await, 1, "one came");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn breakout_rooms_are_listed_with_the_meeting_they_belong_to() {
    let site = Site::new(1).await;
    site.create("class").await;
    let conference = &site.conferences[0];
    let internal = conference.meetings()[0].internal_id.clone();
    for parent in ["class", internal.as_str(), "nobody-s"] {
        let room = format!("room-of-{parent}&isBreakout=true&sequence=1&parentMeetingID={parent}");
        assert!(made_elsewhere(conference, &room).await.contains("SUCCESS"));
    }
    site.pass(20).await;
    let listed = site.call("getMeetings", "").await;
    for (meeting, is_listed) in [
        ("class".to_owned(), true),
        ("room-of-class".into(), true),
        (format!("room-of-{internal}"), true),
        ("room-of-nobody-s".into(), false),
    ] {
        assert_eq!(listed.contains(&format!("<meetingID>{meeting}</meetingID>")), is_listed, "{meeting}: {listed}");
    }
    assert_eq!(site.plane.count("classroom_meeting").await, 1, "no place is kept for a breakout room");
}
