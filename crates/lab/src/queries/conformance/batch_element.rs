//! Elements of a batch are read by their index; a batch whose own node is gone is found and ended.

use db::{Database, DbError};

use super::batch::{batch, elements, insert};
use super::{NOW_MS, change, connected};
use crate::model::batch::Batch;
use crate::queries::batch::{batch_get, batch_list_stranded};
use crate::queries::batch_change::batch_end_stranded;
use crate::queries::element::batch_take;
use crate::queries::list::element_list;
use crate::queries::node::node_delete;
use crate::queries::run::Holder;

testkit::for_each_engine!(crate::migrations();
    elements_are_read_by_their_index, a_batch_whose_node_was_removed_is_ended_once);

async fn elements_are_read_by_their_index(db: Database) {
    let holder = connected(&db, "lab-a", "replica-1").await;
    let (wanted, other) = (batch("ada", 5), batch("ada", 2));
    for batch in [&wanted, &other] {
        insert(&db, batch).await;
        let taken = elements(batch, &holder, 2);
        change(&db, |w| batch_take(w, batch, &taken, NOW_MS)).await.unwrap();
    }
    let indices = async |from, to| {
        let jobs = element_list(&db, wanted.id, from..=to).await.unwrap();
        assert!(jobs.iter().all(|job| job.batch == Some(wanted.id)));
        jobs.into_iter().map(|job| job.batch_index.unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(indices(-3, 100).await, [-3, -2], "those that were taken, in their order");
    assert_eq!(indices(-2, -2).await, [-2]);
    assert!(indices(-1, 100).await.is_empty());
}

async fn a_batch_whose_node_was_removed_is_ended_once(db: Database) {
    let (gone, stays) = (connected(&db, "lab-a", "replica-1").await, connected(&db, "lab-b", "replica-1").await);
    let on = |holder: &Holder| Batch { wanted_node: Some(holder.node), ..batch("ada", 3) };
    let (stranded, other, free) = (on(&gone), on(&stays), batch("ada", 3));
    for batch in [&stranded, &other, &free] {
        insert(&db, batch).await;
    }
    assert!(batch_list_stranded(&db, 9).await.unwrap().is_empty());
    change(&db, |w| node_delete(w, gone.node)).await.unwrap();
    let found: Vec<_> = batch_list_stranded(&db, 9).await.unwrap().into_iter().map(|batch| batch.id).collect();
    assert_eq!(found, [stranded.id]);
    change(&db, |w| batch_end_stranded(w, &stranded, NOW_MS)).await.unwrap();
    let again = async |batch: &Batch| change(&db, |w| batch_end_stranded(w, batch, NOW_MS)).await;
    assert!(matches!(again(&stranded).await, Err(DbError::Unmet { .. })), "it is over");
    assert!(matches!(again(&other).await, Err(DbError::Unmet { .. })), "its node is there");
    assert!(batch_get(&db, stranded.id).await.unwrap().unwrap().is_stranded);
    assert!(batch_list_stranded(&db, 9).await.unwrap().is_empty());
}
