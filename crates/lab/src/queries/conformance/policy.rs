//! The policy row.

use db::{Database, DbError};

use super::{ODD_TEXT, change};
use crate::model::policy::Policy;
use crate::queries::policy::{policy_get, policy_set};

testkit::for_each_engine!(crate::migrations(); a_policy_replaces_the_one_before);

async fn a_policy_replaces_the_one_before(db: Database) {
    assert!(policy_get(&db).await.unwrap().is_none());
    let first = Policy { in_flight_max: 7, ..Policy::default() };
    change(&db, |w| policy_set(w, &first, 0)).await.unwrap();
    let twice = change(&db, |w| policy_set(w, &first, 0)).await;
    assert!(matches!(twice, Err(DbError::Duplicate)), "{twice:?}");
    assert_eq!(policy_get(&db).await.unwrap(), Some((first, 1)));
    let second = Policy { refused_names: vec![ODD_TEXT.into()], ..Policy::default() };
    change(&db, |w| policy_set(w, &second, 1)).await.unwrap();
    let late = change(&db, |w| policy_set(w, &Policy::default(), 1)).await;
    assert!(matches!(late, Err(DbError::Unmet { guard: "policy" })), "{late:?}");
    assert_eq!(policy_get(&db).await.unwrap(), Some((second, 2)));
}
