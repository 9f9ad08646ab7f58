//! Watchers of runs that print ten lines a second each: how late a line is, what that takes, and that every watcher sees
//! each line once, also over a cut.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use serde_json::json;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::Effort;
use crate::figures::{Latencies, Rounds, Spread, line};
use crate::http::{Client, api, request};
use crate::nodes::Nodes;
use crate::plane::Plane;
use crate::process::{cpu_time, pss_mb};
use crate::stream::{Door, Event, Stream};

/// Watchers, and runs where each watches their own, of one account.
const OF_ACCOUNT: usize = 50;
/// Runs of one node.
const SLOTS: usize = 50;
/// Streams that are opened at the same time.
const AT_ONCE: usize = 32;
const PASSWORD: &str = "correct horse battery";
/// Lines carry the time since then, so that it can be told how late they are.
static BEGAN: LazyLock<Instant> = LazyLock::new(Instant::now);

/// What is watched.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Of {
    /// Each watcher has a run of their own.
    OwnRuns,
    /// All watch the same run.
    OneRun,
}

/// What the watchers share.
struct Class {
    door: Door,
    open: AtomicUsize,
    is_counted: AtomicBool,
    latencies: Mutex<Latencies>,
    lines: AtomicUsize,
    /// How often every stream was cut; a watcher that has seen fewer cuts its own.
    cuts: watch::Sender<u32>,
}

pub(crate) async fn measure(effort: &Effort, of: Of) -> anyhow::Result<()> {
    let name = match of {
        Of::OwnRuns => "each their own run",
        Of::OneRun => "all one run",
    };
    println!("{} watchers, {name}, 10 lines a second each", effort.many);
    let mut plane = Plane::start().await?;
    plane.policy(json!({ "account_waiting_max": 1_000_000, "account_hourly_max": 1_000_000 })).await?;
    let nodes = Nodes::join(&mut plane, effort.many.div_ceil(SLOTS), SLOTS as u32, line_text).await?;
    let seats = submit(&mut plane, effort.many, of).await?;
    let runs = if of == Of::OneRun { 1 } else { effort.many };
    nodes.started(runs as u64).await?;
    let class = Arc::new(Class {
        door: Door::new(plane.address(), &plane.ca_pem()?)?,
        open: AtomicUsize::new(0),
        is_counted: AtomicBool::new(false),
        latencies: Mutex::default(),
        lines: AtomicUsize::new(0),
        cuts: watch::channel(0).0,
    });
    tokio::time::sleep(Duration::from_secs(2)).await;
    let before = pss_mb(plane.pid())?;
    let mut watchers = JoinSet::new();
    for (number, (token, job)) in seats.into_iter().enumerate() {
        watchers.spawn(follow(class.clone(), token, job));
        opened(&class, (number + 1).saturating_sub(AT_ONCE), &mut watchers).await?;
    }
    opened(&class, effort.many, &mut watchers).await?;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let each = |now: f64| (now - before) * 1e3 / effort.many as f64;
    let mut silent = Rounds::new();
    silent.push(each(pss_mb(plane.pid())?));
    nodes.printing.is_on.store(true, Ordering::Relaxed);
    let busy = rounds(effort, &plane, &class, before).await?;
    let cut = cut(effort, &class, &mut watchers).await?;
    nodes.printing.is_over.store(true, Ordering::Relaxed);
    let seen = ended(&mut watchers).await?;
    let printed = nodes.tally.lines();
    let whole = if of == Of::OneRun { printed * effort.many as u64 } else { printed };
    busy.latencies.lines(&format!("{name}: printed to seen"), &["", "<= 100"]);
    line("  lines seen", &busy.rate, "1/s", "");
    line("  processor time of the control plane", &busy.server, "%", "");
    line("  and of simulated agents and watchers", &busy.client, "%", "");
    line("  memory a stream (PSS), silent", &silent, "KB", "<= 60");
    line("  memory a stream (PSS), while lines come", &busy.memory, "KB", "<= 60");
    line("  all cut at once: until all are back", &cut, "ms", "");
    // Lines that the control plane did not take in time are an agent's to say again, which simulated ones do not.
    ensure!(seen == whole, "the control plane did not keep up: {seen} of {whole} lines were seen");
    println!("  {printed} lines printed, {seen} seen, none lost or repeated, over two cuts of every stream");
    Ok(())
}

