//! `GET /events?topic=…`: tells a page that something has changed, by server-sent events. Only the topic's name goes over
//! the wire; the page fetches what it shows through the same access checks as ever. Every topic is sent once when the
//! stream begins, so that what happened between page and stream, or during a lost link, is never missed.

use std::collections::HashMap;
use std::convert::Infallible;
use std::time::Duration;

use axum::extract::{RawQuery, State};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures::stream::{self, Stream, StreamExt as _};

use crate::error::Problem;
use crate::model::caller::Caller;
use crate::model::role::Role;
use crate::portal::Portal;
use crate::service::{ACCOUNTS, CLIENTS};

/// Topics a stream may have.
const TOPICS: usize = 32;
/// A sign of life this often, so that a lost link is noticed.
const SIGN_OF_LIFE: Duration = Duration::from_secs(15);

/// The portal's own topics, then the services'.
fn bus_topic(portal: &Portal, caller: &Caller, asked: &str) -> Option<String> {
    match asked {
        "clients" if caller.has(Role::Operator) => Some(String::from(CLIENTS)),
        "journal" if caller.has(Role::Operator) => Some(String::from("portal.journal")),
        "accounts" if caller.has(Role::Admin) => Some(String::from(ACCOUNTS)),
        _ => (portal.0.config.topics)(caller, asked),
    }
}

/// Errors: `topics-wrong` without topics or with too many, `topic-refused` for one the caller may not hear.
pub(crate) async fn events(
    State(portal): State<Portal>,
    caller: Caller,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let query = query.unwrap_or_default();
    let asked = form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| name == "topic").map(|(_, topic)| topic);
    let mut names: HashMap<String, String> = HashMap::new(); // bus topic → what the page calls it
    for topic in asked.take(TOPICS + 1) {
        let bus = bus_topic(&portal, &caller, &topic).ok_or_else(|| {
            Problem::not_found("topic-refused", format!("There is no topic {topic} for you."))
                .arg("topic", topic.as_ref())
        })?;
        names.insert(bus, topic.into_owned());
    }
    if names.is_empty() || names.len() > TOPICS {
        return Err(Problem::bad_request("topics-wrong", "Ask for 1 to 32 topics: /events?topic=NAME.").field("topic"));
    }
    let stream = wakes(portal, caller, names);
    let keep_alive = KeepAlive::new().interval(SIGN_OF_LIFE).text("here");
    Ok(Sse::new(stream).keep_alive(keep_alive).into_response())
}

fn wakes(
    portal: Portal,
    caller: Caller,
    names: HashMap<String, String>,
) -> impl Stream<Item = Result<Event, Infallible>> + Send {
    let guards = Portal::identity_topics().map(String::from);
    let watch = portal.0.db.events().watch(names.keys().cloned().chain(guards));
    let first: Vec<String> = names.values().cloned().collect();
    let state = (portal, caller, names, watch);
    let later = stream::unfold(state, |(portal, caller, names, watch)| async move {
        let closing = portal.closing();
        loop {
            let topic = tokio::select! {
                topic = watch.changed() => topic,
                () = closing.cancelled() => return None,
            };
            if Portal::identity_topics().contains(&topic.as_str()) {
                if !portal.still_holds(&caller).await {
                    return None;
                }
            } else if let Some(name) = names.get(&topic) {
                return Some((name.clone(), (portal, caller, names, watch)));
            }
        }
    });
    stream::iter(first)
        .chain(later)
        .enumerate()
        // Browsers pass over an event without data, so the name stands there again.
        .map(|(id, name)| Ok(Event::default().event(&name).id(id.to_string()).data(&name)))
}
