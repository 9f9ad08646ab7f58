//! The demo: experiments and programs that run for real over the REST API, as anybody's would, are pinned for learners to look at,
//! and are printed. One that a former start has pinned is not run again; its stored result is printed.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use futures::StreamExt;
use reqwest::Method;
use serde_json::{Value, json};

use super::targets::Targets;
use crate::client::{Client, Connection, Job, LiveEvent, LiveStream, Order, parse_url};

/// Longest wait for one example, from its submission to its end.
const TIME_LIMIT: Duration = Duration::from_secs(60);
/// Examples that run at the same time.
const AT_ONCE: usize = 3;
/// Lines of output that are printed from an example's beginning and from its end; what is between is counted.
const FIRST_LINES: usize = 16;
const LAST_LINES: usize = 8;
/// Pinned jobs that are looked through for examples of a former start.
const PINNED_MAX: usize = 1000;

/// An experiment or a program of the demo.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Example {
    /// The job's name; by it an example of a former start is known again.
    name: String,
    /// What is to be done, as the API takes it.
    body: Value,
    node: String,
}

impl Example {
    fn tool(name: &str, tool: &str, args: &[&str], node: &str) -> Self {
        Self { name: name.to_owned(), body: json!({ "tool": tool, "args": args }), node: node.to_owned() }
    }

    /// Whether nothing else may run meanwhile.
    fn is_alone(&self) -> bool {
        self.body["tool"] == "iperf3"
    }
}

/// What came of an example.
struct Report {
    command: String,
    is_from_earlier: bool,
    output: String,
    /// "exit status 0", or why there is none.
    end: String,
    took_s: Option<f64>,
    is_well: bool,
}

/// The API with the admin's token. `url` is the control plane's, `dir` its data directory.
pub(super) fn client(url: &str, dir: &Path) -> anyhow::Result<Client> {
    let url = parse_url("the control plane's own address", url)?;
    let read = |name: &str| {
        let path = dir.join(name);
        std::fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))
    };
    let ca_pem = if url.scheme() == "https" { Some(read("ca.pem")?) } else { None };
    let token = Some(read("admin.token")?.trim().to_owned());
    Client::new(&Connection { url, token, ca_pem }).context("preparing to ask the control plane")
}

/// The examples for these nodes and targets. Those that measure throughput come last.
pub(super) fn examples(nodes: &[String], targets: &Targets) -> Vec<Example> {
    let Some(first) = nodes.first() else { return Vec::new() };
    let on_first = |name: &str, tool: &str, words: &[&str]| Example::tool(name, tool, words, first);
    let mut examples = path_examples(targets, &on_first);
    if let Some(dns) = &targets.dns {
        let (resolver, port) = (format!("@{}", dns.resolver), dns.port.to_string());
        let server: &[&str] = if dns.port == 53 { &[&resolver] } else { &["-p", &port, &resolver] };
        let ask = |name: &str, words: &[&str]| on_first(name, "dns", &[server, words].concat());
        examples.push(ask("DNS: the address of a web server", &[&dns.name, "A"]));
        examples.push(ask("DNS: who takes mail for a domain", &[&dns.zone, "MX"]));
    }
    if let Some(url) = &targets.http_url {
        examples.push(on_first("HTTP, step by step", "http", &[url]));
    }
    if let Some(url) = &targets.https_url {
        examples.push(on_first("HTTPS, step by step", "http", &[url]));
    }
    if let Some(server) = &targets.tls {
        examples.push(on_first("TLS certificate", "tls", &[server]));
    }
    if let Some(second) = nodes.get(1) {
        let measure = |what: &str, words: &[&str]| {
            on_first(&format!("{what} {first} to {second}"), "iperf3", &[words, &[second]].concat())
        };
        examples.push(measure("TCP throughput,", &["-t", "2"]));
        examples.push(measure("TCP throughput in reverse,", &["-t", "2", "-R"]));
        examples.push(measure("UDP at 10 Mbit/s,", &["-t", "2", "-u", "-b", "10M"]));
    }
    examples
}

