//! `amphi run`: a tool or a program on a node, as if it ran here.

mod input;
mod inputs;
mod lines;
mod refusal;
mod request;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde_json::{Value, json};
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::failure::{Failure, INTERRUPTED, UNAVAILABLE, USAGE};
use super::follow::{Ended, Follower, exit_of};
use super::output::{OutputArgs, print_json, print_line};
use super::{batch, label, tool};
use crate::client::{Client, ClientError};

pub(super) use input::Typing;
use request::Request;

/// Arguments of `amphi run`.
#[derive(Args, Debug)]
#[command(after_help = "\
Options of amphi stand before TOOL or FILE; everything behind it belongs to the tool or the program.
`amphi run TOOL --help` shows what the tool takes.

A first word with \"/\" in it, with the extension of a language (`amphi language list`), or of a file that is here and has \
any extension is a program; so is a zip of files, and whatever comes with --language. Other words are tools. A program's \
files lie where the program runs as they lie beside FILE here.

A program reads the standard input of this command: a file at once, a pipe as it comes. At a terminal it reads nothing \
unless -i or -t is given; `--stdin /dev/null` keeps it from reading.

Ctrl-C cancels the run and waits for its end; a second Ctrl-C leaves at once. With -i, and with a pipe as standard input, \
the first Ctrl-C goes to the program. With -t all keys do; Ctrl-] cancels.

Examples:
  amphi run ping -c 3 192.0.2.1
  amphi run --node lab-a traceroute -I example.org
  amphi run --on site=paris --name 'from Paris' iperf3 -t 5 lab-b
  amphi run --array 1-1000 -c 'echo $AMPHI_INDEX'
  amphi run --each-line hosts.txt ping -c 3  a destination from each line
  amphi run --each-input tests solve.py      the program reads each file of the directory tests
  amphi run --detach mtr example.org
  amphi run hello.py one two                 a program with two arguments
  sort words.txt | amphi run --file util.c main.c
  amphi run -i guess.rb                      type into the program
  amphi run -t --language shell menu         in a terminal of its own
  amphi run -c 'uname -a; nproc'             a shell line")]
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
    /// Run it for every index from A to B, which stands for {index} in ARGS
    #[arg(long, value_name = "A-B", value_parser = batch::array)]
    array: Option<(i64, i64)>,
    /// Run it for every line of this file, whose words stand for {1} to {9} in ARGS or go behind them
    #[arg(long, value_name = "PATH", conflicts_with = "array")]
    each_line: Option<PathBuf>,
    /// Run the program for this file as its standard input, or for every file of this directory; repeat it for more
    #[arg(long, value_name = "PATH", conflicts_with_all = ["array", "each_line", "stdin"])]
    each_input: Vec<PathBuf>,
    /// Run it once on each node that can
    #[arg(long, conflicts_with_all = ["array", "each_line", "each_input", "node"])]
    each_node: bool,
    /// Print the id of the job or batch and leave; it goes on
    #[arg(long)]
    detach: bool,
    /// The program's language, where the name of FILE does not tell it
    #[arg(long, value_name = "LANGUAGE")]
    language: Option<String>,
    /// Run this shell line as the program; ARGS are its $1, $2 …
    #[arg(short = 'c', value_name = "LINE", conflicts_with_all = ["language", "file"])]
    line: Option<String>,
    /// One more file of the program; repeat it for several
    #[arg(long, value_name = "PATH")]
    file: Vec<PathBuf>,
    /// Give the program this file as standard input
    #[arg(long, value_name = "PATH")]
    stdin: Option<PathBuf>,
    /// Send what you type to the program
    #[arg(short, long, conflicts_with = "detach")]
    interactive: bool,
    /// Run the program in a terminal that is shown in this one
    #[arg(short, long, conflicts_with = "detach")]
    terminal: bool,
    #[command(flatten)]
    format: OutputArgs,
    /// The tool or the program's main file, then its own arguments
    #[arg(trailing_var_arg = true, value_names = ["TOOL|FILE", "ARGS"])]
    command: Vec<String>,
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
    if args.command.is_empty() && args.line.is_none() {
        return Err(Failure::new(USAGE, "no tool and no program was named")
            .why("a tool is a word such as ping, a program a file such as hello.py, or a shell line behind -c")
            .or_try("amphi tool list, amphi language list, amphi run --help"));
    }
    let client = super::connect()?;
    if let Some(tool) = args.tool_of_help() {
        return tool::show(&client, tool, args.format).await.map(|()| ExitCode::SUCCESS);
    }
    let request = Request::read(&args)?;
    let mut interrupts = Interrupts::listen()?;
    let what = if args.is_batch() { "batches" } else { "jobs" };
    let Some((submitted, is_interrupted)) = submit(&client, what, &request.body, &mut interrupts).await else {
        return Ok(ExitCode::from(INTERRUPTED));
    };
    let job = submitted.map_err(|error| request.refused(error))?;
    let id = id_of(&client, &job)?;
    if args.detach && !is_interrupted {
        if args.format.is_json() {
            print_json(&job)?
        } else {
            print_line(&id)?
        }
        return Ok(ExitCode::SUCCESS);
    }
    if args.is_batch() {
        return batch::follow(&client, &id, &mut interrupts, is_interrupted, args.format).await;
    }
    let typing = request.is_live.then(|| Typing::new(client.clone(), id.clone(), args.terminal));
    let mut follower = Follower::new(client.clone(), id.clone(), interrupts, !args.format.is_json(), typing);
    if is_interrupted && !follower.cancel().await {
        return Ok(ExitCode::from(INTERRUPTED));
    }
    let Ended::Job { end, is_cancelled_by_us } = follower.follow().await? else {
        return Ok(ExitCode::from(INTERRUPTED));
    };
    if args.format.is_json() {
        print_json(&job_with_output(&client, &id).await?)?;
    }
    let (exit, sentence) = exit_of(&end, is_cancelled_by_us);
    if let Some(sentence) = sentence {
        Failure::new(exit, sentence).or_try(format!("amphi job show {id}")).print();
    }
    Ok(ExitCode::from(exit))
}

/// The job, and where its output is.
async fn job_with_output(client: &Client, id: &str) -> Result<Value, Failure> {
    let mut job: Value = client.get(&["jobs", id], &[]).await?;
    job["output_url"] = json!(client.url(&["jobs", id, "output"])?);
    Ok(job)
}

/// What became of the submission, and whether Ctrl-C came meanwhile: the job may exist, so it has to be cancelled then.
/// `None` after a second Ctrl-C.
async fn submit(
    client: &Client,
    what: &str,
    body: &Value,
    interrupts: &mut Interrupts,
) -> Option<(Result<Value, ClientError>, bool)> {
    let segments = [what];
    let submitted = client.post_once(&segments, body);
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
