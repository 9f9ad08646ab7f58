//! Which runs wait, are on a node, or have nothing to go on for.

use db::{Database, Query, Write};

use super::{NOW_MS, change, connect, connected, force, job, lease, run_end, run_started, submit};
use crate::model::job::{Job, JobId, JobStatus};
use crate::model::node::NodeId;
use crate::model::run::{Outcome, Role, Run, RunId};
use crate::queries::job::{GOES_ON, job_cancel_ask, job_next_attempt};
use crate::queries::node::node_disconnect;
use crate::queries::queue::{Waiting, run_count_elsewhere, run_list_queue};
use crate::queries::run::{
    RunEnd, run_count_in_flight, run_count_waiting, run_insert, run_list_astray, run_list_live, run_list_of_job,
    run_list_oldest, run_list_on, run_list_to_cancel, run_list_without, run_new,
};
use crate::service::window::Window;

testkit::for_each_engine!(crate::migrations();
    waiting_runs_are_listed_oldest_first, nobody_keeps_others_out_of_the_window, runs_on_nodes_are_listed_and_counted, overdue_runs_are_listed,
    runs_of_a_job_are_listed_by_attempt, runs_with_nothing_to_go_on_for_are_found,
    lost_and_deleted_runs_do_not_live, runs_that_no_session_knows_are_found);

fn ids(runs: &[Run]) -> Vec<RunId> {
    runs.iter().map(|run| run.id).collect()
}

async fn waiting_runs_are_listed_oldest_first(db: Database) {
    let holder = connected(&db, "lab-a", "replica-1").await;
    let (mut anywhere, mut there) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        anywhere.push(submit(&db, &job("ada")).await.id);
        there.push(submit(&db, &Job { wanted_node: Some(holder.node), ..job("ada") }).await.id);
    }
    let all: Vec<_> = anywhere.iter().zip(&there).flat_map(|(a, b)| [*a, *b]).collect();
    let read = |limit| run_list_queue(&db, None, &[], limit);
    let of = |waiting: Vec<Waiting>| waiting.into_iter().map(|waiting| waiting.run).collect::<Vec<_>>();
    assert_eq!(of(read(9).await.unwrap()), all);
    assert_eq!(of(read(2).await.unwrap()), all[..2]);
    let first = read(2).await.unwrap();
    assert_eq!((first[0].wanted_node, first[1].wanted_node), (None, Some(holder.node)));
    assert_eq!((first[0].account.as_str(), first[0].tool.as_str(), first[0].is_element), ("ada", "ping", false));
    assert!(lease(&db, anywhere[0], &holder).await && lease(&db, there[1], &holder).await);
    assert_eq!(of(read(9).await.unwrap()), [there[0], anywhere[1], anywhere[2], there[2]]);
}

async fn nobody_keeps_others_out_of_the_window(db: Database) {
    let mut runs = Vec::new();
    for account in ["ada", "ada", "ada", "ada", "bob", "ada", "cyd", "bob", "bob"] {
        runs.push(submit(&db, &job(account)).await.id);
    }
    let read = async |runs, account| {
        let window = Window { runs, account }.read(&db).await.unwrap();
        window.into_iter().map(|waiting| waiting.run).collect::<Vec<_>>()
    };
    let of = |places: &[usize]| places.iter().map(|place| runs[*place]).collect::<Vec<_>>();
    assert_eq!(read(4, 2).await, of(&[0, 1, 4, 6]), "who is behind ada's takes the place of her newest");
    assert_eq!(read(4, 9).await, of(&[0, 1, 2, 3]), "nobody has too many");
    assert_eq!(read(7, 1).await, of(&[0, 4, 6, 1, 2, 3, 5]), "what is left is for the oldest of the others");
    assert_eq!(read(9, 2).await, of(&[0, 1, 4, 6, 7, 2, 3, 5, 8]));
    assert_eq!(read(99, 1).await, of(&[0, 4, 6, 1, 2, 3, 5, 7, 8]), "all there is");
}

async fn runs_on_nodes_are_listed_and_counted(db: Database) {
    let (here, there) = (connected(&db, "lab-a", "replica-1").await, connected(&db, "lab-b", "replica-1").await);
    let mut runs = Vec::new();
    for index in 0..5 {
        let run = submit(&db, &job("ada")).await;
        if index < 4 {
            assert!(lease(&db, run.id, if index == 3 { &there } else { &here }).await);
        }
        runs.push(run.id);
    }
    let end = RunEnd::untold(Outcome::Exited(0), NOW_MS);
    change(&db, |w| {
        run_started(w, runs[1], here.epoch, NOW_MS, &[]);
        run_end(w, runs[2], &end);
    })
    .await
    .unwrap();
    assert_eq!(ids(&run_list_on(&db, here.node).await.unwrap()), runs[..2]);
    assert_eq!(ids(&run_list_on(&db, there.node).await.unwrap()), runs[3..4]);
    assert_eq!((run_count_in_flight(&db).await.unwrap(), run_count_waiting(&db).await.unwrap()), (3, 1));
    assert_eq!(run_count_elsewhere(&db, &[]).await.unwrap(), 3);
    assert_eq!(run_count_elsewhere(&db, &[here.node]).await.unwrap(), 1);
}

