//! The nodes: all at a glance, and one with its inventory.

use askama::Template;
use axum::extract::State;
use axum::response::{Html, Response};
use portal::{ApiPath, Caller, PageContext, PageView, Problem, Role};

use super::look::{Badge, Look, fragment, html};
use super::node_change::EditForm;
use crate::Lab;
use crate::model::node::{AdminState, Node};

/// A node with how it looks.
pub(super) struct NodeRow {
    node: Node,
    state: Badge,
    health: Badge,
    last_seen_ms: Option<i64>,
    /// Runs on it and how many may be, in words.
    load: String,
    /// Slots in force: an operator may have set more than the agent allows.
    slots: u32,
    /// The admin states it may be put into: word and label key.
    moves: Vec<(&'static str, &'static str, &'static str)>,
}

#[derive(Template)]
#[template(path = "nodes.html")]
struct NodesPage<'a> {
    l: &'a Look<'a>,
    rows: Vec<NodeRow>,
    is_operator: bool,
}

#[derive(Template)]
#[template(path = "nodes_rows.html")]
struct NodesPart<'a> {
    l: &'a Look<'a>,
    rows: Vec<NodeRow>,
    is_operator: bool,
}

#[derive(Template)]
#[template(path = "nodes_action.html")]
struct Action<'a> {
    l: &'a Look<'a>,
}

#[derive(Template)]
#[template(path = "node.html")]
struct NodePage<'a> {
    l: &'a Look<'a>,
    row: NodeRow,
    is_operator: bool,
    memory: String,
    form: &'a EditForm,
    wrong: Option<(String, String)>,
}

impl NodePage<'_> {
    /// The sentence at a field.
    fn at(&self, field: &str) -> Option<&str> {
        self.wrong.as_ref().filter(|(name, _)| name == field).map(|(_, text)| text.as_str())
    }
}

/// `GET /nodes`
pub(super) async fn list(State(lab): State<Lab>, caller: Caller, t: PageContext) -> Result<Response, Problem> {
    let look = Look::new(&lab, &t);
    let is_operator = caller.has(Role::Operator);
    let body = html(&NodesPage { l: &look, rows: rows_of(&lab, &look).await?, is_operator })?;
    let actions = if is_operator { html(&Action { l: &look })? } else { String::new() };
    let view =
        PageView { title: t.text("nodes-title"), section: "nodes", sub: None, body, actions, scripts: vec!["lab.js"] };
    Ok(lab.portal().page(&t, view))
}

/// `GET /nodes/rows`
pub(super) async fn rows(State(lab): State<Lab>, caller: Caller, t: PageContext) -> Result<Html<String>, Problem> {
    let look = Look::new(&lab, &t);
    let rows = rows_of(&lab, &look).await?;
    fragment(&NodesPart { l: &look, rows, is_operator: caller.has(Role::Operator) })
}

/// `GET /nodes/{node}`
pub(super) async fn detail(
    State(lab): State<Lab>,
    t: PageContext,
    ApiPath(node): ApiPath<String>,
) -> Result<Response, Problem> {
    let node = lab.node_get(&node).await?;
    let form = EditForm::of(&node);
    show(&lab, &t, node, &form, None)
}

/// One node's page, with the form as it was sent and what was wrong with it.
pub(super) fn show(
    lab: &Lab,
    t: &PageContext,
    node: Node,
    form: &EditForm,
    wrong: Option<(String, String)>,
) -> Result<Response, Problem> {
    let look = Look::new(lab, t);
    let title = node.name.clone();
    let gib = node.inventory.memory_bytes as f64 / f64::from(1 << 30);
    let body = html(&NodePage {
        l: &look,
        memory: t.arg("node-memory", "gib", (gib * 10.0).round() / 10.0),
        row: row_of(lab, &look, node),
        is_operator: t.has(Role::Operator),
        form,
        wrong,
    })?;
    let view = PageView { title, section: "nodes", body, scripts: vec!["lab.js"], ..PageView::default() };
    Ok(lab.portal().page(t, view))
}

async fn rows_of(lab: &Lab, look: &Look<'_>) -> Result<Vec<NodeRow>, Problem> {
    Ok(lab.node_list().await?.into_iter().map(|node| row_of(lab, look, node)).collect())
}

fn row_of(lab: &Lab, look: &Look<'_>, node: Node) -> NodeRow {
    let moves = [
        (AdminState::Enabled, "node-enable", "play-fill"),
        (AdminState::Cordoned, "node-cordon", "pause-fill"),
        (AdminState::Disabled, "node-disable", "stop-fill"),
    ];
    // An agent that never connected has told no number.
    let allowed = Some(node.inventory.slots).filter(|allowed| (1..node.slots).contains(allowed));
    let counts = [("running", node.running.into()), ("slots", node.slots.into())];
    NodeRow {
        load: match allowed {
            Some(allowed) => {
                look.t.with("node-load-capped", [counts.as_slice(), &[("allowed", allowed.into())]].concat().as_slice())
            }
            None => look.t.with("node-load", counts.as_slice()),
        },
        slots: allowed.unwrap_or(node.slots),
        state: look.state(node.state),
        health: look.health(node.health(lab.now_ms())),
        last_seen_ms: Some(node.last_seen_ms).filter(|at| *at > 0),
        moves: moves
            .into_iter()
            .filter(|(state, _, _)| *state != node.state)
            .map(|(state, label, icon)| (state.as_str(), label, icon))
            .collect(),
        node,
    }
}
