//! Units that are damaged.

use db::Database;

use super::{apply, change, count, file, prepare};
use crate::queries::damage::{
    DamagedUnit, damage_forget, damage_forget_aside, damage_forget_rowless, damage_list, damage_put, damage_put_aside,
};

testkit::for_each_engine!(crate::migrations(); damage_is_noted_once_and_forgotten_by_unit, what_is_put_aside_waits_for_its_stripe_for_a_while);

async fn damage_is_noted_once_and_forgotten_by_unit(db: Database) {
    let unit = |stripe, index, store| DamagedUnit { volume: 3, stripe, index, store };
    let all = [unit(1, 0, 7), unit(1, 5, 7), unit(1, 5, 8), unit(i64::MAX, 2, 7)];
    for some in [&all[1..], &all[..], &[]] {
        change(&db, |w| damage_put(w, some)).await.unwrap();
    }
    assert_eq!(damage_list(&db, 10).await.unwrap(), all);
    assert_eq!(damage_list(&db, 2).await.unwrap(), all[..2]);
    change(&db, |w| damage_forget(w, &[all[0], all[2], unit(1, 5, 9)])).await.unwrap();
    assert_eq!(damage_list(&db, 10).await.unwrap(), [all[1], all[3]]);
}

async fn what_is_put_aside_waits_for_its_stripe_for_a_while(db: Database) {
    prepare(&db).await;
    let unit = |stripe| DamagedUnit { volume: 3, stripe, index: 0, store: 7 };
    change(&db, |w| damage_put(w, &[unit(1_000), unit(1_001), unit(1_002)])).await.unwrap();
    for stripe in [1_000, 1_001] {
        change(&db, |w| damage_put_aside(w, unit(stripe), 50)).await.unwrap();
    }
    // Found again, or found to be none, it stays aside.
    change(&db, |w| damage_put(w, &[unit(1_001)])).await.unwrap();
    change(&db, |w| damage_forget_rowless(w, &[unit(1_001)])).await.unwrap();
    assert_eq!(damage_list(&db, 10).await.unwrap(), [unit(1_002)]);
    apply(&db, file(100, "a")).await.unwrap();
    assert_eq!(damage_list(&db, 10).await.unwrap(), [unit(1_000), unit(1_002)]);
    change(&db, |w| damage_forget_aside(w, 50)).await.unwrap();
    assert_eq!(count(&db, "storage_damage").await, 3);
    change(&db, |w| damage_forget_aside(w, 51)).await.unwrap();
    assert_eq!(count(&db, "storage_damage").await, 2);
    assert_eq!(damage_list(&db, 10).await.unwrap(), [unit(1_000), unit(1_002)]);
    // The row may have come since somebody looked for it.
    change(&db, |w| damage_forget_rowless(w, &[unit(1_000), unit(1_002)])).await.unwrap();
    assert_eq!(damage_list(&db, 10).await.unwrap(), [unit(1_000)]);
    change(&db, |w| damage_forget(w, &[unit(1_000)])).await.unwrap();
    assert_eq!(count(&db, "storage_damage").await, 0);
}
