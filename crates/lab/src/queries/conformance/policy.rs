//! The policy row.

use db::Database;

use super::{ODD_TEXT, change};
use crate::model::policy::Policy;
use crate::queries::policy::{policy_get, policy_set};

testkit::for_each_engine!(crate::migrations(); a_policy_replaces_the_one_before);

async fn a_policy_replaces_the_one_before(db: Database) {
    assert!(policy_get(&db).await.unwrap().is_none());
    let first = Policy { in_flight_max: 7, ..Policy::default() };
    change(&db, |w| policy_set(w, &first)).await.unwrap();
    assert_eq!(policy_get(&db).await.unwrap(), Some((first, 1)));
    let second = Policy { refused_names: vec![ODD_TEXT.into()], ..Policy::default() };
    change(&db, |w| policy_set(w, &second)).await.unwrap();
    assert_eq!(policy_get(&db).await.unwrap(), Some((second, 2)));
}
