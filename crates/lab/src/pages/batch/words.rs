//! What a batch's page says of it in words.

use super::super::look::Look;
use crate::model::batch::Batch;
use crate::service::batch_wait::WaitReason;

/// How many elements stand how: icon, class, key of the word, number.
pub(super) fn counts(batch: &Batch) -> Vec<(&'static str, &'static str, &'static str, u32)> {
    let all = [
        ("hourglass-split", "state-idle", "job-status-waiting", batch.waiting()),
        ("play-fill", "state-running", "job-status-running", batch.running()),
        ("check-circle-fill", "state-good", "batch-done", batch.tally.done),
        ("x-circle-fill", "state-bad", "job-status-failed", batch.failed()),
        ("slash-circle", "state-idle", "batch-cancelled", batch.cancelled()),
    ];
    all.into_iter().filter(|(.., count)| *count > 0).collect()
}

/// Why no element is started any more, or at present.
pub(super) fn stopped(look: &Look<'_>, batch: &Batch, waits: Option<WaitReason>) -> Option<String> {
    if batch.is_stranded {
        return Some(look.text("batch-stranded"));
    }
    Some(match waits? {
        WaitReason::NodeOut { node, state } => {
            look.t.with("batch-waits-node-out", &[("node", node.into()), ("state", state.into())])
        }
        WaitReason::NodeDown { node } => look.t.arg("batch-waits-node-down", "node", node),
        WaitReason::NoNode => look.text("batch-waits-no-node"),
    })
}

/// A number of which people want two figures.
fn rounded(value: f64) -> f64 {
    if value < 10.0 { (value * 10.0).round() / 10.0 } else { value.round() }
}

/// How fast it goes, and how long it will take still.
pub(super) fn pace(look: &Look<'_>, batch: &Batch) -> Vec<String> {
    let rate = batch.rate().map(|rate| match rate {
        rate if rate >= 1.0 => look.t.arg("batch-rate-second", "count", rounded(rate)),
        rate => look.t.arg("batch-rate-minute", "count", rounded(rate * 60.0)),
    });
    let left = batch.left_s().map(|seconds| match seconds {
        seconds if seconds < 90.0 => look.t.arg("batch-left-seconds", "count", seconds.ceil()),
        seconds if seconds < 5_400.0 => look.t.arg("batch-left-minutes", "count", (seconds / 60.0).round()),
        seconds => look.t.arg("batch-left-hours", "count", (seconds / 3_600.0).round()),
    });
    rate.into_iter().chain(left).collect()
}
