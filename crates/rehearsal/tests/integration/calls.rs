//! What holds for every call: who may make it, and how.

use rehearsal::{Conference, ConferencePlan};
use sha1::Sha1;
use sha2::{Sha256, Sha384, Sha512};

use crate::client::*;

#[tokio::test]
async fn the_version_needs_no_checksum() {
    let conference = conference().await;
    for target in ["/bigbluebutton/api", "/bigbluebutton/api/"] {
        let answer = send(&conference, "GET", target, "", "").await;
        assert_success(&answer);
        assert_eq!((text(&answer, "version"), text(&answer, "bbbVersion")), ("2.0".to_owned(), "3.0.4".to_owned()));
    }
}

#[tokio::test]
async fn every_algorithm_signs_unless_it_is_not_allowed() {
    let plan = ConferencePlan { secret: "s3cret".to_owned(), algorithms: vec!["sha256"], ..Default::default() };
    let strict = Conference::start(plan).await.unwrap();
    let open = conference().await;
    let signed = "getMeetingss3cret";
    let sums = [hex::<Sha1>(signed), hex::<Sha256>(signed), hex::<Sha384>(signed), hex::<Sha512>(signed)];
    for sum in &sums {
        let target = format!("/bigbluebutton/api/getMeetings?&checksum={sum}");
        assert_success(&send(&open, "GET", &target, "", "").await);
        let answer = send(&strict, "GET", &target, "", "").await;
        assert_eq!(text(&answer, "returncode"), if sum.len() == 64 { "SUCCESS" } else { "FAILED" });
    }
    assert_eq!(open.calls().len(), 4);
}

#[tokio::test]
async fn a_wrong_or_absent_checksum_is_refused_and_seen() {
    let conference = conference().await;
    let calls = ["create", "join", "isMeetingRunning", "getMeetingInfo", "getMeetings", "end", "getRecordings"];
    for call in calls.into_iter().chain(["sendChatMessage", "hooks/list", "getRecordingTextTracks"]) {
        for query in ["meetingID=room&checksum=0123456789012345678901234567890123456789", "meetingID=room"] {
            let answer = send(&conference, "GET", &format!("/bigbluebutton/api/{call}?{query}"), "", "").await;
            assert_failed(&answer, "checksumError");
        }
    }
    let wrong = send(&conference, "GET", "/bigbluebutton/api/end?checksum=00", "", "").await;
    assert_eq!(text(&wrong, "message"), "Checksums do not match");
    assert!(conference.calls().iter().all(|call| !call.is_signed));
    assert!(conference.meetings().is_empty());
}

#[tokio::test]
async fn the_query_is_signed_as_it_was_sent() {
    let conference = conference().await;
    for (at, query) in ["name=Two+words&meetingID=a%20b", "meetingID=%c3%a9t%c3%a9&name=Two%20words"].iter().enumerate()
    {
        assert_success(&get(&conference, "create", query).await);
        assert_eq!(conference.meetings()[at].parameters.iter().find(|(key, _)| key == "name").unwrap().1, "Two words");
    }
    assert_eq!(conference.meetings()[1].meeting_id, "été");
}

#[tokio::test]
async fn a_form_may_hold_the_parameters_and_the_checksum() {
    let conference = conference().await;
    let kind = "application/x-www-form-urlencoded; charset=UTF-8";
    let form = signed("create", "name=Room&meetingID=form");
    assert_success(&send(&conference, "POST", "/bigbluebutton/api/create", kind, &form).await);
    let target = format!("/bigbluebutton/api/create?{}", signed("create", "name=Room&meetingID=query"));
    assert_success(&send(&conference, "POST", &target, "", "").await);
    let names: Vec<_> = conference.meetings().into_iter().map(|meeting| meeting.meeting_id).collect();
    assert_eq!(names, ["form", "query"]);
    let answer = send(&conference, "POST", &target, "text/plain", "what").await;
    assert_failed(&answer, "unsupportedContentType");
}

#[tokio::test]
async fn unknown_calls_and_wrong_methods_are_refused_and_seen() {
    let conference = conference().await;
    assert!(get(&conference, "getEverything", "").await.starts_with("HTTP/1.1 404"));
    for (call, method) in [("join", "POST"), ("insertDocument", "GET"), ("hooks/create", "POST"), ("create", "PUT")] {
        let target = format!("/bigbluebutton/api/{call}?{}", signed(call, ""));
        assert!(send(&conference, method, &target, "", "").await.starts_with("HTTP/1.1 405"), "{method} {call}");
    }
    let seen: Vec<_> = conference.calls().into_iter().map(|call| (call.name, call.method)).collect();
    assert_eq!(seen.len(), 5);
    assert_eq!(seen[0], ("getEverything".to_owned(), "GET".to_owned()));
    assert_eq!(seen[1], ("join".to_owned(), "POST".to_owned()));
}
