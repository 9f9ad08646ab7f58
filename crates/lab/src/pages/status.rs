//! The public state of the lab (L12): no names of people or jobs. Who is not signed in has no event stream, so this one
//! page asks again every few seconds.

use askama::Template;
use axum::extract::State;
use axum::response::{Html, Response};
use portal::{PageContext, PageView, Problem};

use super::look::{Badge, Look, fragment, html};
use crate::Lab;
use crate::model::node::{AdminState, Health};
use crate::service::status::{LabStatus, NodeStatus};

/// A node with how it looks.
struct NodeLine {
    node: NodeStatus,
    state: Badge,
    health: Badge,
    last_seen_ms: Option<i64>,
}

#[derive(Template)]
#[template(path = "status.html")]
struct StatusPage<'a> {
    l: &'a Look<'a>,
    status: &'a LabStatus,
    overall: Badge,
    lines: Vec<NodeLine>,
    is_signed_in: bool,
}

#[derive(Template)]
#[template(path = "status_part.html")]
struct StatusPart<'a> {
    l: &'a Look<'a>,
    status: &'a LabStatus,
    overall: Badge,
    lines: Vec<NodeLine>,
    is_signed_in: bool,
}

/// `GET /status`
pub(super) async fn page(State(lab): State<Lab>, t: PageContext) -> Result<Response, Problem> {
    let status = lab.lab_status().await?;
    let look = Look::new(&lab, &t);
    let (overall, lines) = (overall(&look, status.status), lines(&look, &status));
    let is_signed_in = t.caller.is_some();
    let body = html(&StatusPage { l: &look, status: &status, overall, lines, is_signed_in })?;
    let view = PageView { title: t.text("status-title"), section: "status", body, ..PageView::default() };
    Ok(lab.portal().page(&t, view))
}

/// `GET /status/part`
pub(super) async fn part(State(lab): State<Lab>, t: PageContext) -> Result<Html<String>, Problem> {
    let status = lab.lab_status().await?;
    let look = Look::new(&lab, &t);
    let (overall, lines) = (overall(&look, status.status), lines(&look, &status));
    fragment(&StatusPart { l: &look, status: &status, overall, lines, is_signed_in: t.caller.is_some() })
}

fn overall(look: &Look<'_>, status: &str) -> Badge {
    let health = match status {
        "up" => Health::Up,
        "degraded" => Health::Suspect,
        _ => Health::Down,
    };
    Badge { word: look.text(&format!("status-{status}")), ..look.health(health) }
}

/// Reads the word that the services give.
fn health(word: &str) -> Health {
    match word {
        "up" => Health::Up,
        "suspect" => Health::Suspect,
        _ => Health::Down,
    }
}

fn lines(look: &Look<'_>, status: &LabStatus) -> Vec<NodeLine> {
    let line = |node: &NodeStatus| NodeLine {
        state: look.state(node.state.parse().unwrap_or(AdminState::Disabled)),
        health: look.health(health(node.health)),
        last_seen_ms: node
            .last_seen
            .as_deref()
            .and_then(|text| text.parse::<jiff::Timestamp>().ok())
            .map(jiff::Timestamp::as_millisecond),
        node: node.clone(),
    };
    status.nodes.iter().map(line).collect()
}
