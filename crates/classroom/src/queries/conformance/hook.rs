//! Hooks.

use db::{Database, DbError, Write};

use super::{NOW_MS, tenant_id};
use crate::model::hook::Hook;
use crate::queries::hook::{hook_by_token, hook_delete, hook_insert, hook_list, hook_next_id, hook_same};

testkit::for_each_engine!(crate::migrations(); a_wish_is_one_hook);

async fn a_wish_is_one_hook(db: Database) {
    let hook = |id, tenant, meeting_id: Option<&str>| Hook {
        id,
        tenant: tenant_id(tenant),
        url: "https://lms/hook?é=1".into(),
        meeting_id: meeting_id.map(str::to_owned),
        event_ids: meeting_id.map(|_| "meeting-ended,é".into()),
        is_raw: id == 2,
        token: id.to_string(),
        created_ms: NOW_MS,
    };
    assert_eq!(hook_next_id(&db).await.unwrap(), 1);
    let (first, second, third) = (hook(1, 1, None), hook(2, 1, Some("algèbre")), hook(3, 2, None));
    for own in [&first, &second, &third] {
        db.write(Write::new().step(hook_insert(own))).await.unwrap();
    }
    assert!(matches!(db.write(Write::new().step(hook_insert(&hook(4, 1, None)))).await, Err(DbError::Duplicate)));
    assert_eq!(hook_next_id(&db).await.unwrap(), 4);
    assert_eq!(hook_same(&db, &hook(9, 1, None)).await.unwrap(), Some(first.clone()));
    assert_eq!(hook_by_token(&db, "2").await.unwrap(), Some(second.clone()));
    assert_eq!(hook_list(&db, Some(&tenant_id(1))).await.unwrap(), [first.clone(), second.clone()]);
    let delete = |tenant, id| Write::new().expect("hook", hook_delete(&tenant_id(tenant), id));
    assert!(matches!(db.write(delete(2, 1)).await, Err(DbError::Unmet { .. })), "another tenant's");
    db.write(delete(1, 1)).await.unwrap();
    assert_eq!(hook_list(&db, None).await.unwrap(), [second, third]);
}
