//! Follows a job: its states, its output as it comes, its end. A cut link is taken up again behind the last event,
//! so nothing is missed and nothing is given twice.

use std::collections::VecDeque;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rand::RngExt;
use reqwest::Response;
use serde::{Deserialize, Deserializer};

use super::sse::{Event, EventReader};
use super::{Client, ClientError};

/// Tries in a row that may bring nothing before the job is given up: about half a minute.
const FRUITLESS_TRIES: u32 = 10;
const WAIT_CAP_MS: u64 = 5_000;

/// What happens to a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum LiveEvent {
    State(StateChange),
    Output(OutputChunk),
    End(JobEnd),
}

/// Where the job stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub(crate) struct StateChange {
    pub(crate) status: String,
    /// Place in the queue, from 1.
    #[serde(default)]
    pub(crate) place: Option<u64>,
    #[serde(default)]
    pub(crate) reason: Option<String>,
    #[serde(default)]
    pub(crate) node: Option<String>,
    #[serde(default)]
    pub(crate) attempt: Option<u64>,
}

/// A piece of what the tool wrote.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct OutputChunk {
    pub(crate) attempt: u64,
    /// Numbered from 0 within the attempt, both streams in one sequence.
    pub(crate) seq: u64,
    pub(crate) stream: OutputStream,
    #[serde(flatten)]
    written: Written,
}

/// Bytes travel as text where they are UTF-8; a piece may end in the middle of a character.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Written {
    Text(String),
    #[serde(deserialize_with = "from_base64")]
    Base64(Vec<u8>),
}

fn from_base64<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    let text = String::deserialize(deserializer)?;
    STANDARD.decode(text).map_err(serde::de::Error::custom)
}

impl OutputChunk {
    /// The bytes that the tool wrote.
    pub(crate) fn bytes(&self) -> &[u8] {
        match &self.written {
            Written::Text(text) => text.as_bytes(),
            Written::Base64(bytes) => bytes,
        }
    }
}

/// Which of the tool's streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum OutputStream {
    Stdout,
    Stderr,
    /// What a program's compiler wrote.
    Compile,
}

/// How the job ended.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct JobEnd {
    pub(crate) status: String,
    #[serde(default)]
    pub(crate) exit_code: Option<i64>,
    /// Why it failed: a code.
    #[serde(default)]
    pub(crate) reason: Option<String>,
    /// The same in a sentence.
    #[serde(default)]
    pub(crate) reason_text: Option<String>,
}

/// The events of one job.
pub(crate) struct LiveStream {
    client: Client,
    job: String,
    open: Option<(Response, EventReader)>,
    ready: VecDeque<Event>,
    last_id: Option<String>,
    /// Attempt and number of the last output given out.
    last_output: Option<(u64, u64)>,
    fruitless: u32,
}

impl LiveStream {
    pub(crate) fn new(client: Client, job: String) -> Self {
        Self { client, job, open: None, ready: VecDeque::new(), last_id: None, last_output: None, fruitless: 0 }
    }

    /// The next event. Safe to cancel: no event is lost when the future is dropped.
    /// Errors: the server's refusal at once; a dead link after ten tries in a row that brought nothing.
    pub(crate) async fn next(&mut self) -> Result<LiveEvent, ClientError> {
        loop {
            while let Some(event) = self.ready.pop_front() {
                if let Some(event) = self.accept(event)? {
                    return Ok(event);
                }
            }
            if let Err(failure) = self.fill().await {
                self.open = None;
                let is_passing = failure.is_connection() || failure.status().is_some_and(|status| status >= 500);
                if !is_passing || self.fruitless >= FRUITLESS_TRIES {
                    return Err(failure);
                }
            }
        }
    }

    /// Opens the stream when it isn't, then reads one piece of it.
    async fn fill(&mut self) -> Result<(), ClientError> {
        let Some((response, reader)) = &mut self.open else {
            if self.fruitless == FRUITLESS_TRIES {
                return Err(ClientError::Silent { server: self.client.base().to_string() });
            }
            if self.fruitless > 0 {
                let longest_ms = (100 << self.fruitless.min(6)).min(WAIT_CAP_MS);
                let wait_ms = rand::rng().random_range(longest_ms / 2..=longest_ms);
                tokio::time::sleep(Duration::from_millis(wait_ms)).await;
            }
            self.fruitless += 1;
            let response = self.client.events(&["jobs", &self.job, "live"], self.last_id.as_deref()).await?;
            self.open = Some((response, EventReader::default()));
            return Ok(());
        };
        match response.chunk().await.map_err(|source| self.client.broken(source))? {
            Some(bytes) => {
                // The server lives; a next cut waits shortly, and never makes the job be given up.
                self.fruitless = 1;
                let events = reader
                    .feed(&bytes)
                    .map_err(|source| ClientError::Event { server: self.client.base().to_string(), source })?;
                self.ready.extend(events);
            }
            // Ended without an end event: the server was restarted, or a proxy cut the link.
            None => self.open = None,
        }
        Ok(())
    }

    fn accept(&mut self, event: Event) -> Result<Option<LiveEvent>, ClientError> {
        let event_id = event.id.clone();
        let accepted = match event.name.as_str() {
            "state" => Some(LiveEvent::State(self.decode(&event.data)?)),
            "end" => Some(LiveEvent::End(self.decode(&event.data)?)),
            "output" => {
                let chunk: OutputChunk = self.decode(&event.data)?;
                let place = (chunk.attempt, chunk.seq);
                let is_new = self.last_output.is_none_or(|last| place > last);
                if is_new {
                    self.last_output = Some(place);
                }
                is_new.then_some(LiveEvent::Output(chunk))
            }
            // An event of a later version.
            _ => None,
        };
        if event_id.is_some() {
            self.last_id = event_id;
        }
        Ok(accepted)
    }

    fn decode<T: serde::de::DeserializeOwned>(&self, data: &str) -> Result<T, ClientError> {
        serde_json::from_str(data)
            .map_err(|source| ClientError::Answer { server: self.client.base().to_string(), source })
    }
}
