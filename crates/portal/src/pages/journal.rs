//! `/admin/journal`: what was done, by whom, when.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;

use crate::api::PAGE;
use crate::error::Problem;
use crate::http::extract::ApiQuery;
use crate::model::journal::Entry;
use crate::portal::Portal;
use crate::queries::journal::{EntryFilter, entry_list};
use crate::shell::context::PageContext;

/// The filter as it stands in the address.
#[derive(Deserialize)]
pub(crate) struct ListQuery {
    #[serde(default)]
    login: String,
    #[serde(default)]
    action: String,
    #[serde(default)]
    target: String,
    before: Option<String>,
}

#[derive(Template)]
#[template(path = "journal.html")]
struct Body<'a> {
    t: &'a PageContext,
    entries: Vec<Entry>,
    query: &'a ListQuery,
    next: Option<String>,
}

fn wish(text: &str) -> Option<String> {
    Some(text.trim().replace('\0', "")).filter(|text| !text.is_empty())
}

/// `GET /admin/journal`
pub(crate) async fn list(
    State(portal): State<Portal>,
    t: PageContext,
    ApiQuery(query): ApiQuery<ListQuery>,
) -> Result<Response, Problem> {
    let filter = EntryFilter {
        login: wish(&query.login),
        deed: wish(&query.action),
        target: wish(&query.target),
        before: query.before.as_deref().and_then(wish),
        limit: i64::from(PAGE) + 1,
    };
    let mut entries = entry_list(&portal.0.db, &filter).await?;
    let more = entries.len() > PAGE as usize;
    entries.truncate(PAGE as usize);
    let next = entries.last().filter(|_| more).map(|last| {
        let pairs =
            [("login", &query.login), ("action", &query.action), ("target", &query.target), ("before", &last.id)];
        form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
    });
    crate::pages::show(&portal, &t, "nav-journal", "journal", &Body { t: &t, entries, query: &query, next })
}
