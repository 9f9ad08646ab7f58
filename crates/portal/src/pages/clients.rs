//! `/clients`: who is connected, live.

use askama::Template;
use axum::extract::State;
use axum::response::{Html, IntoResponse as _, Response};

use crate::error::Problem;
use crate::http::extract::ApiPath;
use crate::model::caller::{Caller, Via};
use crate::model::client::{Client, ClientKind};
use crate::portal::Portal;
use crate::shell::context::{Flash, PageContext};
use crate::shell::page::redirect;

#[derive(Template)]
#[template(path = "clients.html")]
struct Body<'a> {
    t: &'a PageContext,
    rows: Rows<'a>,
}

#[derive(Template)]
#[template(path = "clients_rows.html")]
struct Rows<'a> {
    t: &'a PageContext,
    icons: String,
    clients: Vec<Client>,
    here: usize,
    own: String,
}

async fn rows_of<'a>(portal: &Portal, t: &'a PageContext, caller: &Caller) -> Result<Rows<'a>, Problem> {
    let clients = portal.client_list().await?;
    let here = clients.iter().filter(|client| client.is_here(t.now_ms)).count();
    let (Via::Session { id } | Via::Token { id }) = &caller.via;
    Ok(Rows { t, icons: portal.asset("icons.svg"), clients, here, own: id.clone() })
}

/// `GET /clients`
pub(crate) async fn list(State(portal): State<Portal>, t: PageContext, caller: Caller) -> Result<Response, Problem> {
    let rows = rows_of(&portal, &t, &caller).await?;
    crate::pages::show(&portal, &t, "nav-clients", "clients", &Body { t: &t, rows })
}

/// `GET /clients/rows`: the part that updates itself.
pub(crate) async fn rows(State(portal): State<Portal>, t: PageContext, caller: Caller) -> Result<Response, Problem> {
    let rows = rows_of(&portal, &t, &caller).await?;
    Ok(Html(rows.render().map_err(Problem::bug)?).into_response())
}

/// `POST /clients/{id}/end`
pub(crate) async fn end(
    State(portal): State<Portal>,
    caller: Caller,
    ApiPath(id): ApiPath<String>,
) -> Result<Response, Problem> {
    portal.client_end(&caller, &id).await?;
    Ok(redirect("/clients", Some(Flash::done("session-ended"))))
}
