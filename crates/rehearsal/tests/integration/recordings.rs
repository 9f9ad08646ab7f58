//! Calls about recordings.

use rehearsal::{Conference, Recording, TextTrack};

use crate::client::*;

async fn with_two() -> Conference {
    let conference = conference().await;
    for (record_id, meeting_id, start_time_ms) in [("aa-1", "algebra", 1_000), ("bb-2", "biology", 2_000)] {
        conference.add_recording(Recording {
            record_id: record_id.to_owned(),
            meeting_id: meeting_id.to_owned(),
            name: meeting_id.to_uppercase(),
            start_time_ms,
            end_time_ms: start_time_ms + 300_000,
            is_published: meeting_id == "algebra",
            tracks: vec![TextTrack {
                href: "https://a.test/en.vtt".to_owned(),
                kind: "captions".to_owned(),
                lang: "en-US".to_owned(),
                label: "English".to_owned(),
            }],
            ..Default::default()
        });
    }
    conference
}

/// The record IDs of an answer, in order.
async fn listed(conference: &Conference, query: &str) -> Vec<String> {
    let answer = get(conference, "getRecordings", query).await;
    assert_success(&answer);
    let found = answer.split("<recordID>").skip(1);
    found.map(|rest| rest.split('<').next().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn recordings_are_found_by_what_is_asked() {
    let conference = with_two().await;
    for (query, wanted) in [
        ("", &["bb-2", "aa-1"][..]),
        ("limit=1", &["bb-2"]),
        ("offset=1&limit=1", &["aa-1"]),
        ("recordID=aa", &["aa-1"]),
        ("recordID=aa,bb", &["bb-2", "aa-1"]),
        ("meetingID=biology", &["bb-2"]),
        ("state=published", &["aa-1"]),
        ("state=any", &["bb-2", "aa-1"]),
        ("meta_course=7", &[]),
    ] {
        assert_eq!(listed(&conference, query).await, wanted, "{query}");
    }
    let none = get(&conference, "getRecordings", "recordID=none").await;
    assert!(none.contains("<recordings></recordings><messageKey>noRecordings</messageKey>"), "{none}");
    assert_eq!(text(&get(&conference, "getRecordings", "recordID=aa").await, "length"), "5");
}

#[tokio::test]
async fn recordings_are_published_updated_and_deleted() {
    let conference = with_two().await;
    let published = get(&conference, "publishRecordings", "recordID=bb-2&publish=true").await;
    assert_eq!(text(&published, "published"), "true");
    assert_eq!(listed(&conference, "state=published").await, ["bb-2", "aa-1"]);
    assert_eq!(text(&get(&conference, "updateRecordings", "recordID=aa-1&meta_course=7").await, "updated"), "true");
    assert_eq!(listed(&conference, "meta_course=7").await, ["aa-1"]);
    get(&conference, "updateRecordings", "recordID=aa-1&meta_course=").await;
    assert!(listed(&conference, "meta_course=7").await.is_empty());
    assert_eq!(text(&get(&conference, "deleteRecordings", "recordID=aa-1,bb-2").await, "deleted"), "true");
    assert!(listed(&conference, "").await.is_empty());
    for (call, query, key) in [
        ("publishRecordings", "publish=true", "missingParamRecordID"),
        ("publishRecordings", "recordID=aa-1", "missingParamPublish"),
        ("publishRecordings", "recordID=aa-1&publish=true", "notFound"),
        ("updateRecordings", "", "missingParamRecordID"),
        ("deleteRecordings", "recordID=aa-1", "notFound"),
    ] {
        assert_failed(&get(&conference, call, query).await, key);
    }
}

#[tokio::test]
async fn text_tracks_are_json() {
    let conference = with_two().await;
    for (query, code, key) in [
        ("recordID=aa-1", "SUCCESS", serde_json::Value::Null),
        ("recordID=none", "FAILED", "noRecordings".into()),
        ("", "FAILED", "missingParameter".into()),
    ] {
        let answer = get(&conference, "getRecordingTextTracks", query).await;
        assert!(answer.contains("content-type: application/json;charset=utf-8"), "{answer}");
        let body: serde_json::Value = serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap();
        assert_eq!((&body["response"]["returncode"], &body["response"]["messageKey"]), (&code.into(), &key));
        assert_eq!(body["response"]["tracks"][0]["lang"] == "en-US", code == "SUCCESS");
    }
}
