//! Jobs as they are submitted: stored whole, counted against a quota, once for each idempotency key.

use db::{Database, DbError};

use super::{NOW_MS, ODD_TEXT, change, job, stored, submit};
use crate::model::job::{Job, JobId};
use crate::model::node::NodeId;
use crate::queries::job::{Quota, job_counts, job_get, job_get_by_idempotency, job_insert, job_list_by_id, job_places};
use crate::queries::run::job_cancel_idle;
use crate::queries::{job::job_cancel_ask, run::run_cancel_waiting};

testkit::for_each_engine!(crate::migrations();
    a_job_is_read_back_whole, the_waiting_quota_is_exact, the_hourly_quota_is_exact, a_key_makes_one_job,
    jobs_are_found_by_id, places_count_what_could_come_before);

async fn a_job_is_read_back_whole(db: Database) {
    let mut full = job(ODD_TEXT);
    full.name = "😀".repeat(120);
    full.detail = None;
    full.wanted_labels = [("site".to_owned(), ODD_TEXT.to_owned())].into();
    (full.wanted_node, full.far_node) = (Some(NodeId::generate()), Some(NodeId::generate()));
    full.spec = ODD_TEXT.repeat(1_000);
    let bare = job("ada");
    for wanted in [full, bare] {
        submit(&db, &wanted).await;
        assert_eq!(format!("{:?}", stored(&db, wanted.id).await), format!("{wanted:?}"));
    }
    assert!(job_get(&db, JobId::generate()).await.unwrap().is_none());
}

/// Submits 20 jobs of one account at once and counts those that were accepted.
async fn accepted_at_once(db: &Database, account: &'static str, quota: fn() -> Quota) -> usize {
    let submissions = (0..20).map(|_| {
        let db = db.clone();
        tokio::spawn(async move { change(&db, |w| job_insert(w, &job(account), None, Some(&quota()))).await })
    });
    let mut accepted = 0;
    for submission in submissions.collect::<Vec<_>>() {
        match submission.await.unwrap() {
            Ok(_) => accepted += 1,
            Err(DbError::Unmet { guard: "job-quota" }) => {}
            Err(error) => panic!("{error:?}"),
        }
    }
    accepted
}

async fn the_waiting_quota_is_exact(db: Database) {
    let quota = || Quota { waiting_max: 7, hourly_max: 1_000 };
    assert_eq!(accepted_at_once(&db, "ada", quota).await, 7);
    assert_eq!(job_counts(&db, "ada", NOW_MS).await.unwrap(), (7, 7));
    assert_eq!(accepted_at_once(&db, "bob", quota).await, 7, "each account has its own");
    let (_, waiting, _) = job_queue_of(&db, "ada").await;
    change(&db, |w| {
        job_cancel_ask(w, waiting);
        run_cancel_waiting(w, waiting, NOW_MS);
        job_cancel_idle(w, waiting, NOW_MS);
    })
    .await
    .unwrap();
    assert_eq!(accepted_at_once(&db, "ada", quota).await, 1, "one has left the queue");
    change(&db, |w| job_insert(w, &job("ada"), None, None)).await.unwrap();
}

/// Waiting and submitted jobs of an account, and the id of one that waits.
async fn job_queue_of(db: &Database, account: &str) -> (u32, JobId, u32) {
    let (waiting, all) = job_counts(db, account, NOW_MS).await.unwrap();
    let row = db::Query::new("SELECT MIN(id) AS id FROM lab_job WHERE account = ?").bind(account);
    let id: String = db.one(row).await.unwrap().get("id").unwrap();
    (waiting, id.parse().unwrap(), all)
}

