//! A conference server for trying things: speaks BigBlueButton's API, has no media.
//!
//! It checks checksums, keeps meetings and attendees, calls back when a meeting ends, and fails on demand: tests and
//! `amphi up --demo` use it in place of a real server. What it answers (elements, message keys, HTTP statuses) is what
//! BigBlueButton 3.0 answers, because strict clients map answers to fixed classes. Everything is in memory.
//! Source: <https://docs.bigbluebutton.org/development/api/>.
//!
//! ```no_run
//! # async fn run() -> std::io::Result<()> {
//! let plan = rehearsal::ConferencePlan { secret: "tell-nobody".into(), ..Default::default() };
//! let conference = rehearsal::Conference::start(plan).await?;
//! println!("{} {}", conference.url(), conference.secret());
//! # Ok(()) }
//! ```

mod call;
mod checksum;
mod fault;
mod listen;
mod meeting;
mod notify;
mod page;
mod recording;
mod reply;
mod request;
mod state;
mod xml;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use tokio::net::TcpSocket;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::JoinHandle;

pub use checksum::ALGORITHMS;
pub use fault::Fault;
pub use meeting::{Attendee, ChatMessage, MeetingState};
pub use recording::{Recording, TextTrack};
pub use state::Call;

use meeting::Meeting;
use state::Shared;

/// What a stand-in server is started with.
#[derive(Clone, Debug)]
pub struct ConferencePlan {
    /// The secret that signs calls, shared with the clients.
    pub secret: String,
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The BigBlueButton version it claims to be.
    pub version: String,
    /// The checksums it accepts, names out of [`ALGORITHMS`]; BigBlueButton's `supportedChecksumAlgorithms`.
    pub algorithms: Vec<&'static str>,
}

impl Default for ConferencePlan {
    /// On a free port of loopback, version 3.0.4, every algorithm, a secret that everybody can read here.
    fn default() -> Self {
        Self {
            secret: "rehearsal-secret".to_owned(),
            listen: (Ipv4Addr::LOCALHOST, 0).into(),
            version: "3.0.4".to_owned(),
            algorithms: ALGORITHMS.to_vec(),
        }
    }
}

/// One running stand-in server; ends when dropped.
pub struct Conference {
    shared: Arc<Shared>,
    listener: watch::Sender<listen::Door>,
    /// Bound and never listening: holds the port while connections are refused.
    _reserved: TcpSocket,
    runtime: Handle,
    task: JoinHandle<()>,
}

impl Conference {
    /// Listens and serves until dropped.
    /// Errors: what binding the address gives.
    pub async fn start(mut plan: ConferencePlan) -> io::Result<Self> {
        let reserved = listen::bind(plan.listen)?;
        plan.listen = reserved.local_addr()?;
        let (listener, doors) = watch::channel(Some(Arc::new(listen::open(plan.listen)?)));
        let shared = Arc::new(Shared::new(plan, Handle::current()));
        let task = tokio::spawn(listen::serve(shared.clone(), doors));
        Ok(Self { shared, listener, _reserved: reserved, runtime: Handle::current(), task })
    }

    /// The API's address as a client is configured with: `http://127.0.0.1:PORT/bigbluebutton/api`.
    pub fn url(&self) -> String {
        format!("{}/bigbluebutton/api", self.shared.origin())
    }

    /// The secret that signs calls.
    pub fn secret(&self) -> &str {
        &self.shared.plan.secret
    }

    /// From now on every API call meets `fault`; [`Fault::None`] heals, and opens the port again after [`Fault::Refuse`].
    /// Faults set for single calls stay, and go before this one.
    pub fn set_fault(&self, fault: Fault) {
        let is_closed = fault == Fault::Refuse;
        self.shared.state().fault = fault;
        if is_closed {
            self.listener.send_replace(None);
        } else if self.listener.borrow().is_none() {
            let _runtime = self.runtime.enter();
            let door = listen::open(self.shared.plan.listen).expect("the port is reserved for this server");
            self.listener.send_replace(Some(Arc::new(door)));
        }
    }

    /// From now on `call` ("create", "hooks/create") meets `fault`; [`Fault::None`] heals it. A port cannot be closed
    /// for one call: [`Fault::Refuse`] drops the connection then.
    pub fn set_fault_for(&self, call: &str, fault: Fault) {
        let mut state = self.shared.state();
        match fault {
            Fault::None => drop(state.faults.remove(call)),
            fault => drop(state.faults.insert(call.to_owned(), fault)),
        }
    }

    /// The meetings there are, oldest first.
    pub fn meetings(&self) -> Vec<MeetingState> {
        self.shared.state().meetings.iter().map(Meeting::state).collect()
    }

    /// The newest calls seen, oldest first, with those that failed; 4096 at most.
    pub fn calls(&self) -> Vec<Call> {
        self.shared.state().calls.iter().cloned().collect()
    }

    /// Somebody comes in without a join call. Gives the user's id; `None`: there is no such meeting.
    pub fn attend(
        &self,
        meeting_id: &str,
        full_name: &str,
        is_moderator: bool,
        has_voice: bool,
        has_video: bool,
    ) -> Option<String> {
        let mut state = self.shared.state();
        let meeting = state.meeting_mut(meeting_id)?;
        let user_id = format!("w_{}", state::token(12));
        let full_name = full_name.to_owned();
        meeting.join(Attendee { user_id: user_id.clone(), full_name, is_moderator, has_video, has_voice });
        Some(user_id)
    }

    /// Somebody leaves; the meeting stays, also when it was the last. False: there is no such meeting or user.
    pub fn leave(&self, meeting_id: &str, user_id: &str) -> bool {
        self.shared.state().meeting_mut(meeting_id).is_some_and(|meeting| meeting.leave(user_id))
    }

    /// A meeting ends by itself, as some time after the last has left: it is gone, and what its `create` named in
    /// `meetingEndedURL` and `meta_endCallbackUrl` is called, not awaited here. False: there is no such meeting.
    pub fn end(&self, meeting_id: &str) -> bool {
        self.shared.end(meeting_id)
    }

    /// Forgets all meetings and sessions without telling anybody, as a restart does. Recordings and hooks stay.
    pub fn forget_all(&self) {
        let mut state = self.shared.state();
        state.meetings.clear();
        state.sessions.clear();
    }

    /// Keeps a recording for `getRecordings` and its fellows.
    pub fn add_recording(&self, recording: Recording) {
        self.shared.state().recordings.push(recording);
    }

    /// Posts an event to every hook that wants it, as bbb-webhooks does, once and without its retries. Gives how many
    /// took it. Each hook has five seconds.
    pub async fn deliver(&self, event: &serde_json::Value) -> usize {
        notify::deliver(&self.shared, event).await
    }
}

impl Drop for Conference {
    fn drop(&mut self) {
        self.task.abort();
    }
}
