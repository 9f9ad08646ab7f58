//! Locks of sessions over the REST API: who waits, who is refused, and what a session that is over leaves.

use std::time::Duration;

use serde_json::{Value, json};

use crate::plane::{Mount, Plane};

/// Two sessions on one export; neither holds it alone.
async fn both<'a>(plane: &'a Plane, token: &str) -> (Mount<'a>, Mount<'a>) {
    plane.volume("films").await;
    let first = plane.mount(&plane.admin, "films").await;
    let give_back = async { first.call("DELETE", "/delegation", Value::Null).await.expect(204) };
    let (second, _) = tokio::join!(plane.mount(token, "films"), give_back);
    (first, second)
}

fn range(first: u64, last: u64, is_exclusive: bool) -> Value {
    json!({ "first": first, "last": last, "is_exclusive": is_exclusive })
}

async fn set(mount: &Mount<'_>, held: Value) -> Value {
    let call = json!({ "op": "set", "locks": [{ "ino": 5, "held": held }] });
    mount.call("POST", "/locks", call).await.expect(200)["against"].clone()
}

fn look(held: Value, wait_ms: u64) -> Value {
    json!({ "op": "look", "locks": { "ino": 5, "held": held }, "wait_ms": wait_ms })
}

#[tokio::test]
async fn who_waits_is_told_as_soon_as_it_is_free() {
    let plane = Plane::new().await;
    let (one, two) = both(&plane, &plane.admin).await;
    let all = json!([range(0, i64::MAX as u64, true)]);
    assert_eq!(set(&one, all.clone()).await, Value::Null);
    assert_eq!(set(&two, json!([range(7, 7, false)])).await, all[0]);
    let free = async {
        assert_eq!(set(&one, json!([range(0, 6, true), range(8, 9, false)])).await, Value::Null);
    };
    let wait = two.call("POST", "/locks", look(json!([range(7, 9, false)]), 20_000));
    let began = std::time::Instant::now();
    let (seen, ()) = tokio::join!(wait, free);
    assert_eq!(seen.expect(200), json!({ "against": null }));
    assert!(began.elapsed() < Duration::from_secs(5));
    assert_eq!(set(&two, json!([range(7, 9, false)])).await, Value::Null);
    let seen = one.call("POST", "/locks", look(json!([range(8, 9, true)]), 0)).await.expect(200);
    assert_eq!(seen["against"], range(7, 9, false));
    two.call("DELETE", "", Value::Null).await.expect(204);
    assert_eq!(set(&one, all).await, Value::Null);
}

#[tokio::test]
async fn what_a_dead_one_held_is_free_and_it_does_not_come_back() {
    let plane = Plane::new().await;
    let (mut one, two) = both(&plane, &plane.admin).await;
    assert_eq!(set(&two, json!([range(0, 9, true)])).await, Value::Null);
    plane.clock.advance(Duration::from_secs(9));
    one.renew().await;
    assert_eq!(set(&one, json!([range(0, 0, false)])).await, range(0, 9, true));
    plane.clock.advance(Duration::from_secs(7));
    assert_eq!(set(&one, json!([range(0, 0, false)])).await, Value::Null);
    assert_eq!(two.call("PATCH", "", json!({})).await.problem(409), "stale");
}

#[tokio::test]
async fn what_is_no_lock_is_refused() {
    let plane = Plane::new().await;
    let (one, _two) = both(&plane, &plane.admin).await;
    let faulty = [
        json!([range(9, 8, true)]),
        json!([range(0, u64::MAX, true)]),
        json!([range(4, 9, true), range(9, 12, true)]),
        json!([range(-1_i64 as u64, 5, true)]),
    ];
    for held in faulty {
        let call = json!({ "op": "set", "locks": [{ "ino": 5, "held": held }] });
        assert_eq!(one.call("POST", "/locks", call).await.problem(400), "invalid");
        assert_eq!(one.call("POST", "/locks", look(held, 0)).await.problem(400), "invalid");
    }
    let file = json!({ "ino": 5, "held": [] });
    let twice = json!({ "op": "set", "locks": [file, file] });
    assert_eq!(one.call("POST", "/locks", twice).await.problem(400), "invalid");
    let many: Vec<_> = (0..257).map(|ino| json!({ "ino": ino, "held": [] })).collect();
    assert_eq!(one.call("POST", "/locks", json!({ "op": "set", "locks": many })).await.problem(400), "invalid");
}
