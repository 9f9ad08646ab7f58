//! The API against real conference servers that rehearse: through HTTP on both sides.

mod balance;
mod dial_in;
mod fault;
mod wire;

use std::time::Duration;

use placement::AdminState;
use testkit::conference::{Conference, ConferencePlan};

use crate::Settings;
use crate::model::server::ServerId;
use crate::plane::Plane;
use crate::service::server::{ServerChange, ServerNew};

/// A control plane with conference servers.
struct Site {
    plane: Plane,
    conferences: Vec<Conference>,
}

impl Site {
    /// With so many servers, called `bbb-0` and on.
    async fn new(servers: usize) -> Self {
        Self::with(servers, Settings::default()).await
    }

    /// One whose operator set something.
    async fn with(servers: usize, settings: Settings) -> Self {
        let mut site = Self { plane: Plane::with(settings).await, conferences: Vec::new() };
        for _ in 0..servers {
            site.server_add("").await;
        }
        site
    }

    async fn server_add(&mut self, tag: &str) {
        let conference = Conference::start(ConferencePlan::default()).await.unwrap();
        let new = ServerNew {
            id: Some(format!("bbb-{}", self.conferences.len())),
            url: conference.url(),
            secret: conference.secret().to_owned(),
            tag: tag.to_owned(),
            ..ServerNew::default()
        };
        let admin = self.plane.caller(&self.plane.admin).await;
        self.plane.classroom.server_add(&admin, new).await.unwrap();
        self.conferences.push(conference);
    }

    async fn state_set(&self, server: usize, state: AdminState) {
        let admin = self.plane.caller(&self.plane.admin).await;
        let change = ServerChange { state: Some(state), ..ServerChange::default() };
        self.plane.classroom.server_change(&admin, &format!("bbb-{server}"), change).await.unwrap();
    }

    /// A signed call; its answer.
    async fn call(&self, call: &str, query: &str) -> String {
        self.plane.api(call, query).await.expect_text(200)
    }

    /// Creates a meeting, which has to be done.
    #[track_caller]
    fn create(&self, meeting: &str) -> impl Future<Output = String> {
        let at = std::panic::Location::caller();
        async move {
            let answer = self.call("create", &format!("meetingID={meeting}&name={meeting}")).await;
            assert!(answer.contains("<returncode>SUCCESS"), "{at}: {answer}");
            answer
        }
    }

    /// The server that a meeting's people are sent to.
    async fn server_of(&self, meeting: &str) -> usize {
        let query = format!("meetingID={meeting}&fullName=Ada&role=VIEWER");
        let answer = self.plane.api("join", &query).await;
        assert_eq!(answer.status.as_u16(), 302, "{}", answer.text());
        let to = answer.header("location");
        self.conferences.iter().position(|server| to.starts_with(&server.url())).expect("one of ours")
    }

    /// The server that has a meeting, as it tells itself.
    fn server_of_placed(&self, meeting: &str) -> usize {
        let has = |server: &Conference| server.meetings().iter().any(|own| own.meeting_id == meeting);
        self.conferences.iter().position(has).expect("one of them has it")
    }

    /// How many meetings each server has.
    fn counts(&self) -> Vec<usize> {
        self.conferences.iter().map(|server| server.meetings().len()).collect()
    }

    /// Lets time go by, with the polls and the reconciliations that fall into it.
    async fn pass(&self, seconds: u64) {
        for _ in 0..seconds.div_ceil(5) {
            self.plane.clock.advance(Duration::from_secs(5));
            self.plane.classroom.servers_poll().await.unwrap();
            self.plane.classroom.reconcile().await.unwrap();
        }
    }

    fn id(server: usize) -> ServerId {
        ServerId::parse(&format!("bbb-{server}")).unwrap()
    }
}
