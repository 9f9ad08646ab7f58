//! Those who submit, type, cancel and watch, and write down what they are told.

use std::sync::Arc;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::json;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::book::{Book, attempt_of};
use super::plant::Plant;
use super::work::{GOODBYE, Work};
use crate::api::Api;
use crate::site::{NAMES, is_over};

const SUBMITTERS: u64 = 2;
/// Pause between two submissions of one client, ms.
const SUBMIT_PAUSE: std::ops::Range<u64> = 60..300;
/// How long after its submission a job is cancelled, ms.
const CANCEL_PAUSE: std::ops::Range<u64> = 0..1_500;
/// Pause before the same is asked again.
const ASK_AGAIN: Duration = Duration::from_millis(50);
const TYPE_PAUSE: Duration = Duration::from_millis(100);
/// How long a program may think after a goodbye before it is said once more.
const REPLY_PAUSE: Duration = Duration::from_secs(2);
/// Words of a conversation, without the goodbye.
const WORDS: u32 = 4;

/// Everybody. Those who saw a job accepted and stay with it outlive those who submit.
pub(super) struct Clients {
    submitters: JoinSet<JoinSet<()>>,
    watchers: JoinSet<()>,
    companions: Vec<JoinSet<()>>,
    stop: CancellationToken,
}

impl Clients {
    pub(super) fn start(plant: &Plant, book: &Arc<Book>, seed: u64) -> Self {
        let stop = CancellationToken::new();
        let client =
            Client { api: plant.api.clone(), book: book.clone(), witness: plant.witness.url(""), stop: stop.clone() };
        let (mut submitters, mut watchers) = (JoinSet::new(), JoinSet::new());
        for number in 0..SUBMITTERS {
            submitters.spawn(client.clone().submit(StdRng::seed_from_u64(seed ^ (number + 1)), number));
            watchers.spawn(client.clone().watch(StdRng::seed_from_u64(seed ^ (number + 101))));
        }
        Self { submitters, watchers, companions: Vec::new(), stop }
    }

    /// Ends submitting and watching.
    pub(super) async fn stop(&mut self) {
        self.stop.cancel();
        while let Some(ended) = self.submitters.join_next().await {
            self.companions.push(ended.unwrap());
        }
        while let Some(ended) = self.watchers.join_next().await {
            ended.unwrap();
        }
    }

    /// Waits for those who stayed with a job until it was over.
    pub(super) async fn ended(self) {
        for mut companions in self.companions {
            while let Some(ended) = companions.join_next().await {
                ended.unwrap();
            }
        }
    }
}

#[derive(Clone)]
struct Client {
    api: Api,
    book: Arc<Book>,
    /// Address of the witness, to which a key is added.
    witness: String,
    stop: CancellationToken,
}

impl Client {
    /// Submits one job after the other, each until it is acknowledged or refused for good.
    async fn submit(self, mut rng: StdRng, number: u64) -> JoinSet<()> {
        let mut companions = JoinSet::new();
        for count in 0.. {
            let key = format!("{number}-{count}");
            let work = Work::draw(&mut rng);
            let mut body = work.body(&format!("{}{key}", self.witness));
            body["name"] = json!(key);
            if rng.random_bool(0.15) {
                body["node"] = json!(NAMES[rng.random_range(0..NAMES.len())]);
            }
            // A client that never saw the answer asks again.
            let asks_again = rng.random_bool(0.1);
            if let Some(id) = self.submit_one(&key, &body, asks_again).await {
                self.book.acknowledged(key.clone(), id.clone(), work.clone());
                if work == Work::Conversation {
                    companions.spawn(self.clone().converse(id.clone(), key));
                }
                if rng.random_bool(0.06) {
                    let pause = Duration::from_millis(rng.random_range(CANCEL_PAUSE));
                    companions.spawn(self.clone().cancel(id, pause));
                }
            }
            tokio::select! {
                () = self.stop.cancelled() => break,
                () = tokio::time::sleep(Duration::from_millis(rng.random_range(SUBMIT_PAUSE))) => {}
            }
        }
        companions
    }

