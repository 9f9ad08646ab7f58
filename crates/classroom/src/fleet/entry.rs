//! One conference server as this replica sees it.

use std::collections::HashMap;
use std::sync::Arc;

use placement::{AdminState, Health};

use crate::model::cost::{USERS_EXPECTED, cost, expected_cost};
use crate::model::health::Observed;
use crate::model::meeting::Seen;
use crate::model::server::Server;

/// What a poll said.
#[derive(Clone, Debug, Default)]
pub(crate) struct Poll {
    /// By our clock, epoch ms.
    pub(crate) begun_ms: i64,
    /// Meetings by what clients call them.
    pub(crate) seen: HashMap<String, Seen>,
}

impl Poll {
    /// Whether it shows the meeting, and not as one that is being taken down.
    pub(crate) fn has(&self, meeting_id: &str) -> bool {
        self.seen.get(meeting_id).is_some_and(|seen| !seen.is_ended)
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
    pub(crate) version: String,
    /// What meetings were expected to cost when they began.
    expected: Arc<HashMap<String, u64>>,
}

impl Entry {
    pub(super) fn new(server: Server) -> Self {
        let (observed, trouble, poll, version, expected) = Default::default();
        Self { server: Arc::new(server), observed, trouble, poll, version, expected }
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

    pub(super) fn expect(&mut self, meeting_id: &str, expected: u64) {
        Arc::make_mut(&mut self.expected).insert(meeting_id.to_owned(), expected);
    }

    pub(super) fn on_poll(&mut self, poll: Poll) {
        self.observed.on_answer();
        self.trouble.clear();
        Arc::make_mut(&mut self.expected).retain(|meeting_id, _| poll.seen.contains_key(meeting_id));
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
        self.poll.iter().flat_map(|poll| poll.seen.values()).filter(|seen| !seen.is_ended)
    }

    /// One meeting, as of the last poll.
    pub(crate) fn meeting(&self, meeting_id: &str) -> Option<&Seen> {
        self.poll.as_ref()?.seen.get(meeting_id).filter(|seen| !seen.is_ended)
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
