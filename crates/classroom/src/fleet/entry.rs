//! One conference server as this replica sees it.

use std::collections::HashMap;
use std::sync::Arc;

use placement::{AdminState, Health};

use crate::model::cost::{USERS_EXPECTED, cost, expected_cost};
use crate::model::health::Observed;
use crate::model::meeting::Seen;
use crate::model::server::Server;

/// Between two questions for a server's version.
const VERSION_EVERY_MS: i64 = 10 * 60_000;

/// What a poll said.
#[derive(Clone, Debug, Default)]
pub(crate) struct Poll {
    /// By our clock, epoch ms.
    pub(crate) begun_ms: i64,
    /// By what clients call them. Twenty thousand of these are held, so they lie close together.
    seen: Box<[Seen]>,
}

impl Poll {
    /// Of two meetings of one name, which no server has, one is left.
    pub(crate) fn new(begun_ms: i64, mut seen: Vec<Seen>) -> Self {
        seen.sort_unstable_by(|a, b| a.meeting_id.cmp(&b.meeting_id));
        seen.dedup_by(|a, b| a.meeting_id == b.meeting_id);
        Self { begun_ms, seen: seen.into() }
    }

    /// One meeting, even one that is being taken down.
    fn get(&self, meeting_id: &str) -> Option<&Seen> {
        let at = self.seen.binary_search_by(|seen| seen.meeting_id.as_str().cmp(meeting_id)).ok()?;
        self.seen.get(at)
    }

    #[cfg(test)]
    pub(crate) fn into_seen(self) -> Box<[Seen]> {
        self.seen
    }

    /// Whether it shows the meeting, and not as one that is being taken down.
    pub(crate) fn has(&self, meeting_id: &str) -> bool {
        self.get(meeting_id).is_some_and(|seen| !seen.is_ended)
    }
}

/// A server, the last poll that it answered, and its health.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) server: Arc<Server>,
    pub(crate) observed: Observed,
    /// Why the last call failed, in words.
    pub(crate) trouble: String,
    /// `None` before the first.
    pub(crate) poll: Option<Arc<Poll>>,
    /// The version it says it has.
    pub(crate) version: Arc<str>,
    /// When it was last asked for it, epoch ms.
    version_ms: Option<i64>,
    /// What meetings were expected to cost when they began.
    expected: Arc<HashMap<String, u64>>,
}

impl Entry {
    pub(super) fn new(server: Server) -> Self {
        let (observed, trouble, poll, version, version_ms, expected) = Default::default();
        Self { server: Arc::new(server), observed, trouble, poll, version, version_ms, expected }
    }

    /// Takes over what is stored. What was seen of a server that is not watched any more, or is another one now, is nothing
    /// to go by when it comes back.
    pub(super) fn server_set(&mut self, server: Server) {
        if server.state == AdminState::Disabled || server.url != self.server.url {
            self.poll = None;
        }
        if *self.server != server {
            self.server = Arc::new(server);
        }
    }

    /// Whether it is time to ask for its version, which is noted then: an update changes it, and not every server says
    /// it.
    pub(super) fn version_wanted(&mut self, now_ms: i64) -> bool {
        let is_wanted = self.version_ms.is_none_or(|asked_ms| !(0..VERSION_EVERY_MS).contains(&(now_ms - asked_ms)));
        if is_wanted {
            self.version_ms = Some(now_ms);
        }
        is_wanted
    }

    pub(super) fn expect(&mut self, meeting_id: &str, expected: u64) {
        Arc::make_mut(&mut self.expected).insert(meeting_id.to_owned(), expected);
    }

    pub(super) fn on_poll(&mut self, poll: Poll) {
        self.observed.on_answer();
        self.trouble.clear();
        Arc::make_mut(&mut self.expected).retain(|meeting_id, _| poll.get(meeting_id).is_some());
        self.poll = Some(Arc::new(poll));
    }

    /// Its measured load, in tenths of a user. Breakout rooms don't count: their people are in the room they came from.
    pub(super) fn load(&self) -> u64 {
        let Some(poll) = &self.poll else { return 0 };
        let of = |seen: &Seen| {
            let expected = self.expected.get(&seen.meeting_id).copied();
            let expected = expected.unwrap_or_else(|| expected_cost(USERS_EXPECTED));
            cost(seen.attendance, expected, poll.begun_ms - seen.create_ms)
        };
        self.meetings().filter(|seen| !seen.is_breakout).map(of).sum()
    }

    /// The meetings on it, as of the last poll.
    pub(crate) fn meetings(&self) -> impl Iterator<Item = &Seen> {
        self.poll.iter().flat_map(|poll| poll.seen.iter()).filter(|seen| !seen.is_ended)
    }

    /// One meeting, as of the last poll.
    pub(crate) fn meeting(&self, meeting_id: &str) -> Option<&Seen> {
        self.poll.as_ref()?.get(meeting_id).filter(|seen| !seen.is_ended)
    }

    /// Its health; a server that was never polled is only suspected to be there.
    pub(crate) fn health(&self) -> Health {
        match (&self.poll, self.observed.health()) {
            (None, Health::Up) => Health::Suspect,
            (_, health) => health,
        }
    }

    /// Whether its meetings can be reached: it may be cordoned, and it may have missed an answer.
    pub(crate) fn serves(&self) -> bool {
        self.server.state != AdminState::Disabled && self.observed.health() != Health::Down
    }
}
