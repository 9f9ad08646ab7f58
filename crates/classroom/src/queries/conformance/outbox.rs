//! The outbox, and where analytics go.

use db::{Database, Write};

use super::{NOW_MS, tenant_id};
use crate::model::meeting::Callback;
use crate::model::outbox::{CallKind, OutboxCall};
use crate::queries::outbox::{
    call_again, call_count, call_done, call_list_due, call_next, call_put, callback_delete, callback_get,
    callback_prune, callback_put, calls_prune,
};

testkit::for_each_engine!(crate::migrations();
    calls_to_one_address_keep_their_order, the_same_call_is_one, one_address_has_so_many_at_most, callbacks_know_their_way);

fn call(url: &str, body: &str, now_ms: i64) -> OutboxCall {
    OutboxCall::new(CallKind::Hook, tenant_id(1), url.into(), body.into(), now_ms)
}

async fn put(db: &Database, call: &OutboxCall) {
    put_below(db, call, 3).await;
}

async fn put_below(db: &Database, call: &OutboxCall, most: i64) {
    let mut write = Write::new();
    call_put(&mut write, call, most);
    db.write(write).await.unwrap();
}

async fn due(db: &Database, now_ms: i64) -> Vec<String> {
    call_list_due(db, now_ms, 10).await.unwrap().into_iter().map(|call| call.body).collect()
}

async fn calls_to_one_address_keep_their_order(db: Database) {
    let (a1, a2, b1) = (call("https://a/", "a1", 5), call("https://a/", "a2", 5), call("https://b/", "b1", 4));
    for own in [&a1, &a2, &b1] {
        put(&db, own).await;
    }
    assert_eq!(due(&db, 3).await, [""; 0]);
    assert_eq!(due(&db, 5).await, ["b1", "a1"]);
    assert_eq!(call_next(&db, &a1.line).await.unwrap(), Some(a1.clone()));
    db.write(Write::new().step(call_again(&a1.id, 50))).await.unwrap();
    assert_eq!(due(&db, 49).await, ["b1"], "what is behind waits too");
    assert_eq!(call_list_due(&db, 50, 10).await.unwrap()[1].attempts, 1);
    db.write(Write::new().step(call_done(&a1.id, 70))).await.unwrap();
    assert_eq!(due(&db, 50).await, ["b1", "a2"]);
    assert_eq!(call_count(&db).await.unwrap(), 2);
    assert_eq!(call_next(&db, &call("https://c/", "", 0).line).await.unwrap(), None);
}

async fn the_same_call_is_one(db: Database) {
    let first = call("https://a/?é", "x", NOW_MS);
    put(&db, &first).await;
    put(&db, &first).await;
    assert_eq!(call_list_due(&db, NOW_MS, 10).await.unwrap(), std::slice::from_ref(&first));
    db.write(Write::new().step(call_done(&first.id, NOW_MS + 10))).await.unwrap();
    put(&db, &first).await;
    assert_eq!(call_count(&db).await.unwrap(), 0, "it is known for a while after");
    db.write(Write::new().step(calls_prune(NOW_MS + 9))).await.unwrap();
    put(&db, &first).await;
    assert_eq!(call_count(&db).await.unwrap(), 0);
    db.write(Write::new().step(calls_prune(NOW_MS + 10))).await.unwrap();
    put(&db, &first).await;
    assert_eq!(call_count(&db).await.unwrap(), 1);
}

async fn one_address_has_so_many_at_most(db: Database) {
    for body in ["1", "2", "3"] {
        put_below(&db, &call("https://a/", body, 5), 2).await;
    }
    put_below(&db, &call("https://b/", "é", 5), 2).await;
    assert_eq!(call_count(&db).await.unwrap(), 3);
    db.write(Write::new().step(call_done(&call("https://a/", "1", 5).id, 70))).await.unwrap();
    put_below(&db, &call("https://a/", "4", 5), 2).await;
    assert_eq!(call_count(&db).await.unwrap(), 3, "what came through makes room");
}

async fn callbacks_know_their_way(db: Database) {
    use Callback::{Analytics, Ended};
    let put = |url: &str, now_ms| Write::new().step(callback_put("t", Analytics, &tenant_id(1), url, now_ms));
    let analytics = async |token: &str| callback_get(&db, token, Analytics).await.unwrap().map(|(_, url)| url);
    db.write(put("https://a/", 5)).await.unwrap();
    db.write(put("https://b/é", 6)).await.unwrap();
    assert_eq!(analytics("t").await.as_deref(), Some("https://b/é"));
    assert_eq!(analytics("T").await, None);
    assert_eq!(callback_get(&db, "t", Ended).await.unwrap(), None);
    db.write(Write::new().step(callback_put("t", Ended, &tenant_id(2), "https://c/", 6))).await.unwrap();
    assert_eq!(callback_get(&db, "t", Ended).await.unwrap(), Some((tenant_id(2), "https://c/".to_owned())));
    db.write(Write::new().step(callback_delete("t", Ended))).await.unwrap();
    assert_eq!(callback_get(&db, "t", Ended).await.unwrap(), None);
    db.write(Write::new().step(callback_prune(6))).await.unwrap();
    assert!(analytics("t").await.is_some());
    db.write(Write::new().step(callback_prune(7))).await.unwrap();
    assert!(analytics("t").await.is_none());
}
