//! `amphi serve` of the release build, told of some conference servers.

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::Context;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use testkit::amphi::{Scratch, Serve};

use crate::http::{Client, api, request};

/// The program under test.
const PROGRAM: &str = env!("CARGO_BIN_EXE_amphi");

/// A control plane, and what an LMS needs of it.
pub(crate) struct Site {
    serve: Serve,
    token: String,
    secret: String,
    _scratch: Scratch,
}

impl Site {
    /// Starts it in a directory of its own, on one processor where that is asked for.
    pub(crate) async fn start(is_on_one_processor: bool) -> anyhow::Result<Self> {
        let scratch = Scratch::new().context("making a directory")?;
        let program = if is_on_one_processor { on_one_processor(scratch.path())? } else { PathBuf::from(PROGRAM) };
        let serve = Serve::start(&program, &scratch.path().join("plane")).await.context("starting serve")?;
        let token = serve.token().context("reading the token")?;
        let mut client = Client::connect(serve.address()).await?;
        let answer = client.expect(200, &api("GET", "/api/v1/conference", &token, "")).await?;
        let answer: Value = serde_json::from_slice(&answer.body).context("reading the secret")?;
        let secret = answer["secret"].as_str().context("no secret")?.to_owned();
        Ok(Self { serve, token, secret, _scratch: scratch })
    }

    /// Adds a conference server.
    pub(crate) async fn server_add(&self, url: &str, secret: &str) -> anyhow::Result<()> {
        let mut client = Client::connect(self.address()).await?;
        let body = json!({ "url": url, "secret": secret }).to_string();
        client.expect(201, &api("POST", "/api/v1/conference/servers", &self.token, &body)).await?;
        Ok(())
    }

    /// How many meetings it knows.
    pub(crate) async fn meetings(&self) -> anyhow::Result<u64> {
        let mut client = Client::connect(self.address()).await?;
        let answer = client.expect(200, &api("GET", "/api/v1/conference", &self.token, "")).await?;
        let answer: Value = serde_json::from_slice(&answer.body).context("reading the number of meetings")?;
        answer["meetings"].as_u64().context("no number of meetings")
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.serve.address()
    }

    pub(crate) fn pid(&self) -> u32 {
        self.serve.pid()
    }

    /// A signed call of an LMS, as bytes.
    pub(crate) fn call(&self, call: &str, query: &str) -> Vec<u8> {
        signed(&self.secret, call, query)
    }
}

/// A call that is signed with a secret, as bytes.
pub(crate) fn signed(secret: &str, call: &str, query: &str) -> Vec<u8> {
    let digest = Sha256::digest(format!("{call}{query}{secret}"));
    let sum: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    request("GET", &format!("/bigbluebutton/api/{call}?{query}&checksum={sum}"), "", "")
}

/// A script that runs the program on the first processor alone; the kernel keeps what exec starts there.
fn on_one_processor(dir: &Path) -> anyhow::Result<PathBuf> {
    let path = dir.join("amphi");
    std::fs::write(&path, format!("#!/bin/sh\nexec taskset -c 0 {PROGRAM} \"$@\"\n")).context("writing a script")?;
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o700)).context("making a script executable")?;
    Ok(path)
}
