//! The page of volumes: what is away is not said to be lost.

use std::time::Duration;

use axum::body::Body;
use db::{Query, Write};

use crate::plane::{Plane, content};

async fn page(plane: &Plane) -> String {
    let reply = plane.ask("GET", "/volumes", &[], Body::empty()).await;
    assert_eq!(reply.status, 200);
    String::from_utf8(reply.body.to_vec()).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stores_that_are_away_are_no_loss_and_those_that_are_gone_are() {
    let plane = Plane::new(1, 6).await;
    plane.put("a", &content(300_000, 1)).await;
    plane.later(Duration::from_secs(60), &[2, 3, 5]).await;
    let health = plane.storage.health().await.unwrap().remove(0);
    assert_eq!((health.lost, health.away, health.stores_away), (2, 2, 3));
    let said = page(&plane).await;
    assert!(said.contains("cannot be read now") && said.contains("3 stores are away; comes back with them"), "{said}");
    assert!(said.contains("2 stripes cannot be read now: 3 stores are away."), "{said}");
    assert!(!said.contains("data lost") && !said.contains("are lost"), "{said}");
    let api = plane.ask("GET", "/api/v1/storage/health", &[], Body::empty()).await.json();
    assert_eq!((&api["volumes"][0]["lost"], &api["alerts"][0]["code"]), (&2.into(), &"lost".into()));
    let message = api["alerts"][0]["message"].as_str().unwrap();
    assert_eq!(
        message,
        "Volume v: 2 stripes can't be read now: 3 stores are away. They can be read again when those are back."
    );
    // No operator's way leads here: it takes somebody who deletes their rows.
    let gone = Write::new().step(Query::new("DELETE FROM storage_store WHERE id IN (2, 3, 5)"));
    plane.storage.db().write(gone).await.unwrap();
    let health = plane.storage.health().await.unwrap().remove(0);
    assert_eq!((health.lost, health.away, health.stores_away), (2, 0, 0));
    let said = page(&plane).await;
    assert!(said.contains("data lost") && said.contains("2 stripes are lost"), "{said}");
    assert!(!said.contains("cannot be read now"), "{said}");
}
