//! What a stand-in server knows. One lock around it all: calls are short, and seen in one order.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::runtime::Handle;

use crate::meeting::Meeting;
use crate::request::Request;
use crate::{ConferencePlan, Fault, Recording, notify};

const CALLS_KEPT: usize = 4096;

/// One API call as it came in.
#[derive(Clone, Debug)]
pub struct Call {
    /// "create", "hooks/list"; empty for the version.
    pub name: String,
    /// The HTTP method.
    pub method: String,
    /// The query as sent, with its checksum.
    pub query: String,
    /// The body as sent.
    pub body: Vec<u8>,
    /// Whether its checksum was right.
    pub is_signed: bool,
}

/// A subscription of bbb-webhooks.
#[derive(Clone)]
pub(crate) struct Hook {
    pub id: u64,
    pub callback_url: String,
    pub meeting_id: Option<String>,
    pub event_id: Option<String>,
    pub is_raw: bool,
}

/// Who a session token is.
#[derive(Clone)]
pub(crate) struct Session {
    pub meeting_id: String,
    pub user_id: String,
    pub full_name: String,
}

#[derive(Default)]
pub(crate) struct State {
    pub meetings: Vec<Meeting>,
    pub sessions: HashMap<String, Session>,
    pub recordings: Vec<Recording>,
    pub hooks: Vec<Hook>,
    pub hooks_made: u64,
    pub calls: VecDeque<Call>,
    pub fault: Fault,
    pub faults: HashMap<String, Fault>,
}

impl State {
    pub fn meeting(&self, meeting_id: &str) -> Option<&Meeting> {
        self.meetings.iter().find(|meeting| meeting.id == meeting_id)
    }

    pub fn meeting_mut(&mut self, meeting_id: &str) -> Option<&mut Meeting> {
        self.meetings.iter_mut().find(|meeting| meeting.id == meeting_id)
    }

    /// Keeps a call and says what fault it meets.
    pub fn on_call(&mut self, request: &Request, is_signed: bool) -> Fault {
        if self.calls.len() == CALLS_KEPT {
            self.calls.pop_front();
        }
        self.calls.push_back(Call {
            name: request.call.clone(),
            method: request.method.to_string(),
            query: request.query.clone(),
            body: request.body.to_vec(),
            is_signed,
        });
        self.faults.get(&request.call).unwrap_or(&self.fault).clone()
    }
}

/// What the connections of one server share.
pub(crate) struct Shared {
    pub plan: ConferencePlan,
    pub runtime: Handle,
    state: Mutex<State>,
}

impl Shared {
    pub fn new(plan: ConferencePlan, runtime: Handle) -> Self {
        Self { plan, runtime, state: Mutex::default() }
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `http://ADDRESS:PORT`
    pub fn origin(&self) -> String {
        format!("http://{}", self.plan.listen)
    }

    /// Removes a meeting and tells whom it was asked to tell. False: there is none.
    pub fn end(&self, meeting_id: &str) -> bool {
        let mut state = self.state();
        let Some(at) = state.meetings.iter().position(|meeting| meeting.id == meeting_id) else { return false };
        let meeting = state.meetings.remove(at);
        state.sessions.retain(|_, session| session.meeting_id != meeting_id);
        drop(state);
        for url in meeting.end_callbacks() {
            self.runtime.spawn(async move { notify::get(&url).await });
        }
        true
    }
}

/// A token of `length` lower-case letters and digits.
pub(crate) fn token(length: usize) -> String {
    let digit = || char::from_digit(rand::random_range(0..36), 36).expect("a digit below the base");
    std::iter::repeat_with(digit).take(length).collect()
}

/// Milliseconds since 1970.
#[expect(clippy::disallowed_methods, reason = "stands in for a server elsewhere, which has a clock of its own")]
pub(crate) fn now_ms() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}