async fn overdue_runs_are_listed(db: Database) {
    let holder = connected(&db, "lab-a", "replica-1").await;
    let (mut old, mut bound) = (Vec::new(), Vec::new());
    for age_ms in [3, 2, 1] {
        let wanted = Job { created_ms: NOW_MS - age_ms, ..job("ada") };
        old.push(submit(&db, &wanted).await.id);
        let on = NodeId::generate();
        let wanted = Job { id: JobId::generate(), wanted_node: Some(on), ..wanted };
        bound.push((submit(&db, &wanted).await.id, on));
    }
    assert_eq!(ids(&run_list_oldest(&db, 3).await.unwrap()), [old[0], bound[0].0, old[1]]);
    assert!(lease(&db, old[0], &holder).await);
    assert_eq!(ids(&run_list_oldest(&db, 2).await.unwrap()), [bound[0].0, old[1]]);
    let without = async |nodes: &[NodeId], created_ms| {
        let mut found = ids(&run_list_without(&db, nodes, created_ms, 9).await.unwrap());
        found.sort();
        found
    };
    assert_eq!(without(&[], NOW_MS - 2).await, [bound[0].0, bound[1].0]);
    assert_eq!(without(&[holder.node, bound[0].1], NOW_MS).await, [bound[1].0, bound[2].0]);
    assert_eq!(run_list_without(&db, &[], NOW_MS, 2).await.unwrap().len(), 2);
}

async fn runs_of_a_job_are_listed_by_attempt(db: Database) {
    let wanted = job("ada");
    let second = run_new(wanted.id, 2, Role::Near, None, NOW_MS);
    let first = submit(&db, &wanted).await;
    submit(&db, &job("ada")).await;
    change(&db, |w| run_insert(w, &second)).await.unwrap();
    assert_eq!(ids(&run_list_of_job(&db, wanted.id).await.unwrap()), [first.id, second.id]);
}

async fn runs_with_nothing_to_go_on_for_are_found(db: Database) {
    let here = connected(&db, "lab-a", "replica-1").await;
    let there = connected(&db, "lab-b", "replica-2").await;
    let away = connected(&db, "lab-c", "replica-1").await;
    let jobs: Vec<_> = (0..7).map(|_| job("ada")).collect();
    let mut runs = Vec::new();
    for (index, wanted) in jobs.iter().enumerate() {
        let run = submit(&db, wanted).await;
        let holder = match index {
            4 => &there,
            5 => &away,
            _ => &here,
        };
        if index != 6 {
            assert!(lease(&db, run.id, holder).await);
        }
        runs.push(run.id);
    }
    assert!(run_list_to_cancel(&db, "replica-1").await.unwrap().is_empty());
    // 0 goes on; 1 is cancelled, 2 is over, 3 has a newer attempt; 4 is another replica's, 5 can't be reached, 6 waits.
    change(&db, |w| {
        run_started(w, runs[1], here.epoch, NOW_MS, &[]);
        for index in [1, 4, 5, 6] {
            job_cancel_ask(w, jobs[index].id);
        }
        job_next_attempt(w, jobs[3].id, 1, GOES_ON);
        node_disconnect(w, away.node, away.epoch);
    })
    .await
    .unwrap();
    force(&db, jobs[2].id, JobStatus::Completed).await;
    let to_cancel = async |replica| {
        let mut found = ids(&run_list_to_cancel(&db, replica).await.unwrap());
        found.sort();
        found
    };
    assert_eq!(to_cancel("replica-1").await, runs[1..4]);
    assert_eq!(to_cancel("replica-2").await, runs[4..5]);
    connect(&db, away.node, "replica-1").await;
    assert_eq!(to_cancel("replica-1").await, [runs[1], runs[2], runs[3], runs[5]]);
}

async fn lost_and_deleted_runs_do_not_live(db: Database) {
    let holder = connected(&db, "lab-a", "replica-1").await;
    let mut runs = Vec::new();
    for _ in 0..3 {
        runs.push(submit(&db, &job("ada")).await.id);
    }
    assert!(lease(&db, runs[1], &holder).await && lease(&db, runs[2], &holder).await);
    change(&db, |w| run_end(w, runs[2], &RunEnd::untold(Outcome::Lost, NOW_MS))).await.unwrap();
    let deleted = RunId::generate();
    let mut live = run_list_live(&db, &[deleted, runs[0], runs[1], runs[2]]).await.unwrap();
    live.sort();
    assert_eq!(live, runs[..2]);
    assert!(run_list_live(&db, &[]).await.unwrap().is_empty());
}

async fn runs_that_no_session_knows_are_found(db: Database) {
    let (stays, returns) = (connected(&db, "lab-a", "replica-1").await, connected(&db, "lab-b", "replica-1").await);
    let removed = connected(&db, "lab-c", "replica-1").await;
    let mut runs = Vec::new();
    for holder in [&stays, &returns, &removed] {
        let run = submit(&db, &job("ada")).await.id;
        assert!(lease(&db, run, holder).await);
        runs.push(run);
    }
    submit(&db, &job("ada")).await;
    assert!(run_list_astray(&db).await.unwrap().is_empty());
    connect(&db, returns.node, "replica-1").await;
    // As when its lease was committed just behind the look at its runs.
    let remove = Query::new("DELETE FROM lab_node WHERE id = ?").bind(removed.node.to_string());
    db.write(Write::new().step(remove)).await.unwrap();
    assert_eq!(ids(&run_list_astray(&db).await.unwrap()), runs[1..]);
}
