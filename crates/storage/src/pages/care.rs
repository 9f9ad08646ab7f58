//! What the page of volumes says about the care of data, and what it lets operators begin and set.

use axum::extract::State;
use axum::response::Response;
use portal::{ApiPath, Caller, Flash, PageForm, Problem, redirect};
use serde::Deserialize;

use super::look::{Badge, Look};
use crate::Storage;
use crate::model::alert::{Alert, AlertCode, Subject};
use crate::service::care::VolumeHealth;
use crate::service::pace::{CareRates, CareRatesChange, Progress};

const MIB: u64 = 1 << 20;

/// A sentence that stands out.
pub(super) struct Sentence {
    pub(super) class: &'static str,
    pub(super) text: String,
}

/// Work that goes on: how far it is, in thousandths, and in words.
pub(super) struct WorkRow {
    pub(super) done: u64,
    pub(super) words: String,
}

/// The rates as the form shows them, MiB a second.
pub(super) struct Rates {
    pub(super) rebuild: u64,
    pub(super) scrub: u64,
}

impl From<CareRates> for Rates {
    fn from(rates: CareRates) -> Self {
        Self { rebuild: rates.rebuild_bytes_per_s / MIB, scrub: rates.scrub_bytes_per_s / MIB }
    }
}

pub(super) fn sentence(look: &Look<'_>, alert: &Alert) -> Sentence {
    let name = alert.subject.key();
    let subject = match alert.subject {
        Subject::Volume(_) => "volume",
        Subject::Store(_) => "store",
        Subject::Export(_) => "export",
    };
    let code = match alert {
        Alert { code: AlertCode::Lost, stores_away: 1.., .. } => "away",
        Alert { code, .. } => code.as_str(),
    };
    let args = [(subject, name.into()), ("count", alert.count.into()), ("stores", alert.stores_away.into())];
    let text = look.t.with(&format!("alert-{code}"), &args);
    Sentence { class: if alert.code.is_urgent() { "alert-danger" } else { "alert-warning" }, text }
}

/// How a volume fares, by the worst of it.
pub(super) fn badge(look: &Look<'_>, health: &VolumeHealth) -> Badge {
    match health {
        VolumeHealth { lost, away, .. } if lost > away => look.badge("x-circle-fill", "state-bad", "volume-lost"),
        VolumeHealth { away: 1.., stores_away, .. } => {
            let reason = look.t.arg("volume-away-stores", "count", *stores_away);
            Badge { reason: Some(reason), ..look.badge("exclamation-triangle-fill", "state-bad", "volume-away") }
        }
        VolumeHealth { at_risk: 1.., .. } => look.badge("exclamation-triangle-fill", "state-bad", "volume-risk"),
        VolumeHealth { degraded: 1.., .. } => look.badge("exclamation-triangle-fill", "state-warn", "volume-degraded"),
        VolumeHealth { .. } => look.badge("check-circle-fill", "state-good", "volume-healthy"),
    }
}

/// What goes on with a volume, and what waits.
pub(super) fn works(look: &Look<'_>, health: &VolumeHealth) -> Vec<WorkRow> {
    let going =
        [("work-rebuild", &health.rebuild), ("work-rebalance", &health.rebalance), ("work-scrub", &health.scrub)];
    let mut works: Vec<WorkRow> =
        going.into_iter().filter_map(|(what, progress)| Some(work(look, what, progress.as_ref()?))).collect();
    let left = health.degraded + health.at_risk + health.lost;
    if health.rebuild.is_none() && health.rebuild_bytes > 0 && left > 0 {
        let all = health.healthy + left;
        let words = look.t.arg("volume-rebuilding", "left", left);
        works.insert(0, WorkRow { done: health.healthy * 1000 / all.max(1), words });
    }
    works
}

fn work(look: &Look<'_>, what: &str, progress: &Progress) -> WorkRow {
    let args = [
        ("what", look.text(what).into()),
        ("done", look.size(progress.done_bytes).into()),
        ("total", look.size(progress.total_bytes).into()),
        ("rate", look.size(progress.bytes_per_s).into()),
        ("left", left(look, progress.seconds_left.unwrap_or_default()).into()),
    ];
    let key = if progress.seconds_left.is_some() { "work-words-left" } else { "work-words" };
    let done = u128::from(progress.done_bytes) * 1000 / u128::from(progress.total_bytes.max(1));
    WorkRow { done: done.min(1000) as u64, words: look.t.with(key, &args) }
}

/// A time to come, in the unit that suits it.
fn left(look: &Look<'_>, seconds: u64) -> String {
    match seconds {
        0..=90 => look.t.arg("left-seconds", "count", seconds),
        91..=5_400 => look.t.arg("left-minutes", "count", seconds.div_ceil(60)),
        _ => look.t.arg("left-hours", "count", seconds.div_ceil(3_600)),
    }
}

/// What is to be done with a volume.
#[derive(Deserialize)]
pub(super) struct CareForm {
    op: String,
}

/// `POST /volumes/{volume}/care`
pub(super) async fn begin(
    State(storage): State<Storage>,
    ApiPath(volume): ApiPath<String>,
    PageForm(form): PageForm<CareForm>,
) -> Result<Response, Problem> {
    let volume = storage.volume_by_name(&volume).await?;
    let flash = match form.op.as_str() {
        "rebuild" => {
            storage.rebuild_begin(volume.id).await?;
            "flash-rebuild"
        }
        "scrub" => {
            storage.scrub_ask(volume.id).await?;
            "flash-scrub"
        }
        "rebalance" => {
            storage.rebalance_begin(volume.id).await?;
            "flash-rebalance"
        }
        _ => return Err(Problem::bad_request("op", "op is rebuild, scrub or rebalance.").field("op")),
    };
    Ok(redirect("/volumes", Some(Flash::done(flash))))
}

/// Rates, MiB a second.
#[derive(Deserialize)]
pub(super) struct RatesForm {
    rebuild: u64,
    scrub: u64,
}

/// `POST /volumes/rates`
pub(super) async fn rates(
    State(storage): State<Storage>,
    caller: Caller,
    PageForm(form): PageForm<RatesForm>,
) -> Result<Response, Problem> {
    let change = CareRatesChange {
        rebuild_bytes_per_s: Some(form.rebuild.saturating_mul(MIB)),
        scrub_bytes_per_s: Some(form.scrub.saturating_mul(MIB)),
    };
    storage.care_rates_set(&caller, change).await?;
    Ok(redirect("/volumes", Some(Flash::done("flash-rates"))))
}
