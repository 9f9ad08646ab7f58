//! A `Start` that has been checked: a tool, or a learner's program.

use wire::proto::Start;

mod program;
mod tool;

pub(crate) use program::{ProgramOrder, StepOrder, TerminalSize};
pub(crate) use tool::ToolOrder;

/// What is wrong with a `Start`; the control plane is told `BAD_COMMAND`.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadOrder {
    #[error("the run id can't be the name of a directory")]
    RunId,
    #[error("argv is empty")]
    NoProgram,
    #[error("no output is allowed")]
    NoOutput,
    #[error("argv has a placeholder and there is no destination")]
    NoDestination,
    #[error("the destination is empty")]
    EmptyDestination,
    #[error("`{0}` is no network")]
    Network(String),
    #[error("{0} is no address family")]
    Family(i32),
    #[error("there is no step to run")]
    NoStep,
    #[error("an argument or a variable has a NUL inside, or a variable has no name")]
    Text,
    #[error("`{0}` is no path below the work directory")]
    Path(String),
    #[error("two files are named `{0}`")]
    SamePath(String),
    #[error("there are {0} files")]
    Files(usize),
    #[error("files and standard input have {0} bytes together")]
    Size(usize),
    #[error("a terminal has from 1 to 1000 columns and rows")]
    Terminal,
}

/// One run to carry out.
#[derive(Debug)]
pub(crate) enum Order {
    Tool(ToolOrder),
    Program(Box<ProgramOrder>),
}

impl TryFrom<Start> for Order {
    type Error = BadOrder;

    fn try_from(mut start: Start) -> Result<Self, BadOrder> {
        match start.program.take() {
            None => ToolOrder::try_from(start).map(Self::Tool),
            Some(program) => Ok(Self::Program(Box::new(ProgramOrder::new(start.run_id, program)?))),
        }
    }
}

fn run_id_check(run: &str) -> Result<(), BadOrder> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    let is_good = !run.is_empty() && run.len() <= 64 && run.bytes().all(is_plain);
    is_good.then_some(()).ok_or(BadOrder::RunId)
}
