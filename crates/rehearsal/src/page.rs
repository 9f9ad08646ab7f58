//! What people see: where `join` leads. No script, so that nothing stands between them and the words.

use hyper::{Method, StatusCode};
use quick_xml::escape::escape;

use crate::meeting::Meeting;
use crate::reply::Reply;
use crate::request::Request;
use crate::state::{Session, Shared};

struct Words {
    language: &'static str,
    you_are_in: &'static str,
    with_name: &'static str,
    rehearsal: &'static str,
    here: &'static str,
    moderator: &'static str,
    leave: &'static str,
    nowhere: &'static str,
    refused: &'static str,
}

const ENGLISH: Words = Words {
    language: "en",
    you_are_in: "You are in",
    with_name: "as",
    rehearsal: "This is a rehearsal server: no sound or picture.",
    here: "Who is here",
    moderator: "moderator",
    leave: "Leave",
    nowhere: "You are in no meeting: you have left, or it has ended.",
    refused: "You could not join",
};

const FRENCH: Words = Words {
    language: "fr",
    you_are_in: "Vous êtes dans",
    with_name: "en tant que",
    rehearsal: "Ceci est un serveur de répétition : ni son ni image.",
    here: "Qui est là",
    moderator: "modérateur",
    leave: "Quitter",
    nowhere: "Vous n’êtes dans aucune réunion : vous l’avez quittée, ou elle est terminée.",
    refused: "Vous n’avez pas pu entrer",
};

const STYLE: &str = "body{font:1.1rem/1.6 system-ui,sans-serif;max-width:40rem;margin:3rem auto;padding:0 1rem;\
    color:#1a1a1a;background:#fff}button{font:inherit;padding:.4rem 1.2rem}";

/// Pages outside of the API.
pub(crate) fn answer(shared: &Shared, request: &Request) -> Reply {
    let words = if request.is_french { &FRENCH } else { &ENGLISH };
    let token = request.param("sessionToken").unwrap_or_default();
    match (&request.method, request.call.as_str()) {
        (&Method::GET, "html5client") => meeting_page(shared, words, token),
        (&Method::POST, "html5client/leave") => {
            let mut state = shared.state();
            if let Some(session) = state.sessions.remove(token)
                && let Some(meeting) = state.meeting_mut(&session.meeting_id)
            {
                meeting.leave(&session.user_id);
            }
            Reply::redirect(format!("/html5client/?sessionToken={}", form_token(token)))
        }
        (&Method::GET, "") => refused(words, request.param("errors").unwrap_or_default()),
        _ => Reply::html(StatusCode::NOT_FOUND, page(words, "404", "")),
    }
}

fn meeting_page(shared: &Shared, words: &Words, token: &str) -> Reply {
    let state = shared.state();
    let session = state.sessions.get(token);
    let found = session.and_then(|session| Some((session, state.meeting(&session.meeting_id)?)));
    match found {
        Some((session, meeting)) => Reply::html(StatusCode::OK, inside(words, token, session, meeting)),
        None => Reply::html(StatusCode::NOT_FOUND, page(words, words.nowhere, "")),
    }
}

fn inside(words: &Words, token: &str, session: &Session, meeting: &Meeting) -> String {
    let Words { you_are_in, with_name, rehearsal, here, moderator, leave, .. } = words;
    let title = format!("{you_are_in} {} {with_name} {}", meeting.name, session.full_name);
    let mut people = String::new();
    for attendee in &meeting.attendees {
        let role = if attendee.is_moderator { format!(" ({moderator})") } else { String::new() };
        people.push_str(&format!("<li>{}{role}</li>", escape(&*attendee.full_name)));
    }
    let token = form_token(token);
    let body = format!(
        "<p>{rehearsal}</p><h2>{here}</h2><ul>{people}</ul>\
         <form method=\"post\" action=\"/html5client/leave?sessionToken={token}\"><button>{leave}</button></form>"
    );
    page(words, &title, &body)
}

/// Where a refused `join` leads: BigBlueButton puts the errors into the query as JSON.
fn refused(words: &Words, errors: &str) -> Reply {
    let errors: serde_json::Value = serde_json::from_str(errors).unwrap_or_default();
    let message = errors[0]["message"].as_str().unwrap_or(words.rehearsal);
    let body = format!("<p>{}</p>", escape(message));
    let title = if errors[0].is_object() { words.refused } else { "BigBlueButton" };
    Reply::html(StatusCode::OK, page(words, title, &body))
}

/// `title` is escaped here, `body` is HTML.
fn page(words: &Words, title: &str, body: &str) -> String {
    let (language, title) = (words.language, escape(title));
    format!(
        "<!doctype html><html lang=\"{language}\"><head><meta charset=\"utf-8\"><title>{title}</title>\
         <meta name=\"viewport\" content=\"width=device-width\"><style>{STYLE}</style></head>\
         <body><main><h1>{title}</h1>{body}</main></body></html>"
    )
}

fn form_token(token: &str) -> String {
    form_urlencoded::byte_serialize(token.as_bytes()).collect()
}
