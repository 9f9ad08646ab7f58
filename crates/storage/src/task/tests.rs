//! Tests of the duties: what each finds, mends and leaves alone.

mod balance;
mod bucket;

use std::time::Duration;

use crate::model::alert::AlertCode;
use crate::model::store::StoreState;
use crate::model::stripe::{Layout, SPAN_BYTES};
use crate::plane::{Plane, VOLUME, at, content};
use crate::queries::care::{scrub_list, scrub_progress};
use crate::queries::store::store_state_set;
use crate::service::care::VolumeHealth;
use crate::stripe::{Damage, DamageKind};

const HOURS: Duration = Duration::from_secs(7_600);

async fn health(plane: &Plane) -> VolumeHealth {
    plane.storage.health().await.unwrap().remove(0)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_nothing_refers_to_is_collected_whole() {
    let plane = Plane::new(1, 6).await;
    plane.put("keep", &content(600_000, 1)).await;
    let kept = plane.units();
    plane.put("gone", &content(900_000, 2)).await;
    plane.put("small", &content(100, 3)).await;
    plane.files.remove(&at("gone"), false).await.unwrap();
    plane.files.remove(&at("small"), false).await.unwrap();
    plane.storage.collect().await.unwrap();
    assert!(plane.units() > kept, "whoever reads it may finish");
    plane.later(Duration::from_secs(600), &[]).await;
    plane.storage.collect().await.unwrap();
    assert_eq!(plane.units(), kept);
    assert_eq!((plane.count("storage_trash").await, plane.count("storage_stripe").await), (0, 3));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn units_that_a_crash_left_are_found_and_those_in_use_stay() {
    let plane = Plane::new(1, 6).await;
    let data = content(600_000, 4);
    plane.put("keep", &data).await;
    let kept = plane.units();
    let mut upload = plane.files.upload(&at("cut-off")).await.unwrap();
    upload.push(content(SPAN_BYTES * 3, 5)).await.unwrap();
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    while plane.units() < kept + 18 {
        assert!(tokio::time::Instant::now() < deadline, "the writes that had begun don't end");
        tokio::task::yield_now().await;
    }
    drop(upload);
    plane.storage.survey().await.unwrap();
    assert!(plane.units() > kept, "it could still go on");
    plane.later(HOURS, &[]).await;
    plane.storage.survey().await.unwrap();
    assert_eq!(plane.units(), kept);
    assert_eq!(plane.get("keep").await.unwrap(), data);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rebuild_ends_with_nothing_at_risk() {
    let mut plane = Plane::new(1, 8).await;
    let (large, small) = (content(5_000_000, 6), content(1_000, 7));
    plane.put("large", &large).await;
    plane.put("small", &small).await;
    assert_eq!(health(&plane).await.healthy, 21);
    plane.stores.stop(2).await;
    plane.stores.stop(5).await;
    plane.later(Duration::from_secs(60), &[2, 5]).await;
    let worse = health(&plane).await;
    assert!(worse.at_risk > 0 && worse.lost == 0, "{worse:?}");
    assert!(plane.storage.alerts().await.unwrap().iter().any(|alert| alert.code == AlertCode::AtRisk));
    assert_eq!(plane.get("large").await.unwrap(), large);
    plane.storage.rebuild().await.unwrap();
    assert_eq!(health(&plane).await, worse, "they may come back");
    plane.later(Duration::from_secs(700), &[2, 5]).await;
    plane.storage.rebuild().await.unwrap();
    let better = health(&plane).await;
    assert_eq!((better.healthy, better.rebuild_bytes), (21, 0), "{better:?}");
    // Now two others may go.
    plane.stores.stop(1).await;
    plane.stores.stop(8).await;
    plane.later(Duration::from_secs(1), &[1, 2, 5, 8]).await;
    assert_eq!(plane.get("large").await.unwrap(), large);
    assert_eq!(plane.get("small").await.unwrap(), small);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rebuild_that_lacks_stores_does_what_it_can() {
    let mut plane = Plane::new(1, 7).await;
    let data = content(5_000_000, 17);
    plane.put("a", &data).await;
    for id in [2, 5] {
        plane.stores.stop(id).await;
    }
    plane.later(Duration::from_secs(700), &[2, 5]).await;
    let before = health(&plane).await;
    assert!(before.at_risk > 0, "{before:?}");
    for _ in 0..3 {
        plane.storage.rebuild().await.unwrap();
    }
    let after = health(&plane).await;
    assert_eq!((after.at_risk, after.lost, after.degraded + after.healthy), (0, 0, 20), "{after:?}");
    plane.stores.stop(1).await;
    plane.later(Duration::from_secs(1), &[1, 2, 5]).await;
    assert_eq!(plane.get("a").await.unwrap(), data, "another one may go");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_control_plane_that_was_away_gives_up_no_store() {
    let plane = Plane::new(1, 6).await;
    plane.put("a", &content(1_000_000, 12)).await;
    plane.clock.advance(HOURS);
    assert_eq!(health(&plane).await.rebuild_bytes, 0, "nobody asked the stores meanwhile");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_store_keeps_no_trash() {
    let mut plane = Plane::new(1, 7).await;
    plane.put("a", &content(3_000_000, 13)).await;
    plane.files.remove(&at("a"), false).await.unwrap();
    plane.stores.stop(2).await;
    plane.later(Duration::from_secs(400), &[2]).await;
    plane.storage.collect().await.unwrap();
    assert!(plane.count("storage_stripe").await > 0, "it may come back and has units of it");
    // What goes is neither damaged nor at risk, though half of it is deleted.
    plane.storage.survey().await.unwrap();
    assert!(!plane.storage.repairs_do().await.unwrap());
    assert_eq!(plane.count("storage_damage").await, 0);
    let told = health(&plane).await;
    assert_eq!((told.degraded, told.at_risk, told.lost, told.repairs_waiting), (0, 0, 0, 0));
    plane.later(Duration::from_secs(400), &[2]).await;
    plane.storage.collect().await.unwrap();
    assert_eq!((plane.count("storage_trash").await, plane.count("storage_stripe").await), (0, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rebuild_that_is_asked_for_right_after_the_loss_comes() {
    let mut plane = Plane::new(1, 7).await;
    plane.put("a", &content(3_000_000, 11)).await;
    plane.stores.stop(2).await;
    plane.later(Duration::from_secs(1), &[2]).await;
    plane.storage.rebuild_begin(VOLUME).await.unwrap();
    plane.storage.rebuild().await.unwrap();
    assert_eq!(health(&plane).await.rebuild_bytes, 0, "it may be back in a moment");
    plane.later(Duration::from_secs(20), &[2]).await;
    assert!(health(&plane).await.rebuild_bytes > 0);
    plane.storage.rebuild().await.unwrap();
    assert_eq!((health(&plane).await.healthy, plane.count("storage_rebuild WHERE asked_ms > 0").await), (12, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_draining_store_is_emptied_and_then_drained() {
    let plane = Plane::new(1, 7).await;
    let data = content(3_000_000, 8);
    plane.put("a", &data).await;
    let mut write = db::Write::new();
    let store = plane.storage.store_get(3).await.unwrap();
    store_state_set(&mut write, &store, StoreState::Draining);
    plane.storage.db().write(write).await.unwrap();
    plane.later(Duration::from_secs(1), &[]).await;
    plane.storage.rebuild().await.unwrap();
    let states = plane.count("storage_store WHERE id = 3 AND state = 'drained'").await;
    assert_eq!(states, 1);
    assert_eq!(health(&plane).await.healthy, 12);
    assert_eq!(plane.get("a").await.unwrap(), data);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_scrub_finds_a_flipped_byte_and_it_is_repaired() {
    let plane = Plane::new(1, 6).await;
    let data = content(SPAN_BYTES, 9);
    plane.put("a", &data).await;
    flip_a_byte(&plane, 4);
    plane.storage.scrub().await.unwrap();
    assert_eq!(health(&plane).await.repairs_waiting, 1);
    plane.storage.repairs_do().await.unwrap();
    plane.storage.repairs_do().await.unwrap();
    assert_eq!(health(&plane).await.repairs_waiting, 0);
    plane.storage.scrub_ask(VOLUME).await.unwrap();
    plane.storage.scrub().await.unwrap();
    assert_eq!(health(&plane).await.repairs_waiting, 0, "it was repaired");
    assert_eq!(plane.units(), 6);
    assert_eq!(plane.get("a").await.unwrap(), data);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_is_asked_for_while_another_goes_on_begins_anew() {
    let plane = Plane::new(1, 6).await;
    let db = plane.storage.db();
    plane.put("a", &content(SPAN_BYTES, 9)).await;
    plane.storage.scrub().await.unwrap();
    let before = scrub_list(db).await.unwrap();
    assert!(before.iter().all(|scrub| scrub.begun_ms > 0 && scrub.done_ms > 0), "{before:?}");
    plane.storage.scrub_ask(VOLUME).await.unwrap();
    let asked = scrub_list(db).await.unwrap();
    // The one that went on says how far it came.
    let mut write = db::Write::new();
    before.iter().for_each(|scrub| scrub_progress(&mut write, scrub));
    db.write(write).await.unwrap();
    assert_eq!(scrub_list(db).await.unwrap(), asked, "the wish stays");
    flip_a_byte(&plane, 4);
    plane.storage.scrub().await.unwrap();
    assert_eq!(health(&plane).await.repairs_waiting, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn damage_before_a_write_is_over_is_repaired_after_it() {
    let plane = Plane::new(1, 6).await;
    let data = content(SPAN_BYTES, 9);
    let mut upload = plane.files.upload(&at("a")).await.unwrap();
    upload.push(data.clone()).await.unwrap();
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    while plane.units() < 6 {
        assert!(tokio::time::Instant::now() < deadline, "the write does not come");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    flip_a_byte(&plane, 4);
    plane.storage.scrub().await.unwrap();
    plane.storage.repairs_do().await.unwrap();
    assert_eq!((health(&plane).await.repairs_waiting, plane.units()), (0, 5), "nobody can use it");
    upload.finish().await.unwrap();
    plane.storage.repairs_do().await.unwrap();
    plane.storage.repairs_do().await.unwrap();
    assert_eq!((plane.units(), plane.count("storage_damage").await), (6, 0));
    assert_eq!(plane.get("a").await.unwrap(), data);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_is_away_keeps_nothing_else_from_being_repaired() {
    let mut plane = Plane::new(1, 6).await;
    for path in ["a", "b"] {
        plane.put(path, &content(SPAN_BYTES, 12)).await;
    }
    flip_a_byte(&plane, 2);
    plane.storage.scrub().await.unwrap();
    let link = plane.storage.stripes(VOLUME, Layout::try_from(1).unwrap()).await.unwrap().link(5).unwrap();
    let unit = link.list(VOLUME, None, 1).await.unwrap()[0].key.unwrap();
    let lost = Damage { stripe: unit.stripe as i64, store: 5, index: unit.index as usize, what: DamageKind::Missing };
    plane.storage.repair_wanted(VOLUME, lost);
    plane.stores.stop(5).await;
    assert!(plane.storage.repairs_do().await.unwrap(), "one waits");
    plane.storage.repairs_do().await.unwrap();
    let link = plane.storage.stripes(VOLUME, Layout::try_from(1).unwrap()).await.unwrap().link(2).unwrap();
    assert!(link.verify(None, u64::MAX).await.unwrap().damaged.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_that_meets_damage_has_it_repaired() {
    let plane = Plane::new(1, 6).await;
    let data = content(SPAN_BYTES, 10);
    plane.put("a", &data).await;
    (1..=2).for_each(|store| flip_a_byte(&plane, store));
    assert_eq!(plane.get("a").await.unwrap(), data);
    assert_eq!(health(&plane).await.repairs_waiting, 1);
    plane.storage.repairs_do().await.unwrap();
    plane.storage.survey().await.unwrap();
    plane.storage.scrub().await.unwrap();
    plane.storage.repairs_do().await.unwrap();
    plane.storage.repairs_do().await.unwrap();
    assert_eq!(health(&plane).await.repairs_waiting, 0);
    assert_eq!(plane.get("a").await.unwrap(), data);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_mount_found_damaged_is_repaired_and_what_it_errs_in_is_left() {
    let plane = Plane::new(1, 6).await;
    let data = content(SPAN_BYTES, 11);
    plane.put("a", &data).await;
    flip_a_byte(&plane, 2);
    let sessions = "/api/v1/exports/v/sessions";
    let json = [("content-type", "application/json")];
    let csr_pem = wire::authority::KeyRequest::generate().unwrap().csr_pem;
    let open = serde_json::json!({ "what": "x", "csr_pem": csr_pem, "read_only": true }).to_string();
    let opened = plane.ask("POST", sessions, &json, open.into()).await.json();
    let row = db::Query::new("SELECT s.id, t.stores FROM storage_stripe s JOIN storage_set t ON t.id = s.placed");
    let row = plane.storage.db().one(row).await.unwrap();
    let (stripe, stores): (i64, String) = (row.get("id").unwrap(), row.get("stores").unwrap());
    let found = |store: &str, stripe: i64| {
        let index = stores.split(',').position(|at| at == store).unwrap();
        let store = store.parse::<i64>().unwrap();
        serde_json::json!({ "stripe": stripe, "store": store, "index": index, "what": "damaged" })
    };
    // One is damaged, one is not, and of one nobody knows.
    let damage = [found("2", stripe), found("3", stripe), found("2", stripe + 1)];
    let renew = serde_json::json!({ "damage": damage }).to_string();
    let path = format!("{sessions}/{}", opened["id"].as_str().unwrap());
    assert_eq!(plane.ask("PATCH", &path, &json, renew.into()).await.status, 200);
    assert_eq!(health(&plane).await.repairs_waiting, 2);
    plane.storage.repairs_do().await.unwrap();
    plane.storage.repairs_do().await.unwrap();
    assert_eq!((health(&plane).await.repairs_waiting, plane.units()), (0, 6));
    plane.storage.scrub_ask(VOLUME).await.unwrap();
    plane.storage.scrub().await.unwrap();
    assert_eq!(health(&plane).await.repairs_waiting, 0, "it was repaired");
    let wrong = r#"{ "damage": [{ "stripe": "x" }] }"#;
    assert_eq!(plane.ask("PATCH", &path, &json, wrong.into()).await.status, 400);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stores_stay_known_without_the_volumes_labels_and_without_the_volume() {
    let plane = Plane::new(1, 6).await;
    let run = async |sql: &'static str| {
        plane.storage.db().write(db::Write::new().step(db::Query::new(sql))).await.unwrap();
        let stores = plane.storage.store_addresses(VOLUME).await.unwrap();
        (stores.len(), stores.iter().filter(|store| store.is_writable).count())
    };
    assert_eq!(run("UPDATE storage_volume SET labels = '{\"disk\":\"ssd\"}'").await, (6, 0));
    assert_eq!(run("UPDATE storage_store SET labels = '{\"disk\":\"ssd\"}' WHERE id < 3").await, (6, 2));
    assert_eq!(run("UPDATE storage_volume SET is_removed = 1").await, (6, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_holds_while_its_maker_and_its_export_are_there() {
    let plane = Plane::new(1, 6).await;
    plane.put("a", &content(10, 11)).await;
    let row = plane.storage.db().one(db::Query::new("SELECT account_id FROM portal_account")).await.unwrap();
    let account = portal::AccountId::parse(&row.get::<String>("account_id").unwrap()).unwrap();
    let run = async |sql: &'static str| {
        plane.storage.db().write(db::Write::new().step(db::Query::new(sql))).await.unwrap();
    };
    run("UPDATE portal_account SET must_change = 0").await;
    let caller = plane.storage.portal().account_caller(&account, "test", "").await.unwrap().unwrap();
    let share = plane.storage.share_make(&caller, "v", &at("a"), 7).await.unwrap();
    let link = share.link.clone().unwrap();
    let secret = link.strip_prefix("/shared/").unwrap();
    assert_eq!(plane.count("portal_audit WHERE deed = 'share.create'").await, 1);
    assert_eq!(plane.storage.share_open(secret).await.unwrap().2.size, 10);
    run("UPDATE portal_account SET disabled = 1").await;
    assert!(plane.storage.share_open(secret).await.is_err(), "who made it may do nothing any more");
    run("UPDATE portal_account SET disabled = 0").await;
    assert!(plane.storage.share_open(secret).await.is_ok());
    run("UPDATE storage_space SET name = 'old'").await;
    assert!(plane.storage.share_open(secret).await.is_ok(), "an export is known by its number");
    let listed = plane.storage.share_views(&caller).await.unwrap();
    assert_eq!((listed.len(), &listed[0].id, listed[0].export.as_str(), &listed[0].link), (1, &share.id, "old", &None));
    let path = format!("/api/v1/shares/{}", share.id);
    assert_eq!(plane.ask("DELETE", &path, &[], axum::body::Body::empty()).await.status, 204);
    assert_eq!(plane.ask("DELETE", &path, &[], axum::body::Body::empty()).await.json()["code"], "share-unknown");
    assert!(plane.storage.share_open(secret).await.is_err(), "it was revoked");
    let new = serde_json::json!({ "export": "old", "path": "a" }).to_string();
    let made = plane.ask("POST", "/api/v1/shares", &[("content-type", "application/json")], new.into()).await;
    assert_eq!(made.status, 201);
    assert!(
        plane.storage.share_open(made.json()["link"].as_str().unwrap().strip_prefix("/shared/").unwrap()).await.is_ok()
    );
    let listed = plane.ask("GET", "/api/v1/shares", &[], axum::body::Body::empty()).await.json();
    assert_eq!(
        (&listed["items"][0]["login"], &listed["items"][0]["link"]),
        (&"admin".into(), &serde_json::Value::Null)
    );
}

/// In the largest file of a store, which is where its units are.
fn flip_a_byte(plane: &Plane, store: u64) {
    let mut files = vec![plane.stores.dir(store)];
    let mut largest = (0, std::path::PathBuf::new());
    while let Some(path) = files.pop() {
        let metadata = std::fs::metadata(&path).unwrap();
        if metadata.is_dir() {
            files.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else if metadata.len() > largest.0 {
            largest = (metadata.len(), path);
        }
    }
    let mut bytes = std::fs::read(&largest.1).unwrap();
    let middle = bytes.iter().rposition(|byte| *byte != 0).unwrap() / 2;
    bytes[middle] ^= 0x10;
    // In place: the store has the file open.
    use std::os::unix::fs::FileExt;
    let file = std::fs::OpenOptions::new().write(true).open(&largest.1).unwrap();
    file.write_all_at(&bytes[middle..=middle], middle as u64).unwrap();
}
