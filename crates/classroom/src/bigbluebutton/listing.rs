//! `getMeetings`: every server is asked at the same time, and what answers in time is put together. One server that is
//! sick costs its own meetings in the list, and nothing else.

use bytes::Bytes;
use futures::future::join_all;
use placement::AdminState;
use portal::TenantId;

use super::answer::Answer;
use crate::Classroom;
use crate::directory::TenantEntry;
use crate::fleet::Entry;
use crate::model::meeting::{MeetingId, MeetingKey};
use crate::model::parameters::Parameters;
use crate::service::ServiceError;
use crate::service::meeting::CALL_WITHIN;
use crate::xml::{Element, Met, XmlError, walk};

impl Classroom {
    /// A tenant's meetings, each as its server tells of it.
    pub(super) async fn meetings_list(&self, tenant: &TenantEntry) -> Result<Answer, ServiceError> {
        let slot = tokio::time::timeout(CALL_WITHIN, self.listings().acquire()).await;
        let Ok(_slot) = slot else {
            return Ok(Answer::failed(
                "internalError",
                "Too many ask for all meetings at the same time; try again soon.",
            ));
        };
        let entries = self.fleet().entries();
        let asked = entries.iter().filter(|entry| entry.server.state != AdminState::Disabled && entry.serves());
        let answers = join_all(asked.map(|entry| self.meetings_of(entry, &tenant.settings.tenant))).await;
        let meetings = answers.concat();
        let mut answer = Element::success();
        answer.push_raw("meetings", &meetings);
        if meetings.is_empty() {
            answer.push("messageKey", "noMeetings");
            answer.push("message", "no meetings were found on this server");
        }
        Ok(Answer::success(answer))
    }

    /// The `<meeting>` elements of a server that are a tenant's; nothing where it does not answer.
    async fn meetings_of(&self, entry: &Entry, tenant: &TenantId) -> String {
        let server = &entry.server;
        let call = self.client().call(server, "getMeetings", &Parameters::default(), None, CALL_WITHIN).await;
        let read = call.map_err(ServiceError::from).and_then(|answer| Ok(elements(&answer)?));
        match read {
            Ok(elements) => {
                self.fleet().on_answer(&server.id);
                let is_theirs = |id: &str| {
                    let id = MeetingId::parse(id).ok();
                    let key = id.map(|id| MeetingKey { tenant: tenant.clone(), id });
                    key.and_then(|key| self.meetings().get(&key)).is_some_and(|meeting| meeting.server == server.id)
                };
                let is_listed = |own: &Listed| own.is_of(&elements, &is_theirs);
                elements.iter().filter(|own| is_listed(own)).map(|own| own.element.as_str()).collect()
            }
            Err(error) => {
                self.fleet().on_failure(&server.id, portal::with_causes(&error), self.now_ms());
                tracing::warn!(server = %server.id, error = &error as &dyn std::error::Error, "left out of a list of meetings");
                String::new()
            }
        }
    }
}

/// A `<meeting>` element as it came, and what says whose it is.
#[derive(Default)]
struct Listed {
    id: String,
    internal_id: String,
    /// Of a breakout room: the meeting it belongs to, as clients or as its server call it.
    parent: Option<String>,
    element: String,
}

impl Listed {
    /// Whether it is a meeting of theirs, or a breakout room of one, which they did not make and have no place for.
    fn is_of(&self, all: &[Self], is_theirs: &impl Fn(&str) -> bool) -> bool {
        let is_parent = |parent: &str| {
            let named = all.iter().find(|own| own.internal_id == parent);
            is_theirs(named.map_or(parent, |own| own.id.as_str()))
        };
        is_theirs(&self.id) || self.parent.as_deref().is_some_and(is_parent)
    }
}

fn elements(answer: &Bytes) -> Result<Vec<Listed>, XmlError> {
    let mut elements = Vec::new();
    let mut own = Listed::default();
    walk(answer, |path, met| {
        let Some(name) = path.strip_prefix("response/meetings/meeting") else { return };
        match (name, met) {
            ("/meetingID", Met::End { text, .. }) => text.clone_into(&mut own.id),
            ("/internalMeetingID", Met::End { text, .. }) => text.clone_into(&mut own.internal_id),
            ("/parentMeetingID" | "/breakout/parentMeetingID", Met::End { text, .. }) => {
                own.parent = Some(text.to_owned())
            }
            ("", Met::End { span, .. }) => {
                own.element = String::from_utf8_lossy(&answer[span]).into_owned();
                elements.push(std::mem::take(&mut own));
            }
            _ => {}
        }
    })?;
    Ok(elements)
}