/// A first program in every language that the node has.
pub(super) async fn program_examples(client: &Client, node: &str) -> anyhow::Result<Vec<Example>> {
    let languages: Vec<Value> = client.get(&["languages"], &[]).await.context("listing the languages")?;
    let is_there = |language: &&Value| {
        language["nodes"].as_array().is_some_and(|nodes| nodes.iter().any(|there| there["node"] == node))
    };
    let examples = languages.iter().filter(is_there).map(|language| Example {
        name: format!("A first program in {}", language["title"].as_str().unwrap_or_default()),
        body: json!({
            "language": language["name"], "files": [{ "path": language["file"], "text": language["hello"] }],
        }),
        node: node.to_owned(),
    });
    Ok(examples.collect())
}

fn path_examples(targets: &Targets, example: &dyn Fn(&str, &str, &[&str]) -> Example) -> Vec<Example> {
    let to = targets.destination.as_str();
    if !targets.is_routed {
        return vec![
            example("Ping this machine", "ping", &["-c", "3", to]),
            example("Path to this machine", "traceroute", &[to]),
            example("Path MTU to this machine", "pmtu", &["-n", to]),
        ];
    }
    let mut examples = vec![
        example("Ping through three routers", "ping", &["-c", "3", to]),
        example("Path through three routers, ICMP", "traceroute", &["-I", to]),
        example("Path through three routers, UDP", "traceroute", &[to]),
    ];
    if let Some(server) = targets.tls.as_deref().and_then(|tls| tls.split_once(':')) {
        let (host, port) = server;
        examples.push(example("Path through three routers, TCP", "traceroute", &["-T", "-p", port, host]));
    }
    examples.push(example("Loss and delay at every hop", "mtr", &["-c", "3", to]));
    examples.push(example("Path MTU through three routers", "pmtu", &[to]));
    examples
}

/// Runs the examples, at most three at a time and those that measure throughput each alone, pins those that end with
/// exit status 0, and prints every one, in order, when it is over, then a line that sums up. The nodes have to be
/// connected.
///
/// Returns whether all ended with exit status 0. Errors: standard output is closed, the pinned jobs can't be listed.
/// Cancellation: jobs that were submitted go on.
pub(super) async fn run_examples(client: &Client, examples: &[Example]) -> anyhow::Result<bool> {
    let begun = Instant::now();
    let pinned = pinned(client).await.context("listing the pinned jobs")?;
    let (alone, others): (Vec<_>, Vec<_>) = examples.iter().partition(|example| example.is_alone());
    let mut done_well = 0;
    for (batch, at_once) in [(others, AT_ONCE), (alone, 1)] {
        let run = |example| report(client, example, &pinned);
        let mut reports =
            futures::stream::iter(batch).map(async |example| (example, run(example).await)).buffered(at_once);
        while let Some((example, report)) = reports.next().await {
            done_well += usize::from(report.as_ref().is_ok_and(|report| report.is_well));
            print(&shown(example, &report))?;
        }
    }
    let (all, took_s) = (examples.len(), begun.elapsed().as_secs_f64());
    print(&format!("\ndemo: {done_well} of {all} examples ended with exit status 0, in {took_s:.1} s\n"))?;
    Ok(done_well == all)
}

fn print(text: &str) -> anyhow::Result<()> {
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()).context("writing to standard output")
}

/// Ids of the pinned jobs that ended well, by name.
async fn pinned(client: &Client) -> anyhow::Result<HashMap<String, String>> {
    let jobs = client.list(&["jobs"], &[("scope", "pinned".to_owned())], Order::Newest, PINNED_MAX).await?;
    let jobs = jobs.into_iter().map(serde_json::from_value::<Job>).collect::<Result<Vec<_>, _>>()?;
    let well = jobs.into_iter().filter(|job| job.exit_code == Some(0));
    Ok(well.filter_map(|job| Some((job.name?, job.id))).collect())
}

