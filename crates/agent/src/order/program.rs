//! A checked order to run a learner's program.
//!
//! The control plane has checked what people sent. Here only what could break this node is refused: paths that lead out
//! of the work directory, and more than one message may carry.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use wire::proto::{self, SourceFile};

use super::{BadOrder, run_id_check};

const MAX_FILES: usize = 1000;
/// Files and standard input together, in bytes: what fits into one message.
const MAX_BYTES: usize = 4 * 1024 * 1024;
/// Longest path, in bytes.
const MAX_PATH_BYTES: usize = 255;
const MAX_TERMINAL: u16 = 1000;

/// One run of a program.
#[derive(Debug)]
pub(crate) struct ProgramOrder {
    pub(crate) run: String,
    pub(crate) files: Vec<SourceFile>,
    pub(crate) compile: Option<StepOrder>,
    pub(crate) step: StepOrder,
    /// The first of standard input.
    pub(crate) stdin: Vec<u8>,
    pub(crate) is_stdin_open: bool,
    pub(crate) terminal: Option<TerminalSize>,
    pub(crate) has_network: bool,
}

/// One step; a limit that is `None` is none.
#[derive(Debug)]
pub(crate) struct StepOrder {
    pub(crate) argv: Vec<String>,
    pub(crate) env: BTreeMap<String, String>,
    pub(crate) wall: Option<Duration>,
    pub(crate) cpu: Option<Duration>,
    pub(crate) memory_bytes: Option<u64>,
    pub(crate) processes: Option<u32>,
    pub(crate) file_bytes: Option<u64>,
    pub(crate) open_files: Option<u32>,
    /// Cap over both channels, in bytes.
    pub(crate) output_bytes: u64,
}

/// Characters on a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TerminalSize {
    pub(crate) columns: u16,
    pub(crate) rows: u16,
}

impl ProgramOrder {
    /// Checks what a `Start` says about the program of `run`.
    pub(crate) fn new(run: String, program: proto::Program) -> Result<Self, BadOrder> {
        run_id_check(&run)?;
        files_check(&program.files)?;
        let bytes = program.stdin.len() + program.files.iter().map(|file| file.data.len()).sum::<usize>();
        if bytes > MAX_BYTES {
            return Err(BadOrder::Size(bytes));
        }
        Ok(Self {
            run,
            files: program.files,
            compile: program.compile.map(StepOrder::try_from).transpose()?,
            step: program.run.ok_or(BadOrder::NoStep)?.try_into()?,
            stdin: program.stdin.into(),
            is_stdin_open: program.is_stdin_open,
            terminal: program.terminal.map(TerminalSize::try_from).transpose()?,
            has_network: program.has_network,
        })
    }

    /// Bytes of all files.
    pub(crate) fn file_bytes(&self) -> u64 {
        self.files.iter().map(|file| file.data.len() as u64).sum()
    }
}

impl TryFrom<proto::Step> for StepOrder {
    type Error = BadOrder;

    fn try_from(step: proto::Step) -> Result<Self, BadOrder> {
        if step.argv.first().is_none_or(String::is_empty) {
            return Err(BadOrder::NoProgram);
        }
        let is_text = |text: &String| !text.contains('\0');
        let is_name = |name: &String| !name.is_empty() && is_text(name) && !name.contains('=');
        if !step.argv.iter().all(is_text) || !step.env.iter().all(|(name, value)| is_name(name) && is_text(value)) {
            return Err(BadOrder::Text);
        }
        let limits = step.limits.unwrap_or_default();
        if limits.output_bytes == 0 {
            return Err(BadOrder::NoOutput);
        }
        let time = |ms: u64| (ms > 0).then(|| Duration::from_millis(ms));
        let bytes = |bytes: u64| (bytes > 0).then_some(bytes);
        let count = |count: u32| (count > 0).then_some(count);
        Ok(Self {
            argv: step.argv,
            env: step.env.into_iter().collect(),
            wall: time(limits.wall_ms),
            cpu: time(limits.cpu_ms),
            memory_bytes: bytes(limits.memory_bytes),
            processes: count(limits.processes),
            file_bytes: bytes(limits.file_bytes),
            open_files: count(limits.open_files),
            output_bytes: limits.output_bytes,
        })
    }
}

