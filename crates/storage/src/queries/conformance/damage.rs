//! Units that are damaged.

use db::Database;

use super::{apply, change, file, prepare};
use crate::queries::damage::{DamagedUnit, damage_forget, damage_forget_unknown, damage_list, damage_put};

testkit::for_each_engine!(crate::migrations(); damage_is_noted_once_and_forgotten_with_its_stripe, that_of_unknown_stripes_is_forgotten_in_time);

async fn damage_is_noted_once_and_forgotten_with_its_stripe(db: Database) {
    let unit = |stripe, index, store| DamagedUnit { volume: 3, stripe, index, store };
    let all = [unit(1, 0, 7), unit(1, 5, 7), unit(1, 5, 8), unit(i64::MAX, 2, 7)];
    for some in [&all[1..], &all[..], &[]] {
        change(&db, |w| damage_put(w, some, 1_000)).await.unwrap();
    }
    assert_eq!(damage_list(&db, 10).await.unwrap(), all);
    assert_eq!(damage_list(&db, 2).await.unwrap(), all[..2]);
    change(&db, |w| damage_forget(w, &[1, 2])).await.unwrap();
    assert_eq!(damage_list(&db, 10).await.unwrap(), all[3..]);
}

async fn that_of_unknown_stripes_is_forgotten_in_time(db: Database) {
    prepare(&db).await;
    apply(&db, file(100, "a")).await.unwrap();
    let unit = |stripe| DamagedUnit { volume: 3, stripe, index: 0, store: 7 };
    change(&db, |w| damage_put(w, &[unit(1_000), unit(1_001)], 50)).await.unwrap();
    // Found again later, it is as old as it was.
    change(&db, |w| damage_put(w, &[unit(1_001)], 90)).await.unwrap();
    change(&db, |w| damage_forget_unknown(w, 50)).await.unwrap();
    assert_eq!(damage_list(&db, 10).await.unwrap(), [unit(1_000), unit(1_001)]);
    change(&db, |w| damage_forget_unknown(w, 51)).await.unwrap();
    assert_eq!(damage_list(&db, 10).await.unwrap(), [unit(1_000)]);
}