struct Busy {
    latencies: Spread,
    rate: Rounds,
    server: Rounds,
    client: Rounds,
    memory: Rounds,
}

async fn rounds(effort: &Effort, plane: &Plane, class: &Class, before: f64) -> anyhow::Result<Busy> {
    let [rate, server, client, memory] = [const { Rounds::new() }; 4];
    let mut busy = Busy { latencies: Spread::of(&[50, 99]), rate, server, client, memory };
    tokio::time::sleep(Duration::from_secs(3)).await;
    class.is_counted.store(true, Ordering::Relaxed);
    for _ in 0..effort.rounds {
        let began = Instant::now();
        let [there, here] = [cpu_time(&[plane.pid()])?, cpu_time(&[std::process::id()])?];
        let lines = class.lines.load(Ordering::Relaxed);
        std::mem::take(&mut *class.latencies.lock().expect("no holder panics"));
        tokio::time::sleep(effort.round).await;
        let latencies = std::mem::take(&mut *class.latencies.lock().expect("no holder panics"));
        let seconds = began.elapsed().as_secs_f64();
        let percent = |spent: Duration| spent.as_secs_f64() / seconds * 100.0;
        busy.rate.push((class.lines.load(Ordering::Relaxed) - lines) as f64 / seconds);
        busy.server.push(percent(cpu_time(&[plane.pid()])?.saturating_sub(there)));
        busy.client.push(percent(cpu_time(&[std::process::id()])?.saturating_sub(here)));
        busy.latencies.push(latencies);
        busy.memory.push((pss_mb(plane.pid())? - before) * 1e3 / effort.many as f64);
    }
    class.is_counted.store(false, Ordering::Relaxed);
    Ok(busy)
}

/// Cuts every stream while lines come. Answers how long it took until all were open again.
async fn cut(effort: &Effort, class: &Class, watchers: &mut Watchers) -> anyhow::Result<Rounds> {
    let mut back = Rounds::new();
    for _ in 0..2 {
        let open = class.open.load(Ordering::Relaxed);
        let began = Instant::now();
        class.cuts.send_modify(|cuts| *cuts += 1);
        opened(class, open + effort.many, watchers).await?;
        back.push(began.elapsed().as_secs_f64() * 1e3);
        tokio::time::sleep(Duration::from_secs(2)).await;
    }
    Ok(back)
}

type Watchers = JoinSet<anyhow::Result<u64>>;

