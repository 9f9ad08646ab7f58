//! Units that are damaged.

use db::Database;

use super::change;
use crate::queries::damage::{DamagedUnit, damage_forget, damage_list, damage_put};

testkit::for_each_engine!(crate::migrations(); damage_is_noted_once_and_forgotten_with_its_stripe);

async fn damage_is_noted_once_and_forgotten_with_its_stripe(db: Database) {
    let unit = |stripe, index, store| DamagedUnit { volume: 3, stripe, index, store };
    let all = [unit(1, 0, 7), unit(1, 5, 7), unit(1, 5, 8), unit(i64::MAX, 2, 7)];
    for some in [&all[1..], &all[..], &[]] {
        change(&db, |w| damage_put(w, some)).await.unwrap();
    }
    assert_eq!(damage_list(&db, 10).await.unwrap(), all);
    assert_eq!(damage_list(&db, 2).await.unwrap(), all[..2]);
    change(&db, |w| damage_forget(w, &[1, 2])).await.unwrap();
    assert_eq!(damage_list(&db, 10).await.unwrap(), all[3..]);
}
