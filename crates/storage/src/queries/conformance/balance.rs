//! Rebalancing.

use db::Database;

use super::{NOW_MS, change};
use crate::queries::balance::{
    MovedUnit, moved_forget, moved_insert, moved_list, moved_stores, rebalance_ask, rebalance_end, rebalance_list,
};

testkit::for_each_engine!(crate::migrations(); a_volume_is_evened_out_until_it_ends, moved_units_are_kept_until_forgotten);

async fn a_volume_is_evened_out_until_it_ends(db: Database) {
    change(&db, |w| [9, 3, 9].iter().for_each(|volume| rebalance_ask(w, *volume, NOW_MS))).await.unwrap();
    assert_eq!(rebalance_list(&db).await.unwrap(), [3, 9]);
    change(&db, |w| rebalance_end(w, 3)).await.unwrap();
    assert_eq!(rebalance_list(&db).await.unwrap(), [9]);
}

async fn moved_units_are_kept_until_forgotten(db: Database) {
    let unit = |stripe, unit, store| MovedUnit { stripe, unit, store, volume: 7, since_ms: NOW_MS };
    let all = [unit(5, 0, 1), unit(5, 3, 1), unit(6, 0, 1), unit(5, 0, 2)];
    change(&db, |w| moved_insert(w, &all)).await.unwrap();
    let again = MovedUnit { since_ms: NOW_MS + 5, ..all[2] };
    change(&db, |w| moved_insert(w, &[again])).await.unwrap();
    assert_eq!(moved_stores(&db).await.unwrap(), [1, 2]);
    assert_eq!(moved_list(&db, 1, NOW_MS, 10).await.unwrap(), all[..2]);
    assert_eq!(moved_list(&db, 1, NOW_MS + 5, 10).await.unwrap(), [all[0], all[1], again]);
    assert_eq!(moved_list(&db, 1, NOW_MS + 5, 1).await.unwrap(), all[..1]);
    change(&db, |w| moved_forget(w, &[all[0], all[3]])).await.unwrap();
    assert_eq!(moved_stores(&db).await.unwrap(), [1]);
    assert_eq!(moved_list(&db, 1, NOW_MS, 10).await.unwrap(), [all[1]]);
}