/// Waits until this many streams were opened in all. A watcher that ends meanwhile has failed.
async fn opened(class: &Class, count: usize, watchers: &mut Watchers) -> anyhow::Result<()> {
    while class.open.load(Ordering::Relaxed) < count {
        if let Some(ended) = watchers.try_join_next() {
            ended.context("watching")??;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    Ok(())
}

/// Waits for the end of every watcher; answers how many lines they saw together.
async fn ended(watchers: &mut Watchers) -> anyhow::Result<u64> {
    let mut seen = 0;
    let all = async {
        while let Some(watcher) = watchers.join_next().await {
            seen += watcher.context("watching")??;
        }
        anyhow::Ok(())
    };
    tokio::time::timeout(Duration::from_secs(120), all).await.context("some streams do not end")??;
    Ok(seen)
}

/// Watches a job to its end, and answers how many lines it saw. Errors: one was lost or came twice.
async fn follow(class: Arc<Class>, token: Arc<str>, job: Arc<str>) -> anyhow::Result<u64> {
    let mut cuts = class.cuts.subscribe();
    let mut next = 0_u64;
    loop {
        let last = next.checked_sub(1);
        let mut stream = Stream::open(&class.door, &token, &job, last).await?;
        class.open.fetch_add(1, Ordering::Relaxed);
        loop {
            let event = tokio::select! {
                event = stream.next() => event?,
                changed = cuts.changed() => {
                    changed.context("the measurement is gone")?;
                    break;
                }
            };
            match event {
                Event::State => {}
                Event::End => return Ok(next),
                Event::Line { seq, text } => {
                    ensure!(seq == next, "line {seq} came in place of {next}");
                    next += 1;
                    count(&class, &text)?;
                }
            }
        }
    }
}

fn count(class: &Class, text: &str) -> anyhow::Result<()> {
    class.lines.fetch_add(1, Ordering::Relaxed);
    if class.is_counted.load(Ordering::Relaxed) {
        let printed = Duration::from_nanos(text.parse().with_context(|| format!("a line {text:?}"))?);
        let latency = BEGAN.elapsed().saturating_sub(printed);
        class.latencies.lock().expect("no holder panics").push(latency);
    }
    Ok(())
}

fn line_text() -> String {
    format!("{}\n", BEGAN.elapsed().as_nanos())
}

/// Whose token watches which job, for every watcher.
async fn submit(plane: &mut Plane, watchers: usize, of: Of) -> anyhow::Result<Vec<(Arc<str>, Arc<str>)>> {
    let mut seats = Vec::new();
    let mut client = Client::connect(plane.address()).await?;
    let shared = match of {
        Of::OneRun => {
            let job = job(&mut client, plane.token()).await?;
            plane.call("PATCH", &format!("/api/v1/jobs/{job}"), 200, r#"{"shared":true}"#).await?;
            Some(job)
        }
        Of::OwnRuns => None,
    };
    for number in 0..watchers.div_ceil(OF_ACCOUNT) {
        let login = format!("learner-{number}");
        let account = json!({ "login": login, "name": login, "role": "learner", "password": PASSWORD });
        plane.call("POST", "/api/v1/accounts", 201, &account.to_string()).await?;
        let token = token(&mut client, &login).await?;
        for _ in 0..OF_ACCOUNT.min(watchers - seats.len()) {
            let job = match &shared {
                Some(job) => job.clone(),
                None => job(&mut client, &token).await?,
            };
            seats.push((token.clone(), job));
        }
    }
    Ok(seats)
}

/// A new API token of an account.
async fn token(client: &mut Client, login: &str) -> anyhow::Result<Arc<str>> {
    const JSON: &str = "content-type: application/json\r\n";
    let sign_in = json!({ "login": login, "password": PASSWORD }).to_string();
    let answer = client.expect(201, &request("POST", "/api/v1/sessions", JSON, &sign_in)).await?;
    let cookie = answer.header("set-cookie").and_then(|cookie| cookie.split(';').next()).context("no cookie")?;
    let session: serde_json::Value = serde_json::from_slice(&answer.body).context("reading the session")?;
    let csrf = session["csrf"].as_str().context("the session has no csrf")?;
    let headers = format!("{JSON}cookie: {cookie}\r\nx-csrf-token: {csrf}\r\n");
    let answer = client.expect(201, &request("POST", "/api/v1/tokens", &headers, r#"{"name":"bench"}"#)).await?;
    let made: serde_json::Value = serde_json::from_slice(&answer.body).context("reading the token")?;
    made["token"].as_str().map(Into::into).context("the answer has no token")
}

async fn job(client: &mut Client, token: &str) -> anyhow::Result<Arc<str>> {
    const JOB: &str = r#"{"tool":"ping","args":["-c","1","127.0.0.1"]}"#;
    let answer = client.expect(202, &api("POST", "/api/v1/jobs", token, JOB)).await?;
    let job: serde_json::Value = serde_json::from_slice(&answer.body).context("reading the job")?;
    job["id"].as_str().map(Into::into).context("the answer has no id")
}
