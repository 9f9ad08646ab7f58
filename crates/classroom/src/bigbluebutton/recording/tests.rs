//! Recordings as clients of the API get them, byte for byte.

use axum::body::Body;
use axum::http::{Request, header};

use crate::model::recording::{Format, Playback, Recording, RecordingId, RecordingState};
use crate::plane::{Plane, signed_by};
use crate::queries::recording::{playback_put, recording_insert};
use crate::task::spool::tests::{ID, plane_with_recording};

/// Id, meeting, start, state, metadata.
type Stored<'a> = (&'a str, &'a str, i64, RecordingState, &'a [(&'a str, &'a str)]);

/// Stores recordings of the first tenant.
async fn store(plane: &Plane, recordings: &[Stored<'_>]) {
    let mut write = db::Write::new();
    for (id, meeting_id, started_ms, state, metadata) in recordings {
        let id = RecordingId::parse(id).unwrap();
        let playback = Playback {
            format: Format::parse("presentation").unwrap(),
            link: format!("/playback/presentation/2.3/{id}"),
            minutes: 3,
            bytes: 100,
            processing_ms: 7,
            previews: Vec::new(),
        };
        playback_put(&mut write, &id, &playback);
        write.push_step(recording_insert(&Recording {
            internal_id: id.to_string(),
            tenant: plane.first().settings.tenant.clone(),
            meeting_id: (*meeting_id).to_owned(),
            name: "Algebra".into(),
            state: *state,
            is_decided: false,
            is_protected: false,
            started_ms: *started_ms,
            ended_ms: started_ms + 1,
            participants: 2,
            raw_bytes: 0,
            metadata: metadata.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
            imported_ms: 0,
            id,
        }));
    }
    plane.db.write(write).await.unwrap();
}

/// The ids in an answer, in its order.
async fn ids(plane: &Plane, query: &str) -> Vec<String> {
    let text = plane.api("getRecordings", query).await.expect_text(200);
    assert!(text.starts_with("<response><returncode>SUCCESS</returncode><recordings>"), "{text}");
    text.split("<recordID>").skip(1).map(|rest| rest.split('<').next().unwrap().to_owned()).collect()
}

async fn text(plane: &Plane, call: &str, query: &str) -> String {
    plane.api(call, query).await.expect_text(200)
}

fn failed(key: &str, message: &str) -> String {
    format!(
        "<response><returncode>FAILED</returncode><messageKey>{key}</messageKey><message>{message}</message></response>"
    )
}

#[tokio::test]
async fn recordings_are_found_by_what_a_call_names() {
    use RecordingState::{Deleted, Published, Unpublished};
    let plane = Plane::new().await;
    store(
        &plane,
        &[
            ("aa-1", "course-1", 10, Published, &[("term", "s1"), ("x", "\"100%_!\"")]),
            ("aa-2", "course-2", 30, Unpublished, &[("term", "s2")]),
            ("bb-1", "course-1", 20, Published, &[]),
            ("cc-1", "course-3", 40, Deleted, &[]),
        ],
    )
    .await;
    for (query, found) in [
        ("", &["aa-2", "bb-1", "aa-1"][..]),
        ("recordID=aa", &["aa-2", "aa-1"]),
        ("recordID=aa-1,bb", &["bb-1", "aa-1"]),
        ("recordID=a_-1", &[]),
        ("meetingID=course-1", &["bb-1", "aa-1"]),
        ("meetingID=course-1&recordID=aa", &["aa-1"]),
        ("state=any", &["cc-1", "aa-2", "bb-1", "aa-1"]),
        ("state=unpublished", &["aa-2"]),
        ("state=deleted,unpublished", &["cc-1", "aa-2"]),
        ("state=processing", &[]),
        ("meta_term=s1", &["aa-1"]),
        ("meta_term=s1,s2", &["aa-2", "aa-1"]),
        ("meta_term=s", &[]),
        ("meta_term=s2&meta_x=%22100%25_!%22", &["aa-2", "aa-1"]),
        ("offset=1&limit=1", &["bb-1"]),
        ("offset=9", &[]),
    ] {
        assert_eq!(ids(&plane, query).await, found, "{query}");
    }
    assert!(text(&plane, "getRecordings", "limit=1").await.contains("</recordings><totalElements>3</totalElements>"));
    assert!(!text(&plane, "getRecordings", "").await.contains("totalElements"), "strict clients know no such element");
    for query in ["limit=0", "limit=101", "limit=x", "offset=-1"] {
        assert!(text(&plane, "getRecordings", query).await.contains("validationError"), "{query}");
    }
}

#[tokio::test]
async fn none_is_a_success_with_an_empty_list() {
    let plane = Plane::new().await;
    assert_eq!(
        text(&plane, "getRecordings", "").await,
        "<response><returncode>SUCCESS</returncode><recordings></recordings><messageKey>noRecordings</messageKey>\
         <message>There are not recordings for the meetings</message></response>"
    );
}

#[tokio::test]
async fn a_recording_is_told_whole() {
    let plane = plane_with_recording("<bbb-origin>A &lt; B</bbb-origin>").await;
    let told = text(&plane, "getRecordings", "").await;
    assert_eq!(
        told,
        format!(
            "<response><returncode>SUCCESS</returncode><recordings><recording><recordID>{ID}</recordID>\
             <meetingID>course-7</meetingID><internalMeetingID>{ID}</internalMeetingID><name>Algebra &amp; co</name>\
             <isBreakout>false</isBreakout><published>true</published><protected>false</protected><state>published</state>\
             <startTime>1530718721124</startTime><endTime>1530718810456</endTime><participants>3</participants>\
             <rawSize>5270358</rawSize><size>1531235</size>\
             <metadata><bbb-origin>A &lt; B</bbb-origin><isBreakout>false</isBreakout><meetingId>course-7</meetingId>\
             <meetingName>Algebra &amp; co</meetingName></metadata>\
             <playback><format><type>video</type><url>https://amphi.example.org/video/{ID}/index.html</url>\
             <length>1</length><processingTime>7177</processingTime><size>1531235</size><preview><images>\
             <image alt=\"Wel &amp; come\" width=\"176\" height=\"136\">https://amphi.example.org/video/{ID}/thumb-1.png\
             </image></images></preview></format></playback></recording></recordings></response>"
        )
    );
}

#[tokio::test]
async fn recordings_are_published_changed_and_deleted() {
    let plane = plane_with_recording("<a>1</a>").await;
    for (call, query, answer) in [
        ("publishRecordings", "publish=true", failed("missingParamRecordID", "You must specify a recordID.")),
        (
            "publishRecordings",
            "recordID=x",
            failed("missingParamPublish", "You must specify a publish value true or false."),
        ),
        ("publishRecordings", "recordID=x&publish=true", failed("notFound", "We could not find recordings")),
        ("updateRecordings", "meta_a=1", failed("missingParamRecordID", "You must specify a recordID.")),
        ("updateRecordings", "recordID=x&meta_a=1", failed("notFound", "We could not find recordings")),
        ("deleteRecordings", "", failed("missingParamRecordID", "You must specify a recordID.")),
        ("deleteRecordings", "recordID=x", failed("notFound", "We could not find recordings")),
    ] {
        assert_eq!(text(&plane, call, query).await, answer, "{call} {query}");
    }
    let of = |more: &str| format!("recordID={ID},x{more}");
    let done = |name: &str, word: &str| {
        format!("<response><returncode>SUCCESS</returncode><{name}>{word}</{name}></response>")
    };
    assert_eq!(text(&plane, "publishRecordings", &of("&publish=false")).await, done("published", "false"));
    assert_eq!(ids(&plane, "state=unpublished").await, [ID]);
    assert_eq!(text(&plane, "updateRecordings", &of("&meta_A=&meta_Presenter=Jane")).await, done("updated", "true"));
    let told = text(&plane, "getRecordings", "").await;
    assert!(told.contains("<presenter>Jane</presenter>") && !told.contains("<a>"), "{told}");
    assert_eq!(text(&plane, "updateRecordings", &of("")).await, done("updated", "false"));
    assert_eq!(text(&plane, "updateRecordings", &of("&protect=true")).await, done("updated", "true"));
    let told = text(&plane, "getRecordings", "").await;
    assert!(told.contains("<protected>true</protected>") && !told.contains("<preview>"), "{told}");
    assert!(told.contains(&format!("<url>https://amphi.example.org/recording/{ID}/video?token=")), "{told}");
    assert_eq!(text(&plane, "deleteRecordings", &of("")).await, done("deleted", "true"));
    assert_eq!(ids(&plane, "").await, [""; 0]);
    assert_eq!(ids(&plane, "state=any").await, [ID]);
    assert_eq!(plane.count("classroom_view").await, 0);
}

#[tokio::test]
async fn another_tenant_finds_nothing() {
    let plane = plane_with_recording("").await;
    let law = plane.tenant("law").await;
    let owner = crate::model::tenant::SecretOwner::Tenant(law);
    let admin = plane.caller(&plane.admin).await;
    let secret = plane.classroom.secret_create(&admin, owner, None, "").await.unwrap();
    for (call, query, key) in [
        ("getRecordings", format!("recordID={ID}&state=any"), "noRecordings"),
        ("publishRecordings", format!("recordID={ID}&publish=false"), "notFound"),
        ("updateRecordings", format!("recordID={ID}&protect=true"), "notFound"),
        ("deleteRecordings", format!("recordID={ID}"), "notFound"),
        ("getRecordingTextTracks", format!("recordID={ID}"), "noRecordings"),
    ] {
        let answer = plane.get("", &signed_by(secret.secret.expose(), call, &query)).await.expect_text(200);
        assert!(answer.contains(key), "{call}: {answer}");
    }
    assert_eq!(ids(&plane, "").await, [ID]);
}

/// Sends captions as a browser does.
async fn track_put(plane: &Plane, query: &str, content: &[u8]) -> serde_json::Value {
    let mut body = b"--cut\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.srt\"\r\n\r\n".to_vec();
    body.extend_from_slice(content);
    body.extend_from_slice(b"\r\n--cut--\r\n");
    let request = Request::post(plane.signed("putRecordingTextTrack", query))
        .header(header::CONTENT_TYPE, "multipart/form-data; boundary=cut")
        .body(Body::from(body));
    plane.send(request.unwrap()).await.expect(200)["response"].clone()
}

#[tokio::test]
async fn captions_are_added_and_listed() {
    let plane = plane_with_recording("").await;
    let query = format!("recordID={ID}&kind=subtitles&lang=en-US&label=English");
    let srt = b"1\n00:00:01,500 --> 00:00:02,000\nHello\n";
    let put = track_put(&plane, &query, srt).await;
    assert_eq!(put["messageKey"], "upload_text_track_success");
    assert_eq!(put["recordId"], ID);
    let listed = plane.api("getRecordingTextTracks", &format!("recordID={ID}")).await.expect(200);
    let href = format!("https://amphi.example.org/textTrack/{ID}/subtitles_en-US.vtt");
    let track = serde_json::json!({ "href": href, "kind": "subtitles", "label": "English", "lang": "en-US", "source": "upload" });
    assert_eq!(listed["response"], serde_json::json!({ "returncode": "SUCCESS", "tracks": [track] }));
    for (query, content, key) in [
        (format!("recordID={ID}&kind=chapters&lang=en"), srt.to_vec(), "invalidKind"),
        (format!("recordID={ID}&kind=subtitles&lang=e_n"), srt.to_vec(), "invalidLang"),
        ("recordID=x&kind=subtitles&lang=en".into(), srt.to_vec(), "noRecordings"),
        ("kind=subtitles&lang=en".into(), srt.to_vec(), "missingParameter"),
        (query.clone(), Vec::new(), "empty_uploaded_text_track"),
        (query.clone(), b"<html>".to_vec(), "upload_text_track_failed"),
        (query.clone(), [b"WEBVTT\n".to_vec(), vec![b'x'; 2 << 20]].concat(), "upload_text_track_failed"),
    ] {
        assert_eq!(track_put(&plane, &query, &content).await["messageKey"], key, "{query}");
    }
    assert_eq!(plane.count("classroom_track").await, 1);
    let request = Request::post(plane.signed("putRecordingTextTrack", &query)).body(Body::empty()).unwrap();
    plane.send(request).await.expect(200);
    assert_eq!(plane.count("classroom_track").await, 0, "without a file it is taken away");
    let request =
        Request::post(format!("/bigbluebutton/api/putRecordingTextTrack?{query}&checksum=0")).body(Body::empty());
    assert!(plane.send(request.unwrap()).await.expect_text(200).contains("checksumError"));
}
