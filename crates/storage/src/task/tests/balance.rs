//! Rebalance, what goes on of care, and alerts.

use std::time::Duration;

use axum::body::Body;
use db::{Query, Write};
use serde_json::json;

use super::health;
use crate::model::alert::{AlertCode, Subject};
use crate::plane::{Plane, VOLUME, at, content};

async fn run(plane: &Plane, sql: &'static str) {
    plane.storage.db().write(Write::new().step(Query::new(sql))).await.unwrap();
}

/// Units of the volume on a store.
fn units(plane: &Plane, store: u64) -> usize {
    plane.stores.store(store).list(VOLUME as u64, None, 100_000).len()
}

/// Eight stores of 4 MiB, of which the first six have 6 MB of a file.
async fn uneven() -> (Plane, bytes::Bytes) {
    let plane = Plane::new(1, 8).await;
    run(&plane, "UPDATE storage_store SET capacity_bytes = 4194304").await;
    run(&plane, "UPDATE storage_store SET state = 'cordoned' WHERE id > 6").await;
    plane.stores_seen(&[]).await;
    let data = content(6_000_000, 21);
    plane.put("a", &data).await;
    assert_eq!((units(&plane, 7), units(&plane, 8)), (0, 0));
    run(&plane, "UPDATE storage_store SET state = 'enabled'").await;
    plane.stores_seen(&[]).await;
    (plane, data)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stores_that_differ_much_are_evened_out_by_themselves() {
    let (plane, data) = uneven().await;
    let (before, all) = (units(&plane, 1), plane.units());
    plane.storage.rebalance().await.unwrap();
    assert!(units(&plane, 7) > 2 && units(&plane, 8) > 2);
    assert!(plane.units() > all, "whoever reads what was moved may finish");
    assert_eq!(plane.get("a").await.unwrap(), data);
    plane.later(Duration::from_secs(1_900), &[]).await;
    plane.storage.rebalance().await.unwrap();
    assert_eq!(plane.units(), all);
    let units: Vec<_> = (1..=8).map(|store| units(&plane, store)).collect();
    assert!(units.iter().all(|count| *count < before), "{units:?}, {before} before");
    assert!(units.iter().max().unwrap() - units.iter().min().unwrap() <= 3, "{units:?}");
    assert_eq!((plane.count("storage_moved").await, plane.count("storage_work").await), (0, 0));
    assert_eq!(plane.count("storage_rebalance").await, 0);
    assert_eq!(plane.get("a").await.unwrap(), data);
    assert_eq!(health(&plane).await.healthy, 23);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stripes_that_crowd_are_spread_once_others_take_units_again() {
    let plane = Plane::new(1, 8).await;
    let sites = "UPDATE storage_store SET labels = CASE WHEN id <= 3 THEN '{\"site\":\"a\"}' \
         WHEN id <= 6 THEN '{\"site\":\"b\"}' ELSE '{\"site\":\"c\"}' END";
    run(&plane, sites).await;
    run(&plane, "UPDATE storage_store SET state = 'cordoned' WHERE id > 6").await;
    plane.stores_seen(&[]).await;
    let data = content(2_000_000, 24);
    plane.put("a", &data).await;
    plane.put("small", &content(5_000, 25)).await;
    let all = plane.units();
    plane.storage.rebalance().await.unwrap();
    assert_eq!(units(&plane, 7) + units(&plane, 8), 0, "there is no better place");

    // As far as health goes, each site is a node.
    run(&plane, "UPDATE storage_store SET node = CASE WHEN id <= 3 THEN 'a' WHEN id <= 6 THEN 'b' ELSE 'c' END").await;
    let exposed = health(&plane).await;
    assert!(exposed.exposed > 0 && exposed.exposed == exposed.healthy, "{exposed:?}");
    let alerts = plane.storage.alerts().await.unwrap();
    assert!(
        alerts.iter().any(|alert| alert.code == AlertCode::Exposed && alert.count == exposed.exposed),
        "{alerts:?}"
    );
    run(&plane, "UPDATE storage_store SET node = 'node-' || id, state = 'enabled'").await;
    plane.stores_seen(&[]).await;

    plane.storage.rebalance().await.unwrap();
    assert_eq!(plane.get("a").await.unwrap(), data);
    plane.later(Duration::from_secs(1_900), &[]).await;
    plane.storage.rebalance().await.unwrap();
    assert_eq!((plane.units(), plane.count("storage_moved").await), (all, 0));
    run(&plane, "UPDATE storage_store SET node = CASE WHEN id <= 3 THEN 'a' WHEN id <= 6 THEN 'b' ELSE 'c' END").await;
    let spread = health(&plane).await;
    assert_eq!((spread.exposed, spread.healthy), (0, exposed.healthy));
    assert!(plane.storage.alerts().await.unwrap().iter().all(|alert| alert.code != AlertCode::Exposed));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_volume_that_fails_keeps_no_other_from_being_evened_out() {
    let (plane, data) = uneven().await;
    run(
        &plane,
        "INSERT INTO storage_volume (id, name, layout, labels, is_removed, created_ms) VALUES (1, 'bad', 1, '{}', 0, 0)",
    )
    .await;
    // Its stripes can't be read.
    run(
        &plane,
        "INSERT INTO storage_stripe (id, volume, placed, data, parity, element_bytes, bytes) \
         SELECT id + 1000000, 1, placed, -1, parity, element_bytes, bytes / 4 FROM storage_stripe",
    )
    .await;
    plane.storage.rebalance().await.unwrap();
    assert!(units(&plane, 7) > 0 && units(&plane, 8) > 0);
    assert_eq!(plane.count("storage_rebalance WHERE volume = 1").await, 1, "it is tried again");
    assert_eq!(plane.get("a").await.unwrap(), data);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lesser_difference_is_evened_out_when_asked() {
    let (plane, data) = uneven().await;
    run(&plane, "UPDATE storage_store SET capacity_bytes = 10000000").await;
    let all = plane.units();
    plane.storage.rebalance().await.unwrap();
    assert_eq!((units(&plane, 7), plane.units()), (0, all), "15 of 100 is not much");
    let asked = plane.ask("POST", "/api/v1/volumes/v/rebalance", &[], Body::empty()).await;
    assert_eq!(asked.status, 202);
    plane.storage.rebalance().await.unwrap();
    assert!(units(&plane, 7) > 0 && units(&plane, 8) > 0);
    assert_eq!(plane.count("storage_rebalance").await, 0);
    assert_eq!(plane.get("a").await.unwrap(), data);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_unit_that_came_back_is_not_deleted() {
    let (plane, data) = uneven().await;
    run(&plane, "CREATE TABLE before AS SELECT id, placed FROM storage_stripe").await;
    plane.storage.rebalance().await.unwrap();
    // As if another move had brought all of them back: the rows say so, and the units never left.
    run(&plane, "UPDATE storage_stripe SET placed = (SELECT b.placed FROM before b WHERE b.id = storage_stripe.id)")
        .await;
    plane.later(Duration::from_secs(1_900), &[]).await;
    let kept: usize = (1..=6).map(|store| units(&plane, store)).sum();
    run(&plane, "UPDATE storage_store SET capacity_bytes = 1073741824").await;
    plane.storage.rebalance().await.unwrap();
    let left: usize = (1..=6).map(|store| units(&plane, store)).sum();
    assert_eq!((left, plane.count("storage_moved").await), (kept, 0));
    assert_eq!(plane.get("a").await.unwrap(), data);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_unit_that_was_put_again_lately_is_not_deleted() {
    let (plane, data) = uneven().await;
    let all = plane.units();
    plane.storage.rebalance().await.unwrap();
    let (with_moved, moved) = (plane.units(), plane.count("storage_moved").await);
    assert!(moved > 0 && with_moved > all);
    // Moved long ago, as it seems; but the stores say that they were put just now, as by a rebuild that has not committed yet.
    run(&plane, "UPDATE storage_moved SET since_ms = 0").await;
    plane.storage.rebalance().await.unwrap();
    assert_eq!((plane.units(), plane.count("storage_moved").await), (with_moved, 0));
    plane.later(Duration::from_secs(8_000), &[]).await;
    plane.storage.survey().await.unwrap();
    assert_eq!(plane.units(), all, "what belongs to nothing goes in the end");
    assert_eq!(plane.get("a").await.unwrap(), data);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rebuild_says_how_far_it_is_and_minds_the_rate() {
    let mut plane = Plane::new(1, 7).await;
    plane.put("a", &content(6_000_000, 22)).await;
    let slow = json!({ "rebuild_bytes_per_s": 1 << 20, "scrub_bytes_per_s": 2 << 20 });
    let set = plane.ask("PATCH", "/api/v1/storage/rates", &[JSON], slow.to_string().into()).await;
    assert_eq!((set.status.as_u16(), set.json()), (200, slow.clone()));
    let refused = json!({ "rebuild_bytes_per_s": 1000 }).to_string();
    let refused = plane.ask("PATCH", "/api/v1/storage/rates", &[JSON], refused.into()).await;
    assert_eq!((refused.status.as_u16(), &refused.json()["code"]), (400, &json!("rate-too-low")));
    assert_eq!(plane.ask("GET", "/api/v1/storage/rates", &[], Body::empty()).await.json(), slow);

    plane.stores.stop(2).await;
    plane.later(Duration::from_secs(700), &[2]).await;
    let rebuilt = async {
        plane.storage.rebuild().await.unwrap();
        panic!("6 MB pass at 1 MiB/s in no time");
    };
    let seen = async {
        let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
        loop {
            let answer = plane.ask("GET", "/api/v1/storage/health", &[], Body::empty()).await.json();
            let rebuild = &answer["volumes"][0]["rebuild"];
            if rebuild["done_bytes"].as_u64() > Some(0) {
                return rebuild.clone();
            }
            assert!(tokio::time::Instant::now() < deadline, "no progress: {answer}");
            tokio::task::yield_now().await;
        }
    };
    let rebuild = tokio::select! {
        () = rebuilt => unreachable!(),
        rebuild = seen => rebuild,
    };
    assert!(rebuild["total_bytes"].as_u64() > Some(4_000_000), "{rebuild}");
    assert!(rebuild["done_bytes"].as_u64() < rebuild["total_bytes"].as_u64(), "{rebuild}");
    assert!(rebuild["seconds_left"].is_u64() && rebuild["bytes_per_s"].as_u64() > Some(0), "{rebuild}");
}

const JSON: (&str, &str) = ("content-type", "application/json");

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_alert_is_told_once_and_once_when_it_is_over() {
    let mut plane = Plane::new(1, 6).await;
    plane.put("a", &content(600_000, 23)).await;
    run(&plane, "UPDATE storage_store SET boot_id = 'b'").await;
    plane.storage.alerts_tell().await.unwrap();
    assert_eq!(plane.count("storage_alert").await, 0);
    plane.stores.stop(2).await;
    plane.later(Duration::from_secs(60), &[2]).await;
    for _ in 0..2 {
        plane.storage.alerts_tell().await.unwrap();
    }
    let alerts = plane.storage.alerts().await.unwrap();
    let told: Vec<_> = alerts.iter().map(|alert| (alert.code, alert.subject.clone(), alert.count)).collect();
    let volume = || Subject::Volume("v".into());
    assert_eq!(told, [(AlertCode::CannotPlace, volume(), 5), (AlertCode::Degraded, volume(), 3)]);
    assert_eq!(plane.count("portal_audit WHERE deed = 'storage.alert'").await, 2);
    let shown = plane.ask("GET", "/api/v1/storage/health", &[], Body::empty()).await.json();
    assert_eq!(shown["alerts"][0]["code"], "cannot-place");
    assert!(shown["alerts"][0]["since"].is_string(), "{shown}");

    plane.later(Duration::from_secs(1), &[]).await;
    run(&plane, "UPDATE storage_store SET free_bytes = 100000000 WHERE id = 3").await;
    run(&plane, "UPDATE storage_space SET bytes_soft = 500000").await;
    plane.storage.alerts_tell().await.unwrap();
    let codes: Vec<_> = plane.storage.alerts().await.unwrap().into_iter().map(|alert| alert.code).collect();
    assert_eq!(codes, [AlertCode::NearlyFull, AlertCode::SoftQuota]);
    assert_eq!(plane.count("portal_audit WHERE deed = 'storage.alert-over'").await, 2);
    plane.files.remove(&at("a"), false).await.unwrap();
    let codes: Vec<_> = plane.storage.alerts().await.unwrap().into_iter().map(|alert| alert.code).collect();
    assert_eq!(codes, [AlertCode::NearlyFull]);
}
