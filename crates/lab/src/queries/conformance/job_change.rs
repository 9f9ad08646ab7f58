//! What happens to a job after it was accepted; each change names the state it may start from.

use db::{Database, DbError};

use super::{
    NOW_MS, ODD_TEXT, change, connected, force, job, job_lease, job_started, output_insert, stored, stored_run, submit,
};
use crate::model::job::{ErrorReason, Job, JobId, JobStatus};
use crate::model::run::{Outcome, RunState, Usage};
use crate::queries::job::{
    GOES_ON, RETRYABLE, job_cancel_ask, job_delete, job_end, job_get, job_name_set, job_next_attempt, job_pinned_set,
    job_waiting,
};
use crate::queries::output::{Chunk, output_list};
use crate::queries::run::{RunEnd, job_cancel_idle, run_cancel_waiting, run_list_of_job};
use crate::queries::told::Attempt;

testkit::for_each_engine!(crate::migrations();
    names_and_pins_are_set, a_job_runs_only_with_its_lease, a_start_and_a_return_are_of_the_newest_attempt,
    only_the_newest_attempt_ends_a_job, what_was_cancelled_does_not_go_on, the_next_attempt_begins_anew, only_an_open_job_is_cancelled,
    only_a_job_that_is_over_is_deleted);

fn unmet(result: Result<Vec<u64>, DbError>) -> &'static str {
    match result {
        Err(DbError::Unmet { guard }) => guard,
        other => panic!("{other:?}"),
    }
}

async fn names_and_pins_are_set(db: Database) {
    let (first, second) = (job("ada"), job("ada"));
    submit(&db, &first).await;
    submit(&db, &second).await;
    change(&db, |w| job_name_set(w, first.id, ODD_TEXT)).await.unwrap();
    // The same once more: MariaDB would count no row that stays as it is.
    change(&db, |w| job_name_set(w, first.id, ODD_TEXT)).await.unwrap();
    change(&db, |w| job_pinned_set(w, first.id, true)).await.unwrap();
    change(&db, |w| job_pinned_set(w, first.id, true)).await.unwrap();
    let changed = stored(&db, first.id).await;
    assert_eq!((changed.name.as_str(), changed.pinned), (ODD_TEXT, true));
    let other = stored(&db, second.id).await;
    assert_eq!((other.name, other.pinned), (second.name, false));
    assert_eq!(unmet(change(&db, |w| job_name_set(w, JobId::generate(), "x")).await), "job");
    assert_eq!(unmet(change(&db, |w| job_pinned_set(w, JobId::generate(), true)).await), "job");
}

async fn a_job_runs_only_with_its_lease(db: Database) {
    let holder = connected(&db, "lab-a", "replica-1").await;
    let wanted = job("ada");
    let run = submit(&db, &wanted).await;
    let stale = crate::queries::run::Holder { epoch: holder.epoch - 1, ..holder.clone() };
    for (holder, status) in [(&stale, JobStatus::Waiting), (&holder, JobStatus::Running)] {
        change(&db, |w| {
            job_lease(w, &run, holder);
        })
        .await
        .unwrap();
        assert_eq!(stored(&db, wanted.id).await.status, status);
    }
    assert_eq!(stored(&db, wanted.id).await.node.as_deref(), Some("lab-a"));
}

/// A job whose run is on a node.
async fn running(db: &Database) -> Job {
    let holder = connected(db, "lab-a", "replica-1").await;
    let wanted = job("ada");
    let run = submit(db, &wanted).await;
    change(db, |w| {
        job_lease(w, &run, &holder);
    })
    .await
    .unwrap();
    stored(db, wanted.id).await
}

async fn a_start_and_a_return_are_of_the_newest_attempt(db: Database) {
    let id = running(&db).await.id;
    change(&db, |w| job_started(w, id, 2, NOW_MS + 1)).await.unwrap();
    change(&db, |w| job_waiting(w, id, 2)).await.unwrap();
    let same = stored(&db, id).await;
    assert_eq!((same.status, same.started_ms), (JobStatus::Running, None));
    change(&db, |w| job_started(w, id, 1, NOW_MS + 1)).await.unwrap();
    assert_eq!(stored(&db, id).await.started_ms, Some(NOW_MS + 1));
    change(&db, |w| job_waiting(w, id, 1)).await.unwrap();
    let back = stored(&db, id).await;
    assert_eq!((back.status, back.node), (JobStatus::Waiting, None));
    force(&db, id, JobStatus::Completed).await;
    change(&db, |w| job_waiting(w, id, 1)).await.unwrap();
    assert_eq!(stored(&db, id).await.status, JobStatus::Completed);
}

fn end(outcome: Outcome, exit_code: Option<i64>) -> RunEnd {
    let usage = Usage { cpu_ms: Some(20), memory_peak_bytes: Some(1 << 33), ..Usage::default() };
    RunEnd { exit_code, detail: Some(ODD_TEXT.to_owned()), usage, ..RunEnd::untold(outcome, NOW_MS + 5) }
}

async fn only_the_newest_attempt_ends_a_job(db: Database) {
    let id = running(&db).await.id;
    change(&db, |w| job_end(w, Attempt::new(id, 2), &end(Outcome::Exited(0), Some(0)))).await.unwrap();
    assert_eq!(stored(&db, id).await.status, JobStatus::Running);
    change(&db, |w| job_end(w, Attempt::new(id, 1), &end(Outcome::Failed(ErrorReason::WallTime), None))).await.unwrap();
    // A second end changes nothing.
    change(&db, |w| job_end(w, Attempt::new(id, 1), &end(Outcome::Exited(1), Some(1)))).await.unwrap();
    let ended = stored(&db, id).await;
    assert_eq!((ended.status, ended.reason), (JobStatus::Error, Some(ErrorReason::WallTime)));
    assert_eq!((ended.detail.as_deref(), ended.exit_code), (Some(ODD_TEXT), None));
    assert_eq!((ended.cpu_ms, ended.memory_peak_bytes), (Some(20), Some(1 << 33)));
    assert_eq!(ended.completed_ms, Some(NOW_MS + 5));
}