impl TryFrom<proto::Terminal> for TerminalSize {
    type Error = BadOrder;

    fn try_from(terminal: proto::Terminal) -> Result<Self, BadOrder> {
        let side = |count: u32| {
            let side = u16::try_from(count).ok().filter(|side| (1..=MAX_TERMINAL).contains(side));
            side.ok_or(BadOrder::Terminal)
        };
        Ok(Self { columns: side(terminal.columns)?, rows: side(terminal.rows)? })
    }
}

fn files_check(files: &[SourceFile]) -> Result<(), BadOrder> {
    if files.len() > MAX_FILES {
        return Err(BadOrder::Files(files.len()));
    }
    let mut paths = HashSet::new();
    for SourceFile { path, .. } in files {
        let is_part = |part: &str| !matches!(part, "" | "." | "..");
        if path.len() > MAX_PATH_BYTES || path.contains('\0') || !path.split('/').all(is_part) {
            return Err(BadOrder::Path(path.clone()));
        }
        if !paths.insert(path) {
            return Err(BadOrder::SamePath(path.clone()));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step() -> proto::Step {
        let limits = proto::Limits { output_bytes: 1, wall_ms: 1500, ..proto::Limits::default() };
        proto::Step { argv: vec!["python3".into()], limits: Some(limits), ..proto::Step::default() }
    }

    fn good() -> proto::Program {
        let files = vec![file("main.py", 4), file("data/in put.txt", 4)];
        proto::Program { files, run: Some(step()), ..proto::Program::default() }
    }

    fn file(path: &str, bytes: usize) -> SourceFile {
        SourceFile { path: path.to_owned(), data: vec![b'x'; bytes].into() }
    }

    fn refusal(change: impl FnOnce(&mut proto::Program)) -> BadOrder {
        let mut program = good();
        change(&mut program);
        ProgramOrder::new("r1".into(), program).unwrap_err()
    }

    #[test]
    fn zero_is_no_limit() {
        let order = ProgramOrder::new("r1".into(), good()).unwrap();
        assert_eq!((order.step.wall, order.step.cpu), (Some(Duration::from_millis(1500)), None));
        assert_eq!((order.step.memory_bytes, order.step.processes, order.step.open_files), (None, None, None));
        assert_eq!(order.file_bytes(), 8);
    }

    #[test]
    fn paths_that_lead_out_are_refused() {
        for path in ["", "/etc/passwd", "../x", "a/../b", "a//b", "./a", "a/", "a\0b", &"a".repeat(256)] {
            assert_eq!(refusal(|program| program.files.push(file(path, 1))), BadOrder::Path(path.to_owned()));
        }
        assert_eq!(refusal(|program| program.files.push(file("main.py", 1))), BadOrder::SamePath("main.py".into()));
    }

    #[test]
    fn too_much_is_refused() {
        let many = (0..=MAX_FILES).map(|number| file(&number.to_string(), 0)).collect();
        assert_eq!(refusal(|program| program.files = many), BadOrder::Files(MAX_FILES + 1));
        assert_eq!(refusal(|program| program.stdin = vec![0; MAX_BYTES - 7].into()), BadOrder::Size(MAX_BYTES + 1));
    }

    #[test]
    fn broken_steps_are_refused() {
        assert_eq!(refusal(|program| program.run = None), BadOrder::NoStep);
        assert_eq!(refusal(|program| program.run = Some(proto::Step::default())), BadOrder::NoProgram);
        assert_eq!(refusal(|program| program.compile = Some(proto::Step::default())), BadOrder::NoProgram);
        let with = |change: fn(&mut proto::Step)| refusal(|program| change(program.run.get_or_insert_default()));
        assert_eq!(with(|step| step.limits = None), BadOrder::NoOutput);
        assert_eq!(with(|step| step.argv.push("a\0".into())), BadOrder::Text);
        assert_eq!(with(|step| drop(step.env.insert("A=B".into(), String::new()))), BadOrder::Text);
        let size = |columns, rows| refusal(|program| program.terminal = Some(proto::Terminal { columns, rows }));
        for (columns, rows) in [(0, 24), (80, 0), (1001, 24), (80, u32::MAX)] {
            assert_eq!(size(columns, rows), BadOrder::Terminal);
        }
    }
}
