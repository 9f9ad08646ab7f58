//! `amphi conference server import`: Scalelite's servers, out of what its `servers:yaml` prints. Twice does no harm.

use std::collections::BTreeMap;
use std::path::Path;

use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use super::servers;
use crate::cli::decode;
use crate::cli::failure::{CONFLICT, Failure, USAGE};
use crate::cli::output::{OutputArgs, print_json, print_table};
use crate::cli::table::{Cell, Table};
use crate::client::{Client, ConferenceServer};

/// A server as Scalelite writes it; older releases begin its keys with a colon.
#[derive(Debug, PartialEq, Deserialize)]
struct Listed {
    #[serde(default, alias = ":id")]
    id: Option<String>,
    #[serde(alias = ":url")]
    url: String,
    #[serde(alias = ":secret")]
    secret: String,
    #[serde(default, alias = ":tag")]
    tag: Option<String>,
    #[serde(default, alias = ":load_multiplier")]
    load_multiplier: Option<String>,
    #[serde(default, alias = ":enabled")]
    enabled: Option<bool>,
    #[serde(default, alias = ":state")]
    state: Option<String>,
}

#[derive(Deserialize)]
struct Below<T> {
    #[serde(alias = ":servers")]
    servers: T,
}

/// Reads servers by id, or a list of them, at the top or below `servers`.
fn read(text: &str) -> Result<Vec<Listed>, serde_saphyr::Error> {
    type ById = BTreeMap<String, Listed>;
    let with_ids = |by_id: ById| by_id.into_iter().map(|(id, own)| Listed { id: Some(id), ..own }).collect();
    if let Ok(Below { servers }) = serde_saphyr::from_str::<Below<Vec<Listed>>>(text) {
        return Ok(servers);
    }
    if let Ok(by_id) = serde_saphyr::from_str::<ById>(text) {
        return Ok(with_ids(by_id));
    }
    serde_saphyr::from_str::<Below<ById>>(text).map(|below| with_ids(below.servers))
}

impl Listed {
    /// Our weight: the usual one divided by how many times as much Scalelite counts a user here.
    fn weight(&self) -> Option<u32> {
        let multiplier: f64 = self.load_multiplier.as_ref()?.trim().parse().ok()?;
        (multiplier > 0.0).then(|| (100.0 / multiplier).round().clamp(1.0, 10_000.0) as u32)
    }

    fn state(&self) -> &'static str {
        match (self.state.as_deref(), self.enabled) {
            (Some("cordoned"), _) => "cordoned",
            (Some("disabled"), _) | (None, Some(false)) => "disabled",
            _ => "enabled",
        }
    }

    /// The same server by its id, or by its address without regard to its last slash.
    fn is_same(&self, known: &ConferenceServer) -> bool {
        self.id.as_ref() == Some(&known.id) || self.url.trim_end_matches('/') == known.url
    }

    fn body(&self) -> Value {
        let mut body = json!({ "secret": self.secret, "tag": self.tag.as_deref().unwrap_or_default() });
        if let Some(weight) = self.weight() {
            body["weight"] = weight.into();
        }
        body
    }
}

pub(super) async fn run(client: &Client, file: &Path, format: OutputArgs) -> Result<(), Failure> {
    let text = std::fs::read_to_string(file)
        .map_err(|error| Failure::new(USAGE, format!("{} can't be read", file.display())).why(error.to_string()))?;
    let listed = read(&text).map_err(|error| {
        Failure::new(USAGE, format!("{} is no list of servers", file.display()))
            .why(error.to_string().lines().next().unwrap_or_default())
            .or_try("in Scalelite's container: bin/rake servers:yaml[true] > servers.yaml")
    })?;
    if listed.is_empty() {
        return Err(Failure::new(USAGE, format!("{} names no server", file.display())));
    }
    let known: Vec<ConferenceServer> = decode(servers(client).await?.into())?;
    let mut results = Vec::new();
    for server in listed {
        results.push(take(client, &server, &known).await);
    }
    let failed = results.iter().filter(|result| result["done"] == "failed").count();
    if format.is_json() {
        print_json(&Value::from(results.clone()))?;
    } else {
        let mut table = Table::new(&["URL", "DONE", "ID", "WHY"]).whole(2);
        for result in &results {
            let text = |name: &str| Cell::from(result[name].as_str().unwrap_or_default());
            table.row([text("url"), text("done"), text("id"), text("why")]);
        }
        print_table(&table)?;
    }
    match failed {
        0 => Ok(()),
        failed => Err(Failure::new(CONFLICT, format!("{failed} of {} servers were not taken over", results.len()))
            .or_try("mend what is said of them, and import the file again")),
    }
}

/// Adds one server, or brings the one that is there to what the file says; what came of it.
async fn take(client: &Client, server: &Listed, known: &[ConferenceServer]) -> Value {
    let mut body = server.body();
    let (done, answer) = match known.iter().find(|known| server.is_same(known)) {
        Some(known) => {
            let path = ["conference", "servers", known.id.as_str()];
            ("updated", client.change(Method::PATCH, &path, Some(&body)).await)
        }
        None => {
            body["url"] = server.url.as_str().into();
            body["state"] = server.state().into();
            if let Some(id) = &server.id {
                body["id"] = id.as_str().into();
            }
            ("added", client.change(Method::POST, &["conference", "servers"], Some(&body)).await)
        }
    };
    match answer {
        Ok(told) => json!({ "url": server.url, "done": done, "id": told["id"], "why": told["trouble"] }),
        Err(error) => {
            let why = Failure::from(error).summary();
            json!({ "url": server.url, "done": "failed", "id": server.id, "why": why })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_that_scalelite_writes_is_read() {
        let fields = "url: https://bbb1.example.org/bigbluebutton/api/\n      secret: 12345678901234567890";
        for text in [
            format!("servers:\n  \"bbb-1\":\n      {fields}\n      load_multiplier: 2.0\n      enabled: true\n"),
            format!("bbb-1:\n      {fields}\n      load_multiplier: '2.0'\n"),
            format!("servers:\n    - id: bbb-1\n      {fields}\n      load_multiplier: 2\n"),
            "---\n:servers:\n  bbb-1:\n    :url: https://bbb1.example.org/bigbluebutton/api/\n    \
             :secret: '12345678901234567890'\n    :load_multiplier: 2.0\n    :online: true\n"
                .to_owned(),
        ] {
            let read = read(&text).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(read.len(), 1, "{text}");
            assert_eq!((read[0].id.as_deref(), read[0].secret.as_str()), (Some("bbb-1"), "12345678901234567890"));
            assert_eq!((read[0].weight(), read[0].state()), (Some(50), "enabled"), "{text}");
        }
        assert!(read("").is_ok_and(|none| none.is_empty()));
        for text in ["servers: 5", "- a", "servers:\n  a:\n    url: x\n", "<html>"] {
            assert!(read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn states_and_multipliers_are_taken_over() {
        let of = |state: Option<&str>, enabled, multiplier: Option<&str>| Listed {
            id: None,
            url: String::new(),
            secret: String::new(),
            tag: None,
            load_multiplier: multiplier.map(str::to_owned),
            enabled,
            state: state.map(str::to_owned),
        };
        assert_eq!(of(Some("cordoned"), Some(true), None).state(), "cordoned");
        assert_eq!(of(None, Some(false), None).state(), "disabled");
        assert_eq!(of(Some("enabled"), Some(false), None).state(), "enabled");
        assert_eq!(of(None, None, Some("0.5")).weight(), Some(200));
        assert_eq!(of(None, None, Some("0")).weight(), None);
        assert_eq!(of(None, None, None).weight(), None);
    }
}
