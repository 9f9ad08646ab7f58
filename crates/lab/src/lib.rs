//! Network experiments on nodes: tools, jobs, runs, nodes, and the dispatch between them.
//!
//! A job is what a learner asked for; a run is one attempt of it on a node. What is accepted is in the database before
//! the caller hears of it, and ends exactly once: see `service::run` for what happens when nodes are lost.

mod access;
mod api;
mod backlog;
mod fleet;
mod link;
pub mod model;
mod pages;
mod queries;
mod service;
mod task;

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, RwLock};

use axum::Router;
use db::Database;
use portal::Portal;
use tokio::sync::Notify;
use tokio_util::task::TaskTracker;
use utoipa_axum::router::OpenApiRouter;
use wire::authority::Authority;

pub use access::access;
pub use pages::{assets, catalogs, navigation, sub_navigation, topic};
pub use service::ServiceError;
pub use service::sweep::removal;
pub use task::spawn_tasks;

use crate::fleet::Fleet;
use crate::link::Intake;
use crate::model::language::Languages;
use crate::model::policy::Policy;
use crate::queries::queue::Waiting;
use crate::service::direct::Spare;
use crate::service::live::{Feeds, Seats};
use crate::service::status::LastStatus;

/// What the lab is set up with.
pub struct LabConfig {
    /// This replica's name, unique among the replicas.
    pub replica: String,
    /// Issues certificates to nodes.
    pub authority: Authority,
    /// The address that agents are told to join, such as `https://lab.example.org`.
    pub join_url: String,
    /// Whether experiments may aim at loopback: only where all nodes are on this machine.
    pub allow_loopback: bool,
    /// The languages that programs may be in.
    pub languages: Languages,
}

/// Where jobs can be kept: the caller's own files, which another service has.
#[async_trait::async_trait]
pub trait Keeping: Send + Sync {
    /// The export that the caller's own files are in.
    fn home(&self, caller: &portal::Caller) -> String;

    /// Stores files, by their paths from there, below a directory of the caller's own space; directories are made, and
    /// files that are there are replaced.
    ///
    /// # Errors
    /// What keeps it from being done, for the caller.
    async fn keep(
        &self,
        caller: &portal::Caller,
        directory: &str,
        files: Vec<(String, Vec<u8>)>,
    ) -> Result<Kept, portal::Problem>;
}

/// Where something is kept.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
pub struct Kept {
    /// The export.
    pub export: String,
    /// The directory's path in it.
    pub path: String,
    /// The directory's page.
    pub page: String,
    /// The paths of the files in it.
    pub files: Vec<String>,
}

/// The lab: a cheap handle.
#[derive(Clone)]
pub struct Lab {
    inner: Arc<Inner>,
}

struct Inner {
    db: Database,
    portal: Portal,
    config: LabConfig,
    fleet: Fleet,
    policy: RwLock<Arc<Policy>>,
    status: LastStatus,
    feeds: Feeds,
    seats: Seats,
    intake: Intake,
    keeping: OnceLock<Arc<dyn Keeping>>,
    /// Wakes the dispatcher of this replica.
    dispatch: Notify,
    /// Wakes who tells the nodes of this replica what to stop.
    cancels: Notify,
    /// Wakes who sends input to the nodes of this replica.
    inputs: Notify,
    /// Runs that were submitted to this replica since its dispatcher looked.
    arrivals: Mutex<Vec<Waiting>>,
    spare: Spare,
    /// When this replica last was without the database, be it that it had not begun. Epoch milliseconds.
    database_away_ms: AtomicI64,
    /// The agents' streams, so that the end can wait for them.
    sessions: TaskTracker,
}

/// The lab's tables.
pub fn migrations() -> db::Migrations {
    const STEPS: &[db::Migration] =
        &[db::Migration { name: "0001_start", sql: include_str!("../migrations/0001_start.sql") }];
    db::Migrations { service: "lab", steps: STEPS }
}

