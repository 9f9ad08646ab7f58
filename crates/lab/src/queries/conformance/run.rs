//! A run's way through its states. Whoever moves it names the state it must be in, so that of two only one does.

use db::{Database, DbError, Write};

use super::{
    NOW_MS, ODD_TEXT, change, connect, connected, force, job, lease, run_end, run_lease, run_started, stored_run,
    submit,
};
use crate::model::job::{ErrorReason, JobStatus};
use crate::model::node::{AdminState, Node, NodeId};
use crate::model::run::{Outcome, Role, Run, RunId, RunState, Usage};
use crate::queries::job::{GOES_ON, job_cancel_ask, job_insert, job_next_attempt};
use crate::queries::node::{node_delete, node_get, node_update};
use crate::queries::queue::{Lease, run_give_back, runs_lease, runs_leased};
use crate::queries::run::{Holder, QUEUED, RunEnd, run_insert, run_insert_near, run_must_end, run_new};

testkit::for_each_engine!(crate::migrations();
    a_run_is_read_back_whole, a_lease_is_exclusive, leases_of_one_statement_are_told_apart, a_lease_is_fenced_by_the_node, a_lease_is_fenced_by_the_job,
    only_what_is_leased_is_given_back, a_start_is_of_one_epoch, a_run_ends_once, one_near_end_an_attempt);

async fn a_run_is_read_back_whole(db: Database) {
    let wanted = job("ada");
    let bare = submit(&db, &wanted).await;
    let mut far = run_new(wanted.id, 2, Role::Far, Some(NodeId::generate()), NOW_MS);
    far.port = Some(u16::MAX);
    change(&db, |w| run_insert(w, &far)).await.unwrap();
    for run in [&bare, &far] {
        assert_eq!(format!("{:?}", stored_run(&db, run).await), format!("{run:?}"));
    }
}

async fn a_lease_is_exclusive(db: Database) {
    let holders = [connected(&db, "lab-a", "replica-1").await, connected(&db, "lab-b", "replica-2").await];
    let mut runs = Vec::new();
    for _ in 0..5 {
        runs.push(submit(&db, &job("ada")).await);
    }
    let ids: Vec<RunId> = runs.iter().map(|run| run.id).collect();
    let claims = (0..8).map(|index| {
        let (db, ids, holder) = (db.clone(), ids.clone(), holders[index % 2].clone());
        tokio::spawn(async move {
            change(&db, |w| ids.iter().for_each(|run| run_lease(w, *run, &holder, None))).await.unwrap()
        })
    });
    let mut taken = vec![0; ids.len()];
    for claim in claims.collect::<Vec<_>>() {
        let changed = claim.await.unwrap();
        taken.iter_mut().zip(changed).for_each(|(taken, changed)| *taken += changed);
    }
    assert_eq!(taken, [1; 5]);
    for run in &runs {
        let RunState::Leased { node, epoch } = stored_run(&db, run).await.state else { panic!("not leased") };
        assert!(holders.iter().any(|holder| holder.node == node && holder.epoch == epoch));
    }
}

async fn leases_of_one_statement_are_told_apart(db: Database) {
    let holders = [connected(&db, "lab-a", "replica-1").await, connected(&db, "lab-b", "replica-1").await];
    let (mut runs, mut leases) = (Vec::new(), Vec::new());
    for index in 0..5 {
        let run = submit(&db, &job("ada")).await;
        let holder = holders[index % 2].clone();
        let port = (index == 3).then_some(20_003);
        leases.push(Lease { run: run.id, job: run.job, attempt: 1, role: Role::Near, holder, port });
        runs.push(run);
    }
    assert!(lease(&db, runs[1].id, &holders[0]).await, "somebody was faster");
    leases[2].holder.epoch -= 1;
    let changed = change(&db, |w| assert_eq!(runs_lease(w, &leases), 1)).await.unwrap();
    assert_eq!(changed, [3, 3]);
    let ours = runs_leased(&db, &leases).await.unwrap();
    assert_eq!(ours, [runs[0].id, runs[3].id, runs[4].id].into());
    let stored = stored_run(&db, &runs[3]).await;
    assert_eq!((stored.node_name.as_deref(), stored.port), (Some("lab-b"), Some(20_003)));
}

