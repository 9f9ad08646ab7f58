//! Follows a job on the terminal: the tool's output to where the tool meant it, the place in the queue in a line that
//! changes in place, Ctrl-C passed on.

use std::io::{self, IsTerminal, Stderr, Stdout, Write};
use std::time::Duration;

use reqwest::Method;

use super::failure::{Failure, INTERRUPTED, UNAVAILABLE};
use super::run::{Interrupts, Typing};
use super::terminal::{StatusLine, plain, say};
use super::untrusted::Filter;
use crate::client::{Client, ClientError, JobEnd, LiveEvent, LiveStream, OutputChunk, OutputStream, StateChange};

/// How long a cancel may take when nobody waits for the output any more.
const PARTING_TIMEOUT: Duration = Duration::from_secs(5);

/// How following ended.
pub(super) enum Ended {
    /// The job is over.
    Job { end: JobEnd, is_cancelled_by_us: bool },
    /// A second Ctrl-C: left at once.
    Left,
}

/// One job being followed.
pub(super) struct Follower {
    client: Client,
    job: String,
    live: LiveStream,
    interrupts: Interrupts,
    /// The tool's own output is shown; not when the result is printed as JSON.
    shows_output: bool,
    stdout: Sink<Stdout>,
    stderr: Sink<Stderr>,
    waiting: StatusLine,
    attempt: Option<u64>,
    is_cancelled: bool,
    /// What is typed here, where the program gets it.
    typing: Option<Typing>,
}

impl Follower {
    pub(super) fn new(
        client: Client,
        job: String,
        interrupts: Interrupts,
        shows_output: bool,
        typing: Option<Typing>,
    ) -> Self {
        // What a program does in a terminal is done to the terminal it is shown in.
        let is_raw = typing.as_ref().is_some_and(Typing::is_terminal);
        Self {
            live: LiveStream::new(client.clone(), job.clone()),
            client,
            job,
            interrupts,
            shows_output,
            stdout: Sink::new(io::stdout(), is_raw),
            stderr: Sink::new(io::stderr(), is_raw),
            waiting: StatusLine::new(),
            attempt: None,
            is_cancelled: false,
            typing,
        }
    }

    /// Until the job ends or a second Ctrl-C. Errors: the job can't be followed; the reader of the output left (the
    /// job is then cancelled, as a local tool would die of it).
    pub(super) async fn follow(mut self) -> Result<Ended, Failure> {
        loop {
            let event = tokio::select! {
                event = self.live.next() => event,
                count = self.interrupts.next() => {
                    if !self.on_interrupt(count).await {
                        self.waiting.clear();
                        return Ok(Ended::Left);
                    }
                    continue;
                }
            };
            match event {
                Ok(LiveEvent::State(state)) => self.on_state(&state),
                Ok(LiveEvent::Output(chunk)) => {
                    if let Err(error) = self.on_output(&chunk) {
                        // Best effort: the reader is gone, and so is whoever would read of a failure.
                        let _ = tokio::time::timeout(PARTING_TIMEOUT, send_cancel(&self.client, &self.job)).await;
                        return Err(error.into());
                    }
                }
                Ok(LiveEvent::End(end)) => {
                    self.waiting.clear();
                    return Ok(Ended::Job { end, is_cancelled_by_us: self.is_cancelled });
                }
                Err(error) => {
                    self.waiting.clear();
                    return Err(Failure::from(error).or_try(format!("amphi job show {}", self.job)));
                }
            }
        }
    }

    /// Ctrl-C: to a program that is typed into, then to the job, then to us. False: leave at once.
    async fn on_interrupt(&mut self, count: u32) -> bool {
        let passed_on = u32::from(self.typing.as_ref().is_some_and(Typing::takes_interrupts));
        if count <= passed_on {
            self.typing.as_mut().is_some_and(Typing::interrupt)
        } else {
            count == passed_on + 1 && self.cancel().await
        }
    }

    /// Asks for the end of the job. A failure is told, and following goes on.
    /// False when another Ctrl-C came before the server answered.
    pub(super) async fn cancel(&mut self) -> bool {
        self.is_cancelled = true;
        self.waiting.show("cancelling; Ctrl-C again leaves at once");
        let sent = tokio::select! {
            sent = send_cancel(&self.client, &self.job) => sent,
            _ = self.interrupts.next() => return false,
        };
        // 409: it ended by itself in the meantime, which the stream will tell.
        if let Err(error) = sent
            && error.status() != Some(409)
        {
            self.waiting.clear();
            Failure::from(error).or_try("Ctrl-C again leaves; the run goes on").print();
        }
        true
    }

    fn on_state(&mut self, state: &StateChange) {
        if self.is_cancelled {
            return;
        }
        if state.status == "running"
            && let Some(typing) = &mut self.typing
        {
            self.waiting.clear();
            self.waiting.is_on = false;
            typing.begin();
        }
        match state.status.as_str() {
            "waiting" => self.waiting.show(&waiting_text(state)),
            "running" => match &state.node {
                Some(node) => self.waiting.show(&format!("running on {}", plain(node))),
                None => self.waiting.show("running"),
            },
            _ => {}
        }
    }

