//! An experiment on its way: what stands in the form, whether it is right or not. It is kept as text, so that nothing
//! typed is ever lost; the services alone say what is wrong with it.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::many::Many;
use crate::model::experiment::{Experiment, StoredError};
use crate::model::job::Job;
use crate::model::refusal::{Refusal, quotable};
use crate::model::tool::{Tool, tool, tools};
use crate::model::work::Work;
use crate::service::ServiceError;
use crate::service::submit::Submission;

/// What an option's field is called in the form, before the option's name.
pub(super) const OPTION: &str = "option.";

/// The form's content.
#[derive(Clone, Debug)]
pub(super) struct Draft {
    pub(super) tool: &'static Tool,
    pub(super) destination: String,
    pub(super) node: String,
    pub(super) name: String,
    pub(super) options: BTreeMap<String, String>,
    pub(super) many: Many,
    on: BTreeMap<String, String>,
}

impl Draft {
    /// The form as it is sent. Options that the tool lacks are dropped: they are left from another tool's form.
    /// Errors: no such tool.
    pub(super) fn from_pairs(pairs: Vec<(String, String)>) -> Result<Self, ServiceError> {
        let mut draft = Self::of_tool(&tools()[0]);
        if let Some((_, name)) = pairs.iter().find(|(field, _)| field == "tool") {
            draft.tool = tool(name).ok_or_else(|| Refusal::ToolUnknown {
                tool: quotable(name),
                tools: tools().iter().map(|tool| tool.name).collect::<Vec<_>>().join(", ").into(),
            })?;
        }
        for (field, value) in pairs {
            match (field.as_str(), field.strip_prefix(OPTION)) {
                ("destination", _) => draft.destination = value,
                ("node", _) => draft.node = value,
                ("name", _) => draft.name = value,
                (_, Some(option)) if draft.tool.option(option).is_some() => {
                    draft.options.insert(option.to_owned(), value);
                }
                (field, _) => draft.many.take(field, &value),
            }
        }
        if draft.destination.trim().is_empty()
            && let Some(first) = draft.many.first_take()
        {
            draft.destination = first;
        }
        Ok(draft)
    }

    fn of_tool(tool: &'static Tool) -> Self {
        let (destination, node, name) = (String::new(), String::new(), String::new());
        Self { tool, destination, node, name, options: BTreeMap::new(), many: Many::default(), on: BTreeMap::new() }
    }

    /// What a job was made from; `node` is the name of the node it was aimed at.
    /// Errors: this version can't read it.
    pub(super) fn of_job(job: &Job, node: Option<String>) -> Result<Self, StoredError> {
        let experiment = Experiment::from_json(&job.spec)?;
        let text = |value: Value| match value {
            Value::String(text) => text,
            Value::Bool(_) => "on".to_owned(),
            Value::Null | Value::Number(_) | Value::Array(_) | Value::Object(_) => value.to_string(),
        };
        Ok(Self {
            tool: experiment.tool(),
            destination: experiment.destination().to_owned(),
            node: node.unwrap_or_default(),
            // The command is what a job without a name is called.
            name: if job.name == job.command { String::new() } else { job.name.clone() },
            options: experiment.options().into_iter().map(|(name, value)| (name, text(value))).collect(),
            many: Many::default(),
            on: job.wanted_labels.clone(),
        })
    }

    /// Nobody has typed anything that could be wrong yet.
    pub(super) fn is_blank(&self) -> bool {
        self.destination.is_empty()
    }

    fn experiment(&self) -> Result<Experiment, Refusal> {
        let options: Map<String, Value> =
            self.options.iter().map(|(name, value)| (name.clone(), Value::String(value.trim().to_owned()))).collect();
        Experiment::from_options(self.tool.name, &options, self.destination.trim())
    }

    /// What would be submitted. Errors: what is wrong with the tool's options or the destination.
    pub(super) fn submission(&self) -> Result<Submission, ServiceError> {
        let given = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        Ok(Submission {
            work: Work::Experiment(self.experiment()?),
            node: given(&self.node),
            on: self.on.clone(),
            name: given(&self.name),
            idempotency: None,
        })
    }
}

/// The same as a command line.
pub(super) fn command_line(wanted: &Submission, many: &Many) -> String {
    let mut words = vec!["amphi run".to_owned()];
    let flags = many.flags();
    let node = wanted.node.as_ref().filter(|_| flags.as_deref() != Some("--each-node"));
    for (flag, value) in [("--node", node), ("--name", wanted.name.as_ref())] {
        words.extend(value.map(|value| format!("{flag} {}", shell_quoted(value))));
    }
    words.extend(wanted.on.iter().map(|(key, value)| format!("--on {}", shell_quoted(&format!("{key}={value}")))));
    words.extend(flags);
    if let Some(experiment) = wanted.work.experiment() {
        words.push(experiment.tool().name.to_owned());
        words.extend(many.args(experiment).iter().map(|word| shell_quoted(word)));
    }
    words.join(" ")
}

