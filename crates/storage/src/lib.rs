//! Files on Mojette projections: volumes, their name spaces, the stores on nodes that keep the projections, and the ways
//! to reach the files: the mount, the browser, the command line, S3.
//!
//! Data never changes in place. A file is cut into stripes of [`SPAN_BYTES`]; a stripe is coded into units, each on a store
//! of its own, and whatever is written becomes new stripes. Which stripes a file has is metadata, in the database, changed
//! by transactions of [`model::effect::Effect`]s. So a crash leaves the old content or the new, and at worst units that
//! nothing refers to, which are collected.

mod access;
mod api;
mod begin;
pub mod file;
mod frame;
mod link;
pub mod model;
pub mod mount;
pub mod namespace;
mod pages;
#[cfg(test)]
mod plane;
mod queries;
mod s3;
mod service;
pub mod store;
pub mod stripe;
mod task;
#[cfg(any(test, feature = "testing"))]
pub mod testing;

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use db::Database;
use portal::{Portal, Seal};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use utoipa_axum::router::OpenApiRouter;
use wire::authority::Authority;

pub use access::access;
pub use model::stripe::SPAN_BYTES;
pub use pages::{assets, catalogs, navigation, sub_navigation, topic};
pub use service::{KeptIn, ServiceError};

/// What storage is set up with.
pub struct StorageConfig {
    /// This replica's name, unique among the replicas.
    pub replica: String,
    /// Issues certificates to who talks to stores.
    pub authority: Authority,
    /// Seals secrets that are kept in the database.
    pub seal: Seal,
    /// The nodes, as the lab knows them.
    pub nodes: Arc<dyn Nodes>,
}

/// What storage asks about nodes.
#[async_trait::async_trait]
pub trait Nodes: Send + Sync {
    /// The node with this UID; `None` when it was removed.
    async fn node(&self, id: &str) -> Result<Option<NodeFacts>, Box<dyn std::error::Error + Send + Sync>>;

    /// UID and name of the node with this UID or name.
    async fn find(&self, node: &str) -> Result<Option<(String, String)>, Box<dyn std::error::Error + Send + Sync>>;
}

/// A node, as far as storage cares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeFacts {
    /// Its name.
    pub name: String,
    /// Its labels; `site` is a failure domain.
    pub labels: BTreeMap<String, String>,
}

/// The storage service: a cheap handle.
#[derive(Clone)]
pub struct Storage {
    inner: Arc<Inner>,
}

struct Inner {
    db: Database,
    portal: Portal,
    config: StorageConfig,
    numbers: service::Numbers,
    control_pair: service::ControlPair,
    volumes: service::Volumes,
    repairs: service::repair::Repairs,
    mounts_rest: CancellationToken,
}

/// What goes with an account that is deleted: its keys for S3, its links, and its own exports.
pub fn removal(write: &mut db::Write, account: &portal::AccountId) {
    s3::removal(write, account);
    queries::share::shares_delete(write, account);
    queries::space::spaces_mark_removed(write, account);
}

/// The storage's tables.
pub fn migrations() -> db::Migrations {
    const STEPS: &[db::Migration] =
        &[db::Migration { name: "0001_start", sql: include_str!("../migrations/0001_start.sql") }];
    db::Migrations { service: "storage", steps: STEPS }
}

impl Storage {
    /// Opens storage over a migrated database.
    pub fn open(db: Database, portal: Portal, config: StorageConfig) -> Self {
        let (numbers, control_pair, volumes, repairs, mounts_rest) = Default::default();
        Self { inner: Arc::new(Inner { db, portal, config, numbers, control_pair, volumes, repairs, mounts_rest }) }
    }

    /// The REST API with its description.
    pub fn api(&self) -> OpenApiRouter {
        api::router(self.clone())
    }

    /// The pages.
    pub fn pages(&self) -> Router {
        pages::router(self.clone())
    }

    /// What agents call, by certificate: it stands outside the portal's layers.
    pub fn registry(&self) -> Router {
        Router::new()
            .route_service(link::ROUTE, link::service(self.clone()))
            .route_service(link::MOUNTS_ROUTE, link::mounts_service(self.clone()))
    }

    /// Takes S3's requests out of what comes to `router`. They are admitted by their signature, which is made with a key of
    /// an account, so they pass none of the portal's layers; who signed has the rights of that account and no more.
    pub fn s3(&self, router: Router) -> Router {
        s3::layer(self, router)
    }

    /// Starts the background duties. They end with `shutdown`.
    pub fn spawn_tasks(&self, shutdown: &CancellationToken) -> TaskTracker {
        task::spawn_tasks(self, shutdown)
    }

    pub(crate) fn db(&self) -> &Database {
        &self.inner.db
    }

    pub(crate) fn shares(&self) -> &service::Numbers {
        &self.inner.numbers
    }

    pub(crate) fn control_pair(&self) -> &service::ControlPair {
        &self.inner.control_pair
    }

    pub(crate) fn volumes(&self) -> &service::Volumes {
        &self.inner.volumes
    }

    /// Cancelled: nodes are to unmount everything for now.
    pub(crate) fn mounts_rest(&self) -> &CancellationToken {
        &self.inner.mounts_rest
    }

    pub(crate) fn repairs(&self) -> &service::repair::Repairs {
        &self.inner.repairs
    }

    pub(crate) fn portal(&self) -> &Portal {
        &self.inner.portal
    }

    pub(crate) fn config(&self) -> &StorageConfig {
        &self.inner.config
    }
}
