//! Sources of programs.

use db::Database;

use super::{NOW_MS, change, job};
use crate::model::job::{Job, JobKind};
use crate::queries::job::{job_get, job_insert, job_shared_set};
use crate::queries::source::{source_delete_unused, source_get, source_insert};

testkit::for_each_engine!(crate::migrations();
    a_source_is_kept_once_byte_for_byte, an_unused_source_goes_when_it_is_old, a_job_is_shared_and_unshared);

fn program(source: &str) -> Job {
    Job { kind: JobKind::Program, tool: "python".into(), source: Some(source.to_owned()), ..job("ada") }
}

async fn a_source_is_kept_once_byte_for_byte(db: Database) {
    let data: Vec<u8> = (0..=255).cycle().take(1 << 20).collect();
    for now_ms in [NOW_MS, NOW_MS + 1] {
        change(&db, |w| source_insert(w, "digest", &data, now_ms)).await.unwrap();
    }
    assert_eq!(source_get(&db, "digest").await.unwrap(), Some(data));
    assert_eq!(source_get(&db, "other").await.unwrap(), None);
}

async fn an_unused_source_goes_when_it_is_old(db: Database) {
    change(&db, |w| {
        for (digest, now_ms) in [("used", NOW_MS), ("old", NOW_MS), ("renewed", NOW_MS), ("new", NOW_MS + 9)] {
            source_insert(w, digest, b"source", now_ms);
        }
        source_insert(w, "renewed", b"source", NOW_MS + 9);
        job_insert(w, &program("used"), None, None);
    })
    .await
    .unwrap();
    assert_eq!(change(&db, |w| source_delete_unused(w, NOW_MS + 5)).await.unwrap(), [1]);
    for (digest, is_there) in [("used", true), ("old", false), ("renewed", true), ("new", true)] {
        assert_eq!(source_get(&db, digest).await.unwrap().is_some(), is_there, "{digest}");
    }
}

async fn a_job_is_shared_and_unshared(db: Database) {
    let wanted = program("digest");
    change(&db, |w| job_insert(w, &wanted, None, None)).await.unwrap();
    for shared in [true, false] {
        change(&db, |w| job_shared_set(w, wanted.id, shared)).await.unwrap();
        let stored = job_get(&db, wanted.id).await.unwrap().unwrap();
        assert_eq!((stored.shared, stored.kind, stored.source.as_deref()), (shared, JobKind::Program, Some("digest")));
    }
}
