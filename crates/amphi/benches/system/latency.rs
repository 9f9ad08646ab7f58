//! From the submission of an experiment to the first byte of its output at the client, in turns with what it is made of:
//! the same tool started by hand, a round trip that touches neither database nor node, and one durable write.

use std::fs::File;
use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context;

use crate::Effort;
use crate::figures::{Latencies, Spread};
use crate::http::{Client, api, request};
use crate::server::Server;

/// Its first line is printed when the first answer is there: at once, on loopback.
const ARGV: [&str; 4] = ["ping", "-c", "1", "127.0.0.1"];
const JOB: &str = r#"{"tool":"ping","args":["-c","1","127.0.0.1"]}"#;
/// A program prints at once too, in the sandbox.
const PROGRAM: &str = r#"{"line":"echo ready"}"#;
/// Runs before measuring: caches, connections, statements.
const WARM: usize = 10;

pub(crate) async fn measure(effort: &Effort) -> anyhow::Result<()> {
    let server = Server::start()?;
    let mut file = File::create(server.dir().join("bench-append")).context("making a file to append to")?;
    let mut client = Client::connect(server.address()).await?;
    let submit = api("POST", "/api/v1/jobs", &server.token()?, JOB);
    let program = api("POST", "/api/v1/jobs", &server.token()?, PROGRAM);
    let health = request("GET", "/health", "", "");
    for _ in 0..WARM {
        first_byte(&mut client, &submit, &server.token()?).await?;
        first_byte(&mut client, &program, &server.token()?).await?;
    }
    let percents = [50, 99];
    let [mut ours, mut accept, mut held, mut bare, mut trip, mut append] = [(); 6].map(|()| Spread::of(&percents));
    for _ in 0..effort.rounds {
        let [mut in_ours, mut in_accept, mut in_held, mut in_bare, mut in_trip, mut in_append] =
            [(); 6].map(|()| Latencies::default());
        for _ in 0..effort.jobs {
            let (accepted, first) = first_byte(&mut client, &submit, &server.token()?).await?;
            in_accept.push(accepted);
            in_ours.push(first);
            in_held.push(first_byte(&mut client, &program, &server.token()?).await?.1);
            in_bare.push(bare_first_byte()?);
            let began = Instant::now();
            client.expect(200, &health).await?;
            in_trip.push(began.elapsed());
            in_append.push(durable_append(&mut file)?);
        }
        for (spread, round) in [
            (&mut ours, in_ours),
            (&mut accept, in_accept),
            (&mut held, in_held),
            (&mut bare, in_bare),
            (&mut trip, in_trip),
            (&mut append, in_append),
        ] {
            spread.push(round);
        }
    }
    ours.lines("submit to first output byte", &["<= 3", "<= 20"]);
    held.lines("submit to first output byte, a program in the sandbox", &["<= 5", "<= 20"]);
    accept.lines("  of it: submit to accepted", &[]);
    bare.lines("  beside it: the same tool started by hand", &[]);
    trip.lines("  beside it: round trip to /health", &[]);
    append.lines("  beside it: one durable append to a file", &[]);
    Ok(())
}

/// Runs one job to its end. Returns when it was accepted and when its first output came, both since the submission.
async fn first_byte(client: &mut Client, submit: &[u8], token: &str) -> anyhow::Result<(Duration, Duration)> {
    let began = Instant::now();
    let answer = client.expect(202, submit).await?;
    let accepted = began.elapsed();
    let location = answer.header("location").context("the answer has no Location")?;
    client.stream_open(&api("GET", &format!("{location}/live"), token, "")).await?;
    client.stream_until("event: output\n").await?;
    let first = began.elapsed();
    client.stream_end().await?;
    Ok((accepted, first))
}

fn bare_first_byte() -> anyhow::Result<Duration> {
    let began = Instant::now();
    let mut command = Command::new(ARGV[0]);
    let mut child = command.args(&ARGV[1..]).stdout(Stdio::piped()).spawn().context("starting ping")?;
    let mut stdout = child.stdout.take().context("ping has no output")?;
    stdout.read_exact(&mut [0]).context("reading ping's output")?;
    let first = began.elapsed();
    stdout.read_to_end(&mut Vec::new()).context("reading ping's output")?;
    child.wait().context("waiting for ping")?;
    Ok(first)
}

/// What the disk asks for one commit: about a page written to a log and flushed.
fn durable_append(file: &mut File) -> anyhow::Result<Duration> {
    let began = Instant::now();
    file.write_all(&[0; 4096]).context("appending to a file")?;
    file.sync_data().context("flushing a file")?;
    Ok(began.elapsed())
}
