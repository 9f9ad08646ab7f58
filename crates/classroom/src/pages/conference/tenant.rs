//! What a tenant's meetings are made with, as a form: hosts and parameters one a line.

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use portal::{ApiPath, Caller, Flash, PageContext, PageForm, PageView, Problem, redirect};
use serde::Deserialize;

use super::Mistake;
use crate::Classroom;
use crate::directory::TenantEntry;
use crate::pages::look::{Look, html};
use crate::service::tenant::SettingsView;

const FIELDS: [&str; 6] = ["hosts", "defaults", "overrides", "meetings_max", "attendees_max", "minutes_max"];

/// The settings as they are typed.
#[derive(Default, Deserialize)]
pub(super) struct SettingsForm {
    hosts: String,
    defaults: String,
    overrides: String,
    meetings_max: String,
    attendees_max: String,
    minutes_max: String,
}

#[derive(Template)]
#[template(path = "conference_tenant.html")]
struct TenantPage<'a> {
    l: &'a Look<'a>,
    name: &'a str,
    form: SettingsForm,
    wrong: Mistake,
}

/// `GET /conference/tenants/{tenant}`
pub(super) async fn page(
    State(classroom): State<Classroom>,
    caller: Caller,
    t: PageContext,
    ApiPath(tenant): ApiPath<String>,
) -> Result<Response, Problem> {
    let tenant = classroom.tenant_for(&caller, Some(&tenant))?;
    let form = SettingsForm::from(SettingsView::from(tenant.settings.clone()));
    show(&classroom, &t, &tenant, form, Mistake::default())
}

fn show(
    classroom: &Classroom,
    t: &PageContext,
    tenant: &TenantEntry,
    form: SettingsForm,
    wrong: Mistake,
) -> Result<Response, Problem> {
    let look = Look::new(t);
    let body = html(&TenantPage { l: &look, name: &tenant.name, form, wrong })?;
    let title = t.arg("conference-tenant-title", "tenant", tenant.title.as_str());
    let sub = Some("conference-connect");
    let view = PageView { title, section: "conference", sub, body, ..PageView::default() };
    Ok(classroom.portal().page(t, view))
}

/// `POST /conference/tenants/{tenant}`
pub(super) async fn set(
    State(classroom): State<Classroom>,
    caller: Caller,
    t: PageContext,
    ApiPath(tenant): ApiPath<String>,
    PageForm(form): PageForm<SettingsForm>,
) -> Result<Response, Problem> {
    let tenant = classroom.tenant_for(&caller, Some(&tenant))?;
    let view = match form.read() {
        Ok(view) => view,
        Err((field, key)) => {
            let wrong = Mistake { field: field.to_owned(), sentence: t.text(key) };
            return show(&classroom, &t, &tenant, form, wrong);
        }
    };
    match classroom.tenant_set(&caller, &tenant.settings.tenant, view).await {
        Ok(()) => {
            let to = format!("/conference/tenants/{}", tenant.name);
            Ok(redirect(&to, Some(Flash::done("flash-conference-tenant"))))
        }
        Err(error) => show(&classroom, &t, &tenant, form, Mistake::of(&t, error)?),
    }
}

impl SettingsForm {
    /// Errors: the field and the key of the sentence.
    fn read(&self) -> Result<SettingsView, (&'static str, &'static str)> {
        Ok(SettingsView {
            hosts: self.hosts.lines().map(str::to_owned).collect(),
            defaults: pairs(&self.defaults).ok_or(("defaults", "conference-lines-wrong"))?,
            overrides: pairs(&self.overrides).ok_or(("overrides", "conference-lines-wrong"))?,
            meetings_max: limit(&self.meetings_max).ok_or(("meetings_max", "conference-limit-wrong"))?,
            attendees_max: limit(&self.attendees_max).ok_or(("attendees_max", "conference-limit-wrong"))?,
            minutes_max: limit(&self.minutes_max).ok_or(("minutes_max", "conference-limit-wrong"))?,
        })
    }
}

impl From<SettingsView> for SettingsForm {
    fn from(view: SettingsView) -> Self {
        let lines = |pairs: BTreeMap<String, String>| {
            pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("\n")
        };
        let number = |limit: Option<u32>| limit.map(|limit| limit.to_string()).unwrap_or_default();
        Self {
            hosts: view.hosts.join("\n"),
            defaults: lines(view.defaults),
            overrides: lines(view.overrides),
            meetings_max: number(view.meetings_max),
            attendees_max: number(view.attendees_max),
            minutes_max: number(view.minutes_max),
        }
    }
}

/// Lines `name=value`; `None` where one is none.
fn pairs(text: &str) -> Option<BTreeMap<String, String>> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let pair = |line: &str| {
        let (name, value) = line.split_once('=')?;
        Some((name.trim().to_owned(), value.trim().to_owned()))
    };
    lines.map(pair).collect()
}

/// A limit, empty or 0 for none; `None` where it is no number.
fn limit(text: &str) -> Option<Option<u32>> {
    match text.trim() {
        "" => Some(None),
        number => number.parse().ok().map(Some),
    }
}
