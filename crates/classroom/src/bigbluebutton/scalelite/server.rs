//! Its calls about servers. What it calls a load multiplier is the usual weight divided by ours.

use axum::http::StatusCode;
use placement::{AdminState, Health};
use serde_json::{Value, json};

use super::{Call, Refusal, Told};
use crate::Classroom;
use crate::fleet::Entry;
use crate::model::server::{WEIGHT_MOST, WEIGHT_USUAL};
use crate::service::server::{ServerChange, ServerNew};

const MULTIPLIER_WRONG: &str = "Load-multiplier must be a non-zero number";

pub(super) fn list(classroom: &Classroom) -> Told {
    let servers: Vec<Value> = classroom.fleet().entries().iter().map(|entry| described(classroom, entry)).collect();
    if servers.is_empty() {
        return Err(Refusal(StatusCode::NOT_FOUND, "No servers are configured".to_owned()));
    }
    Ok((StatusCode::OK, Value::Array(servers)))
}

pub(super) fn show(classroom: &Classroom, call: &Call) -> Told {
    let entry = classroom.server_find(&call.id()?)?;
    Ok((StatusCode::OK, described(classroom, &entry)))
}

/// A new server is disabled, as theirs is: scripts enable it with a call of its own.
pub(super) async fn add(classroom: &Classroom, call: &Call) -> Told {
    let (Some(url), Some(secret)) = (call.text("url"), call.text("secret")) else {
        return Err(Refusal::bad("Server needs a URL and a secret"));
    };
    let multiplier = call.text("load_multiplier").filter(|text| number(text) != Some(0.0));
    let new = ServerNew {
        id: None,
        url,
        secret,
        tag: call.text("tag").unwrap_or_default(),
        weight: multiplier.as_deref().map(weight).transpose()?,
        state: Some(AdminState::Disabled),
    };
    let view = classroom.server_add(&call.caller, new).await?;
    Ok((StatusCode::CREATED, described(classroom, &classroom.server_find(&view.id)?)))
}

pub(super) async fn update(classroom: &Classroom, call: &Call) -> Told {
    let state = match call.text("state").as_deref() {
        None => None,
        Some("enable") => Some(AdminState::Enabled),
        Some("cordon") => Some(AdminState::Cordoned),
        Some("disable") => Some(AdminState::Disabled),
        Some(other) => return Err(Refusal::bad(&format!("Invalid state parameter: {other}"))),
    };
    let change = ServerChange {
        url: None,
        secret: call.text("secret"),
        tag: call.text("tag"),
        weight: call.text("load_multiplier").as_deref().map(weight).transpose()?,
        state,
    };
    let view = classroom.server_change(&call.caller, &call.id()?, change).await?;
    Ok((StatusCode::OK, described(classroom, &classroom.server_find(&view.id)?)))
}

pub(super) async fn delete(classroom: &Classroom, call: &Call) -> Told {
    let id = call.id()?;
    classroom.server_remove(&call.caller, &id).await?;
    Ok((StatusCode::OK, json!({ "success": format!("Server id={id} was destroyed") })))
}

pub(super) async fn panic(classroom: &Classroom, call: &Call) -> Told {
    let id = call.id()?;
    let was = classroom.server_find(&id)?.server.state;
    classroom.server_panic(&call.caller, &id).await?;
    if call.text("keep_state").as_deref() == Some("true") && was != AdminState::Disabled {
        let change = ServerChange { state: Some(was), ..ServerChange::default() };
        classroom.server_change(&call.caller, &id, change).await?;
    }
    let success = format!("Server id={id} has been disabled and the meetings have been destroyed");
    Ok((StatusCode::OK, json!({ "success": success })))
}

fn described(classroom: &Classroom, entry: &Entry) -> Value {
    let server = &entry.server;
    let is_online = entry.poll.is_some() && entry.health() != Health::Down;
    let load = classroom.fleet().load(&server.id) as f64 / 10.0;
    json!({
        "id": server.id.as_str(),
        "url": server.url,
        "secret": server.secret.expose(),
        "tag": server.tag,
        "bbb_version": &*entry.version,
        "state": server.state.as_str(),
        "load": if is_online { format!("{load:?}") } else { "unavailable".to_owned() },
        "load_multiplier": multiplier(server.weight),
        "online": if is_online { "online" } else { "offline" },
    })
}

fn multiplier(weight: u32) -> String {
    let exact = f64::from(WEIGHT_USUAL) / f64::from(weight);
    format!("{:?}", (exact * 10_000.0).round() / 10_000.0)
}

fn number(text: &str) -> Option<f64> {
    text.trim().parse().ok().filter(|number: &f64| number.is_finite())
}

fn weight(multiplier: &str) -> Result<u32, Refusal> {
    let given = number(multiplier).filter(|number| *number > 0.0).ok_or_else(|| Refusal::bad(MULTIPLIER_WRONG))?;
    Ok((f64::from(WEIGHT_USUAL) / given).round().clamp(1.0, f64::from(WEIGHT_MOST)) as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_multiplier_is_the_inverse_of_a_weight() {
        for (weight_own, text) in [(100, "1.0"), (40, "2.5"), (200, "0.5"), (30, "3.3333"), (1, "100.0")] {
            assert_eq!(multiplier(weight_own), text);
            assert_eq!(weight(text).ok(), Some(weight_own), "and back");
        }
        for text in ["0", "-1", "x", "NaN", "inf", ""] {
            assert!(weight(text).is_err(), "{text}");
        }
        assert_eq!(weight("1e9").ok(), Some(1));
        assert_eq!(weight("1e-9").ok(), Some(WEIGHT_MOST));
    }
}
