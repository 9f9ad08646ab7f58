//! What is said of a program's end: one reason, one plain sentence.
//!
//! What the kernel's counters say is believed only of a step that failed: one that came to terms with a limit and ended
//! with 0 has not been ended by it.

use wire::proto::Reason;

use crate::order::StepOrder;
use crate::run::signal_sentence;
use crate::sandbox::{Cause, Exit};
use crate::supervise::{Outcome, size};

/// See the module's description.
#[derive(Debug, PartialEq)]
pub(super) struct Verdict {
    pub(super) reason: Reason,
    pub(super) exit_code: i32,
    pub(super) detail: String,
}

impl Verdict {
    pub(super) fn new(reason: Reason, exit_code: i32, detail: impl Into<String>) -> Self {
        Self { reason, exit_code, detail: detail.into() }
    }
}

/// How the run step ended.
pub(super) fn of_run(outcome: Outcome<Exit>, step: &StepOrder) -> Verdict {
    let Outcome { cause, exit } = outcome;
    let (reason, detail) = cause.or_else(|| of_limit(&exit, step)).unwrap_or_else(|| (Reason::Exited, how(&exit)));
    Verdict::new(reason, exit.code, detail)
}

/// Why there is no run step; `None`: there is one.
pub(super) fn of_compile(outcome: Outcome<Exit>, step: &StepOrder) -> Option<Verdict> {
    let Outcome { cause, exit } = outcome;
    if cause.is_none() && exit.code == 0 {
        return None;
    }
    let (reason, detail) = cause.or_else(|| of_limit(&exit, step)).unwrap_or_else(|| (Reason::Compile, how(&exit)));
    let is_told = detail.is_empty() || matches!(reason, Reason::Cancelled | Reason::Lost);
    let detail = if is_told { detail } else { format!("compiling: {detail}") };
    Some(Verdict::new(reason, exit.code, detail))
}

fn of_limit(exit: &Exit, step: &StepOrder) -> Option<(Reason, String)> {
    if exit.code == 0 {
        return None;
    }
    let (reason, did, most, otherwise) = match exit.cause.as_ref()? {
        Cause::Memory => {
            let most = step.memory_bytes.map(|most| format!("{} of memory", size(most)));
            (Reason::Memory, "it used more", most, "memory")
        }
        Cause::CpuTime => {
            let most = step.cpu.map(|most| format!("{} s of processor time", most.as_secs_f64()));
            (Reason::CpuTime, "it used more", most, "processor time")
        }
        Cause::Processes => {
            let most = step.processes.map(|most| format!("{most} processes and threads"));
            (Reason::Processes, "it wanted more", most, "processes and threads")
        }
        Cause::FileSize => (Reason::FileSize, "it wrote a file of more", step.file_bytes.map(size), "bytes"),
        Cause::BlockedCall => {
            return Some((Reason::BlockedCall, "it made a system call that no program may make".to_owned()));
        }
        Cause::RoomLost => return Some((Reason::Lost, "the node's sandbox ended under it".to_owned())),
    };
    let detail = match most {
        Some(most) => format!("{did} than {most}"),
        None => format!("{did} {otherwise} than this node has for it"),
    };
    Some((reason, detail))
}

fn how(exit: &Exit) -> String {
    exit.signal.map(signal_sentence).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use wire::proto::{Limits, Step};

    use super::*;

    fn step(limits: Limits) -> StepOrder {
        let limits = Some(Limits { output_bytes: 1, ..limits });
        Step { argv: vec!["x".into()], limits, ..Step::default() }.try_into().unwrap()
    }

    fn exited(code: i32, cause: Option<Cause>) -> Outcome<Exit> {
        let signal = (code > 128).then_some(code - 128);
        Outcome { cause: None, exit: Exit { code, signal, cpu: Duration::ZERO, memory_peak_bytes: 0, cause } }
    }

    fn told(reason: Reason, detail: &str) -> Outcome<Exit> {
        Outcome { cause: Some((reason, detail.to_owned())), ..exited(137, None) }
    }

    #[test]
    fn each_limit_has_its_sentence() {
        let limits =
            Limits { cpu_ms: 1500, memory_bytes: 64 << 20, processes: 16, file_bytes: 3 << 10, ..Limits::default() };
        let says = |cause, limits| of_run(exited(1, Some(cause)), &step(limits)).detail;
        assert_eq!(says(Cause::Memory, limits), "it used more than 64 MiB of memory");
        assert_eq!(says(Cause::CpuTime, limits), "it used more than 1.5 s of processor time");
        assert_eq!(says(Cause::Processes, limits), "it wanted more than 16 processes and threads");
        assert_eq!(says(Cause::FileSize, limits), "it wrote a file of more than 3 KiB");
        assert_eq!(
            says(Cause::FileSize, Limits { file_bytes: 1000, ..limits }),
            "it wrote a file of more than 1000 bytes"
        );
        let none = Limits::default();
        assert_eq!(says(Cause::Memory, none), "it used more memory than this node has for it");
        assert_eq!(says(Cause::Processes, none), "it wanted more processes and threads than this node has for it");
    }

    #[test]
    fn a_limit_is_the_reason_only_of_a_failure_that_nothing_else_explains() {
        let step = step(Limits::default());
        assert_eq!(of_run(exited(0, Some(Cause::Processes)), &step), Verdict::new(Reason::Exited, 0, ""));
        assert_eq!(of_run(exited(137, None), &step), Verdict::new(Reason::Exited, 137, "ended by signal SIGKILL"));
        let cancelled = Outcome { cause: Some((Reason::Cancelled, String::new())), ..exited(137, Some(Cause::Memory)) };
        assert_eq!(of_run(cancelled, &step), Verdict::new(Reason::Cancelled, 137, ""));
    }

    #[test]
    fn a_program_is_not_blamed_for_its_room() {
        let lost = Verdict::new(Reason::Lost, 137, "the node's sandbox ended under it");
        assert_eq!(of_run(exited(137, Some(Cause::RoomLost)), &step(Limits::default())), lost);
    }

    #[test]
    fn a_compile_step_that_failed_says_so() {
        let step = step(Limits { memory_bytes: 1 << 20, ..Limits::default() });
        let verdict = |outcome| of_compile(outcome, &step);
        assert_eq!(verdict(exited(0, None)), None);
        assert_eq!(verdict(exited(1, None)), Some(Verdict::new(Reason::Compile, 1, "")));
        let memory = Verdict::new(Reason::Memory, 1, "compiling: it used more than 1 MiB of memory");
        assert_eq!(verdict(exited(1, Some(Cause::Memory))), Some(memory));
        let late = Verdict::new(Reason::WallTime, 137, "compiling: stopped after 1 s");
        assert_eq!(verdict(told(Reason::WallTime, "stopped after 1 s")), Some(late));
        let stopped = Verdict::new(Reason::Lost, 137, "the agent was stopped");
        assert_eq!(verdict(told(Reason::Lost, "the agent was stopped")), Some(stopped));
        // Told to end just when it ended by itself: it ends all the same.
        let race = Outcome { cause: Some((Reason::Cancelled, String::new())), ..exited(0, None) };
        assert_eq!(verdict(race), Some(Verdict::new(Reason::Cancelled, 0, "")));
    }
}
