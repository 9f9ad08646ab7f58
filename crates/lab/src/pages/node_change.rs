//! What operators change of nodes: adding one, its admin state, its name, slots and labels, removing it.

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use portal::{ApiPath, Caller, Flash, PageContext, PageForm, PageView, Problem, redirect};
use serde::Deserialize;

use super::look::{Look, html};
use super::node::show;
use crate::Lab;
use crate::model::node::Node;
use crate::service::ServiceError;
use crate::service::node::{NodeChange, NodeToken};

/// Lives of a join token that the page offers: minutes and label key.
const LIVES: [(u32, &str); 3] =
    [(60, "node-token-hour"), (24 * 60, "node-token-day"), (7 * 24 * 60, "node-token-week")];

#[derive(Template)]
#[template(path = "node_new.html")]
struct NewNodePage<'a> {
    l: &'a Look<'a>,
    lives: &'a [(u32, &'static str)],
    made: Option<NodeToken>,
    /// When it expires, UTC.
    until: String,
    /// The address to join, when other machines can't reach it.
    local: Option<&'a str>,
}

fn show_new(lab: &Lab, t: &PageContext, made: Option<NodeToken>) -> Result<Response, Problem> {
    let look = Look::new(lab, t);
    let until = made.as_ref().map(|made| portal::utc_text(made.expires_ms)).unwrap_or_default();
    // To the minute: 2026-11-22T10:15:00.000Z.
    let until = format!("{} UTC", until.get(..16).unwrap_or_default().replace('T', " "));
    let body = html(&NewNodePage { l: &look, lives: &LIVES, made, until, local: lab.join_url_local() })?;
    let title = t.text("node-new-title");
    let view = PageView { title, section: "nodes", body, scripts: vec!["lab.js"], ..PageView::default() };
    Ok(lab.portal().page(t, view))
}

/// `GET /nodes/new`
pub(super) async fn new(State(lab): State<Lab>, t: PageContext) -> Result<Response, Problem> {
    show_new(&lab, &t, None)
}

#[derive(Deserialize)]
pub(super) struct TokenForm {
    minutes: u32,
}

/// `POST /nodes/new`: answers with the page itself, since the token is shown once and is kept nowhere.
pub(super) async fn token(
    State(lab): State<Lab>,
    caller: Caller,
    t: PageContext,
    PageForm(form): PageForm<TokenForm>,
) -> Result<Response, Problem> {
    let made = lab.node_token_create(&caller, form.minutes).await?;
    let mut response = show_new(&lab, &t, Some(made))?;
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

#[derive(Deserialize)]
pub(super) struct StateForm {
    state: String,
    /// Comes from the node's own page, and goes back there.
    #[serde(default)]
    from_node: bool,
}

/// `POST /nodes/{node}/state`
pub(super) async fn state(
    State(lab): State<Lab>,
    caller: Caller,
    ApiPath(node): ApiPath<String>,
    PageForm(form): PageForm<StateForm>,
) -> Result<Response, Problem> {
    let unknown =
        |_| ServiceError::Request { field: "state", sentence: "state is enabled, cordoned or disabled.".to_owned() };
    let wanted = form.state.parse().map_err(unknown)?;
    let change = NodeChange { state: Some(wanted), ..NodeChange::default() };
    let node = lab.node_change(&caller, &node, change).await?;
    let to = if form.from_node { format!("/nodes/{}", node.name) } else { "/nodes".to_owned() };
    Ok(redirect(&to, Some(Flash::done(&format!("flash-node-{}", node.state.as_str())))))
}

/// Name, slots and labels as they stand in the form; labels one a line, `key=value`.
#[derive(Debug, Deserialize)]
pub(super) struct EditForm {
    pub(super) name: String,
    pub(super) slots: String,
    #[serde(default)]
    pub(super) labels: String,
}

impl EditForm {
    pub(super) fn of(node: &Node) -> Self {
        let labels: Vec<_> = node.labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
        Self { name: node.name.clone(), slots: node.slots.to_string(), labels: labels.join("\n") }
    }

    /// Errors: the field's name and the catalog key of what is wrong.
    fn change(&self) -> Result<NodeChange, (&'static str, &'static str)> {
        let slots = self.slots.trim().parse().map_err(|_| ("slots", "node-slots-number"))?;
        let mut labels = BTreeMap::new();
        for line in self.labels.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let (key, value) = line.split_once('=').ok_or(("on", "node-labels-form"))?;
            labels.insert(key.trim().to_owned(), value.trim().to_owned());
        }
        let name = Some(self.name.trim().to_owned());
        Ok(NodeChange { name, slots: Some(slots), labels: Some(labels), state: None })
    }
}

/// `POST /nodes/{node}/edit`
pub(super) async fn edit(
    State(lab): State<Lab>,
    caller: Caller,
    t: PageContext,
    ApiPath(id): ApiPath<String>,
    PageForm(form): PageForm<EditForm>,
) -> Result<Response, Problem> {
    let wrong = match form.change() {
        Err((field, key)) => (field.to_owned(), t.text(key)),
        Ok(change) => match lab.node_change(&caller, &id, change).await {
            Ok(node) => return Ok(redirect(&format!("/nodes/{}", node.name), Some(Flash::done("flash-node-saved")))),
            Err(error) => {
                let problem = Problem::from(error);
                let Some(field) = problem.field_name() else { return Err(problem) };
                (field.to_owned(), t.problem_text(&problem))
            }
        },
    };
    let mut response = show(&lab, &t, lab.node_get(&id).await?, &form, Some(wrong))?;
    *response.status_mut() = axum::http::StatusCode::BAD_REQUEST;
    Ok(response)
}

/// `POST /nodes/{node}/remove`
pub(super) async fn remove(
    State(lab): State<Lab>,
    caller: Caller,
    ApiPath(id): ApiPath<String>,
) -> Result<Response, Problem> {
    match lab.node_remove(&caller, &id).await {
        Ok(()) => Ok(redirect("/nodes", Some(Flash::done("flash-node-removed")))),
        Err(ServiceError::NodeBusy { node, .. }) => {
            Ok(redirect(&format!("/nodes/{node}"), Some(Flash::failed("flash-node-busy"))))
        }
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_read_line_by_line() {
        let form =
            |slots: &str, labels: &str| EditForm { name: "a".into(), slots: slots.into(), labels: labels.into() };
        let change = form(" 4", "site=paris\r\n\r\n kind = lab").change().unwrap();
        assert_eq!(change.slots, Some(4));
        assert_eq!(
            change.labels.unwrap(),
            BTreeMap::from([("kind".into(), "lab".into()), ("site".into(), "paris".into())])
        );
        assert_eq!(form("x", "").change().unwrap_err().0, "slots");
        assert_eq!(form("1", "paris").change().unwrap_err().0, "on");
    }
}
