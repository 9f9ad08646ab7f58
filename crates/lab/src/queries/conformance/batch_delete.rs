//! Batches are deleted piece by piece, and what is kept stays whole.

use db::{Database, DbError};

use super::batch::{batch, elements, end, insert};
use super::{NOW_MS, change, connected, force, stored};
use crate::model::batch::BatchId;
use crate::model::job::JobStatus;
use crate::model::run::Outcome;
use crate::queries::batch::{batch_get, batch_get_by_idempotency, batch_insert, batch_list};
use crate::queries::batch_change::{
    batch_delete, batch_delete_ask, batch_is_deleted, batch_list_deleted, batch_lock, batch_pinned, element_list_ids,
    jobs_delete,
};
use crate::queries::element::batch_take;
use crate::queries::job::{RETRYABLE, job_next_attempt, job_pinned_set};
use crate::queries::leaver::account_leave;
use crate::queries::list::{JobFilter, Visible, element_list_failed, job_list};
use crate::queries::run::{run_ids_of_jobs, run_list_of_job};
use crate::queries::told::Told;

testkit::for_each_engine!(crate::migrations();
    a_batch_is_deleted_with_its_elements, what_is_kept_keeps_its_output, a_batch_that_is_being_deleted_is_not_seen,
    a_pin_and_a_deletion_exclude_each_other, a_pin_and_a_removal_exclude_each_other);

/// Deletes a batch if it may be.
async fn delete(db: &Database, id: BatchId) -> Result<Vec<u64>, DbError> {
    change(db, |w| batch_delete_ask(w, id)).await?;
    let ids = element_list_ids(db, id, 100).await.unwrap();
    let runs = run_ids_of_jobs(db, &ids).await.unwrap();
    change(db, |w| jobs_delete(w, &ids, &runs)).await.unwrap();
    change(db, |w| batch_delete(w, id)).await
}

async fn a_batch_is_deleted_with_its_elements(db: Database) {
    let holder = connected(&db, "lab-a", "replica-1").await;
    let wanted = batch("ada", 4);
    insert(&db, &wanted).await;
    let taken = elements(&wanted, &holder, 4);
    change(&db, |w| batch_take(w, &wanted, &taken, NOW_MS)).await.unwrap();
    let mut told = Told::new();
    let outcomes = [Outcome::Exited(0), Outcome::Exited(3), Outcome::Lost];
    taken.iter().zip(&outcomes).for_each(|(element, outcome)| end(&mut told, element, outcome.clone()));
    change(&db, |w| told.push(w)).await.unwrap();
    let failed = element_list_failed(&db, wanted.id, 9).await.unwrap();
    assert_eq!(failed.iter().map(|job| job.id).collect::<Vec<_>>(), [taken[1].job, taken[2].job]);
    let filter = JobFilter { batch: Some(wanted.id), is_failed: true, ..JobFilter::default() };
    assert_eq!(job_list(&db, &Visible::All, &filter, None, 9).await.unwrap().len(), 2);
    change(&db, |w| job_pinned_set(w, taken[0].job, true)).await.unwrap();
    assert_eq!(batch_pinned(&db, wanted.id).await.unwrap(), 1);
    // One is pinned, and one goes on.
    assert!(matches!(delete(&db, wanted.id).await, Err(DbError::Unmet { guard: "batch-over" })));
    assert_eq!(stored(&db, taken[3].job).await.status, JobStatus::Running);
    change(&db, |w| job_pinned_set(w, taken[0].job, false)).await.unwrap();
    assert!(delete(&db, wanted.id).await.is_err(), "one goes on");
    force(&db, taken[3].job, JobStatus::Error).await;
    assert!(!batch_is_deleted(&db, wanted.id).await.unwrap());
    delete(&db, wanted.id).await.unwrap();
    assert!(batch_get(&db, wanted.id).await.unwrap().is_none());
    for element in &taken {
        assert!(run_list_of_job(&db, element.job).await.unwrap().is_empty());
    }
    let open = batch("ada", 1);
    insert(&db, &open).await;
    assert!(delete(&db, open.id).await.is_err(), "it is to run yet");
}

async fn a_batch_that_is_being_deleted_is_not_seen(db: Database) {
    let holder = connected(&db, "lab-a", "replica-1").await;
    let wanted = batch("ada", 1);
    change(&db, |w| batch_insert(w, &wanted, "digest", Some("key-1"), None)).await.unwrap();
    let taken = elements(&wanted, &holder, 1);
    change(&db, |w| batch_take(w, &wanted, &taken, NOW_MS)).await.unwrap();
    force(&db, taken[0].job, JobStatus::Error).await;
    let early = change(&db, |w| batch_delete(w, wanted.id)).await;
    assert!(matches!(early, Err(DbError::Unmet { guard: "batch-empty" })), "nobody asked");
    change(&db, |w| batch_delete_ask(w, wanted.id)).await.unwrap();
    assert!(change(&db, |w| batch_delete_ask(w, wanted.id)).await.is_err(), "twice");
    assert!(batch_get(&db, wanted.id).await.unwrap().is_none() && batch_is_deleted(&db, wanted.id).await.unwrap());
    assert!(batch_list(&db, &Visible::All, None, None, 9).await.unwrap().is_empty());
    assert_eq!(batch_list_deleted(&db, 9).await.unwrap(), [wanted.id]);
    assert_eq!(batch_get_by_idempotency(&db, "ada", "key-1").await.unwrap(), None);
    let pin = change(&db, |w| job_pinned_set(w, taken[0].job, true)).await;
    assert!(matches!(pin, Err(DbError::Unmet { guard: "job" })), "{pin:?}");
    let again = change(&db, |w| job_next_attempt(w, taken[0].job, 1, RETRYABLE)).await;
    assert!(matches!(again, Err(DbError::Unmet { guard: "job-attempt" })), "{again:?}");
    change(&db, |w| batch_delete(w, wanted.id)).await.unwrap_err();
    let runs = run_ids_of_jobs(&db, &[taken[0].job]).await.unwrap();
    change(&db, |w| jobs_delete(w, &[taken[0].job], &runs)).await.unwrap();
    change(&db, |w| batch_delete(w, wanted.id)).await.unwrap();
    assert!(batch_list_deleted(&db, 9).await.unwrap().is_empty());
}

