//! Archives in the spool folder: when they come in, and what becomes of them.

use std::time::Duration;

use crate::archive::tests::{recording_tar, tar_of};
use crate::model::metadata::tests::metadata_xml;
use crate::model::recording::{Recording, RecordingId, RecordingState};
use crate::plane::Plane;
use crate::queries::outbox::call_list_due;
use crate::queries::recording::{RecordingFilter, recording_get, track_list};

pub(crate) const ID: &str = "6e35e3b2778883f5db637d7a5dba0a427f692e91-1530718721124";

fn id(text: &str) -> RecordingId {
    RecordingId::parse(text).unwrap()
}

/// Puts an archive into the spool folder, changed just now by the plane's clock.
fn spooled(plane: &Plane, name: &str, tar: &[u8]) -> std::path::PathBuf {
    let folder = plane.classroom.config().dir.join("spool");
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join(name);
    std::fs::write(&path, tar).unwrap();
    let at = std::time::UNIX_EPOCH + Duration::from_millis(plane.classroom.now_ms() as u64);
    std::fs::File::options().write(true).open(&path).unwrap().set_modified(at).unwrap();
    path
}

async fn turn(plane: &Plane) {
    plane.clock.advance(Duration::from_secs(6));
    plane.classroom.spool_turn().await.unwrap();
}

async fn stored(plane: &Plane, of: &str) -> Recording {
    recording_get(&plane.db, &id(of)).await.unwrap().unwrap()
}

/// A plane with one recording in the format `video`.
pub(crate) async fn plane_with_recording(meta: &str) -> Plane {
    let plane = Plane::new().await;
    spooled(&plane, "a.tar", &recording_tar(ID, "video", meta));
    turn(&plane).await;
    plane
}

#[tokio::test]
async fn an_archive_waits_until_it_is_whole_and_comes_in_once() {
    let plane = Plane::new().await;
    let law = plane.tenant("law").await;
    let meta = format!("<tenant-id>{law}</tenant-id>");
    let path = spooled(&plane, "a.tar", &recording_tar(ID, "video", &meta));
    spooled(&plane, ".b.tar.x", b"rsync writes here");
    plane.classroom.spool_turn().await.unwrap();
    assert!(path.exists(), "it may still grow");
    assert_eq!(plane.count("classroom_recording").await, 0);
    turn(&plane).await;
    assert!(!path.exists());
    let recording = stored(&plane, ID).await;
    assert_eq!((recording.tenant.clone(), recording.state), (law, RecordingState::Published));
    assert_eq!((recording.meeting_id.as_str(), recording.name.as_str()), ("course-7", "Algebra & co"));
    let shelf = plane.recordings_dir();
    assert!(shelf.join("video").join(ID).join("index.html").exists());
    assert_eq!(std::fs::read_dir(shelf.join(".work")).unwrap().count(), 0);

    // Again, with another content: the files are the new ones, what is stored is one.
    let xml = metadata_xml(ID, "video", "");
    let metadata = format!("video/{ID}/metadata.xml");
    let page = format!("video/{ID}/other.html");
    spooled(&plane, "a.tar", &tar_of(&[(&metadata, xml.as_bytes()), (&page, b"x")]));
    turn(&plane).await;
    assert!(shelf.join("video").join(ID).join("other.html").exists());
    assert!(!shelf.join("video").join(ID).join("index.html").exists());
    assert_eq!((plane.count("classroom_recording").await, plane.count("classroom_playback").await), (1, 1));
    assert_eq!(stored(&plane, ID).await.tenant, recording.tenant, "whose it is does not change");
    spooled(&plane, "c.tar", &recording_tar(ID, "notes", ""));
    turn(&plane).await;
    assert_eq!((plane.count("classroom_recording").await, plane.count("classroom_playback").await), (1, 2));
    spooled(&plane, "d.tar", &recording_tar(ID, "statistics", ""));
    turn(&plane).await;
    assert_eq!(plane.count("classroom_playback").await, 3);
    let found = plane.classroom.recordings_find(&RecordingFilter::default(), 0, 9).await.unwrap();
    let mut formats: Vec<&str> = found[0].1.iter().map(|playback| playback.format.as_str()).collect();
    formats.sort_unstable();
    assert_eq!(formats, ["notes", "video"], "what nobody serves is not listed");
}

