//! Uploads and the quarantine.

use db::{Database, Write};
use portal::AccountId;

use super::NOW_MS;
use crate::queries::upload::{
    Quarantined, Upload, quarantine_insert, quarantine_list, upload_delete, upload_get, upload_insert,
    upload_list_before,
};

testkit::for_each_engine!(crate::migrations(); uploads_are_kept_until_they_end, quarantine_is_newest_first);

async fn uploads_are_kept_until_they_end(db: Database) {
    let upload = |id: &str, created_ms| Upload {
        id: id.into(),
        account: AccountId::parse("00000000-0000-7000-8000-000000000001").unwrap(),
        name: "é '\".tar".into(),
        created_ms,
    };
    let (old, new) = (upload("a", NOW_MS), upload("b", NOW_MS + 1));
    db.write(Write::new().step(upload_insert(&old)).step(upload_insert(&new))).await.unwrap();
    assert_eq!(upload_get(&db, "a").await.unwrap(), Some(old.clone()));
    assert_eq!(upload_list_before(&db, NOW_MS + 1).await.unwrap(), [old]);
    db.write(Write::new().step(upload_delete("a"))).await.unwrap();
    assert_eq!(upload_get(&db, "a").await.unwrap(), None);
    assert_eq!(upload_list_before(&db, NOW_MS + 2).await.unwrap(), [new]);
}

async fn quarantine_is_newest_first(db: Database) {
    let set_aside = |id: &str, at_ms| Quarantined {
        id: id.into(),
        file: "ü.tar".into(),
        reason: "The archive holds \"../é\".".into(),
        at_ms,
    };
    let (a, b, c) = (set_aside("a", 5), set_aside("b", 7), set_aside("c", 7));
    let write = Write::new().step(quarantine_insert(&a)).step(quarantine_insert(&b)).step(quarantine_insert(&c));
    db.write(write).await.unwrap();
    assert_eq!(quarantine_list(&db).await.unwrap(), [c, b, a]);
}