    fn on_output(&mut self, chunk: &OutputChunk) -> io::Result<()> {
        if !self.shows_output {
            return Ok(());
        }
        self.waiting.clear();
        let before = self.attempt.replace(chunk.attempt);
        if before.is_some_and(|before| before != chunk.attempt) {
            say(&format!("note: the node was lost; this is attempt {}\n", chunk.attempt));
        }
        match chunk.stream {
            OutputStream::Stdout => self.stdout.write(chunk.bytes()),
            OutputStream::Stderr | OutputStream::Compile => self.stderr.write(chunk.bytes()),
        }
    }
}

async fn send_cancel(client: &Client, job: &str) -> Result<(), ClientError> {
    client.change(Method::POST, &["jobs", job, "cancel"], None).await.map(drop)
}

/// Where one of the tool's streams goes: raw into a pipe or a file, made safe on a terminal.
struct Sink<W> {
    out: W,
    filter: Option<Filter>,
}

impl<W: Write + IsTerminal> Sink<W> {
    fn new(out: W, is_raw: bool) -> Self {
        let filter = (out.is_terminal() && !is_raw).then(Filter::default);
        Self { out, filter }
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut self.filter {
            Some(filter) => self.out.write_all(filter.pass_bytes(bytes).as_bytes())?,
            None => self.out.write_all(bytes)?,
        }
        self.out.flush()
    }
}

fn waiting_text(state: &StateChange) -> String {
    let mut text = match state.place {
        Some(place) => format!("waiting: {} in queue", ordinal(place)),
        None => "waiting".to_owned(),
    };
    if let Some(node) = &state.node {
        text.push_str(&format!(" on {}", plain(node)));
    }
    if let Some(reason) = &state.reason {
        text.push_str(&format!(" ({})", plain(reason)));
    }
    text
}

fn ordinal(number: u64) -> String {
    let suffix = match (number % 10, number % 100) {
        (_, 11..=13) => "th",
        (1, _) => "st",
        (2, _) => "nd",
        (3, _) => "rd",
        _ => "th",
    };
    format!("{number}{suffix}")
}

/// The exit status of `amphi run`, and what to say when the tool did not run to its own end.
pub(super) fn exit_of(end: &JobEnd, is_cancelled_by_us: bool) -> (u8, Option<String>) {
    // A tool's status has eight bits; more would come from a server that is not ours.
    let own = end.exit_code.map(|code| u8::try_from(code).unwrap_or(u8::MAX));
    match end.status.as_str() {
        "completed" => (own.unwrap_or(UNAVAILABLE), None),
        "cancelled" if is_cancelled_by_us => (own.unwrap_or(INTERRUPTED), None),
        "cancelled" => (own.unwrap_or(UNAVAILABLE), Some("the run was cancelled".to_owned())),
        _ => {
            let reason = end.reason_text.as_ref().or(end.reason.as_ref());
            let reason = reason.map_or("no reason was given", String::as_str);
            (own.filter(|&code| code != 0).unwrap_or(UNAVAILABLE), Some(format!("the run failed: {reason}")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_said_as_people_say_them() {
        let said: Vec<String> = [1, 2, 3, 4, 11, 12, 13, 21, 112, 123].into_iter().map(ordinal).collect();
        assert_eq!(said, ["1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "21st", "112th", "123rd"]);
        let state = StateChange { place: Some(3), node: Some("lab-c".to_owned()), ..StateChange::default() };
        assert_eq!(waiting_text(&state), "waiting: 3rd in queue on lab-c");
        assert_eq!(waiting_text(&StateChange::default()), "waiting");
    }

    #[test]
    fn the_runs_own_status_comes_first() {
        let end = |status: &str, exit_code, reason: Option<&str>| JobEnd {
            status: status.to_owned(),
            exit_code,
            reason: reason.map(str::to_owned),
            reason_text: None,
        };
        assert_eq!(exit_of(&end("completed", Some(0), None), false), (0, None));
        assert_eq!(exit_of(&end("completed", Some(1), None), true), (1, None));
        assert_eq!(exit_of(&end("completed", Some(300), None), false), (255, None));
        let (exit, sentence) = exit_of(&end("error", None, Some("node down")), false);
        assert_eq!((exit, sentence.as_deref()), (69, Some("the run failed: node down")));
        let told = JobEnd { reason_text: Some("node down: lab-a".to_owned()), ..end("error", None, Some("node-down")) };
        assert_eq!(exit_of(&told, false).1.as_deref(), Some("the run failed: node down: lab-a"));
        assert_eq!(exit_of(&end("error", Some(137), Some("stopped")), false).0, 137);
        assert_eq!(exit_of(&end("error", Some(0), None), false).0, 69);
        assert_eq!(exit_of(&end("cancelled", None, None), true), (130, None));
        assert_eq!(exit_of(&end("cancelled", Some(143), None), true), (143, None));
        assert_eq!(exit_of(&end("cancelled", None, None), false).0, 69);
    }
}
