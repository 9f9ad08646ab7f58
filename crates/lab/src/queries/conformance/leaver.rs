//! Accounts that are removed.

use db::{Database, DbError};

use super::batch::{batch, elements, insert};
use super::{NOW_MS, change, connected, job, lease, output_insert, run_started, stored, submit};
use crate::queries::batch::batch_waiting_all;
use crate::queries::batch_change::{batch_delete, batch_list_deleted, element_list_ids, jobs_delete, jobs_stop};
use crate::queries::element::batch_take;
use crate::queries::job::{GOES_ON, job_get, job_insert, job_next_attempt, job_pinned_set};
use crate::queries::leaver::{account_leave, leaver_forget, leaver_jobs, leaver_list};
use crate::queries::output::{Chunk, output_list};
use crate::queries::run::{run_ids_of_jobs, run_list_of_job};

testkit::for_each_engine!(crate::migrations();
    an_account_leaves_with_what_is_not_pinned, its_batches_end_and_a_pinned_element_stays);

async fn an_account_leaves_with_what_is_not_pinned(db: Database) {
    let holder = connected(&db, "lab-a", "replica-1").await;
    let quota = crate::queries::job::Quota { waiting_max: 9, hourly_max: 9 };
    change(&db, |w| job_insert(w, &job("ada"), Some("k"), Some(&quota))).await.unwrap();
    let (pinned, on_node, of_bob) = (job("ada"), job("ada"), job("bob"));
    let mut runs = Vec::new();
    for wanted in [&pinned, &on_node, &of_bob] {
        let run = submit(&db, wanted).await;
        assert!(lease(&db, run.id, &holder).await);
        change(&db, |w| {
            run_started(w, run.id, holder.epoch, NOW_MS, &["ping".into()]);
            output_insert(w, run.id, &Chunk { seq: 0, channel: 0, at_ms: NOW_MS, data: b"x".to_vec() });
        })
        .await
        .unwrap();
        runs.push(run);
    }
    change(&db, |w| job_pinned_set(w, pinned.id, true)).await.unwrap();
    change(&db, |w| account_leave(w, "ada")).await.unwrap();
    assert_eq!(leaver_list(&db, 9).await.unwrap(), ["ada"]);
    let jobs = leaver_jobs(&db, "ada", 9).await.unwrap();
    assert_eq!(jobs.len(), 2, "all but the pinned one");
    change(&db, |w| jobs_stop(w, &jobs)).await.unwrap();
    let again = change(&db, |w| job_next_attempt(w, on_node.id, 1, GOES_ON)).await;
    assert!(matches!(again, Err(DbError::Unmet { .. })), "a run would be left without its job: {again:?}");
    let ids = run_ids_of_jobs(&db, &jobs).await.unwrap();
    change(&db, |w| jobs_delete(w, &jobs, &ids)).await.unwrap();
    change(&db, |w| leaver_forget(w, "ada")).await.unwrap();
    assert!(leaver_list(&db, 9).await.unwrap().is_empty());
    for (wanted, run, is_there) in [(&pinned, &runs[0], true), (&on_node, &runs[1], false), (&of_bob, &runs[2], true)] {
        assert_eq!(job_get(&db, wanted.id).await.unwrap().is_some(), is_there);
        assert_eq!(run_list_of_job(&db, wanted.id).await.unwrap().len(), usize::from(is_there));
        assert_eq!(output_list(&db, run.id, 0, 9).await.unwrap().len(), usize::from(is_there));
    }
    let left = db.one(db::Query::new("SELECT COUNT(*) AS n FROM lab_submitter")).await.unwrap();
    assert_eq!(left.get::<i64>("n").unwrap(), 0);
}

async fn its_batches_end_and_a_pinned_element_stays(db: Database) {
    let holder = connected(&db, "lab-a", "replica-1").await;
    let (wanted, of_bob) = (batch("ada", 4), batch("bob", 2));
    insert(&db, &wanted).await;
    insert(&db, &of_bob).await;
    let taken = elements(&wanted, &holder, 2);
    change(&db, |w| batch_take(w, &wanted, &taken, NOW_MS)).await.unwrap();
    change(&db, |w| job_pinned_set(w, taken[0].job, true)).await.unwrap();
    change(&db, |w| account_leave(w, "ada")).await.unwrap();
    assert_eq!(batch_waiting_all(&db).await.unwrap(), 2, "those of the other alone");
    assert_eq!(batch_list_deleted(&db, 9).await.unwrap(), [wanted.id]);
    assert_eq!(stored(&db, taken[0].job).await.batch, None);
    let left = element_list_ids(&db, wanted.id, 9).await.unwrap();
    assert_eq!(left, [taken[1].job]);
    let runs = run_ids_of_jobs(&db, &left).await.unwrap();
    change(&db, |w| jobs_delete(w, &left, &runs)).await.unwrap();
    change(&db, |w| batch_delete(w, wanted.id)).await.unwrap();
    assert!(job_get(&db, taken[1].job).await.unwrap().is_none());
    assert!(leaver_jobs(&db, "ada", 9).await.unwrap().is_empty(), "what is pinned stays");
}
