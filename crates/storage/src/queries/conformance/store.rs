//! Stores.

use std::collections::BTreeMap;

use db::{Database, DbError, Query, Write};
use placement::Health;

use super::NOW_MS;
use crate::model::store::{Store, StoreKind, StoreState};
use crate::queries::store::{
    Polled, store_announced, store_answered, store_delete, store_get, store_insert, store_is_used, store_list,
    store_missed, store_of_uuid, store_state_set,
};

testkit::for_each_engine!(crate::migrations();
    a_store_is_read_back_whole, a_directory_is_one_store, polls_and_announcements_are_noted, a_state_is_changed_once,
    a_store_in_use_stays);

fn store(id: i64) -> Store {
    Store {
        id,
        uuid: format!("uuid-{id}"),
        kind: StoreKind::Node,
        node: "node-1".into(),
        name: "s 'é😀\"".into(),
        addresses: vec!["192.0.2.1:5000".into(), "[2001:db8::1]:5000".into()],
        labels: BTreeMap::from([("site".into(), "nantes".into())]),
        state: StoreState::Enabled,
        health: Health::Up,
        capacity_bytes: i64::MAX,
        used_bytes: 1,
        free_bytes: 2,
        units: 3,
        boot_id: "boot".into(),
        detail: String::new(),
        announced_ms: NOW_MS,
        seen_ms: NOW_MS + 1,
        created_ms: NOW_MS + 2,
    }
}

async fn change(db: &Database, fill: impl FnOnce(&mut Write)) -> Result<Vec<u64>, DbError> {
    let mut write = Write::new();
    fill(&mut write);
    db.write(write).await
}

async fn a_store_is_read_back_whole(db: Database) {
    for id in [9, 3] {
        change(&db, |w| store_insert(w, &store(id))).await.unwrap();
    }
    assert_eq!(store_list(&db).await.unwrap(), [store(3), store(9)]);
    assert_eq!(store_get(&db, 9).await.unwrap(), Some(store(9)));
    assert_eq!(store_get(&db, 4).await.unwrap(), None);
    assert_eq!(store_of_uuid(&db, "uuid-3").await.unwrap(), Some(store(3)));
    assert_eq!(store_of_uuid(&db, "UUID-3").await.unwrap(), None);
}

async fn a_directory_is_one_store(db: Database) {
    change(&db, |w| store_insert(w, &store(3))).await.unwrap();
    let again = Store { id: 4, ..store(3) };
    assert!(matches!(change(&db, |w| store_insert(w, &again)).await, Err(DbError::Duplicate)));
}

async fn polls_and_announcements_are_noted(db: Database) {
    change(&db, |w| store_insert(w, &store(3))).await.unwrap();
    change(&db, |w| store_missed(w, 3, Health::Down, "no answer")).await.unwrap();
    let down = Store { health: Health::Down, detail: "no answer".into(), ..store(3) };
    assert_eq!(store_get(&db, 3).await.unwrap(), Some(down));
    let polled = Polled { boot_id: "next".into(), capacity_bytes: 10, used_bytes: 20, free_bytes: 30, units: i64::MAX };
    change(&db, |w| store_answered(w, 3, &polled, 77)).await.unwrap();
    let up = Store {
        boot_id: "next".into(),
        capacity_bytes: 10,
        used_bytes: 20,
        free_bytes: 30,
        units: i64::MAX,
        seen_ms: 77,
        ..store(3)
    };
    assert_eq!(store_get(&db, 3).await.unwrap(), Some(up.clone()));
    let moved = Store { node: "node-2".into(), addresses: vec![], labels: BTreeMap::new(), announced_ms: 5, ..up };
    change(&db, |w| store_announced(w, &moved)).await.unwrap();
    assert_eq!(store_get(&db, 3).await.unwrap(), Some(moved));
}

async fn a_state_is_changed_once(db: Database) {
    change(&db, |w| store_insert(w, &store(3))).await.unwrap();
    change(&db, |w| store_state_set(w, &store(3), StoreState::Cordoned)).await.unwrap();
    assert_eq!(store_get(&db, 3).await.unwrap().unwrap().state, StoreState::Cordoned);
    let late = change(&db, |w| store_state_set(w, &store(3), StoreState::Disabled)).await;
    assert!(matches!(late, Err(DbError::Unmet { .. })), "{late:?}");
}

async fn a_store_in_use_stays(db: Database) {
    for id in [1, 3, 5, 8, 35] {
        change(&db, |w| store_insert(w, &store(id))).await.unwrap();
    }
    let set = "INSERT INTO storage_set (id, stores) VALUES (?, ?)";
    let stripe = "INSERT INTO storage_stripe (id, volume, placed, data, parity, element_bytes, bytes) \
         VALUES (7, 1, ?, 4, 2, 8, 100)";
    let mut write = Write::new();
    write.push_step(Query::new(set).bind(70).bind("3,5,8"));
    write.push_step(Query::new(set).bind(71).bind("1,35"));
    write.push_step(Query::new(stripe).bind(70));
    db.write(write).await.unwrap();
    for (id, is_used) in [(1, false), (3, true), (5, true), (8, true), (35, false)] {
        assert_eq!(store_is_used(&db, id).await.unwrap(), is_used, "{id}");
        let deleted = change(&db, |w| store_delete(w, id)).await;
        assert_eq!(matches!(deleted, Err(DbError::Unmet { .. })), is_used, "{id}: {deleted:?}");
        assert_eq!(store_get(&db, id).await.unwrap().is_some(), is_used);
    }
}
