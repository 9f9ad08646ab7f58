//! Meetings from `create` to `end`.

use crate::client::*;

const ROOM: &str = "name=Room+%26+more&meetingID=room&attendeePW=att&moderatorPW=mod";

#[tokio::test]
async fn creating_twice_is_no_error_unless_it_is_another_meeting() {
    let conference = conference().await;
    let first = get(&conference, "create", ROOM).await;
    assert_success(&first);
    let time = text(&first, "createTime");
    assert_eq!(text(&first, "internalMeetingID"), format!("{}-{time}", hex::<sha1::Sha1>("room")));
    assert_eq!((text(&first, "messageKey"), text(&first, "hasUserJoined")), (String::new(), "false".to_owned()));
    let again = get(&conference, "create", ROOM).await;
    assert_success(&again);
    assert_eq!((text(&again, "messageKey"), text(&again, "createTime")), ("duplicateWarning".to_owned(), time));
    let other = get(&conference, "create", "name=Room&meetingID=room&attendeePW=other&moderatorPW=mod").await;
    assert_failed(&other, "idNotUnique");
    assert_eq!(conference.meetings().len(), 1);
}

#[tokio::test]
async fn bad_meetings_are_not_created() {
    let conference = conference().await;
    let long = "m".repeat(257);
    for (query, key) in [
        ("name=Room", "missingParamMeetingID"),
        ("name=Room&meetingID=m", "validationError"),
        ("name=Room&meetingID=a,b", "validationError"),
        (&format!("name=Room&meetingID={long}"), "validationError"),
        ("meetingID=room", "validationError"),
        ("meetingID=room&name=R", "validationError"),
        ("meetingID=room&name=Room&record=maybe", "validationError"),
        ("meetingID=room&name=Room&voiceBridge=one", "validationError"),
        ("meetingID=room&name=Room&attendeePW=x", "invalidPassword"),
    ] {
        assert_failed(&get(&conference, "create", query).await, key);
    }
    assert!(conference.meetings().is_empty());
}

#[tokio::test]
async fn a_voice_bridge_belongs_to_one_meeting() {
    let conference = conference().await;
    assert_success(&get(&conference, "create", "name=Room&meetingID=one&voiceBridge=71234").await);
    let answer = get(&conference, "create", "name=Room&meetingID=two&voiceBridge=71234").await;
    assert!(answer.contains("<errors><error key=\"nonUniqueVoiceBridge\" "), "{answer}");
    assert_eq!(conference.meetings().len(), 1);
}

#[tokio::test]
async fn slides_come_with_create_and_later() {
    let conference = conference().await;
    let slides = "<modules><module name=\"presentation\"><document url=\"https://a.test/b.pdf\"/></module></modules>";
    assert_success(&post_xml(&conference, "create", ROOM, slides).await);
    assert_success(&post_xml(&conference, "insertDocument", "meetingID=room", slides).await);
    assert_eq!(conference.meetings()[0].documents, [slides.as_bytes(), slides.as_bytes()]);
    let broken = post_xml(&conference, "insertDocument", "meetingID=room", "<modules>").await;
    assert!(broken.starts_with("HTTP/1.1 500"), "{broken}");
    assert_failed(&post_xml(&conference, "insertDocument", "meetingID=none", slides).await, "notFound");
}

#[tokio::test]
async fn joining_leads_to_a_page_and_makes_the_meeting_run() {
    let conference = conference().await;
    get(&conference, "create", ROOM).await;
    assert_eq!(text(&get(&conference, "isMeetingRunning", "meetingID=room").await, "running"), "false");
    let answer = get(&conference, "join", "meetingID=room&fullName=Ada+%3Cb%3E&password=mod&userID=7").await;
    assert!(answer.starts_with("HTTP/1.1 302"), "{answer}");
    let (_, target) = answer.split_once("location: http://rehearsal.test").unwrap();
    let target = target.lines().next().unwrap();
    assert!(target.starts_with("/html5client/?sessionToken="), "{target}");
    let page = send(&conference, "GET", target, "", "").await;
    assert!(page.starts_with("HTTP/1.1 200"), "{page}");
    assert!(page.contains("<h1>You are in Room &amp; more as Ada &lt;b&gt;</h1>"), "{page}");
    assert!(page.contains("This is a rehearsal server: no sound or picture."), "{page}");
    assert_eq!(text(&get(&conference, "isMeetingRunning", "meetingID=room").await, "running"), "true");
    let direct = get(&conference, "join", "meetingID=room&fullName=Bob&role=VIEWER&redirect=false").await;
    assert_success(&direct);
    let session = text(&direct, "session_token");
    assert_eq!(text(&direct, "url"), format!("http://rehearsal.test/html5client/?sessionToken={session}"));

    let left = send(&conference, "POST", &target.replacen("/?", "/leave?", 1), "", "").await;
    assert!(left.starts_with("HTTP/1.1 302"), "{left}");
    let names: Vec<_> = conference.meetings()[0].attendees.iter().map(|one| one.full_name.clone()).collect();
    assert_eq!(names, ["Bob"]);
    assert!(send(&conference, "GET", target, "", "").await.starts_with("HTTP/1.1 404"));
}

