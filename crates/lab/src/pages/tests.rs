//! The catalogs are complete: both languages have the same sentences, and every code has one.

use portal::catalog::differences;
use portal::{Catalog, Locale, Problem};

use super::program::{PHRASES, TEXTS};
use super::{assets, catalogs, navigation, sub_navigation};
use crate::model::experiment::Experiment;
use crate::model::job::{ErrorReason, JobStatus, NameRefusal};
use crate::model::node::NodeNameRefusal;
use crate::model::refusal::Refusal;
use crate::model::run::RunState;
use crate::model::tool::{OptionKind, tools};
use crate::service::ServiceError;

fn catalog() -> Catalog {
    Catalog::new(catalogs()).unwrap()
}

/// Fails with the keys that a language lacks.
fn assert_has(keys: impl IntoIterator<Item = String>) {
    let catalog = catalog();
    let missing: Vec<_> = keys
        .into_iter()
        .flat_map(|key| Locale::ALL.map(|locale| (locale, key.clone())))
        .filter(|(locale, key)| catalog.find(*locale, key, &[]).is_none())
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn english_and_french_have_the_same_sentences() {
    for (en, fr) in [
        (include_str!("../../locales/en/lab.ftl"), include_str!("../../locales/fr/lab.ftl")),
        (include_str!("../../locales/en/batches.ftl"), include_str!("../../locales/fr/batches.ftl")),
        (include_str!("../../locales/en/programs.ftl"), include_str!("../../locales/fr/programs.ftl")),
        (include_str!("../../locales/en/tools.ftl"), include_str!("../../locales/fr/tools.ftl")),
    ] {
        assert_eq!(differences(en, fr), Vec::<String>::new());
    }
}

#[test]
fn every_key_in_templates_and_code_has_a_sentence() {
    let sources = [
        include_str!("../../templates/badge.html"),
        include_str!("../../templates/batch_actions.html"),
        include_str!("../../templates/batch_elements.html"),
        include_str!("../../templates/batch_facts.html"),
        include_str!("../../templates/batch_rows.html"),
        include_str!("../../templates/batch_state.html"),
        include_str!("../../templates/batches.html"),
        include_str!("../../templates/job.html"),
        include_str!("../../templates/job_actions.html"),
        include_str!("../../templates/job_attempts.html"),
        include_str!("../../templates/job_facts.html"),
        include_str!("../../templates/new.html"),
        include_str!("../../templates/new_form.html"),
        include_str!("../../templates/new_preview.html"),
        include_str!("../../templates/output.html"),
        include_str!("../../templates/output_tools.html"),
        include_str!("../../templates/node.html"),
        include_str!("../../templates/node_new.html"),
        include_str!("../../templates/nodes.html"),
        include_str!("../../templates/nodes_action.html"),
        include_str!("../../templates/nodes_rows.html"),
        include_str!("../../templates/overview.html"),
        include_str!("../../templates/overview_action.html"),
        include_str!("../../templates/overview_rows.html"),
        include_str!("../../templates/policy.html"),
        include_str!("../../templates/program.html"),
        include_str!("../../templates/program_actions.html"),
        include_str!("../../templates/program_result.html"),
        include_str!("../../templates/program_source.html"),
        include_str!("../../templates/status.html"),
        include_str!("../../templates/status_part.html"),
        include_str!("batch.rs"),
        include_str!("batch_change.rs"),
        include_str!("detail.rs"),
        include_str!("job.rs"),
        include_str!("job_change.rs"),
        include_str!("new.rs"),
        include_str!("node.rs"),
        include_str!("node_change.rs"),
        include_str!("policy.rs"),
        include_str!("program.rs"),
        include_str!("program/result.rs"),
    ];
    let marks = [
        "text(\"",
        "arg(\"",
        "with(\"",
        "Flash::done(\"",
        "Flash::failed(\"",
        ", \"flash-",
        ", \"node-token-",
        "=> \"lab-destination-",
    ];
    let keys = sources.iter().flat_map(|source| {
        marks.into_iter().flat_map(move |mark| {
            let prefix = mark.rsplit('"').next().unwrap_or_default();
            source
                .split(mark)
                .skip(1)
                .filter_map(move |rest| rest.split_once('"'))
                .map(move |(key, _)| format!("{prefix}{key}"))
        })
    });
    let keys: Vec<String> = keys.collect();
    assert!(keys.len() > 150, "only {} keys were found", keys.len());
    assert_has(keys);
}

#[test]
fn every_state_reason_and_role_has_a_word() {
    assert_has(JobStatus::ALL.iter().map(|status| format!("job-status-{}", status.as_str())));
    assert_has(["waiting", "running", "completed", "cancelled"].map(|status| format!("batch-status-{status}")));
    assert_has(["batch-completed-failed", "batch-failed-of", "job-status-failed"].map(str::to_owned));
    assert_has(ErrorReason::ALL.iter().map(|reason| format!("reason-{}", reason.as_str())));
    assert_has(RunState::WORDS.iter().map(|word| format!("run-status-{word}")));
    assert_has(["near", "far"].map(|role| format!("job-role-{role}")));
    assert_has(["up", "suspect", "down"].map(|health| format!("node-health-{health}")));
    assert_has(["enabled", "cordoned", "disabled"].map(|state| format!("node-state-{state}")));
    assert_has(["enabled", "cordoned", "disabled"].map(|state| format!("flash-node-{state}")));
    assert_has(["up", "degraded", "down"].map(|word| format!("status-{word}")));
}

#[test]
fn every_tool_option_and_unit_has_words() {
    for tool in tools() {
        assert_has([format!("tool-{}", tool.name), format!("tool-{}-help", tool.name)]);
        for spec in tool.options {
            let key = format!("option-{}-{}", tool.name, spec.name);
            assert_has([format!("{key}-help"), key]);
            match spec.kind {
                OptionKind::Integer { unit, .. }
                | OptionKind::Quantity { unit, .. }
                | OptionKind::Decimal { unit, .. }
                    if unit != "port" =>
                {
                    assert_has([format!("unit-{}", unit.replace('/', "-"))]);
                }
                _ => {}
            }
        }
    }
}

#[test]
fn scripts_and_both_lists_have_their_words() {
    assert_has(["once", "times", "destinations", "nodes", "array", "lines", "inputs"].map(|way| format!("many-{way}")));
    assert_has(TEXTS.map(str::to_owned));
    assert_has(PHRASES.map(|(_, key)| key.to_owned()));
    assert_has(["program-time", "program-cpu", "program-memory"].map(str::to_owned));
    let template = include_str!("../../templates/overview.html").to_owned()
        + include_str!("../../templates/overview_rows.html")
        + include_str!("../../templates/overview_action.html")
        + include_str!("../../templates/batches.html");
    let words: Vec<_> = template.split("kind.key(\"").skip(1).filter_map(|rest| rest.split_once('"')).collect();
    assert!(words.len() > 8, "only {words:?} were found");
    let done = ["submitted", "cancelled", "retried", "pinned", "unpinned", "deleted"];
    assert_has(done.into_iter().flat_map(|word| ["lab", "program"].map(|kind| format!("{kind}-flash-{word}"))));
    let scopes = ["scope-all", "scope-class", "scope-mine", "scope-pinned", "overview-title"];
    let words = words.into_iter().map(|(word, _)| word).chain(scopes);
    assert_has(words.flat_map(|word| ["lab", "program"].map(|kind| format!("{kind}-{word}"))));
}

#[test]
fn every_label_of_the_navigation_has_words() {
    assert_has(
        navigation().into_iter().chain(sub_navigation().into_iter().map(|(_, item)| item)).map(|i| i.label.to_owned()),
    );
    assert!(assets().iter().all(|asset| !asset.bytes.is_empty()));
}

/// One error of each kind that the services have.
fn service_errors() -> Vec<ServiceError> {
    use ServiceError as E;
    let text = || String::from("x");
    let refused = Experiment::from_args("ping", &[]).unwrap_err();
    vec![
        E::Refused(refused),
        E::Name(NameRefusal::TooLong { length: 200 }),
        E::Name(NameRefusal::Control),
        E::NodeName(NodeNameRefusal(text())),
        E::Request { field: "on", sentence: text() },
        E::NodeUnknown(text()),
        E::NodeDown { node: text(), ago: text() },
        E::NodeOut { node: text(), state: "cordoned" },
        E::NodeLacksTool { node: text(), tool: text(), tools: text() },
        E::TooManyWaiting { waiting: 1, max: 1 },
        E::TooManyHourly { max: 1 },
        E::TooManyElements { waiting: 1, max: 1 },
        E::TooManyElementsHourly { submitted: 1, max: 1 },
        E::BatchSize { field: "array" },
        E::BatchReversed { from: 5, to: 1 },
        E::BatchTooLarge { count: 2, max: 1 },
        E::Element { field: "parameters[1]".to_owned(), error: Box::new(E::BatchSize { field: "parameters" }) },
        E::NoNodeUp { tool: text() },
        E::PolicyChanged,
        E::BatchPinned { pinned: 1 },
        E::TooManyStreams { max: 1 },
        E::StreamsFull,
        E::JobUnknown,
        E::JobOfAnother,
        E::JobOpen,
        E::NothingKept,
        E::JobOver,
        E::NotRetryable { status: "running" },
        E::IdempotencyReused,
        E::Cursor,
        E::JoinToken,
        E::OldProtocol { theirs: 1, ours: 2 },
        E::NodeNameTaken(text()),
        E::NodeBusy { node: text(), running: 1 },
        E::NodeMissing(text()),
    ]
}

#[test]
fn every_code_of_the_services_has_a_sentence() {
    let source = include_str!("../service/problem.rs");
    let codes: Vec<_> = source
        .split("Problem::")
        .filter_map(|rest| rest.split_once('"'))
        .filter(|(call, _)| {
            call.trim_end()
                .strip_suffix('(')
                .is_some_and(|name| name.bytes().all(|b| b == b'_' || b.is_ascii_lowercase()))
        })
        .filter_map(|(_, rest)| rest.split_once('"'))
        .map(|(code, _)| format!("problem-{code}"))
        .collect();
    assert!(codes.len() >= 25, "only {codes:?} were found");
    assert_has(codes);
}

#[test]
fn every_refusal_has_a_sentence_with_its_arguments() {
    assert_has(Refusal::CODES.iter().map(|(code, _)| format!("problem-{code}")));
    let catalog = catalog();
    for error in service_errors() {
        let problem = Problem::from(error);
        for locale in Locale::ALL {
            let text = catalog.find(locale, &format!("problem-{}", problem.code()), problem.args());
            let text = text.unwrap_or_else(|| panic!("{} in {locale}", problem.code()));
            assert!(!text.contains("{$"), "{text}");
        }
    }
}
