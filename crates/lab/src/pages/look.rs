//! What every template of the lab has at hand: the reader's language, icons, and how a state looks. A state is an icon,
//! a word and a colour together, so that none of them alone has to be understood.

use askama::Template;
use axum::response::Html;
use portal::{PageContext, Problem};

use super::detail::detail;
use crate::Lab;
use crate::model::batch::{Batch, BatchStatus};
use crate::model::job::{ErrorReason, Job, JobKind, JobStatus};
use crate::model::node::{AdminState, Health};

/// The reader's language, and the addresses of the lab's files.
pub(super) struct Look<'a> {
    pub(super) t: &'a PageContext,
    pub(super) css: String,
}

/// How a state looks.
pub(super) struct Badge {
    /// An icon's name in the sprite.
    pub(super) icon: &'static str,
    /// A class that gives the colour.
    pub(super) class: &'static str,
    /// The state in a word or two.
    pub(super) word: String,
    /// The reason, where there is one.
    pub(super) reason: Option<String>,
    /// What the node said of the reason.
    pub(super) detail: Option<String>,
}

impl<'a> Look<'a> {
    pub(super) fn new(lab: &Lab, t: &'a PageContext) -> Self {
        Self { t, css: lab.portal().asset("lab.css") }
    }

    /// The sentence for `key`.
    pub(super) fn text(&self, key: &str) -> String {
        self.t.text(key)
    }

    /// [`PageContext::icon`]; short for templates.
    pub(super) fn icon(&self, name: &str) -> String {
        self.t.icon(name)
    }

    /// How a job stands.
    pub(super) fn job(&self, job: &Job, place: Option<u32>) -> Badge {
        let (icon, class) = match (job.status, job.exit_code) {
            (JobStatus::Waiting, _) => ("hourglass-split", "state-idle"),
            (JobStatus::Running, _) => ("arrow-repeat", "state-busy"),
            (JobStatus::Completed, None | Some(0)) => ("check-circle-fill", "state-good"),
            // What a tool's status means depends on the tool; a program that ends with another than 0 says it failed.
            (JobStatus::Completed, Some(_)) if job.kind == JobKind::Program => ("x-circle-fill", "state-bad"),
            (JobStatus::Completed, Some(_)) => ("exclamation-triangle-fill", "state-warn"),
            (JobStatus::Error, _) => ("x-circle-fill", "state-bad"),
            (JobStatus::Cancelled, _) => ("slash-circle", "state-idle"),
        };
        let word = match (job.status, place, job.exit_code) {
            (JobStatus::Waiting, Some(place), _) => self.t.arg("job-place", "place", place),
            (JobStatus::Completed, _, Some(code)) if code != 0 => self.t.arg("job-exited", "code", code.to_string()),
            (JobStatus::Running, _, _) if job.is_cancelled => self.text("job-status-cancelling"),
            (status, _, _) => self.text(&format!("job-status-{}", status.as_str())),
        };
        let reason = job.reason.map(|reason| self.reason(reason));
        Badge {
            icon,
            class,
            word,
            reason,
            detail: job.detail.as_deref().filter(|_| job.reason.is_some()).map(|said| detail(self.t, said)),
        }
    }

    /// How a batch stands.
    pub(super) fn batch(&self, batch: &Batch) -> Badge {
        let status = batch.status();
        let (icon, class) = match status {
            BatchStatus::Waiting => ("hourglass-split", "state-idle"),
            BatchStatus::Running => ("arrow-repeat", "state-busy"),
            BatchStatus::Completed if batch.failed() > 0 => ("x-circle-fill", "state-bad"),
            BatchStatus::Completed => ("check-circle-fill", "state-good"),
            BatchStatus::Cancelled => ("slash-circle", "state-idle"),
        };
        let failed = batch.failed();
        let word = match status {
            BatchStatus::Running if batch.is_cancelled => self.text("job-status-cancelling"),
            BatchStatus::Completed if failed > 0 => self.t.arg("batch-completed-failed", "count", failed),
            status => self.text(&format!("batch-status-{}", status.as_str())),
        };
        let reason = (failed > 0 && !status.is_final()).then(|| self.t.arg("batch-failed-of", "count", failed));
        Badge { icon, class, word, reason, detail: None }
    }

    /// Why something ended as an error.
    pub(super) fn reason(&self, reason: ErrorReason) -> String {
        self.text(&format!("reason-{}", reason.as_str()))
    }

    /// A node's health.
    pub(super) fn health(&self, health: Health) -> Badge {
        let (icon, class) = match health {
            Health::Up => ("check-circle-fill", "state-good"),
            Health::Suspect => ("exclamation-triangle-fill", "state-warn"),
            Health::Down => ("x-circle-fill", "state-bad"),
        };
        self.plain(icon, class, &format!("node-health-{}", health.as_str()))
    }

    /// An operator's word on a node.
    pub(super) fn state(&self, state: AdminState) -> Badge {
        let (icon, class) = match state {
            AdminState::Enabled => ("play-fill", "state-plain"),
            AdminState::Cordoned => ("pause-fill", "state-warn"),
            AdminState::Disabled => ("stop-fill", "state-idle"),
        };
        self.plain(icon, class, &format!("node-state-{}", state.as_str()))
    }

    fn plain(&self, icon: &'static str, class: &'static str, key: &str) -> Badge {
        Badge { icon, class, word: self.text(key), reason: None, detail: None }
    }
}

/// A template's HTML.
pub(super) fn html(template: &impl Template) -> Result<String, Problem> {
    template.render().map_err(Problem::bug)
}

/// A part of a page.
pub(super) fn fragment(template: &impl Template) -> Result<Html<String>, Problem> {
    html(template).map(Html)
}