#[tokio::test]
async fn who_may_not_join_learns_why() {
    let conference = conference().await;
    get(&conference, "create", &format!("{ROOM}&maxParticipants=1")).await;
    for (query, key) in [
        ("meetingID=room&password=mod", "missingParamFullName"),
        ("meetingID=none&password=mod&fullName=Ada", "invalidMeetingIdentifier"),
        ("meetingID=room&password=no&fullName=Ada", "invalidPassword"),
        ("meetingID=room&fullName=Ada", "invalidPassword"),
        ("meetingID=room&password=att&fullName=Ada&createTime=1", "mismatchCreateTimeParam"),
    ] {
        let direct = get(&conference, "join", &format!("{query}&redirect=false")).await;
        assert_failed(&direct, key);
        let led = get(&conference, "join", query).await;
        assert!(led.starts_with("HTTP/1.1 302"), "{led}");
        let (_, target) = led.split_once("location: http://rehearsal.test").unwrap();
        let page = send(&conference, "GET", target.lines().next().unwrap(), "", "").await;
        assert!(page.contains(&text(&direct, "message").replace('\'', "&apos;")), "{page}");
    }
    conference.attend("room", "First", false, false, false).unwrap();
    let full = get(&conference, "join", "meetingID=room&password=att&fullName=Ada&redirect=false").await;
    assert_failed(&full, "maxParticipantsReached");
}

#[tokio::test]
async fn meetings_are_listed_complete() {
    let conference = conference().await;
    let empty = get(&conference, "getMeetings", "").await;
    assert_success(&empty);
    assert!(empty.contains("<meetings></meetings><messageKey>noMeetings</messageKey>"), "{empty}");
    get(&conference, "create", &format!("{ROOM}&meta_Origin=LMS&record=true&duration=60&maxParticipants=9")).await;
    conference.attend("room", "Ada", true, true, false).unwrap();
    let bob = conference.attend("room", "Bob", false, false, true).unwrap();
    assert_eq!(conference.attend("none", "Eve", false, false, false), None);
    let list = get(&conference, "getMeetings", "").await;
    let info = get(&conference, "getMeetingInfo", "meetingID=room").await;
    let one = text(&list, "meeting");
    assert!(info.contains(&one), "{info}");
    for (element, value) in [
        ("meetingName", "Room &amp; more"),
        ("attendeePW", "att"),
        ("running", "true"),
        ("duration", "60"),
        ("recording", "true"),
        ("participantCount", "2"),
        ("voiceParticipantCount", "1"),
        ("videoCount", "1"),
        ("moderatorCount", "1"),
        ("maxUsers", "9"),
        ("metadata", "<origin>LMS</origin>"),
        ("isBreakout", "false"),
    ] {
        assert_eq!(text(&one, element), value, "{element}");
    }
    let bobs = "<fullName>Bob</fullName><role>VIEWER</role><isPresenter>false</isPresenter>";
    assert!(one.contains(bobs) && one.matches("<clientType>HTML5</clientType>").count() == 2, "{one}");
    assert!(conference.leave("room", &bob) && !conference.leave("room", &bob));
    assert_eq!(text(&get(&conference, "getMeetings", "").await, "participantCount"), "1");
}

#[tokio::test]
async fn what_is_not_there_is_not_found() {
    let conference = conference().await;
    assert_failed(&get(&conference, "getMeetingInfo", "meetingID=none").await, "notFound");
    assert_failed(&get(&conference, "end", "meetingID=none").await, "notFound");
    assert_failed(&get(&conference, "end", "").await, "missingParamMeetingID");
    assert_failed(&get(&conference, "sendChatMessage", "meetingID=none&message=x").await, "notFound");
    assert_eq!(text(&get(&conference, "isMeetingRunning", "meetingID=none").await, "running"), "false");
}

#[tokio::test]
async fn an_ended_or_forgotten_meeting_is_gone() {
    let conference = conference().await;
    get(&conference, "create", ROOM).await;
    let said = get(&conference, "sendChatMessage", "meetingID=room&message=Hello&userName=Ada").await;
    assert_success(&said);
    assert_eq!(conference.meetings()[0].chat[0].message, "Hello");
    assert_failed(&get(&conference, "sendChatMessage", "meetingID=room").await, "validationError");
    let ended = get(&conference, "end", "meetingID=room").await;
    assert_success(&ended);
    assert_eq!(text(&ended, "messageKey"), "sentEndMeetingRequest");
    assert!(conference.meetings().is_empty());
    get(&conference, "create", ROOM).await;
    conference.forget_all();
    assert_failed(&get(&conference, "getMeetingInfo", "meetingID=room").await, "notFound");
}
