//! Quotas, caps and refused destinations, as a form.

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use portal::{Caller, Flash, PageContext, PageForm, PageView, Problem, redirect};

use super::look::{Look, html};
use crate::Lab;
use crate::model::policy::{Policy, PolicyRefusal, ProgramCaps};
use crate::service::ServiceError;

/// The numbers, in the order of the form: field and unit key.
const NUMBERS: [(&str, &str); 12] = [
    ("account_waiting_max", "unit-jobs"),
    ("account_hourly_max", "unit-jobs"),
    ("account_elements_max", "unit-runs"),
    ("in_flight_max", "unit-runs"),
    ("starts_per_minute_max", "unit-runs"),
    ("waiting_max_s", "unit-s"),
    ("programs_cpu_s", "unit-s"),
    ("programs_wall_s", "unit-s"),
    ("programs_memory_mib", "unit-mib"),
    ("programs_processes", "unit-processes"),
    ("programs_file_mib", "unit-mib"),
    ("programs_output_kib", "unit-kib"),
];
/// Which version of the policy the form shows.
const VERSION: &str = "version";
/// Whether programs have the network: a box to tick.
const NETWORK: &str = "programs_network";
const LISTS: [&str; 2] = ["refused_networks", "refused_names"];

/// The form as text.
type Values = BTreeMap<String, String>;

#[derive(Template)]
#[template(path = "policy.html")]
struct PolicyPage<'a> {
    l: &'a Look<'a>,
    numbers: &'a [(&'static str, &'static str)],
    lists: &'a [&'static str],
    values: &'a Values,
    wrong: Option<(String, String)>,
}

impl PolicyPage<'_> {
    fn value(&self, field: &str) -> &str {
        self.values.get(field).map_or("", String::as_str)
    }

    /// The sentence at a field.
    fn at(&self, field: &str) -> Option<&str> {
        self.wrong.as_ref().filter(|(name, _)| name == field).map(|(_, text)| text.as_str())
    }
}

fn show(lab: &Lab, t: &PageContext, values: &Values, wrong: Option<(String, String)>) -> Result<Response, Problem> {
    let look = Look::new(lab, t);
    let body = html(&PolicyPage { l: &look, numbers: &NUMBERS, lists: &LISTS, values, wrong })?;
    let view = PageView { title: t.text("policy-title"), section: "policy", body, ..PageView::default() };
    Ok(lab.portal().page(t, view))
}

/// `GET /admin/policy`
pub(super) async fn page(State(lab): State<Lab>, t: PageContext) -> Result<Response, Problem> {
    let (policy, version) = lab.policy_read().await?;
    let mut values = values_of(&policy);
    values.insert(VERSION.to_owned(), version.to_string());
    show(&lab, &t, &values, None)
}

/// `POST /admin/policy`
pub(super) async fn save(
    State(lab): State<Lab>,
    caller: Caller,
    t: PageContext,
    PageForm(values): PageForm<Values>,
) -> Result<Response, Problem> {
    let wrong = match policy_of(&values) {
        Err(field) => (field.to_owned(), t.text("policy-number")),
        Ok(policy) => {
            let read = values.get(VERSION).and_then(|version| version.parse().ok());
            let policy = Policy { courses: lab.policy_in_force().courses, ..policy };
            match lab.policy_replace(&caller, policy, read).await {
                Ok(_) => return Ok(redirect("/admin/policy", Some(Flash::done("flash-policy-saved")))),
                Err(ServiceError::Policy(refusal)) => (refusal.field().replace('.', "_"), sentence(&t, &refusal)),
                Err(error) => return Err(error.into()),
            }
        }
    };
    let mut response = show(&lab, &t, &values, Some(wrong))?;
    *response.status_mut() = StatusCode::BAD_REQUEST;
    Ok(response)
}

fn sentence(t: &PageContext, refusal: &PolicyRefusal) -> String {
    match refusal {
        PolicyRefusal::Network(text) => t.arg("policy-network", "text", text),
        PolicyRefusal::Name(text) => t.arg("policy-name", "text", text),
        PolicyRefusal::Range { max, .. } => t.arg("policy-range", "max", *max),
        PolicyRefusal::TooMany { count, .. } => t.arg("policy-too-many", "count", *count),
    }
}

fn values_of(policy: &Policy) -> Values {
    let programs = &policy.programs;
    let numbers = [
        policy.account_waiting_max,
        policy.account_hourly_max,
        policy.account_elements_max,
        policy.in_flight_max,
        policy.starts_per_minute_max,
        policy.waiting_max_s,
        programs.cpu_s,
        programs.wall_s,
        programs.memory_mib,
        programs.processes,
        programs.file_mib,
        programs.output_kib,
    ];
    let numbers = NUMBERS.iter().zip(numbers).map(|((field, _), number)| ((*field).to_owned(), number.to_string()));
    let lists = [policy.refused_networks.join("\n"), policy.refused_names.join("\n")];
    let lists = LISTS.into_iter().map(str::to_owned).zip(lists);
    let network = programs.network.then(|| (NETWORK.to_owned(), "on".to_owned()));
    numbers.chain(lists).chain(network).collect()
}

/// The form knows nothing of single courses. Errors: the field that is no number.
fn policy_of(values: &Values) -> Result<Policy, &'static str> {
    let text = |field: &str| values.get(field).map_or("", |text| text.trim());
    let number = |at: usize| text(NUMBERS[at].0).parse::<u32>().map_err(|_| NUMBERS[at].0);
    let lines = |field: &str| -> Vec<String> {
        text(field).lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect()
    };
    Ok(Policy {
        account_waiting_max: number(0)?,
        account_hourly_max: number(1)?,
        account_elements_max: number(2)?,
        in_flight_max: number(3)?,
        starts_per_minute_max: number(4)?,
        waiting_max_s: number(5)?,
        refused_networks: lines(LISTS[0]),
        refused_names: lines(LISTS[1]),
        programs: ProgramCaps {
            cpu_s: number(6)?,
            wall_s: number(7)?,
            memory_mib: number(8)?,
            processes: number(9)?,
            file_mib: number(10)?,
            output_kib: number(11)?,
            network: !text(NETWORK).is_empty(),
        },
        courses: BTreeMap::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_and_the_policy_are_the_same() {
        let policy = Policy { refused_names: vec!["*.example.org".into(), "a.b".into()], ..Policy::default() };
        let mut values = values_of(&policy);
        assert_eq!(policy_of(&values), Ok(policy));
        values.insert("in_flight_max".into(), "many".into());
        assert_eq!(policy_of(&values), Err("in_flight_max"));
    }
}
