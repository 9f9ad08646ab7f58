//! The processes that are killed: one control plane on SQLite, or two over a database server, and three agents.

use std::time::Duration;

use rand::RngExt;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use testkit::amphi::{Agent, AgentPlan, Relay, Scratch, Serve};
use testkit::engine::Server;

use super::witness::Witness;
use crate::api::Api;
use crate::site::{NAMES, is_up, program, until};

/// Both replicas and the database were killed at once, on a busy machine.
const WHOLE_LIMIT: Duration = Duration::from_secs(90);
/// Kinds of victims in turn, so that even a few kills hit each kind; the order within a turn is drawn.
const TURN: [&str; 8] = [AGENT, AGENT, AGENT, AGENT, CONTROL, CONTROL, DATABASE, DATABASE];
pub(super) const AGENT: &str = "agent";
pub(super) const CONTROL: &str = "control plane";
pub(super) const DATABASE: &str = "database";

/// What a kill hits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Victim {
    Agent(usize),
    Control(usize),
    Database,
}

impl Victim {
    pub(super) fn kind(self) -> &'static str {
        match self {
            Self::Agent(_) => AGENT,
            Self::Control(_) => CONTROL,
            Self::Database => DATABASE,
        }
    }
}

/// Kept in this order, so that the processes end before their directory goes.
pub(super) struct Plant {
    agents: Vec<Agent>,
    replicas: Vec<Serve>,
    engine: Option<Server>,
    // Agents reach whichever replica is there, as through a front.
    _front: Relay,
    pub(super) api: Api,
    pub(super) witness: Witness,
    /// Processes that were not killed and ended all the same, and how.
    pub(super) ended: Vec<String>,
    _scratch: Scratch,
}

impl Plant {
    /// The control plane's database dies with it.
    pub(super) async fn on_sqlite() -> Self {
        let scratch = Scratch::new().unwrap();
        let serve = Serve::start(program(), &scratch.path().join("control")).await.unwrap();
        Self::with(scratch, vec![serve], None).await
    }

    /// Two replicas over a server of their own.
    pub(super) async fn on_engine(engine: Server) -> Self {
        let scratch = Scratch::new().unwrap();
        let url = engine.database().await.unwrap();
        let path = |name: &str| scratch.path().join(name);
        let first = Serve::start_replica(program(), &path("control-1"), &url, None).await.unwrap();
        let second = Serve::start_replica(program(), &path("control-2"), &url, Some(&first)).await.unwrap();
        Self::with(scratch, vec![first, second], Some(engine)).await
    }

    async fn with(scratch: Scratch, replicas: Vec<Serve>, engine: Option<Server>) -> Self {
        let front = Relay::start_over(replicas.iter().map(Serve::address).collect()).await.unwrap();
        let api = Api::over(replicas.iter().map(Serve::url).collect(), replicas[0].token().unwrap());
        let mut agents = Vec::new();
        for name in NAMES {
            let token = Some(api.node_token().await.unwrap());
            let join = format!("http://{}", front.address());
            let plan = AgentPlan { join, token, name, slots: 4, path: None, more: Vec::new() };
            agents.push(Agent::start(program(), &scratch.path().join(name), &plan).unwrap());
        }
        for name in NAMES {
            is_up(&api, name, "shell").await;
        }
        let witness = Witness::start().await;
        let ended = Vec::new();
        Self { agents, replicas, engine, _front: front, api, witness, ended, _scratch: scratch }
    }

    /// What there is to be killed.
    pub(super) fn kinds(&self) -> Vec<&'static str> {
        let database = self.engine.is_some().then_some(DATABASE);
        [AGENT, CONTROL].into_iter().chain(database).collect()
    }

    /// Who is killed in one turn, in this order. An embedded database dies with its control plane.
    pub(super) fn turn(&self, rng: &mut StdRng) -> Vec<Victim> {
        let mut kinds = TURN;
        kinds.shuffle(rng);
        let mut victim = |kind| match kind {
            DATABASE if self.engine.is_some() => Victim::Database,
            AGENT => Victim::Agent(rng.random_range(0..self.agents.len())),
            _ => Victim::Control(rng.random_range(0..self.replicas.len())),
        };
        kinds.into_iter().map(&mut victim).collect()
    }

    /// Kills all of them, and starts them again: the database last, so that the others start without one.
    pub(super) async fn kill(&mut self, victims: &[Victim]) {
        if victims.contains(&Victim::Database) {
            self.engine.as_mut().expect("drawn where there is one").kill().await;
        }
        for victim in victims {
            match victim {
                Victim::Agent(place) => self.agents[*place].kill_and_restart().await.unwrap(),
                Victim::Control(place) => self.replicas[*place].kill_and_restart().await.unwrap(),
                Victim::Database => {}
            }
        }
        if victims.contains(&Victim::Database) {
            self.engine.as_mut().expect("drawn where there is one").restart().await.unwrap();
        }
    }

    /// Starts again what ended by itself, as systemd would.
    pub(super) fn revive(&mut self) {
        for (place, agent) in self.agents.iter_mut().enumerate() {
            if let Some(status) = agent.revive().unwrap() {
                self.ended.push(format!("agent {place}: {status}: {}", last_line(&agent.log().unwrap())));
            }
        }
        for (place, serve) in self.replicas.iter_mut().enumerate() {
            if let Some(status) = serve.revive().unwrap() {
                self.ended.push(format!("control plane {place}: {status}: {}", last_line(&serve.log().unwrap())));
            }
        }
    }

    /// Waits until every replica answers and every node is up.
    pub(super) async fn is_whole(&mut self) {
        let replicas = self.replicas.len();
        until("every replica answers, and every node is up", WHOLE_LIMIT, async || {
            self.revive();
            // The API asks each replica in turn.
            for _ in 0..replicas {
                let nodes = self.api.nodes().await.ok()?;
                let up = nodes.iter().filter(|node| node["health"] == "up").count();
                (up == NAMES.len()).then_some(())?;
            }
            Some(())
        })
        .await;
    }
}

fn last_line(log: &str) -> &str {
    log.lines().last().unwrap_or_default()
}
