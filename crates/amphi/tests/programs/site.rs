//! One agent that takes programs, and programs to send it.

use std::collections::HashMap;
use std::path::PathBuf;

use agent::AgentConfig;
use wire::proto::input::Act;
use wire::proto::{Input, Inventory, Limits, Program, RunHeld, SourceFile, Start, Step, to_agent};

use crate::control::{Agent, ControlPlane};
use crate::session::{Seen, Session};

/// Time for a program that does nothing unusual, in ms.
const WALL_MS: u64 = 60_000;

pub(crate) struct Site {
    pub(crate) agent: Agent,
    pub(crate) session: Session,
    pub(crate) inventory: Inventory,
    pub(crate) control: ControlPlane,
    pub(crate) dir: tempfile::TempDir,
}

impl Site {
    pub(crate) async fn new() -> Self {
        Self::with(AgentConfig { sandbox: Some(program()), ..AgentConfig::default() }).await
    }

    /// An agent whose `sandbox` and `allow_uncontained` are those of `config`.
    pub(crate) async fn with(config: AgentConfig) -> Self {
        let mut control = ControlPlane::new().await;
        let dir = tempfile::tempdir().unwrap();
        let AgentConfig { sandbox, allow_uncontained, .. } = config;
        let agent = Agent::start(AgentConfig { sandbox, allow_uncontained, ..control.config(dir.path()) });
        let mut session = control.session().await;
        let inventory = session.hello().await.inventory.unwrap();
        session.welcome(1).await;
        Self { agent, session, inventory, control, dir }
    }

    /// Loses the stream and has the agent's next one; says what the agent still holds.
    pub(crate) async fn reconnected(self) -> (Self, Vec<RunHeld>) {
        let Self { agent, session, inventory, mut control, dir } = self;
        control.cut();
        drop(session);
        control.restore();
        let mut session = control.session().await;
        let runs = session.hello().await.runs;
        (Self { agent, session, inventory, control, dir }, runs)
    }
}

/// The built `amphi`.
pub(crate) fn program() -> PathBuf {
    env!("CARGO_BIN_EXE_amphi").into()
}

pub(crate) fn limits() -> Limits {
    Limits { wall_ms: WALL_MS, output_bytes: 1 << 20, ..Limits::default() }
}

pub(crate) fn step(argv: &[&str]) -> Step {
    let argv = argv.iter().map(|&word| word.to_owned()).collect();
    Step { argv, env: HashMap::new(), limits: Some(limits()) }
}

/// A shell script in a file, with nothing to compile.
pub(crate) fn script(text: &str) -> Program {
    Program {
        files: vec![SourceFile { path: "main.sh".to_owned(), data: text.as_bytes().to_vec().into() }],
        run: Some(step(&["sh", "main.sh"])),
        ..Program::default()
    }
}

/// The same with other limits for the run step.
pub(crate) fn limited(text: &str, change: impl FnOnce(&mut Limits)) -> Program {
    let mut program = script(text);
    change(program.run.get_or_insert_default().limits.get_or_insert_default());
    program
}

pub(crate) fn start(run: &str, program: Program) -> Start {
    Start { run_id: run.to_owned(), epoch: 1, program: Some(program), ..Start::default() }
}

/// Does `act` at run `r1`.
pub(crate) async fn input(session: &Session, seq: u64, act: Act) {
    let input = Input { run_id: "r1".to_owned(), epoch: 1, seq, act: Some(act) };
    session.send(to_agent::Message::Input(input)).await;
}

pub(crate) fn compiled(seen: &Seen) -> &str {
    std::str::from_utf8(&seen.compile).unwrap()
}
