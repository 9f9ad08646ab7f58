//! Recordings, ways to watch them, captions, and tokens that open one.

use db::{Database, DbError, Write};

use super::{NOW_MS, tenant_id};
use crate::model::recording::{Format, Playback, Preview, Recording, RecordingId, RecordingState, Track};
use crate::queries::recording::{
    RecordingFilter, playback_list, playback_put, recording_count, recording_delete, recording_get,
    recording_import_again, recording_insert, recording_list, recording_publish, recording_update, track_delete,
    track_list, track_put,
};
use crate::queries::view::{view_prune, view_use};

testkit::for_each_engine!(crate::migrations();
    recordings_are_filtered, an_import_leaves_decisions_alone, ways_to_watch_and_captions_go_with_it, a_view_opens_once);

fn id(text: &str) -> RecordingId {
    RecordingId::parse(text).unwrap()
}

fn recording(text: &str, tenant: u8, started_ms: i64) -> Recording {
    Recording {
        id: id(text),
        tenant: tenant_id(tenant),
        meeting_id: "Course é".into(),
        internal_id: text.into(),
        name: "Algèbre ∑".into(),
        state: RecordingState::Published,
        is_decided: false,
        is_protected: false,
        started_ms,
        ended_ms: started_ms + 5,
        participants: 3,
        raw_bytes: 1 << 40,
        metadata: [("a".to_owned(), "50%_!\\\" é".to_owned()), ("b".to_owned(), "x".to_owned())].into(),
        imported_ms: NOW_MS,
    }
}

async fn put(db: &Database, recording: &Recording) {
    db.write(Write::new().step(recording_insert(recording))).await.unwrap();
}

async fn ids(db: &Database, filter: RecordingFilter) -> Vec<String> {
    let listed = recording_list(db, &filter, 0, 100).await.unwrap();
    assert_eq!(recording_count(db, &filter).await.unwrap(), listed.len() as i64);
    listed.iter().map(|own| own.id.to_string()).collect()
}

async fn recordings_are_filtered(db: Database) {
    let first = recording("a_1", 1, 10);
    put(&db, &first).await;
    put(&db, &Recording { metadata: [("a".to_owned(), "50x".to_owned())].into(), ..recording("ab1", 1, 10) }).await;
    put(&db, &Recording { meeting_id: "course e".into(), ..recording("B1", 1, 30) }).await;
    put(&db, &recording("c1", 2, 20)).await;
    assert!(matches!(db.write(Write::new().step(recording_insert(&first))).await, Err(DbError::Duplicate)));
    assert_eq!(recording_get(&db, &first.id).await.unwrap(), Some(first.clone()));
    assert_eq!(recording_get(&db, &id("A_1")).await.unwrap(), None);
    let filter = RecordingFilter::default;
    let of = |name: &str, value: &str| vec![(name.to_owned(), value.to_owned())];
    assert_eq!(ids(&db, filter()).await, ["B1", "c1", "ab1", "a_1"]);
    assert_eq!(ids(&db, RecordingFilter { tenant: Some(tenant_id(2)), ..filter() }).await, ["c1"]);
    assert_eq!(ids(&db, RecordingFilter { id_prefixes: vec!["a_".into(), "b".into()], ..filter() }).await, ["a_1"]);
    assert_eq!(ids(&db, RecordingFilter { meeting_ids: vec!["course e".into()], ..filter() }).await, ["B1"]);
    assert_eq!(ids(&db, RecordingFilter { metadata: of("a", "50%_!\\\" é"), ..filter() }).await, ["B1", "c1", "a_1"]);
    assert_eq!(ids(&db, RecordingFilter { metadata: of("a", "50"), ..filter() }).await, [""; 0]);
    assert_eq!(ids(&db, RecordingFilter { states: vec![RecordingState::Deleted], ..filter() }).await, [""; 0]);
    assert_eq!(ids(&db, RecordingFilter { after: Some((20, id("c1"))), ..filter() }).await, ["ab1", "a_1"]);
    assert_eq!(ids(&db, RecordingFilter { after: Some((10, id("ab1"))), ..filter() }).await, ["a_1"]);
    assert_eq!(recording_list(&db, &filter(), 1, 2).await.unwrap()[1].id.as_str(), "ab1");
}

