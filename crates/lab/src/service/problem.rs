//! How refusals are told to clients: their status, their code, and the field they are about.

use std::time::Duration;

use portal::Problem;

use super::ServiceError;
use crate::model::batch::ELEMENTS_MAX;
use crate::model::job::NameRefusal;
use crate::model::node::NodeNameRefusal;

impl From<ServiceError> for Problem {
    fn from(error: ServiceError) -> Self {
        use ServiceError as E;
        let sentence = error.to_string();
        match error {
            E::Refused(refusal) => {
                let problem = Problem::bad_request(refusal.code(), sentence);
                let problem = refusal.args().into_iter().fold(problem, |p, (name, value)| p.arg(name, value));
                match refusal.field() {
                    Some(field) => problem.field(field),
                    None => problem,
                }
            }
            E::Name(NameRefusal::TooLong { length }) => {
                Problem::bad_request("name-too-long", sentence).field("name").arg("length", length.to_string())
            }
            E::Name(NameRefusal::Control) => Problem::bad_request("name-control", sentence).field("name"),
            E::NodeName(NodeNameRefusal(name)) => {
                Problem::bad_request("node-name", sentence).field("name").arg("name", name)
            }
            E::Policy(refusal) => Problem::bad_request("policy", sentence).field(refusal.field()),
            E::Request { field, .. } => Problem::bad_request("request", sentence).field(field),
            E::NodeUnknown(node) => Problem::bad_request("node-unknown", sentence).field("node").arg("node", node),
            E::NodeDown { node, ago } => {
                Problem::conflict("node-down", sentence).field("node").arg("node", node).arg("ago", ago)
            }
            E::NodeOut { node, state } => {
                Problem::conflict("node-out", sentence).field("node").arg("node", node).arg("state", state.to_owned())
            }
            E::NodeLacksTool { node, tool, tools } => Problem::conflict("node-lacks-tool", sentence)
                .field("node")
                .arg("node", node)
                .arg("tool", tool)
                .arg("tools", tools),
            E::NoNodeWithTool { tool } => Problem::conflict("no-node-with-tool", sentence).arg("tool", tool),
            E::NoNodeWithLanguage { language, languages } => Problem::bad_request("no-node-with-language", sentence)
                .field("language")
                .arg("language", language)
                .arg("languages", languages),
            E::NoNodeWithLabels { tool, labels } => {
                Problem::conflict("no-node-with-labels", sentence).field("on").arg("tool", tool).arg("labels", labels)
            }
            E::TooManyWaiting { waiting, max } => {
                Problem::too_many("too-many-waiting", sentence, Duration::from_secs(30))
                    .arg("waiting", waiting.to_string())
                    .arg("max", max.to_string())
            }
            E::TooManyElements { waiting, max } => {
                Problem::too_many("too-many-elements", sentence, Duration::from_secs(60))
                    .arg("waiting", waiting.to_string())
                    .arg("max", max.to_string())
            }
            E::TooManyElementsHourly { submitted, max } => {
                Problem::too_many("too-many-elements-hourly", sentence, Duration::from_secs(600))
                    .arg("submitted", submitted.to_string())
                    .arg("max", max.to_string())
            }
            E::BatchTooLarge { count, max } => {
                Problem::bad_request("batch-too-large", sentence).arg("count", count).arg("max", max)
            }
            E::Element { field, error } => Problem::from(*error).field(field),
            E::NoNodeUp { tool } => Problem::conflict("no-node-up", sentence).arg("tool", tool),
            E::BatchReversed { from, to } => {
                Problem::bad_request("batch-reversed", sentence).field("array").arg("from", from).arg("to", to)
            }
            E::BatchSize { field } => {
                Problem::bad_request("batch-size", sentence).field(field).arg("max", ELEMENTS_MAX)
            }
            E::PolicyChanged => Problem::precondition("policy-changed", sentence),
            E::BatchOpen => Problem::conflict("batch-open", sentence),
            E::BatchPinned { pinned } => Problem::conflict("batch-pinned", sentence).arg("pinned", pinned),
            E::BatchUnknown => Problem::not_found("batch-unknown", sentence),
            E::BatchOver => Problem::conflict("batch-over", sentence),
            E::TooManyHourly { max } => {
                Problem::too_many("too-many-hourly", sentence, Duration::from_secs(600)).arg("max", max.to_string())
            }
            E::TooManyStreams { max } => {
                Problem::too_many("too-many-streams", sentence, Duration::from_secs(30)).arg("max", max.to_string())
            }
            E::StreamsFull => Problem::unavailable("streams-full", sentence),
            E::JobUnknown => Problem::not_found("job-unknown", sentence),
            E::JobOfAnother => Problem::forbidden("job-of-another", sentence),
            E::JobOpen => Problem::conflict("job-open", sentence),
            E::NothingKept => Problem::not_found("nothing-kept", sentence),
            E::JobOver => Problem::conflict("job-over", sentence),
            E::NotRetryable { status } => Problem::conflict("not-retryable", sentence).arg("status", status.to_owned()),
            E::IdempotencyReused => Problem::conflict("idempotency-reused", sentence),
            E::KeyTakenOver => Problem::conflict("key-taken-over", sentence),
            E::Cursor => Problem::bad_request("cursor", sentence).field("before"),
            E::JoinToken => Problem::forbidden("join-token", sentence),
            E::OldProtocol { .. } => Problem::bad_request("old-protocol", sentence),
            E::CertificateRequest(_) => Problem::bad_request("certificate-request", sentence),
            E::NodeNameTaken(name) => Problem::conflict("node-name-taken", sentence).field("name").arg("name", name),
            E::NodeBusy { node, running } => {
                Problem::conflict("node-busy", sentence).arg("node", node).arg("running", running.to_string())
            }
            E::Db(error) => error.into(),
            E::Stored(error) => Problem::bug(error),
            error @ (E::LanguageGone(_) | E::SourceGone(_)) => Problem::bug(error),
            E::NoInput => Problem::conflict("no-input", sentence),
            E::NodeMissing(node) => Problem::not_found("node-unknown", sentence).arg("node", node),
        }
    }
}
