//! Keys for S3.

use db::{Database, DbError, Write};
use portal::AccountId;

use crate::queries::s3_key::{s3_key_delete, s3_key_delete_of_account, s3_key_find, s3_key_insert, s3_key_list};
use crate::s3::key::S3Key;

fn account(last: u8) -> AccountId {
    AccountId::parse(&format!("01890000-0000-7000-8000-00000000000{last}")).unwrap()
}

async fn a_key_is_its_accounts_alone(db: Database) {
    let key = |id: &str, created_ms| S3Key { id: id.to_owned(), name: "é '\"%_".to_owned(), created_ms };
    let write = Write::new()
        .step(s3_key_insert(&key("A1", 1), &account(1), "sealed-1"))
        .step(s3_key_insert(&key("A2", 2), &account(1), "sealed-2"))
        .step(s3_key_insert(&key("B1", 3), &account(2), "sealed-3"));
    db.write(write).await.unwrap();
    let listed = s3_key_list(&db, &account(1)).await.unwrap();
    assert_eq!(listed, [key("A2", 2), key("A1", 1)]);
    assert_eq!(s3_key_find(&db, "B1").await.unwrap(), Some((account(2), "sealed-3".to_owned())));
    assert_eq!(s3_key_find(&db, "b1").await.unwrap(), None);
    let others = db.write(Write::new().expect("key", s3_key_delete("B1", &account(1)))).await;
    assert!(matches!(others, Err(DbError::Unmet { .. })), "{others:?}");
    db.write(Write::new().expect("key", s3_key_delete("A1", &account(1)))).await.unwrap();
    db.write(Write::new().step(s3_key_delete_of_account(&account(2)))).await.unwrap();
    assert_eq!(s3_key_find(&db, "B1").await.unwrap(), None);
    assert_eq!(s3_key_list(&db, &account(1)).await.unwrap(), [key("A2", 2)]);
}

testkit::for_each_engine!(crate::migrations(); a_key_is_its_accounts_alone);
