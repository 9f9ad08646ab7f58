//! Servers are asked what they have, one call each, all at the same time: one that hangs holds up no other.

use std::time::Duration;

use bytes::Bytes;
use db::Write;
use futures::stream::{FuturesUnordered, StreamExt as _};
use placement::{AdminState, Health};
use portal::Secret;

use crate::Classroom;
use crate::fleet::Poll;
use crate::model::health::DOWN_AFTER;
use crate::model::meeting::Seen;
use crate::model::server::ServerId;
use crate::queries::server::servers_seen;
use crate::service::ServiceError;
use crate::xml::{Met, XmlError, walk};

/// Where a meeting says whose it is; the server makes the names of metadata lower case.
const TENANT_FIELD: &str = "metadata/tenant-id";
/// For a poll's answer.
const POLL_WITHIN: Duration = Duration::from_secs(4);
/// Between two notes of which servers answer, at most.
const SEEN_EVERY: Duration = Duration::from_secs(20);
/// Between the polls of two servers, at most.
const GAP_MOST: Duration = Duration::from_millis(20);
/// Between the quick looks that tell a blip from an end.
const LOOK_AGAIN: Duration = Duration::from_millis(250);

impl Classroom {
    /// Polls every server that is not disabled, spread over a part of the interval so that the work comes evenly.
    pub(crate) async fn servers_poll(&self) -> Result<(), ServiceError> {
        let servers: Vec<ServerId> = self
            .fleet()
            .entries()
            .into_iter()
            .filter(|entry| entry.server.state != AdminState::Disabled)
            .map(|entry| entry.server.id.clone())
            .collect();
        let gap = self.poll_interval() / 4 / u32::try_from(servers.len().max(1)).unwrap_or(u32::MAX);
        let gap = gap.min(GAP_MOST);
        let mut answered: Vec<ServerId> = Vec::new();
        let mut polls = FuturesUnordered::new();
        let mut note = |polled: Option<(&ServerId, bool)>| {
            answered.extend(polled.filter(|(_, is_up)| *is_up).map(|(id, _)| id.clone()));
        };
        for id in &servers {
            polls.push(async move { (id, self.server_poll(id).await) });
            // Only those under way take memory.
            let pause = tokio::time::sleep(gap);
            tokio::pin!(pause);
            loop {
                tokio::select! {
                    () = &mut pause => break,
                    polled = polls.next(), if !polls.is_empty() => note(polled),
                }
            }
        }
        while let Some(polled) = polls.next().await {
            note(Some(polled));
        }
        self.seen_note(&answered).await
    }

    /// Tells the other replicas now and then which servers answer, so that none is given up which one of them reaches.
    async fn seen_note(&self, answered: &[ServerId]) -> Result<(), ServiceError> {
        let (now_ms, every) = (self.now_ms(), SEEN_EVERY.min(self.lost_after() / 3));
        if answered.is_empty() || !self.fleet().is_note_due(now_ms, every) {
            return Ok(());
        }
        let mut write = Write::new();
        servers_seen(&mut write, answered, self.db().time_ms().await?);
        self.db().write(write).await?;
        Ok(())
    }

    /// Asks one server what it has. Whether it answered.
    pub(crate) async fn server_poll(&self, id: &ServerId) -> bool {
        let Some(server) = self.fleet().server(id) else { return false };
        let begun_ms = self.now_ms();
        let call = self.client().meetings(&server, POLL_WITHIN).await;
        let read = call.map_err(ServiceError::from).and_then(|answer| Ok(poll_read(&answer, begun_ms)?));
        match read {
            Ok(poll) => {
                self.fleet().on_poll(id, poll);
                if self.fleet().version_wanted(id, begun_ms) {
                    self.version_ask(id).await;
                }
                true
            }
            Err(error) => {
                let health = self.fleet().on_failure(id, portal::with_causes(&error), self.now_ms());
                metrics::counter!("amphi_classroom_polls_failed_total").increment(1);
                tracing::info!(server = %id, health = health.as_str(), error = &error as &dyn std::error::Error, "no poll");
                false
            }
        }
    }

    /// Whether a server that just failed is down: it is asked again, quickly, until it answers or has failed often enough.
    /// Many who ask at the same time wait for one answer.
    pub(crate) async fn is_down(&self, id: &ServerId) -> bool {
        let _one = self.client().verdict(id).lock_owned().await;
        for _ in 0..DOWN_AFTER {
            let Some(health) = self.fleet().entry(id).map(|entry| entry.observed.health()) else { return true };
            match health {
                Health::Down => return true,
                Health::Up => return false,
                Health::Suspect => {}
            }
            tokio::time::sleep(LOOK_AGAIN).await;
            if self.server_poll(id).await {
                return false;
            }
        }
        true
    }

    async fn version_ask(&self, id: &ServerId) {
        let Some(server) = self.fleet().server(id) else { return };
        match self.client().version(&server, POLL_WITHIN).await {
            Ok(answer) => self.fleet().version_set(id, &version_read(&answer).unwrap_or_default()),
            Err(error) => tracing::debug!(server = %id, error = &error as &dyn std::error::Error, "no version"),
        }
    }
}