async fn the_hourly_quota_is_exact(db: Database) {
    const HOUR_MS: i64 = 3_600_000;
    let quota = || Quota { waiting_max: 1_000, hourly_max: 5 };
    let early = Job { created_ms: NOW_MS - HOUR_MS, ..job("ada") };
    change(&db, |w| job_insert(w, &early, None, Some(&quota()))).await.unwrap();
    assert_eq!(accepted_at_once(&db, "ada", quota).await, 5, "what is an hour old counts no more");
    assert_eq!(job_counts(&db, "ada", NOW_MS + HOUR_MS - 1).await.unwrap(), (6, 5));
    assert_eq!(job_counts(&db, "ada", NOW_MS + HOUR_MS).await.unwrap(), (6, 0));
    // Nothing is gained by deleting.
    change(&db, |w| w.push_step(db::Query::new("DELETE FROM lab_job"))).await.unwrap();
    assert_eq!(job_counts(&db, "ada", NOW_MS).await.unwrap(), (0, 5));
    assert_eq!(accepted_at_once(&db, "ada", quota).await, 0);
}

async fn a_key_makes_one_job(db: Database) {
    let submissions = (0..20).map(|index| {
        let db = db.clone();
        tokio::spawn(async move {
            let quota = Quota { waiting_max: 100, hourly_max: 100 };
            let wanted = job("ada");
            let quota = (index % 2 == 0).then_some(&quota);
            change(&db, |w| job_insert(w, &wanted, Some("key-1"), quota)).await.map(|_| wanted.id)
        })
    });
    let mut made = Vec::new();
    for submission in submissions.collect::<Vec<_>>() {
        match submission.await.unwrap() {
            Ok(id) => made.push(id),
            Err(DbError::Duplicate) => {}
            Err(error) => panic!("{error:?}"),
        }
    }
    assert_eq!(made.len(), 1);
    let found = job_get_by_idempotency(&db, "ada", "key-1").await.unwrap().unwrap();
    assert_eq!(found.id, made[0]);
    assert!(job_get_by_idempotency(&db, "bob", "key-1").await.unwrap().is_none());
    assert!(job_get_by_idempotency(&db, "ada", "KEY-1").await.unwrap().is_none());
    change(&db, |w| job_insert(w, &job("bob"), Some("key-1"), None)).await.unwrap();
    for _ in 0..2 {
        change(&db, |w| job_insert(w, &job("ada"), None, None)).await.unwrap();
    }
    assert_eq!(job_counts(&db, "ada", NOW_MS).await.unwrap().0, 3);
}

async fn jobs_are_found_by_id(db: Database) {
    let jobs: Vec<_> = (0..5).map(|_| job("ada")).collect();
    for wanted in &jobs {
        submit(&db, wanted).await;
    }
    let found = job_list_by_id(&db, &[jobs[3].id, JobId::generate(), jobs[1].id, jobs[3].id]).await.unwrap();
    let mut found: Vec<_> = found.into_iter().map(|job| job.id).collect();
    found.sort();
    assert_eq!(found, [jobs[1].id, jobs[3].id]);
}

async fn places_count_what_could_come_before(db: Database) {
    let (lab_a, lab_b) = (NodeId::generate(), NodeId::generate());
    let mut jobs = Vec::new();
    for wanted_node in [None, Some(lab_a), Some(lab_b), Some(lab_a), None, Some(lab_b)] {
        let wanted = Job { wanted_node, ..job("ada") };
        submit(&db, &wanted).await;
        jobs.push(wanted.id);
    }
    let ahead = async |ids: &[JobId]| {
        let mut places = job_places(&db, ids).await.unwrap();
        places.sort();
        places
    };
    let places = |ahead: &[(usize, u32)]| ahead.iter().map(|(job, n)| (jobs[*job], *n)).collect::<Vec<_>>();
    assert_eq!(ahead(&jobs).await, places(&[(0, 0), (1, 1), (2, 1), (3, 2), (4, 4), (5, 3)]));
    assert_eq!(ahead(&[jobs[3]]).await, places(&[(3, 2)]), "one job alone");
    change(&db, |w| run_cancel_waiting(w, jobs[0], NOW_MS)).await.unwrap();
    assert_eq!(ahead(&jobs).await, places(&[(1, 0), (2, 0), (3, 1), (4, 3), (5, 2)]), "without what left the queue");
    assert!(ahead(&[JobId::generate()]).await.is_empty() && ahead(&[]).await.is_empty());
    let page: Vec<_> = (0..195).map(|_| JobId::generate()).chain(jobs[1..].iter().copied()).collect();
    assert_eq!(ahead(&page).await.len(), 5, "a whole page");
}