async fn report(client: &Client, example: &Example, pinned: &HashMap<String, String>) -> anyhow::Result<Report> {
    let earlier = pinned.get(&example.name);
    let id = match earlier {
        Some(id) => id.clone(),
        None => submit(client, example).await?,
    };
    let output = match tokio::time::timeout(TIME_LIMIT, follow(client, &id)).await {
        Ok(output) => output?,
        Err(_) => bail!("job {id} is not over after {} s", TIME_LIMIT.as_secs()),
    };
    let job: Job = client.get(&["jobs", &id], &[]).await?;
    let is_well = job.exit_code == Some(0);
    if is_well && earlier.is_none() {
        client.change(Method::PATCH, &["jobs", &id], Some(&json!({ "pinned": true }))).await.context("pinning it")?;
    }
    let end = match (job.exit_code, job.reason_text) {
        (Some(code), None) => format!("exit status {code}"),
        (Some(code), Some(reason)) => format!("exit status {code}: {reason}"),
        (None, reason) => reason.unwrap_or(job.status),
    };
    let took_s = job.started.zip(job.completed).map(|(started, ended)| ended.duration_since(started).as_secs_f64());
    Ok(Report { command: job.command, is_from_earlier: earlier.is_some(), output, end, took_s, is_well })
}

async fn submit(client: &Client, example: &Example) -> anyhow::Result<String> {
    let mut body = example.body.clone();
    (body["name"], body["node"]) = (json!(example.name), json!(example.node));
    let job: Job = serde_json::from_value(client.job_submit(&body).await?)?;
    Ok(job.id)
}

/// What the newest attempt wrote, both streams as they came, when the job is over.
async fn follow(client: &Client, id: &str) -> anyhow::Result<String> {
    let mut live = LiveStream::new(client.clone(), id.to_owned());
    let (mut attempt, mut output) = (0, Vec::new());
    loop {
        match live.next().await? {
            LiveEvent::Output(chunk) => {
                if chunk.attempt != attempt {
                    (attempt, output) = (chunk.attempt, Vec::new());
                }
                output.extend_from_slice(chunk.bytes());
            }
            LiveEvent::State(_) => {}
            LiveEvent::End(_) => return Ok(String::from_utf8_lossy(&output).into_owned()),
        }
    }
}

/// A report as it is printed.
fn shown(example: &Example, report: &anyhow::Result<Report>) -> String {
    let mut text = format!("\n{} (on {})\n", example.name, example.node);
    let written = match report {
        Ok(report) => {
            let Report { command, is_from_earlier, output, end, took_s, .. } = report;
            let took = took_s.map(|seconds| format!(", {seconds:.1} s")).unwrap_or_default();
            let earlier = if *is_from_earlier { ", from an earlier start" } else { "" };
            write!(text, "  $ {command}\n{}  {end}{took}{earlier}\n", indented(output))
        }
        Err(error) => writeln!(text, "  failed: {error:#}"),
    };
    written.expect("writing to a String cannot fail");
    text
}

/// The output's first and last lines, set in, without what would steer a terminal.
fn indented(output: &str) -> String {
    let lines: Vec<&str> = output.trim_end().lines().collect();
    let plain = |line: &&str| -> String {
        let line: String = line.chars().filter(|c| !c.is_control() || *c == '\t').collect();
        format!("    {line}\n")
    };
    if lines.len() <= FIRST_LINES + LAST_LINES {
        return lines.iter().map(plain).collect();
    }
    let (first, rest) = lines.split_at(FIRST_LINES);
    let (between, last) = rest.split_at(rest.len() - LAST_LINES);
    let count = [format!("    … {} more lines …\n", between.len())];
    first.iter().map(plain).chain(count).chain(last.iter().map(plain)).collect()
}

#[cfg(test)]
mod tests;
