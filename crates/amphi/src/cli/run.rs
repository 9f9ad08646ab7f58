//! `amphi run`: a tool on a node, as if it ran here.

use std::process::ExitCode;

use clap::Args;
use serde_json::{Value, json};
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::failure::{Failure, INTERRUPTED, UNAVAILABLE, USAGE};
use super::follow::{Ended, Follower, exit_of};
use super::output::{OutputArgs, print_json, print_line};
use super::{label, tool};
use crate::client::{Client, ClientError};

/// Arguments of `amphi run`.
#[derive(Args, Debug)]
#[command(after_help = "\
Options of amphi stand before TOOL; everything behind TOOL belongs to the tool.
`amphi run TOOL --help` shows what the tool takes.
Ctrl-C cancels the run and waits for its end; a second Ctrl-C leaves at once.

Examples:
  amphi run ping -c 3 192.0.2.1
  amphi run --node lab-a traceroute -I example.org
  amphi run --on site=paris --name 'from Paris' iperf3 -t 5 lab-b
  amphi run --detach mtr example.org")]
pub(crate) struct RunArgs {
    /// Run on this node
    #[arg(long, value_name = "NODE", conflicts_with = "on")]
    node: Option<String>,
    /// Run on a node with this label; repeat it to ask for several
    #[arg(long, value_name = "KEY=VALUE", value_parser = label)]
    on: Vec<(String, String)>,
    /// Call the job this
    #[arg(long, value_name = "TEXT")]
    name: Option<String>,
    /// Print the job's id and leave; the job goes on
    #[arg(long)]
    detach: bool,
    #[command(flatten)]
    format: OutputArgs,
    /// The tool, then its own options and its destination; left out, the tools are listed
    #[arg(trailing_var_arg = true, value_names = ["TOOL", "ARGS"])]
    command: Vec<String>,
}

impl RunArgs {
    fn tool_and_args(&self) -> (&str, &[String]) {
        self.command.split_first().map_or(("", &[]), |(tool, args)| (tool.as_str(), args))
    }

    fn body(&self) -> Value {
        let (tool, args) = self.tool_and_args();
        let mut body = json!({ "tool": tool, "args": args });
        if let Some(node) = &self.node {
            body["node"] = json!(node);
        }
        if !self.on.is_empty() {
            body["on"] = self.on.iter().map(|(key, value)| (key.clone(), json!(value))).collect();
        }
        if let Some(name) = &self.name {
            body["name"] = json!(name);
        }
        body
    }
}

/// Ctrl-C, counted.
pub(super) struct Interrupts {
    signal: Signal,
    count: u32,
}

impl Interrupts {
    pub(super) fn listen() -> Result<Self, Failure> {
        Ok(Self { signal: signal(SignalKind::interrupt())?, count: 0 })
    }

    /// Waits for the next one and gives how many there were. Safe to cancel.
    pub(super) async fn next(&mut self) -> u32 {
        match self.signal.recv().await {
            Some(()) => self.count += 1,
            None => std::future::pending().await,
        }
        self.count
    }
}

/// Submits the job and, unless it is detached, follows it to its end.
pub(super) async fn run(args: RunArgs) -> Result<ExitCode, Failure> {
    let client = super::connect()?;
    if args.command.is_empty() {
        tool::list(&client, args.format).await?;
        return Err(Failure::new(USAGE, "no tool was named").or_try("amphi run TOOL --help"));
    }
    let (tool, tool_args) = args.tool_and_args();
    if tool_args.first().is_some_and(|arg| arg == "--help") {
        return tool::show(&client, tool, args.format).await.map(|()| ExitCode::SUCCESS);
    }
    let mut interrupts = Interrupts::listen()?;
    let Some((submitted, is_interrupted)) = submit(&client, &args.body(), &mut interrupts).await else {
        return Ok(ExitCode::from(INTERRUPTED));
    };
    let job = submitted.map_err(|error| {
        let is_wrong_usage = matches!(error.status(), Some(400 | 422));
        let failure = Failure::from(error);
        if is_wrong_usage { failure.or_try(format!("amphi run {tool} --help, or amphi tool list")) } else { failure }
    })?;
    let id = id_of(&client, &job)?;
    if args.detach && !is_interrupted {
        if args.format.is_json() {
            print_json(&job)?
        } else {
            print_line(&id)?
        }
        return Ok(ExitCode::SUCCESS);
    }
    let mut follower = Follower::new(client.clone(), id.clone(), interrupts, !args.format.is_json());
    if is_interrupted && !follower.cancel().await {
        return Ok(ExitCode::from(INTERRUPTED));
    }
    let Ended::Job { end, is_cancelled_by_us } = follower.follow().await? else {
        return Ok(ExitCode::from(INTERRUPTED));
    };
    if args.format.is_json() {
        print_json(&client.get(&["jobs", &id], &[]).await?)?;
    }
    let (exit, sentence) = exit_of(&end, is_cancelled_by_us);
    if let Some(sentence) = sentence {
        Failure::new(exit, sentence).or_try(format!("amphi job show {id}")).print();
    }
    Ok(ExitCode::from(exit))
}

/// What became of the submission, and whether Ctrl-C came meanwhile: the job may exist, so it has to be cancelled then.
/// `None` after a second Ctrl-C.
async fn submit(
    client: &Client,
    body: &Value,
    interrupts: &mut Interrupts,
) -> Option<(Result<Value, ClientError>, bool)> {
    let submitted = client.job_submit(body);
    tokio::pin!(submitted);
    let mut is_interrupted = false;
    loop {
        tokio::select! {
            submitted = &mut submitted => return Some((submitted, is_interrupted)),
            count = interrupts.next() => {
                if count > 1 {
                    return None;
                }
                is_interrupted = true;
            }
        }
    }
}

fn id_of(client: &Client, job: &Value) -> Result<String, Failure> {
    match job["id"].as_str() {
        Some(id) => Ok(id.to_owned()),
        None => Err(Failure::new(UNAVAILABLE, format!("{} accepted a job without an id", client.base()))),
    }
}