/// Reads an answer to `getMeetings`.
fn poll_read(answer: &Bytes, begun_ms: i64) -> Result<Poll, XmlError> {
    let mut all = Vec::new();
    let mut seen = Seen::default();
    let mut is_success = false;
    walk(answer, |path, met| {
        let Some(name) = path.strip_prefix("response/meetings/meeting") else {
            if let ("response/returncode", Met::End { text, .. }) = (path, met) {
                is_success = text == "SUCCESS";
            }
            return;
        };
        match met {
            Met::Start if name.is_empty() => seen = Seen::default(),
            Met::Start => {}
            Met::End { .. } if name.is_empty() => all.push(std::mem::take(&mut seen)),
            Met::End { text, .. } => field_read(&mut seen, &name[1..], text),
        }
    })?;
    // A refusal is no poll: the secret may have changed.
    if is_success { Ok(Poll::new(begun_ms, all)) } else { Err(XmlError::CutOff) }
}

fn field_read(seen: &mut Seen, name: &str, text: &str) {
    let number = || text.parse().unwrap_or_default();
    let truth = text == "true";
    match name {
        "meetingID" => seen.meeting_id = text.to_owned(),
        "internalMeetingID" => seen.internal_id = text.to_owned(),
        "meetingName" => seen.name = text.to_owned(),
        "createTime" => seen.create_ms = text.parse().unwrap_or_default(),
        "voiceBridge" => seen.voice_bridge = text.parse().ok(),
        "moderatorPW" => seen.moderator_password = Some(Secret::new(text.to_owned())),
        "running" => seen.is_running = truth,
        "hasBeenForciblyEnded" => seen.is_ended = truth,
        "isBreakout" => seen.is_breakout = truth,
        "recording" => seen.is_recording = truth,
        "participantCount" => seen.attendance.users = number(),
        "voiceParticipantCount" => seen.attendance.voices = number(),
        "videoCount" => seen.attendance.videos = number(),
        "moderatorCount" => seen.moderators = number(),
        name if name.eq_ignore_ascii_case(TENANT_FIELD) => seen.tenant = Some(text.to_owned()),
        _ => {}
    }
}

/// Reads the version out of the answer of the API's root; newer servers say which release they are.
fn version_read(answer: &Bytes) -> Option<String> {
    let (mut api, mut release) = (None, None);
    walk(answer, |path, met| match (path, met) {
        (_, Met::End { text: "", .. }) => {}
        ("response/bbbVersion", Met::End { text, .. }) => release = Some(text.to_owned()),
        ("response/apiVersion" | "response/version", Met::End { text, .. }) => api = Some(text.to_owned()),
        _ => {}
    })
    .ok()?;
    release.or(api).map(|version| version.chars().take(40).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::cost::Attendance;

    const ANSWER: &str = "<response><returncode>SUCCESS</returncode><meetings><meeting><meetingName>Algebra</meetingName>\
        <meetingID>a-1</meetingID><internalMeetingID>x-1</internalMeetingID><createTime>1700000000000</createTime>\
        <voiceBridge>70001</voiceBridge><moderatorPW>mp</moderatorPW><running>true</running><recording>false</recording>\
        <hasBeenForciblyEnded>false</hasBeenForciblyEnded><participantCount>3</participantCount>\
        <voiceParticipantCount>2</voiceParticipantCount><videoCount>1</videoCount><moderatorCount>1</moderatorCount>\
        <attendees><attendee><meetingID>no</meetingID></attendee></attendees>\
        <metadata><tenant-id>00000000-0000-7000-8000-000000000001</tenant-id></metadata></meeting></meetings></response>";

    #[test]
    fn a_poll_is_read() {
        let poll = poll_read(&Bytes::from_static(ANSWER.as_bytes()), 5).unwrap();
        assert!(poll.has("a-1") && !poll.has("no"));
        let [seen] = &*poll.into_seen() else { panic!("one meeting") };
        assert_eq!(seen.attendance, Attendance { users: 3, voices: 2, videos: 1 });
        assert_eq!((seen.moderators, seen.voice_bridge, seen.is_running), (1, Some(70001), true));
        assert_eq!(
            (seen.create_ms, seen.moderator_password.as_ref().map(|own| own.expose().as_str())),
            (1_700_000_000_000, Some("mp"))
        );
        assert!(seen.tenant.is_some() && !seen.is_ended);
    }

    #[test]
    fn none_is_no_failure_and_a_refusal_is() {
        let none =
            "<response><returncode>SUCCESS</returncode><meetings/><messageKey>noMeetings</messageKey></response>";
        assert!(poll_read(&Bytes::from_static(none.as_bytes()), 5).unwrap().into_seen().is_empty());
        let refusal = "<response><returncode>FAILED</returncode><messageKey>checksumError</messageKey></response>";
        assert!(poll_read(&Bytes::from_static(refusal.as_bytes()), 5).is_err());
    }

    #[test]
    fn the_release_is_the_version_where_it_is_told() {
        let old = "<response><returncode>SUCCESS</returncode><version>2.0</version></response>";
        assert_eq!(version_read(&Bytes::from_static(old.as_bytes())).as_deref(), Some("2.0"));
        let new =
            "<response><version>2.0</version><apiVersion>2.0</apiVersion><bbbVersion>3.0.4</bbbVersion></response>";
        assert_eq!(version_read(&Bytes::from_static(new.as_bytes())).as_deref(), Some("3.0.4"));
    }
}