/// Of a pin and a deletion at the same moment, one is refused.
async fn a_pin_and_a_deletion_exclude_each_other(db: Database) {
    let holder = connected(&db, "lab-a", "replica-1").await;
    for _ in 0..12 {
        let wanted = batch("ada", 1);
        insert(&db, &wanted).await;
        let taken = elements(&wanted, &holder, 1);
        change(&db, |w| batch_take(w, &wanted, &taken, NOW_MS)).await.unwrap();
        let (id, job) = (wanted.id, taken[0].job);
        force(&db, job, JobStatus::Completed).await;
        let (pinning, deleting) = (db.clone(), db.clone());
        let pin = tokio::spawn(async move {
            let pin = |w: &mut db::Write| {
                batch_lock(w, id);
                job_pinned_set(w, job, true);
            };
            change(&pinning, pin).await.is_ok()
        });
        let delete = tokio::spawn(async move { change(&deleting, |w| batch_delete_ask(w, id)).await.is_ok() });
        assert_ne!(pin.await.unwrap(), delete.await.unwrap());
    }
}

/// What is pinned when its owner's account is removed at the same moment stays, without its batch; or the pin is refused.
async fn a_pin_and_a_removal_exclude_each_other(db: Database) {
    let holder = connected(&db, "lab-a", "replica-1").await;
    for turn in 0..12 {
        let account = format!("ada-{turn}");
        let wanted = batch(&account, 1);
        insert(&db, &wanted).await;
        let taken = elements(&wanted, &holder, 1);
        change(&db, |w| batch_take(w, &wanted, &taken, NOW_MS)).await.unwrap();
        let (id, job) = (wanted.id, taken[0].job);
        force(&db, job, JobStatus::Completed).await;
        let (pinning, removing) = (db.clone(), db.clone());
        let pin = tokio::spawn(async move {
            let pin = |w: &mut db::Write| {
                batch_lock(w, id);
                job_pinned_set(w, job, true);
            };
            change(&pinning, pin).await.is_ok()
        });
        let removal = tokio::spawn(async move { change(&removing, |w| account_leave(w, &account)).await.is_ok() });
        let is_pinned = pin.await.unwrap();
        assert!(removal.await.unwrap());
        let left = stored(&db, job).await;
        assert_eq!((left.pinned, left.batch.is_none()), (is_pinned, is_pinned));
    }
}

/// Whatever was read before, a job that is there keeps its runs and what those hold, and one that went leaves nothing.
async fn what_is_kept_keeps_its_output(db: Database) {
    let holder = connected(&db, "lab-a", "replica-1").await;
    let wanted = batch("ada", 3);
    insert(&db, &wanted).await;
    let taken = elements(&wanted, &holder, 3);
    change(&db, |w| batch_take(w, &wanted, &taken, NOW_MS)).await.unwrap();
    let mut told = Told::new();
    taken.iter().take(2).for_each(|element| end(&mut told, element, Outcome::Exited(0)));
    change(&db, |w| told.push(w)).await.unwrap();
    for element in &taken {
        let chunk = super::Chunk { seq: 0, channel: 1, at_ms: NOW_MS, data: b"out".to_vec() };
        change(&db, |w| super::output_insert(w, element.run, &chunk)).await.unwrap();
    }
    let jobs: Vec<_> = taken.iter().map(|element| element.job).collect();
    let runs = run_ids_of_jobs(&db, &jobs).await.unwrap();
    assert_eq!(runs.len(), 3);
    // Pinned after the ids were read; the third is running, and goes like the second.
    change(&db, |w| job_pinned_set(w, jobs[0], true)).await.unwrap();
    change(&db, |w| jobs_delete(w, &jobs, &runs)).await.unwrap();
    let count = |table: &'static str| {
        let query = db::Query::new(format!("SELECT COUNT(*) AS n FROM {table}"));
        let db = &db;
        async move { db.one(query).await.unwrap().get::<u32>("n").unwrap() }
    };
    assert_eq!((count("lab_job").await, count("lab_run").await, count("lab_output").await), (1, 1, 1));
    assert!(run_list_of_job(&db, jobs[1]).await.unwrap().is_empty());
    stored(&db, jobs[0]).await;
}
