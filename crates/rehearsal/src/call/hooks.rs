//! Subscriptions to events. In BigBlueButton a service of its own, bbb-webhooks, behind the same address and secret.

use crate::reply::{Answered, Reply};
use crate::request::Request;
use crate::state::{Hook, Shared};
use crate::xml::Xml;

pub(super) fn create(shared: &Shared, request: &Request) -> Answered {
    let Some(url) = request.param("callbackURL") else {
        let message = "You must specify a callbackURL in the parameters.";
        return Err(Reply::failed("missingParamCallbackURL", message));
    };
    let mut state = shared.state();
    let mut xml = Xml::success();
    if let Some(hook) = state.hooks.iter().find(|hook| hook.callback_url == url) {
        xml.text("hookID", hook.id);
        return Ok(Reply::xml(xml.message("duplicateWarning", "There is already a hook for this callback URL.")));
    }
    state.hooks_made += 1;
    let hook = Hook {
        id: state.hooks_made,
        callback_url: url.to_owned(),
        meeting_id: request.param("meetingID").map(str::to_owned),
        event_id: request.param("eventID").map(str::to_owned),
        is_raw: request.param("getRaw").is_some_and(|raw| raw.eq_ignore_ascii_case("true")),
    };
    xml.text("hookID", hook.id).text("permanentHook", false).text("rawData", hook.is_raw);
    state.hooks.push(hook);
    Ok(Reply::xml(&mut xml))
}

/// With a meeting ID also those that want every meeting.
pub(super) fn list(shared: &Shared, request: &Request) -> Reply {
    let state = shared.state();
    let asked = request.param("meetingID");
    let is_asked = |hook: &&Hook| asked.is_none() || hook.meeting_id.is_none() || hook.meeting_id.as_deref() == asked;
    let mut xml = Xml::success();
    xml.element("hooks", |xml| {
        for hook in state.hooks.iter().filter(is_asked) {
            xml.element("hook", |xml| write(xml, hook));
        }
    });
    Reply::xml(&mut xml)
}

pub(super) fn destroy(shared: &Shared, request: &Request) -> Answered {
    let Some(id) = request.param("hookID") else {
        return Err(Reply::failed("missingParamHookID", "You must specify a hookID in the parameters."));
    };
    let mut state = shared.state();
    let before = state.hooks.len();
    state.hooks.retain(|hook| hook.id.to_string() != id);
    if state.hooks.len() == before {
        return Err(Reply::failed("destroyMissingHook", "The hook informed was not found."));
    }
    Ok(Reply::xml(Xml::success().text("removed", true)))
}

fn write(xml: &mut Xml, hook: &Hook) {
    xml.text("hookID", hook.id).text("callbackURL", &hook.callback_url);
    if let Some(meeting) = &hook.meeting_id {
        xml.text("meetingID", meeting);
    }
    if let Some(event) = &hook.event_id {
        xml.text("eventID", event);
    }
    xml.text("permanentHook", false).text("rawData", hook.is_raw);
}