async fn a_lease_is_fenced_by_the_node(db: Database) {
    let old = connected(&db, "lab-a", "replica-1").await;
    let new = connect(&db, old.node, "replica-2").await;
    let run = submit(&db, &job("ada")).await;
    assert!(!lease(&db, run.id, &old).await, "another replica has the node now");
    for state in [AdminState::Cordoned, AdminState::Disabled] {
        let read = node_get(&db, new.node).await.unwrap().unwrap();
        change(&db, |w| node_update(w, &read, &Node { state, ..read.clone() })).await.unwrap();
        assert!(!lease(&db, run.id, &new).await, "{state:?}");
    }
    let read = node_get(&db, new.node).await.unwrap().unwrap();
    change(&db, |w| node_update(w, &read, &Node { state: AdminState::Enabled, ..read.clone() })).await.unwrap();
    let leased = change(&db, |w| run_lease(w, run.id, &new, Some(20_001))).await.unwrap();
    assert_eq!(leased, [1]);
    let stored = stored_run(&db, &run).await;
    assert_eq!(stored.state, RunState::Leased { node: new.node, epoch: new.epoch });
    assert_eq!((stored.node_name.as_deref(), stored.port), (Some("lab-a"), Some(20_001)));
    assert!(!lease(&db, run.id, &new).await, "it is leased already");
    change(&db, |w| run_give_back(w, run.id, new.epoch)).await.unwrap();
    assert!(lease(&db, run.id, &new).await);
    assert_eq!(stored_run(&db, &run).await.port, Some(20_001), "a port that was given stays");
    change(&db, |w| run_give_back(w, run.id, new.epoch)).await.unwrap();
    change(&db, |w| node_delete(w, new.node)).await.unwrap();
    assert!(!lease(&db, run.id, &new).await, "the node was removed");
}

async fn a_lease_is_fenced_by_the_job(db: Database) {
    let holder = connected(&db, "lab-a", "replica-1").await;
    let (cancelled, over, repeated) = (job("ada"), job("ada"), job("ada"));
    let runs = [submit(&db, &cancelled).await, submit(&db, &over).await, submit(&db, &repeated).await];
    change(&db, |w| {
        job_cancel_ask(w, cancelled.id);
        job_next_attempt(w, repeated.id, 1, GOES_ON);
    })
    .await
    .unwrap();
    force(&db, over.id, JobStatus::Error).await;
    for run in runs {
        assert!(!lease(&db, run.id, &holder).await);
        assert_eq!(stored_run(&db, &run).await.state, RunState::Waiting);
    }
}

/// A run on a node.
async fn leased(db: &Database) -> (Run, Holder) {
    let holder = connected(db, "lab-a", "replica-1").await;
    let run = submit(db, &job("ada")).await;
    assert!(lease(db, run.id, &holder).await);
    (run, holder)
}

async fn only_what_is_leased_is_given_back(db: Database) {
    let (run, holder) = leased(&db).await;
    assert_eq!(change(&db, |w| run_give_back(w, run.id, holder.epoch + 1)).await.unwrap(), [0]);
    assert_eq!(change(&db, |w| run_give_back(w, run.id, holder.epoch)).await.unwrap(), [1]);
    let back = stored_run(&db, &run).await;
    assert_eq!((back.state, back.node, back.node_name), (RunState::Waiting, None, None));
    assert!(lease(&db, run.id, &holder).await);
    change(&db, |w| run_started(w, run.id, holder.epoch, NOW_MS, &[])).await.unwrap();
    assert_eq!(change(&db, |w| run_give_back(w, run.id, holder.epoch)).await.unwrap(), [0]);
}

