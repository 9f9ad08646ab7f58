//! Two sessions of one export, by the API: who may keep changes, and how the other one gets in.

use std::time::Duration;

use axum::http::StatusCode;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::plane::Plane;

const SESSIONS: &str = "/api/v1/exports/v/sessions";
const JSON: [(&str, &str); 1] = [("content-type", "application/json")];
/// What is not done within this waits for something.
const SOON: Duration = Duration::from_secs(5);
/// Longer than it takes until a row is looked at again.
const MOMENT: Duration = Duration::from_millis(700);

struct Bench(Plane);

impl Bench {
    async fn new() -> Self {
        Self(Plane::new(1, 6).await)
    }

    async fn open(&self) -> String {
        let csr_pem = wire::authority::KeyRequest::generate().unwrap().csr_pem;
        let body = json!({ "what": "pc:/mnt", "csr_pem": csr_pem }).to_string();
        let opened = self.0.ask("POST", SESSIONS, &JSON, body.into()).await;
        assert_eq!(opened.status, StatusCode::CREATED);
        opened.json()["id"].as_str().unwrap().to_owned()
    }

    /// The first one holds the name space, the second one is idle.
    async fn pair(&self) -> (String, String) {
        let one = self.open().await;
        assert!(self.renew(&one, false).await, "it is alone");
        let give_back = async {
            assert_eq!(self.news(&one).await["is_wanted"], true);
            self.give_back(&one).await;
        };
        let (two, ()) = timeout(SOON, futures::future::join(self.open(), give_back)).await.unwrap();
        assert!(!self.renew(&one, false).await, "the other one may be at work");
        assert!(!self.renew(&two, true).await, "it has nothing to do");
        assert!(self.renew(&one, false).await);
        (one, two)
    }

    /// Renews a session; answers whether it has the delegation.
    async fn renew(&self, id: &str, is_idle: bool) -> bool {
        let body = json!({ "is_idle": is_idle }).to_string();
        let renewed = self.0.ask("PATCH", &format!("{SESSIONS}/{id}"), &JSON, body.into()).await;
        renewed.json()["is_delegated"].as_bool().unwrap()
    }

    /// Looks something up in a session.
    async fn look(&self, id: &str) -> StatusCode {
        let body = json!({ "op": "inode", "ino": 9 }).to_string();
        self.0.ask("POST", &format!("{SESSIONS}/{id}/read"), &JSON, body.into()).await.status
    }

    async fn give_back(&self, id: &str) {
        let path = format!("{SESSIONS}/{id}/delegation");
        assert_eq!(self.0.ask("DELETE", &path, &[], Vec::new().into()).await.status, StatusCode::NO_CONTENT);
    }

    async fn news(&self, id: &str) -> Value {
        self.0.ask("GET", &format!("{SESSIONS}/{id}/wait"), &[], Vec::new().into()).await.json()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_works_beside_idle_ones_keeps_changes_until_they_ask_for_something() {
    let bench = Bench::new().await;
    let (one, two) = bench.pair().await;
    let look = bench.look(&two);
    tokio::pin!(look);
    assert!(timeout(MOMENT, &mut look).await.is_err(), "it waits for what the other one keeps");
    assert_eq!(bench.news(&one).await["is_wanted"], true);
    bench.give_back(&one).await;
    assert_eq!(timeout(SOON, look).await.unwrap(), StatusCode::OK);
    assert!(!bench.renew(&one, false).await, "the other one is at work");
    assert_eq!(timeout(SOON, bench.look(&two)).await.unwrap(), StatusCode::OK);
    assert!(!bench.renew(&two, true).await, "it has nothing to do");
    assert!(bench.renew(&one, false).await);
}

/// A holder that is silent is waited for as long as one that shows up may be late, one that renews its session for longer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_holder_that_does_not_give_back_loses_what_it_has() {
    for (is_renewed, in_time_s, late_s) in [(false, 6, 2), (true, 14, 7)] {
        let bench = Bench::new().await;
        let (one, two) = bench.pair().await;
        let look = bench.look(&two);
        tokio::pin!(look);
        assert!(timeout(MOMENT, &mut look).await.is_err());
        bench.0.clock.advance(Duration::from_secs(in_time_s));
        if is_renewed {
            assert!(bench.renew(&one, false).await);
            assert!(!bench.renew(&two, false).await);
        }
        assert!(timeout(MOMENT, &mut look).await.is_err(), "it has its time");
        bench.0.clock.advance(Duration::from_secs(late_s));
        assert_eq!(timeout(SOON, look).await.unwrap(), StatusCode::OK);
        assert!(!bench.renew(&one, false).await, "it was taken away");
    }
}
