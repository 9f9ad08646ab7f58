//! The conference front while its replicas are killed: every meeting stays where it is, and calls go on.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use futures::future::join_all;
use reqwest::StatusCode;
use reqwest::header::LOCATION;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use testkit::amphi::{Scratch, Serve};
use testkit::conference::{Conference, ConferencePlan};
use testkit::conformance::Fresh;
use testkit::db::Engine;

use crate::site::{LIMIT, program, until};

/// An LMS, which knows an address and a secret.
struct Lms {
    http: reqwest::Client,
    secret: String,
}

impl Lms {
    /// Conference servers are added as an operator does it, and the secret is read as an admin does it.
    async fn new(serve: &Serve, conferences: &[Conference]) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
        let http = http.timeout(Duration::from_secs(20)).build().unwrap();
        let token = serve.token().unwrap();
        for conference in conferences {
            let new = json!({ "url": conference.url(), "secret": conference.secret() });
            let url = format!("{}/api/v1/conference/servers", serve.url());
            let added = http.post(url).bearer_auth(&token).json(&new).send().await.unwrap();
            assert_eq!(added.status(), StatusCode::CREATED, "{}", added.text().await.unwrap());
        }
        let url = format!("{}/api/v1/conference", serve.url());
        let front: Value = http.get(url).bearer_auth(&token).send().await.unwrap().json().await.unwrap();
        Self { http, secret: front["secret"].as_str().unwrap().to_owned() }
    }

    /// A signed call; its status, where it leads, and its body.
    async fn call(&self, url: &str, call: &str, query: &str) -> reqwest::Result<(StatusCode, String, String)> {
        let digest = Sha256::digest(format!("{call}{query}{}", self.secret));
        let sum: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        let answer = self.http.get(format!("{url}/bigbluebutton/api/{call}?{query}&checksum={sum}")).send().await?;
        let to = answer.headers().get(LOCATION).map(|to| to.to_str().unwrap().to_owned()).unwrap_or_default();
        Ok((answer.status(), to, answer.text().await?))
    }

    /// Creates a meeting, again and again while nobody answers.
    async fn create(&self, url: &str, meeting: &str) {
        let query = format!("meetingID={meeting}&name={meeting}");
        until(&format!("{meeting} is created"), LIMIT, async || {
            let (status, _, body) = self.call(url, "create", &query).await.ok()?;
            assert!(status == StatusCode::OK && body.contains("<returncode>SUCCESS"), "{status}: {body}");
            Some(())
        })
        .await;
    }

    /// Where somebody who joins is sent: the server's address.
    async fn server_of(&self, url: &str, meeting: &str) -> String {
        let query = format!("meetingID={meeting}&fullName=Ada&role=VIEWER");
        until(&format!("{meeting} can be joined"), LIMIT, async || {
            let (status, to, body) = self.call(url, "join", &query).await.ok()?;
            assert_eq!(status, StatusCode::FOUND, "{body}");
            Some(to.split("/join?").next().unwrap().to_owned())
        })
        .await
    }
}

async fn conferences() -> Vec<Conference> {
    join_all((0..3).map(|_| async { Conference::start(ConferencePlan::default()).await.unwrap() })).await
}

/// Asserts that every meeting lives on one server, the one that people were told.
fn assert_one_place_each(conferences: &[Conference], told: &BTreeMap<String, String>) {
    let mut places: HashMap<String, Vec<String>> = HashMap::new();
    for conference in conferences {
        for meeting in conference.meetings() {
            places.entry(meeting.meeting_id).or_default().push(conference.url());
        }
    }
    for (meeting, server) in told {
        assert_eq!(places.get(meeting).map(Vec::as_slice), Some(std::slice::from_ref(server)), "{meeting}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_meeting_is_where_it_was_after_kill_9_under_load() {
    let scratch = Scratch::new().unwrap();
    let mut serve = Serve::start(program(), &scratch.path().join("control")).await.unwrap();
    let conferences = conferences().await;
    let lms = Lms::new(&serve, &conferences).await;
    let (url, is_over, made) = (serve.url(), AtomicBool::new(false), AtomicUsize::new(0));
    let caller = async |caller: usize| {
        let mut told = BTreeMap::new();
        for n in 0.. {
            let meeting = format!("class-{caller}-{n}");
            lms.create(&url, &meeting).await;
            told.insert(meeting.clone(), lms.server_of(&url, &meeting).await);
            made.fetch_add(1, Ordering::Relaxed);
            if is_over.load(Ordering::Relaxed) {
                break;
            }
        }
        told
    };
    let kills = async {
        for kill in 1..=5 {
            until("meetings are made between two kills", LIMIT, async || {
                (made.load(Ordering::Relaxed) >= 10 * kill).then_some(())
            })
            .await;
            serve.kill_and_restart().await.unwrap();
            serve.ready().await.unwrap();
        }
        is_over.store(true, Ordering::Relaxed);
    };
    let (told, ()) = tokio::join!(join_all((0..4).map(caller)), kills);
    let told: BTreeMap<_, _> = told.into_iter().flatten().collect();
    assert!(told.len() > 20, "{} meetings", told.len());
    for (meeting, server) in &told {
        assert_eq!(lms.server_of(&url, meeting).await, *server, "{meeting}");
    }
    assert_one_place_each(&conferences, &told);
    println!("{} meetings over 5 kills", told.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_replicas_place_a_meeting_once_and_either_goes_on_alone() {
    let scratch = Scratch::new().unwrap();
    let database = Fresh::new(Engine::Postgres).await.unwrap();
    let start = async |name: &str, first: Option<&Serve>| {
        Serve::start_replica(program(), &scratch.path().join(name), &database.url, first).await.unwrap()
    };
    let first = start("first", None).await;
    let second = start("second", Some(&first)).await;
    let conferences = conferences().await;
    let lms = Lms::new(&first, &conferences).await;
    let names: Vec<String> = (0..20).map(|n| format!("class-{n}")).collect();
    let (one, two) = (first.url(), second.url());
    // Both at once for each meeting; the second learns of the servers meanwhile.
    join_all(names.iter().flat_map(|name| [lms.create(&one, name), lms.create(&two, name)])).await;
    let mut told = BTreeMap::new();
    for name in &names {
        let server = lms.server_of(&one, name).await;
        assert_eq!(lms.server_of(&two, name).await, server, "{name}");
        told.insert(name.clone(), server);
    }
    assert_one_place_each(&conferences, &told);
    drop(first);
    for (name, server) in &told {
        assert_eq!(lms.server_of(&two, name).await, *server, "{name}");
    }
    lms.create(&two, "another").await;
    let (_, _, list) = lms.call(&two, "getMeetings", "").await.unwrap();
    assert_eq!(list.matches("<meeting>").count(), 21, "{list}");
    drop(second);
    database.remove().await;
}