#[tokio::test]
async fn what_people_decided_outlives_an_import() {
    let plane = plane_with_recording("").await;
    assert_eq!(stored(&plane, ID).await.tenant, plane.first().settings.tenant, "no tenant is named");
    let named = [stored(&plane, ID).await];
    plane.classroom.recordings_publish(None, &named, false).await.unwrap();
    spooled(&plane, "a.tar", &recording_tar(ID, "video", ""));
    turn(&plane).await;
    assert_eq!(stored(&plane, ID).await.state, RecordingState::Unpublished);
    plane.classroom.recordings_delete(None, &named).await.unwrap();
    assert!(!plane.recordings_dir().join("video").join(ID).exists());
    spooled(&plane, "a.tar", &recording_tar(ID, "video", ""));
    turn(&plane).await;
    assert_eq!(stored(&plane, ID).await.state, RecordingState::Deleted);
    assert!(!plane.recordings_dir().join("video").join(ID).exists());
    assert_eq!(plane.count("classroom_playback").await, 0);
}

#[tokio::test]
async fn what_is_no_recording_is_set_aside_with_the_reason() {
    let plane = Plane::new().await;
    let good = recording_tar(ID, "video", "");
    spooled(&plane, "cut.tar", &good[..good.len() - 700]);
    spooled(&plane, "out.tar", &tar_of(&[("../evil", b"x")]));
    spooled(&plane, "good.tar", &good);
    turn(&plane).await;
    assert_eq!(plane.count("classroom_recording").await, 1, "the others come in");
    let set_aside = plane.classroom.quarantine().await.unwrap();
    let mut told: Vec<_> = set_aside.iter().map(|own| (own.file.as_str(), own.reason.as_str())).collect();
    told.sort_unstable();
    assert_eq!(
        told,
        [
            ("cut.tar", "The archive is cut off, or is no tar."),
            ("out.tar", "The archive holds \"../evil\", which leads out of its folder."),
        ]
    );
    let folder = plane.classroom.config().dir.join("quarantine");
    for own in &set_aside {
        assert!(folder.join(format!("{}.tar", own.id)).exists());
    }
    assert_eq!(std::fs::read_dir(plane.classroom.config().dir.join("spool")).unwrap().count(), 0);
    turn(&plane).await;
    assert_eq!(plane.count("classroom_quarantine").await, 2, "and nothing is left to be looked at again");
}

#[tokio::test]
async fn the_client_is_told_and_its_address_is_shown_to_nobody() {
    let plane = plane_with_recording(
        "<amphi-recording-ready-url>https://lms.example.org/ready?a=1</amphi-recording-ready-url>",
    )
    .await;
    let calls = call_list_due(&plane.db, plane.classroom.now_ms(), 10).await.unwrap();
    assert_eq!(calls.len(), 1);
    assert_eq!(calls[0].url, "https://lms.example.org/ready?a=1");
    let body: serde_json::Value = serde_json::from_str(&calls[0].body).unwrap();
    assert_eq!(body, serde_json::json!({ "meeting_id": "course-7", "record_id": ID }));
    assert!(!plane.api("getRecordings", "").await.expect_text(200).contains("lms.example.org"));
}

#[tokio::test]
async fn captions_come_back_after_an_import() {
    let plane = plane_with_recording("").await;
    let track = crate::model::recording::Track::parse("subtitles", "pt-BR", "Brasil").unwrap();
    let recording = stored(&plane, ID).await;
    plane.classroom.track_set(&recording, track.clone(), Some("WEBVTT\n\nolá".into())).await.unwrap();
    let folder = plane.recordings_dir().join("video").join(ID);
    let shown = || std::fs::read_to_string(folder.join("captions.json")).unwrap();
    assert_eq!(shown(), r#"[{"locale":"pt_BR","localeName":"Brasil"}]"#);
    spooled(&plane, "a.tar", &recording_tar(ID, "video", ""));
    turn(&plane).await;
    assert_eq!(shown(), r#"[{"locale":"pt_BR","localeName":"Brasil"}]"#);
    assert_eq!(std::fs::read_to_string(folder.join("caption_pt_BR.vtt")).unwrap(), "WEBVTT\n\nolá");
    plane.classroom.track_set(&recording, track, None).await.unwrap();
    assert_eq!((shown().as_str(), track_list(&plane.db, &recording.id).await.unwrap().len()), ("[]", 0));
}
