//! What an agent says of a run's end, as far as it can be believed.

use wire::proto::{Ended, Reason};

use crate::model::job::ErrorReason;
use crate::model::run::{Outcome, Usage};
use crate::queries::run::RunEnd;

/// How the run ended.
pub(super) fn outcome(ended: &Ended) -> Outcome {
    match ended.reason() {
        Reason::Exited => Outcome::Exited(ended.exit_code.into()),
        Reason::Cancelled => Outcome::Cancelled,
        Reason::WallTime => Outcome::Failed(ErrorReason::WallTime),
        Reason::OutputCap => Outcome::Failed(ErrorReason::OutputCap),
        Reason::NotStarted => Outcome::Failed(ErrorReason::NotStarted),
        Reason::NameUnknown => Outcome::Failed(ErrorReason::NameUnknown),
        Reason::Forbidden => Outcome::Failed(ErrorReason::Forbidden),
        Reason::Compile => Outcome::Failed(ErrorReason::Compile),
        Reason::CpuTime => Outcome::Failed(ErrorReason::CpuTime),
        Reason::Memory => Outcome::Failed(ErrorReason::Memory),
        Reason::Processes => Outcome::Failed(ErrorReason::Processes),
        Reason::FileSize => Outcome::Failed(ErrorReason::FileSize),
        Reason::BlockedCall => Outcome::Failed(ErrorReason::BlockedCall),
        Reason::Uncontained => Outcome::Failed(ErrorReason::Uncontained),
        Reason::Lost => Outcome::Lost,
    }
}

/// What it left behind, with the outcome that was made of it.
pub(super) fn run_end_of(ended: &Ended, outcome: &Outcome) -> RunEnd {
    let plain = |text: &str, most: usize| text.chars().filter(|c| !c.is_control()).take(most).collect::<String>();
    let detail = Some(plain(&ended.detail, 500)).filter(|detail| !detail.is_empty());
    let measured = |value: u64| i64::try_from(value).ok().filter(|value| *value > 0);
    let exit_code = match outcome {
        Outcome::Exited(code) => Some(*code),
        Outcome::Failed(_) => Some(i64::from(ended.exit_code)).filter(|code| *code != 0),
        Outcome::Lost | Outcome::Cancelled => None,
    };
    let usage = Usage {
        cpu_ms: measured(ended.cpu_ms),
        memory_peak_bytes: measured(ended.memory_peak_bytes),
        fences: ended.fences.iter().take(16).map(|fence| plain(fence, 40)).collect(),
    };
    let argv = Some(ended.argv.clone()).filter(|argv| !argv.is_empty());
    RunEnd { outcome: outcome.clone(), exit_code, detail, usage, argv, at_ms: ended.at_ms }
}
