//! Lists over a history that no semester reaches: ten million finished jobs, written straight into the database while the
//! control plane is away, then read through its API by an admin and by a learner.

use std::time::Instant;

use anyhow::Context;
use db::{Database, Query, Write};

use crate::Effort;
use crate::figures::{Latencies, Rounds, Spread, line};
use crate::http::{Client, api};
use crate::plane::{Plane, json_of};

/// Rows of one transaction.
const STEP: u32 = 100_000;
/// Every tenant but the first has as many; a thousandth are programs.
const TENANTS: u32 = 20;
const ACCOUNTS: u32 = 1_000;

/// `n` counts from the first row of a step to its last. A hundredth of the rows are the learner's own.
const FILL: &str = "WITH RECURSIVE count (n) AS (SELECT ? UNION ALL SELECT n + 1 FROM count WHERE n < ?) \
     INSERT INTO lab_job (id, tenant, account, owner, name, kind, tool, spec, command, node, state, pinned, shared, \
     attempt, is_cancelled, exit_code, created_ms, started_ms, completed_ms) \
     SELECT printf('%08x-%04x-7000-8000-%012x', n / 65536, n % 65536, n), \
     CASE WHEN n % 100 = 0 THEN mine.tenant ELSE 'tenant-' || (n % ?) END, \
     CASE WHEN n % 100 = 0 THEN mine.account ELSE 'account-' || (n % ?) END, mine.owner, 'ping ' || n, \
     CASE WHEN n % 1000 < 11 THEN 'program' ELSE 'experiment' END, mine.tool, mine.spec, mine.command, 'lab-a', \
     'completed', 0, 0, 1, 0, 0, n, n, n \
     FROM count CROSS JOIN (SELECT tenant, account, owner, tool, spec, command FROM lab_job ORDER BY id DESC LIMIT 1) AS mine";

pub(crate) async fn measure(effort: &Effort) -> anyhow::Result<()> {
    let mut plane = Plane::start().await?;
    let agents = plane.simulate(1, 2).await?;
    let learner = plane.learner().await?;
    let mut client = Client::connect(plane.address()).await?;
    let job = r#"{"tool":"ping","args":["-c","1","127.0.0.1"]}"#;
    client.expect(202, &api("POST", "/api/v1/jobs", &learner, job)).await?;
    drop(agents);
    let plane = plane.away(|path| fill(path, effort.history)).await?;
    let mut client = Client::connect(plane.address()).await?;
    let reads = [
        ("all there is", plane.token(), ""),
        ("programs", plane.token(), "?kind=program"),
        ("a learner's own", learner.as_str(), "?scope=mine"),
        ("a learner's own programs", learner.as_str(), "?scope=mine&kind=program"),
        ("the 100th page of a learner's own", learner.as_str(), "?scope=mine&before="),
    ];
    let mut spreads = reads.each_ref().map(|_| Spread::of(&[50, 95]));
    let far = page(&mut client, &learner, 100).await?;
    for _ in 0..effort.rounds {
        let mut rounds = reads.each_ref().map(|_| Latencies::default());
        for _ in 0..effort.singles {
            for ((_, token, query), round) in reads.iter().zip(&mut rounds) {
                let cursor = if query.ends_with("before=") { far.as_str() } else { "" };
                let read = api("GET", &format!("/api/v1/jobs{query}{cursor}"), token, "");
                let began = Instant::now();
                client.expect(200, &read).await?;
                round.push(began.elapsed());
            }
        }
        spreads.iter_mut().zip(rounds).for_each(|(spread, round)| spread.push(round));
    }
    for ((what, ..), spread) in reads.iter().zip(&spreads) {
        spread.lines(&format!("50 of {} jobs: {what}", effort.history), &["", "<= 10"]);
    }
    Ok(())
}

/// Writes the rows.
async fn fill(path: String, rows: u32) -> anyhow::Result<()> {
    let began = Instant::now();
    let db = Database::open(&path).await.context("opening the database")?;
    let mut first = 1;
    while first <= rows {
        let last = rows.min(first + STEP - 1);
        let query = Query::new(FILL).bind(first).bind(last).bind(TENANTS).bind(ACCOUNTS);
        db.write(Write::new().step(query)).await.context("writing the history")?;
        first = last + 1;
    }
    db.close().await;
    let mut took = Rounds::new();
    took.push(began.elapsed().as_secs_f64());
    line(&format!("writing a history of {rows} jobs"), &took, "s", "");
    Ok(())
}

/// The cursor of the learner's own page of this number.
async fn page(client: &mut Client, token: &str, number: u32) -> anyhow::Result<String> {
    let mut cursor = String::new();
    for _ in 0..number {
        let before = if cursor.is_empty() { String::new() } else { format!("&before={cursor}") };
        let answer = client.expect(200, &api("GET", &format!("/api/v1/jobs?scope=mine{before}"), token, "")).await?;
        cursor = json_of(&answer)?["next"].as_str().context("the history is too short")?.to_owned();
    }
    Ok(cursor)
}
