//! Every query of the lab on SQLite, PostgreSQL and MariaDB.

mod batch;
mod batch_delete;
mod batch_element;
mod input;
mod job;
mod job_change;
mod leaver;
mod list;
mod node;
mod output;
mod policy;
mod run;
mod run_list;
mod source;

use std::collections::BTreeMap;
use std::sync::Arc;

use db::{Database, DbError, Query, Write};

use super::job::{job_get, job_insert};
use super::node::{Connected, node_connect, node_get, node_insert};
use super::output::{Chunk, outputs_insert};
use super::queue::{Lease, runs_lease};
use super::run::{Holder, RunEnd, run_insert, run_list_of_job, run_new};
use super::told::{Attempt, Start, Told};
use crate::model::job::{Job, JobId, JobKind, JobStatus};
use crate::model::node::{AdminState, InstalledTool, Inventory, Node, NodeId};
use crate::model::run::{Role, Run, RunId};

const NOW_MS: i64 = 1_790_000_000_000;
/// Two, three and four bytes in UTF-8, and what SQL and LIKE give a meaning.
const ODD_TEXT: &str = "é € 😀 '\"\\ %_! \u{202e}";

/// One transaction.
async fn change(db: &Database, fill: impl FnOnce(&mut Write)) -> Result<Vec<u64>, DbError> {
    let mut write = Write::new();
    fill(&mut write);
    db.write(write).await
}

/// A waiting job as it is submitted, of tenant `faculty`.
fn job(account: &str) -> Job {
    Job {
        id: JobId::generate(),
        tenant: "faculty".into(),
        account: account.into(),
        owner: format!("{account}-login"),
        name: "ping -c 3 192.0.2.1".into(),
        kind: JobKind::Experiment,
        tool: "ping".into(),
        spec: "{}".into(),
        source: None,
        command: "ping -c 3 192.0.2.1".into(),
        wanted_node: None,
        wanted_labels: BTreeMap::new(),
        far_node: None,
        node: None,
        status: JobStatus::Waiting,
        reason: None,
        detail: None,
        pinned: false,
        shared: false,
        attempt: 1,
        is_cancelled: false,
        batch: None,
        batch_index: None,
        exit_code: None,
        cpu_ms: None,
        memory_peak_bytes: None,
        created_ms: NOW_MS,
        started_ms: None,
        completed_ms: None,
    }
}

/// Stores a job and its first run.
async fn submit(db: &Database, job: &Job) -> Run {
    let run = run_new(job.id, job.attempt, Role::Near, job.wanted_node, job.created_ms);
    change(db, |write| {
        job_insert(write, job, None, None);
        run_insert(write, &run);
    })
    .await
    .unwrap();
    run
}

/// Stores a node that this replica holds.
async fn connected(db: &Database, name: &str, replica: &str) -> Holder {
    let node = node(name);
    change(db, |write| node_insert(write, &node)).await.unwrap();
    connect(db, node.id, replica).await
}

/// Takes a node's lease as it stands.
async fn connect(db: &Database, id: NodeId, replica: &str) -> Holder {
    let node = node_get(db, id).await.unwrap().unwrap();
    change(db, |write| node_connect(write, &node, node.epoch + 1, replica, &hello(), NOW_MS)).await.unwrap();
    Holder { node: id, name: node.name, epoch: node.epoch + 1 }
}

fn hello() -> Connected {
    let inventory = Inventory { hostname: ODD_TEXT.into(), memory_bytes: u64::MAX, ..Inventory::default() };
    Connected { boot_id: "boot-1".into(), inventory }
}

fn node(name: &str) -> Node {
    Node {
        id: NodeId::generate(),
        name: name.into(),
        state: AdminState::Enabled,
        slots: 4,
        labels: BTreeMap::from([("site".into(), ODD_TEXT.into())]),
        inventory: Inventory::default(),
        tools: vec![InstalledTool { name: "ping".into(), version: ODD_TEXT.into() }],
        connected: false,
        replica: String::new(),
        epoch: 0,
        boot_id: String::new(),
        last_seen_ms: 0,
        created_ms: NOW_MS,
        running: 0,
    }
}

/// Whether the run was given to this node now.
async fn lease(db: &Database, run: RunId, holder: &Holder) -> bool {
    change(db, |write| run_lease(write, run, holder, None)).await.unwrap() == [1]
}

/// Leases a run alone, whatever its job is.
fn run_lease(write: &mut Write, run: RunId, holder: &Holder, port: Option<u16>) {
    let (job, holder) = (JobId::generate(), holder.clone());
    assert_eq!(runs_lease(write, &[Lease { run, job, attempt: 1, role: Role::Far, holder, port }]), 1);
}

/// Leases a job's run, and the job with it.
fn job_lease(write: &mut Write, run: &Run, holder: &Holder) {
    let (holder, port) = (holder.clone(), run.port);
    runs_lease(write, &[Lease { run: run.id, job: run.job, attempt: run.attempt, role: run.role, holder, port }]);
}

fn run_started(write: &mut Write, run: RunId, epoch: i64, at_ms: i64, argv: &[String]) {
    let mut told = Told::new();
    told.started(run, epoch, &Start { at_ms, argv: argv.to_vec() }, None);
    told.push(write);
}

fn job_started(write: &mut Write, job: JobId, attempt: i64, at_ms: i64) {
    let mut told = Told::new();
    told.started(RunId::generate(), 0, &Start { at_ms, argv: Vec::new() }, Some(Attempt::new(job, attempt)));
    told.push(write);
}

/// Ends a run that is on a node.
fn run_end(write: &mut Write, run: RunId, end: &RunEnd) {
    let mut told = Told::new();
    told.run_ended(run, end, None);
    told.push(write);
}

fn output_insert(write: &mut Write, run: RunId, chunk: &Chunk) {
    outputs_insert(write, &[(run, Arc::new(chunk.clone()))]);
}

/// Sets a job's state without asking whether it may be left.
async fn force(db: &Database, id: JobId, status: JobStatus) {
    let query = Query::new("UPDATE lab_job SET state = ? WHERE id = ?").bind(status.as_str()).bind(id.to_string());
    assert_eq!(db.write(Write::new().step(query)).await.unwrap(), [1]);
}

async fn stored(db: &Database, id: JobId) -> Job {
    job_get(db, id).await.unwrap().expect("the job is there")
}

async fn stored_run(db: &Database, run: &Run) -> Run {
    let runs = run_list_of_job(db, run.job).await.unwrap();
    runs.into_iter().find(|stored| stored.id == run.id).expect("the run is there")
}