async fn an_import_leaves_decisions_alone(db: Database) {
    let first = recording("a1", 1, 10);
    put(&db, &first).await;
    let again = Recording { state: RecordingState::Unpublished, participants: 9, ..first.clone() };
    let import = || Write::new().step(recording_import_again(&again));
    db.write(import()).await.unwrap();
    let stored = || async { recording_get(&db, &first.id).await.unwrap().unwrap() };
    assert_eq!((stored().await.state, stored().await.participants), (RecordingState::Unpublished, 9));
    db.write(Write::new().step(recording_publish(&first.id, true))).await.unwrap();
    db.write(import()).await.unwrap();
    assert_eq!((stored().await.state, stored().await.is_decided), (RecordingState::Published, true));
    let named = Recording { name: "x".into(), is_protected: true, metadata: [].into(), ..first.clone() };
    db.write(Write::new().step(recording_update(&named))).await.unwrap();
    assert_eq!((stored().await.name.as_str(), stored().await.is_protected), ("x", true));
    assert!(stored().await.metadata.is_empty());
    let mut write = Write::new();
    recording_delete(&mut write, &first.id);
    db.write(write).await.unwrap();
    for query in [recording_import_again(&again), recording_publish(&first.id, true), recording_update(&first)] {
        assert!(matches!(db.write(Write::new().expect("kept", query)).await, Err(DbError::Unmet { .. })));
    }
    assert_eq!(stored().await.state, RecordingState::Deleted);
}

async fn ways_to_watch_and_captions_go_with_it(db: Database) {
    let first = recording("a1", 1, 10);
    put(&db, &first).await;
    let preview = Preview { link: "/a".into(), alt: "é \"".into(), width: 176, height: 136 };
    let playback = |format: &str, minutes| Playback {
        format: Format::parse(format).unwrap(),
        link: "/video/a1/".into(),
        minutes,
        bytes: 1 << 40,
        processing_ms: 5,
        previews: vec![preview.clone()],
    };
    let track = |lang: &str, label: &str| Track { kind: "subtitles".into(), lang: lang.into(), label: label.into() };
    let mut write = Write::new();
    for (format, minutes) in [("video", 1), ("notes", 2), ("video", 3)] {
        playback_put(&mut write, &first.id, &playback(format, minutes));
    }
    for (lang, label) in [("fr", "Français"), ("en", "x"), ("en", "English")] {
        track_put(&mut write, &first.id, &track(lang, label));
    }
    db.write(write).await.unwrap();
    let listed = playback_list(&db, std::slice::from_ref(&first)).await.unwrap();
    assert_eq!(listed[&first.id], [playback("notes", 2), playback("video", 3)]);
    assert!(playback_list(&db, &[]).await.unwrap().is_empty());
    assert_eq!(track_list(&db, &first.id).await.unwrap(), [track("en", "English"), track("fr", "Français")]);
    db.write(Write::new().step(track_delete(&first.id, "subtitles", "fr"))).await.unwrap();
    assert_eq!(track_list(&db, &first.id).await.unwrap().len(), 1);
    let mut write = Write::new();
    recording_delete(&mut write, &first.id);
    db.write(write).await.unwrap();
    assert!(playback_list(&db, std::slice::from_ref(&first)).await.unwrap().is_empty());
    assert!(track_list(&db, &first.id).await.unwrap().is_empty());
}

async fn a_view_opens_once(db: Database) {
    let (hash, format) = ("ab".repeat(32), Format::parse("video").unwrap());
    let used = |hash: &str, until_ms| Write::new().step(view_use(hash, &id("a1"), &format, until_ms));
    db.write(used(&hash, 50)).await.unwrap();
    db.write(used(&"cd".repeat(32), 40)).await.unwrap();
    assert!(matches!(db.write(used(&hash, 50)).await, Err(DbError::Duplicate)));
    assert_eq!(db.write(Write::new().step(view_prune(40))).await.unwrap(), [1]);
    assert!(matches!(db.write(used(&hash, 50)).await, Err(DbError::Duplicate)));
}