async fn a_start_is_of_one_epoch(db: Database) {
    let (run, holder) = leased(&db).await;
    let argv = ["ping".to_owned(), ODD_TEXT.to_owned()];
    assert_eq!(change(&db, |w| run_started(w, run.id, holder.epoch - 1, NOW_MS, &argv)).await.unwrap(), [0]);
    assert_eq!(change(&db, |w| run_started(w, run.id, holder.epoch, NOW_MS + 1, &argv)).await.unwrap(), [1]);
    assert_eq!(change(&db, |w| run_started(w, run.id, holder.epoch, NOW_MS + 9, &[])).await.unwrap(), [0]);
    let started = stored_run(&db, &run).await;
    assert_eq!(started.state, RunState::Running { node: holder.node, epoch: holder.epoch });
    assert_eq!((started.started_ms, started.argv.as_slice()), (Some(NOW_MS + 1), argv.as_slice()));
}

async fn a_run_ends_once(db: Database) {
    let holder = connected(&db, "lab-a", "replica-1").await;
    let outcomes = [Outcome::Exited(137), Outcome::Failed(ErrorReason::OutputCap), Outcome::Lost, Outcome::Cancelled];
    for outcome in outcomes {
        let run = submit(&db, &job("ada")).await;
        let exit_code = if outcome == Outcome::Exited(137) { Some(137) } else { None };
        let usage = Usage {
            cpu_ms: Some(7),
            memory_peak_bytes: Some(1 << 40),
            fences: vec!["seccomp".into(), ODD_TEXT.into()],
        };
        let detail = Some(ODD_TEXT.to_owned());
        let argv = vec!["gcc".to_owned(), ODD_TEXT.to_owned()];
        let (end_argv, at_ms) = (Some(argv.clone()), NOW_MS + 3);
        let end = RunEnd { outcome: outcome.clone(), exit_code, detail, usage: usage.clone(), argv: end_argv, at_ms };
        assert_eq!(change(&db, |w| run_end(w, run.id, &end)).await.unwrap(), [0], "it waits");
        assert!(lease(&db, run.id, &holder).await);
        let unmet = change(&db, |w| run_must_end(w, run.id, QUEUED, &end)).await;
        assert!(matches!(unmet, Err(DbError::Unmet { guard: "run-state" })), "it does not wait: {unmet:?}");
        let again = RunEnd::untold(Outcome::Cancelled, NOW_MS + 9);
        let changed = change(&db, |w| {
            run_end(w, run.id, &end);
            run_end(w, run.id, &again);
        });
        assert_eq!(changed.await.unwrap(), [1, 0]);
        let ended = stored_run(&db, &run).await;
        assert_eq!((ended.state, ended.ended_ms), (RunState::Ended(outcome), Some(NOW_MS + 3)));
        assert_eq!((ended.detail.as_deref(), ended.node), (Some(ODD_TEXT), Some(holder.node)));
        assert_eq!((ended.exit_code, ended.usage, ended.argv), (exit_code, usage, argv));
    }
}

async fn one_near_end_an_attempt(db: Database) {
    let wanted = job("ada");
    let mut write = Write::new();
    job_insert(&mut write, &wanted, None, None);
    db.write(write).await.unwrap();
    let near = || run_new(wanted.id, 1, Role::Near, None, NOW_MS);
    change(&db, |w| run_insert_near(w, &near())).await.unwrap();
    let twice = change(&db, |w| run_insert_near(w, &near())).await;
    assert!(matches!(twice, Err(DbError::Duplicate)), "{twice:?}");
    let later = change(&db, |w| run_insert_near(w, &run_new(wanted.id, 2, Role::Near, None, NOW_MS))).await;
    assert!(matches!(later, Err(DbError::Unmet { guard: "job-attempt" })), "{later:?}");
}