/// The same as a call of the API.
pub(super) fn api_call(wanted: &Submission, many: &Many, base_url: &str) -> String {
    let Some(experiment) = wanted.work.experiment() else { return String::new() };
    let mut body = json!({
        "tool": experiment.tool().name,
        "options": experiment.options(),
        "destination": experiment.destination(),
    });
    for (field, value) in [("node", &wanted.node), ("name", &wanted.name)] {
        if let Some(value) = value {
            body[field] = json!(value);
        }
    }
    if !wanted.on.is_empty() {
        body["on"] = json!(wanted.on);
    }
    let what = if many.fill_call(&mut body, experiment) { "batches" } else { "jobs" };
    let body = shell_quoted(&body.to_string());
    format!(
        "curl -H \"Authorization: Bearer $AMPHI_TOKEN\" -H 'Content-Type: application/json' \\\n  -d {body} \\\n  {}",
        shell_quoted(&format!("{base_url}/api/v1/{what}"))
    )
}

/// A word for a POSIX shell.
fn shell_quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@+=%,".contains(c);
    match !word.is_empty() && word.chars().all(is_plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::batch::Spread;

    fn draft(pairs: &[(&str, &str)]) -> Draft {
        Draft::from_pairs(pairs.iter().map(|(n, v)| (n.to_string(), v.to_string())).collect()).unwrap()
    }

    #[test]
    fn a_form_becomes_a_command_and_a_call() {
        let draft = draft(&[
            ("tool", "ping"),
            ("destination", " example.org "),
            ("option.count", "5"),
            ("option.ttl", ""),
            ("option.bitrate", "1M"),
            ("node", "lab-a"),
            ("name", "Ada's"),
        ]);
        let wanted = draft.submission().unwrap();
        assert_eq!(
            command_line(&wanted, &draft.many),
            r"amphi run --node lab-a --name 'Ada'\''s' ping -c 5 example.org"
        );
        let call = api_call(&wanted, &draft.many, "http://127.0.0.1:8080");
        assert!(call.contains(r#""destination":"example.org""#) && call.contains(r#""count":5"#), "{call}");
        assert!(call.ends_with("http://127.0.0.1:8080/api/v1/jobs"));
    }

    #[test]
    fn a_batch_becomes_a_command_and_a_call() {
        let form = [("tool", "ping"), ("destination", "192.0.2.1"), ("node", "lab-a"), ("option.count", "2")];
        let told = |more: &[(&str, &str)]| {
            let draft = draft(&[&form, more].concat());
            let wanted = draft.submission().unwrap();
            let batch = draft.many.batch(&wanted).unwrap();
            (command_line(&wanted, &draft.many), api_call(&wanted, &draft.many, "http://lab"), batch)
        };
        let (command, call, batch) = told(&[("many", "times"), ("times", " 20 ")]);
        assert_eq!(command, "amphi run --node lab-a --array 1-20 ping -c 2 192.0.2.1");
        assert!(call.contains(r#""array":{"from":1,"to":20}"#) && call.ends_with("/api/v1/batches"), "{call}");
        assert!(matches!(batch.unwrap().spread, Spread::Index { from: 1, to: 20 }));
        let (command, call, batch) =
            told(&[("many", "destinations"), ("destinations", "192.0.2.2\r\n\r\n 192.0.2.3 \n")]);
        assert_eq!(command, "amphi run --node lab-a --each-line destinations.txt ping -c 2");
        assert!(call.contains(r#""args":["-c","2","--","{1}"]"#) && !call.contains("\"destination\""), "{call}");
        let Spread::Parameters(lines) = batch.unwrap().spread else { panic!("other than lines") };
        assert_eq!(lines, [["192.0.2.1"], ["192.0.2.2"], ["192.0.2.3"]]);
        let (_, call, batch) =
            told(&[("destination", ""), ("many", "destinations"), ("destinations", "\n 192.0.2.2\n192.0.2.3")]);
        let Spread::Parameters(lines) = batch.unwrap().spread else { panic!("other than lines") };
        assert_eq!(lines, [["192.0.2.2"], ["192.0.2.3"]], "the first of them is the destination: {call}");
        let (command, call, batch) = told(&[("many", "nodes")]);
        assert_eq!(command, "amphi run --each-node ping -c 2 192.0.2.1");
        assert!(call.contains(r#""each_node":true"#) && !call.contains("\"node\""), "{call}");
        assert!(batch.unwrap().node.is_none());
        assert!(told(&[("many", "once"), ("times", "3")]).2.is_none());
        let draft = draft(&[&form[..], &[("many", "times"), ("times", "x")]].concat());
        assert!(matches!(draft.many.batch(&draft.submission().unwrap()), Err(ServiceError::BatchSize { .. })));
    }

    #[test]
    fn what_is_wrong_is_kept_and_named() {
        let draft = draft(&[("tool", "ping"), ("destination", "example.org"), ("option.count", "5000")]);
        assert!(matches!(draft.submission(), Err(ServiceError::Refused(Refusal::OutOfRange { .. }))));
        assert_eq!(draft.options["count"], "5000");
    }
}
