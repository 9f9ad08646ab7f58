//! Input of running programs.

use db::{Database, DbError};

use super::{NOW_MS, change, connected, job, lease, run_end, submit};
use crate::model::input::{Act, DATA_MAX};
use crate::model::run::Outcome;
use crate::queries::input::{input_insert, input_list, input_taken, inputs_delete};
use crate::queries::run::RunEnd;

testkit::for_each_engine!(crate::migrations();
    input_is_numbered_and_goes_to_the_nodes_replica, input_is_for_runs_on_nodes_alone, too_much_input_is_refused);

async fn input_is_numbered_and_goes_to_the_nodes_replica(db: Database) {
    let holder = connected(&db, "lab-a", "replica-1").await;
    let run = submit(&db, &job("ada")).await.id;
    assert!(lease(&db, run, &holder).await);
    let acts = [Act::Data(vec![0, 255, 10]), Act::Interrupt, Act::Resize { columns: 80, rows: 24 }, Act::End];
    for act in &acts {
        change(&db, |w| input_insert(w, run, act)).await.unwrap();
    }
    let told = input_list(&db, "replica-1", None, 100).await.unwrap();
    assert_eq!(
        told.iter().map(|input| (input.run, input.seq)).collect::<Vec<_>>(),
        [(run, 0), (run, 1), (run, 2), (run, 3)]
    );
    assert_eq!(told.into_iter().map(|input| input.act).collect::<Vec<_>>(), acts);
    let rest = input_list(&db, "replica-1", Some((run, 1)), 1).await.unwrap();
    assert_eq!(rest.iter().map(|input| input.seq).collect::<Vec<_>>(), [2]);
    assert!(input_list(&db, "replica-2", None, 100).await.unwrap().is_empty());
    change(&db, |w| input_taken(w, run, 3)).await.unwrap();
    change(&db, |w| input_insert(w, run, &Act::End)).await.unwrap();
    let left: Vec<_> = input_list(&db, "replica-1", None, 100).await.unwrap().iter().map(|input| input.seq).collect();
    assert_eq!(left, [3, 4], "numbers go on where they were");
    change(&db, |w| inputs_delete(w, &[run])).await.unwrap();
    assert!(input_list(&db, "replica-1", None, 100).await.unwrap().is_empty());
}

async fn input_is_for_runs_on_nodes_alone(db: Database) {
    let holder = connected(&db, "lab-a", "replica-1").await;
    let run = submit(&db, &job("ada")).await.id;
    let refused = |result| matches!(result, Err(DbError::Unmet { guard: "run-input" }));
    assert!(refused(change(&db, |w| input_insert(w, run, &Act::End)).await), "it waits");
    assert!(lease(&db, run, &holder).await);
    change(&db, |w| input_insert(w, run, &Act::End)).await.unwrap();
    change(&db, |w| run_end(w, run, &RunEnd::untold(Outcome::Exited(0), NOW_MS))).await.unwrap();
    assert!(refused(change(&db, |w| input_insert(w, run, &Act::End)).await), "it is over");
    assert!(input_list(&db, "replica-1", None, 100).await.unwrap().is_empty());
}

async fn too_much_input_is_refused(db: Database) {
    let holder = connected(&db, "lab-a", "replica-1").await;
    let run = submit(&db, &job("ada")).await.id;
    assert!(lease(&db, run, &holder).await);
    change(&db, |w| (0..1_024).for_each(|_| input_insert(w, run, &Act::Data(b"x".to_vec())))).await.unwrap();
    let more = change(&db, |w| input_insert(w, run, &Act::End)).await;
    assert!(matches!(more, Err(DbError::Unmet { guard: "run-input" })), "{more:?}");
    change(&db, |w| input_taken(w, run, 1)).await.unwrap();
    change(&db, |w| input_insert(w, run, &Act::End)).await.unwrap();
    change(&db, |w| inputs_delete(w, &[run])).await.unwrap();
    let large = Act::Data(vec![0; DATA_MAX]);
    change(&db, |w| (0..32).for_each(|_| input_insert(w, run, &large))).await.unwrap();
    assert!(change(&db, |w| input_insert(w, run, &Act::Data(b"x".to_vec()))).await.is_err(), "1 MiB waits");
}