async fn what_was_cancelled_does_not_go_on(db: Database) {
    let id = running(&db).await.id;
    change(&db, |w| job_cancel_ask(w, id)).await.unwrap();
    assert_eq!(unmet(change(&db, |w| job_next_attempt(w, id, 1, GOES_ON)).await), "job-attempt");
    assert!(stored(&db, id).await.is_cancelled);
}

async fn the_next_attempt_begins_anew(db: Database) {
    let id = running(&db).await.id;
    let over = RETRYABLE;
    assert_eq!(unmet(change(&db, |w| job_next_attempt(w, id, 1, over)).await), "job-attempt");
    change(&db, |w| {
        job_started(w, id, 1, NOW_MS);
        job_cancel_ask(w, id);
        job_end(w, Attempt::new(id, 1), &end(Outcome::Lost, Some(3)));
    })
    .await
    .unwrap();
    assert_eq!(unmet(change(&db, |w| job_next_attempt(w, id, 2, over)).await), "job-attempt");
    assert_eq!(unmet(change(&db, |w| job_next_attempt(w, id, 1, GOES_ON)).await), "job-attempt");
    let attempts = (0..8).map(|_| {
        let db = db.clone();
        tokio::spawn(async move { change(&db, |w| job_next_attempt(w, id, 1, over)).await.is_ok() })
    });
    let mut opened = 0;
    for attempt in attempts.collect::<Vec<_>>() {
        opened += usize::from(attempt.await.unwrap());
    }
    assert_eq!(opened, 1, "of several at once, one opens it");
    let anew = stored(&db, id).await;
    assert_eq!((anew.status, anew.attempt, anew.is_cancelled), (JobStatus::Waiting, 2, false));
    assert_eq!((anew.node, anew.reason, anew.detail), (None, None, None));
    assert_eq!((anew.exit_code, anew.started_ms, anew.completed_ms), (None, None, None));
}

async fn only_an_open_job_is_cancelled(db: Database) {
    let waiting = job("ada");
    let run = submit(&db, &waiting).await;
    change(&db, |w| job_cancel_idle(w, waiting.id, NOW_MS)).await.unwrap();
    assert_eq!(stored(&db, waiting.id).await.status, JobStatus::Waiting, "nobody asked");
    change(&db, |w| {
        job_cancel_ask(w, waiting.id);
        run_cancel_waiting(w, waiting.id, NOW_MS + 1);
        job_cancel_idle(w, waiting.id, NOW_MS + 1);
    })
    .await
    .unwrap();
    let cancelled = stored(&db, waiting.id).await;
    assert_eq!((cancelled.status, cancelled.completed_ms), (JobStatus::Cancelled, Some(NOW_MS + 1)));
    assert_eq!(stored_run(&db, &run).await.state, RunState::Ended(crate::model::run::Outcome::Cancelled));
    assert_eq!(unmet(change(&db, |w| job_cancel_ask(w, waiting.id)).await), "job-open");
    assert_eq!(unmet(change(&db, |w| job_cancel_ask(w, JobId::generate())).await), "job-open");

    let on_node = running(&db).await;
    change(&db, |w| {
        job_cancel_ask(w, on_node.id);
        run_cancel_waiting(w, on_node.id, NOW_MS);
        job_cancel_idle(w, on_node.id, NOW_MS);
    })
    .await
    .unwrap();
    let asked = stored(&db, on_node.id).await;
    assert_eq!((asked.status, asked.is_cancelled), (JobStatus::Running, true));
}

fn chunk() -> Chunk {
    Chunk { seq: 0, channel: 0, at_ms: NOW_MS, data: b"x".to_vec() }
}

async fn only_a_job_that_is_over_is_deleted(db: Database) {
    let (kept, gone) = (job("ada"), job("ada"));
    let (kept_run, gone_run) = (submit(&db, &kept).await, submit(&db, &gone).await);
    change(&db, |w| {
        output_insert(w, kept_run.id, &chunk());
        output_insert(w, gone_run.id, &chunk());
    })
    .await
    .unwrap();
    for status in [JobStatus::Waiting, JobStatus::Running] {
        force(&db, gone.id, status).await;
        assert_eq!(unmet(change(&db, |w| job_delete(w, gone.id, &[gone_run.id])).await), "job-over");
        assert_eq!(output_list(&db, gone_run.id, 0, 9).await.unwrap().len(), 1);
    }
    force(&db, gone.id, JobStatus::Cancelled).await;
    change(&db, |w| job_delete(w, gone.id, &[gone_run.id])).await.unwrap();
    assert!(job_get(&db, gone.id).await.unwrap().is_none());
    assert!(run_list_of_job(&db, gone.id).await.unwrap().is_empty());
    assert!(output_list(&db, gone_run.id, 0, 9).await.unwrap().is_empty());
    assert_eq!(unmet(change(&db, |w| job_delete(w, gone.id, &[gone_run.id])).await), "job-over");
    assert_eq!(run_list_of_job(&db, kept.id).await.unwrap().len(), 1);
    assert_eq!(output_list(&db, kept_run.id, 0, 9).await.unwrap().len(), 1);
}