impl Lab {
    /// Opens the lab over a migrated database. Errors: the database can't be read.
    pub async fn open(db: Database, portal: Portal, config: LabConfig) -> Result<Self, ServiceError> {
        let policy = queries::policy::policy_get(&db).await?.map(|(policy, _)| policy).unwrap_or_default();
        let database_away_ms = AtomicI64::new(db.clock().now_ms());
        let inner = Inner {
            db,
            portal,
            config,
            fleet: Fleet::new(),
            policy: RwLock::new(Arc::new(policy)),
            status: LastStatus::default(),
            feeds: Feeds::default(),
            seats: Seats::default(),
            intake: Intake::default(),
            keeping: OnceLock::new(),
            dispatch: Notify::new(),
            cancels: Notify::new(),
            inputs: Notify::new(),
            arrivals: Mutex::default(),
            spare: Spare::default(),
            database_away_ms,
            sessions: TaskTracker::new(),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Says where jobs can be kept; the first call counts. Without one there are no such buttons.
    pub fn keep_with(&self, keeping: Arc<dyn Keeping>) {
        let _ = self.inner.keeping.set(keeping);
    }

    pub(crate) fn keeping(&self) -> Option<&Arc<dyn Keeping>> {
        self.inner.keeping.get()
    }

    /// The pages.
    pub fn pages(&self) -> Router {
        pages::router(self.clone())
    }

    /// The REST API with its description.
    pub fn api(&self) -> OpenApiRouter {
        api::router(self.clone())
    }

    /// The agents' gRPC service. It admits by certificate, so it stands outside the portal's layers.
    pub fn agents(&self) -> Router {
        Router::new().route_service(link::ROUTE, link::service(self.clone()))
    }

    /// Waits until every agent's stream has ended, once the portal is closing.
    pub async fn sessions_ended(&self) {
        self.inner.sessions.close();
        self.inner.sessions.wait().await;
    }

    fn sessions(&self) -> &TaskTracker {
        &self.inner.sessions
    }

    fn db(&self) -> &Database {
        &self.inner.db
    }

    fn portal(&self) -> &Portal {
        &self.inner.portal
    }

    fn fleet(&self) -> &Fleet {
        &self.inner.fleet
    }

    fn config(&self) -> &LabConfig {
        &self.inner.config
    }

    fn languages(&self) -> &Languages {
        &self.inner.config.languages
    }

    fn replica(&self) -> &str {
        &self.inner.config.replica
    }

    fn now_ms(&self) -> i64 {
        self.inner.db.clock().now_ms()
    }

    fn policy(&self) -> Arc<Policy> {
        self.inner.policy.read().expect("no holder of this lock panics").clone()
    }

    fn last_status(&self) -> &LastStatus {
        &self.inner.status
    }

    fn feeds(&self) -> &Feeds {
        &self.inner.feeds
    }

    fn seats(&self) -> &Seats {
        &self.inner.seats
    }

    fn intake(&self) -> &Intake {
        &self.inner.intake
    }

    async fn dispatch_wanted(&self) {
        self.inner.dispatch.notified().await;
    }

    fn dispatch_wake(&self) {
        self.inner.dispatch.notify_one();
    }

    fn spare(&self) -> &Spare {
        &self.inner.spare
    }

    async fn cancels_wanted(&self) {
        self.inner.cancels.notified().await;
    }

    fn cancels_wake(&self) {
        self.inner.cancels.notify_one();
    }

    fn database_away_ms(&self) -> i64 {
        self.inner.database_away_ms.load(Ordering::Relaxed)
    }

    fn database_was_away(&self) {
        self.inner.database_away_ms.store(self.now_ms(), Ordering::Relaxed);
    }

    async fn inputs_wanted(&self) {
        self.inner.inputs.notified().await;
    }

    fn inputs_wake(&self) {
        self.inner.inputs.notify_one();
    }

    /// Tells the dispatcher of a run that is in the queue now, so that it need not read it.
    fn arrival_tell(&self, waiting: Waiting) {
        self.inner.arrivals.lock().expect("no holder of this lock panics").push(waiting);
        self.dispatch_wake();
    }

    fn arrivals_take(&self) -> Vec<Waiting> {
        std::mem::take(&mut *self.inner.arrivals.lock().expect("no holder of this lock panics"))
    }
}
