//! What is typed here, or comes through a pipe, sent to the running program: one act after the other, so that their
//! order stays, and each carried out once, even over a link that breaks.

use std::io::{self, IsTerminal};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use nix::sys::signal::{Signal, raise};
use nix::sys::termios::{SetArg, Termios, cfmakeraw, tcgetattr, tcsetattr};
use serde_json::{Value, json};
use tokio::io::AsyncReadExt;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;

use crate::cli::failure::Failure;
use crate::client::{Client, ClientError};

/// Bytes of one act.
const PIECE_BYTES: usize = 16 * 1024;
/// How long to wait before the program is tried again that takes nothing just now.
const PAUSE: Duration = Duration::from_millis(200);
/// Ctrl-], which leaves a terminal whose keys all go to the program.
const LEAVE: u8 = 0x1d;

/// Input on its way to a program. Dropping it ends that and puts the terminal back in order.
pub(in crate::cli) struct Typing {
    client: Client,
    job: String,
    is_terminal: bool,
    raw: Option<Raw>,
    tasks: JoinSet<()>,
}

impl Typing {
    pub(super) fn new(client: Client, job: String, is_terminal: bool) -> Self {
        Self { client, job, is_terminal, raw: None, tasks: JoinSet::new() }
    }

    /// Whether the program runs in a terminal.
    pub(in crate::cli) fn is_terminal(&self) -> bool {
        self.is_terminal
    }

    /// Begins, once the program runs; later calls do nothing.
    pub(in crate::cli) fn begin(&mut self) {
        if !self.tasks.is_empty() {
            return;
        }
        if self.is_terminal {
            match Raw::start() {
                Ok(raw) => self.raw = Some(raw),
                Err(error) => Failure::from(error).print(),
            }
        }
        let (client, job, is_terminal) = (self.client.clone(), self.job.clone(), self.is_terminal);
        self.tasks.spawn(async move {
            if let Err(error) = forward(&client, &job, is_terminal).await {
                error.or_try("Ctrl-C; the program gets no more input").print();
            }
        });
    }

    /// Whether Ctrl-C is the program's: it runs, and has no terminal that turns the key into a signal.
    pub(in crate::cli) fn takes_interrupts(&self) -> bool {
        !self.is_terminal && !self.tasks.is_empty()
    }

    /// Sends an interrupt, without waiting for what is typed before it. True: it is on its way.
    pub(in crate::cli) fn interrupt(&mut self) -> bool {
        let (client, job) = (self.client.clone(), self.job.clone());
        self.tasks.spawn(async move {
            if let Err(error) = send(&client, &job, &json!({ "interrupt": true })).await {
                error.print();
            }
        });
        true
    }
}

/// Sends standard input until it ends.
async fn forward(client: &Client, job: &str, is_terminal: bool) -> Result<(), Failure> {
    let mut stdin = tokio::io::stdin();
    let mut resized = signal(SignalKind::window_change())?;
    let mut piece = vec![0; PIECE_BYTES];
    loop {
        let act = tokio::select! {
            read = stdin.read(&mut piece) => match read? {
                0 => return send(client, job, &json!({ "end": true })).await,
                length if is_terminal && piece[..length].contains(&LEAVE) => {
                    raise(Signal::SIGINT).map_err(io::Error::from)?;
                    continue;
                }
                length => data(&piece[..length]),
            },
            Some(()) = resized.recv(), if is_terminal => match terminal_size() {
                Some((columns, rows)) => json!({ "resize": { "columns": columns, "rows": rows } }),
                None => continue,
            },
        };
        send(client, job, &act).await?;
    }
}

fn data(bytes: &[u8]) -> Value {
    match std::str::from_utf8(bytes) {
        Ok(text) => json!({ "input": text }),
        Err(_) => json!({ "input_base64": STANDARD.encode(bytes) }),
    }
}

/// Sends one act. A program that takes nothing just now (its input is full, or it is being placed again) gets it later.
async fn send(client: &Client, job: &str, act: &Value) -> Result<(), Failure> {
    loop {
        match client.post_once(&["jobs", job, "input"], act).await {
            Ok(_) => return Ok(()),
            Err(ClientError::Refused(problem)) if problem.status == 409 => tokio::time::sleep(PAUSE).await,
            Err(error) => return Err(error.into()),
        }
    }
}

/// Columns and rows of the terminal of standard input, 80 × 24 where it does not say; `None` where there is none.
pub(super) fn terminal_size() -> Option<(u16, u16)> {
    let stdin = io::stdin();
    let is_terminal = stdin.is_terminal();
    let size = terminal_size::terminal_size_of(stdin).map(|(width, height)| (width.0, height.0));
    is_terminal.then(|| size.unwrap_or((80, 24)))
}

/// The terminal of standard input passing on every key, until dropped.
struct Raw(Termios);

impl Raw {
    fn start() -> io::Result<Self> {
        let before = tcgetattr(io::stdin())?;
        let mut raw = before.clone();
        cfmakeraw(&mut raw);
        tcsetattr(io::stdin(), SetArg::TCSADRAIN, &raw)?;
        Ok(Self(before))
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        if let Err(error) = tcsetattr(io::stdin(), SetArg::TCSADRAIN, &self.0) {
            tracing::warn!("the terminal could not be put back in order: {error}");
        }
    }
}