    async fn submit_one(&self, key: &str, body: &serde_json::Value, asks_again: bool) -> Option<String> {
        let id = loop {
            match self.api.submit(key, body).await {
                Ok(id) => break id,
                Err(trouble) if trouble.is_passing() => tokio::time::sleep(ASK_AGAIN).await,
                Err(refused) => {
                    self.book.refused(key, &refused);
                    return None;
                }
            }
        };
        if asks_again
            && let Ok(again) = self.api.submit(key, body).await
            && again != id
        {
            self.book.fault(format!("{key}: acknowledged as {id}, then as {again}"));
        }
        Some(id)
    }

    /// Cancels a job some time after it was accepted.
    async fn cancel(self, id: String, pause: Duration) {
        tokio::time::sleep(pause).await;
        loop {
            match self.api.cancel(&id).await {
                Ok(job) => return self.book.cancelled(&id, attempt_of(&job)),
                Err(trouble) if trouble.is_passing() => tokio::time::sleep(ASK_AGAIN).await,
                // Over already, or cancelled by a request whose answer was lost.
                Err(trouble) if trouble.code() == "job-over" => return,
                Err(trouble) => return self.book.fault(format!("{id} can't be cancelled: {trouble:?}")),
            }
        }
    }

    /// Talks with a program, anew with each attempt, until its job is over.
    async fn converse(self, id: String, key: String) {
        let mut talked = 0;
        let mut farewells = 0;
        loop {
            tokio::time::sleep(ASK_AGAIN).await;
            let job = match self.api.job(&id).await {
                Ok(job) => job,
                Err(trouble) if trouble.is_passing() => continue,
                Err(trouble) => return self.book.fault(format!("{id} can't be read: {trouble:?}")),
            };
            if is_over(&job) {
                return;
            }
            let attempt = attempt_of(&job);
            if job["status"] != "running" {
                continue;
            }
            if attempt > talked {
                talked = attempt;
                for n in 0..WORDS {
                    self.say(&id, attempt, format!("word-{key}-{attempt}-{n}")).await;
                    tokio::time::sleep(TYPE_PAUSE).await;
                }
            } else {
                tokio::time::sleep(REPLY_PAUSE).await;
            }
            // The word may have gone to an attempt that was lost meanwhile, or its fate may be unknown.
            self.say(&id, attempt, format!("{GOODBYE}-{key}-{attempt}-{farewells}")).await;
            farewells += 1;
        }
    }

    /// Says one word while `attempt` runs, as far as the client knows.
    async fn say(&self, id: &str, attempt: u64, word: String) {
        let is_acknowledged = loop {
            match self.api.input(id, &word, &format!("{word}\n")).await {
                Ok(()) => break true,
                Err(trouble) if trouble.is_passing() => tokio::time::sleep(ASK_AGAIN).await,
                // Not running any more; or a replica died over the same request, and its fate is open for a minute.
                Err(trouble) if matches!(trouble.code(), "no-input" | "request-in-progress") => break false,
                Err(trouble) => {
                    self.book.fault(format!("{id}: {word} can't be said: {trouble:?}"));
                    break false;
                }
            }
        };
        self.book.said(id, attempt, word, is_acknowledged);
    }

    /// Looks at acknowledged jobs, live or at rest.
    async fn watch(self, mut rng: StdRng) {
        while !self.stop.is_cancelled() {
            let recent = rng.random_range(0..12);
            let Some(id) = self.book.recent(recent) else {
                tokio::time::sleep(ASK_AGAIN).await;
                continue;
            };
            let looked = if rng.random_bool(0.5) {
                self.book.look(&self.api, &id).await
            } else {
                self.book.follow(&self.api, &id, &self.stop).await
            };
            if looked.is_err() {
                tokio::time::sleep(ASK_AGAIN).await;
            }
        }
    }
}
