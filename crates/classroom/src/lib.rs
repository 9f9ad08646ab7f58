//! Classrooms: a balancer of BigBlueButton servers that every client of their API takes for one big server, rooms that
//! people open without any LMS, and the recordings of what was held there.
//!
//! A meeting's place is a row in the database, taken by compare-and-swap; everything else that calls need (servers, secrets,
//! what the last polls said) is held in memory by each replica, so that calls go on while the database is away. People join
//! a server directly: no sound and no picture passes here, and the end of a replica ends no meeting.

mod access;
mod api;
mod archive;
mod bigbluebutton;
mod client;
mod directory;
mod files;
mod fleet;
mod meetings;
mod model;
mod pages;
#[cfg(test)]
mod plane;
mod queries;
mod service;
mod task;
mod xml;

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use db::Database;
use portal::{Portal, Seal};
use serde::Deserialize;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use utoipa_axum::router::OpenApiRouter;

pub use access::access;
pub use files::{FileRead, Found, FoundFile, RecordingFiles};
pub use pages::{assets, catalogs, navigation, sub_navigation, topic};

use crate::bigbluebutton::DialInPassword;
use crate::client::{Client, Outside};
use crate::directory::Directory;
use crate::files::{FolderFiles, Kept};
use crate::fleet::Fleet;
use crate::meetings::Meetings;
use crate::model::checksum::Algorithm;
use crate::task::Measured;

/// Lists of all meetings that are put together at the same time: each holds what every server answered.
const LISTINGS_MAX: usize = 4;

/// What classrooms are set up with.
pub struct ClassroomConfig {
    /// This replica's name, unique among the replicas.
    pub replica: String,
    /// Seals secrets that are kept in the database.
    pub seal: Seal,
    /// The address that people and conference servers use, without a slash at the end.
    pub url: String,
    /// Where recordings are kept, and uploads under way.
    pub dir: PathBuf,
    /// Where recordings are kept instead, as long as it is there.
    pub volume: Option<Arc<dyn RecordingFiles>>,
    /// Whether addresses that clients want called may be on this machine.
    pub allow_loopback: bool,
    /// What an operator may set.
    pub settings: Settings,
}

/// What an operator may set, in `[classroom]` of the configuration.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Seconds between two polls of a conference server.
    pub poll_s: u32,
    /// Seconds that a server has to be down before its meetings are given up.
    pub lost_after_s: u32,
    /// Hashes that calls may be signed with: `sha1`, `sha256`, `sha384`, `sha512`.
    pub checksums: Vec<String>,
    /// Where recordings are kept, and uploads under way: a folder that all replicas share. Left out, a folder of the data
    /// directory, which serves one replica.
    pub recordings: Option<PathBuf>,
    /// The export of a storage volume that recordings are kept in as soon as there is one of that name. What the folder
    /// has stays there.
    pub volume: String,
    /// A folder that is watched for recordings as `.tar`.
    pub spool: Option<PathBuf>,
    /// A file with the password by which a telephone gateway asks what to do with a call; left out, nobody dials in.
    pub dial_in_password_file: Option<PathBuf>,
}

impl Default for Settings {
    fn default() -> Self {
        let checksums = ["sha1", "sha256", "sha384", "sha512"].map(str::to_owned).to_vec();
        let (recordings, spool, dial_in_password_file) = Default::default();
        let volume = "recordings".to_owned();
        Self { poll_s: 5, lost_after_s: 60, checksums, recordings, volume, spool, dial_in_password_file }
    }
}

/// Why classrooms can't be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A number of seconds that makes no sense.
    #[error("classroom.{0} has to be from 1 to 3600")]
    Seconds(&'static str),
    /// A hash that there is not, or none at all.
    #[error("classroom.checksums names the hashes that calls may be signed with: sha1, sha256, sha384, sha512")]
    Checksums,
    /// The password of telephone gateways can't be read.
    #[error("reading classroom.dial_in_password_file, {}", path.display())]
    DialInRead {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// It is none that keeps anybody out.
    #[error("classroom.dial_in_password_file: the password in {} has to have {least} characters or more", path.display())]
    DialInShort {
        /// The file.
        path: PathBuf,
        /// Characters, at least.
        least: usize,
    },
    /// TLS can't be set up.
    #[error("preparing calls to conference servers")]
    Client(#[source] rustls::Error),
    /// TLS can't be set up.
    #[error("preparing calls to addresses of clients")]
    Outside(#[source] reqwest::Error),
    /// The database can't be read.
    #[error("reading servers and tenants")]
    Read(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// The classroom service: a cheap handle.
#[derive(Clone)]
pub struct Classroom {
    inner: Arc<Inner>,
}

struct Inner {
    db: Database,
    portal: Portal,
    config: ClassroomConfig,
    algorithms: Vec<Algorithm>,
    client: Client,
    outside: Outside,
    listings: Semaphore,
    directory: Directory,
    fleet: Fleet,
    meetings: Meetings,
    kept: Kept,
    dial_in: Option<DialInPassword>,
    /// What Prometheus was last told of.
    measured: Mutex<HashSet<Measured>>,
}

/// Removes what is an account's own: its rooms. A meeting that is held in one goes on until people leave it.
pub fn removal(write: &mut db::Write, account: &portal::AccountId) {
    queries::room::rooms_delete(write, account);
}

/// The tables of classrooms.
pub fn migrations() -> db::Migrations {
    const STEPS: &[db::Migration] =
        &[db::Migration { name: "0001_start", sql: include_str!("../migrations/0001_start.sql") }];
    db::Migrations { service: "classroom", steps: STEPS }
}

impl Classroom {
    /// Opens classrooms over a migrated database whose portal has its first tenant.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub async fn open(db: Database, portal: Portal, config: ClassroomConfig) -> Result<Self, OpenError> {
        for (name, seconds) in [("poll_s", config.settings.poll_s), ("lost_after_s", config.settings.lost_after_s)] {
            if !(1..=3_600).contains(&seconds) {
                return Err(OpenError::Seconds(name));
            }
        }
        let algorithms: Result<Vec<Algorithm>, _> = config.settings.checksums.iter().map(|word| word.parse()).collect();
        let algorithms = algorithms.ok().filter(|known| !known.is_empty()).ok_or(OpenError::Checksums)?;
        let dial_in = config.settings.dial_in_password_file.as_deref().map(DialInPassword::read).transpose()?;
        let client = Client::new().map_err(OpenError::Client)?;
        let outside = Outside::new(config.allow_loopback).map_err(OpenError::Outside)?;
        let listings = Semaphore::new(LISTINGS_MAX);
        let (directory, fleet, meetings) = (Directory::default(), Fleet::new(), Meetings::default());
        let kept = Kept::new(FolderFiles::new(config.dir.join("recordings")), config.volume.clone());
        let inner = Inner {
            db,
            portal,
            config,
            algorithms,
            client,
            outside,
            listings,
            directory,
            fleet,
            meetings,
            kept,
            dial_in,
            measured: Mutex::default(),
        };
        let classroom = Self { inner: Arc::new(inner) };
        let read = |error: service::ServiceError| OpenError::Read(error.into());
        classroom.first_secret_make().await.map_err(read)?;
        classroom.directory_reload().await.map_err(read)?;
        classroom.servers_reload().await.map_err(read)?;
        classroom.meetings_reload().await.map_err(read)?;
        Ok(classroom)
    }

    /// The REST API with its description.
    pub fn api(&self) -> OpenApiRouter {
        api::router(self.clone())
    }

    /// The pages.
    pub fn pages(&self) -> Router {
        pages::router(self.clone())
    }

    /// What clients of conferences call, and what servers call back. It admits by checksum or by a token in the address, so
    /// it stands outside the portal's layers.
    pub fn conferences(&self) -> Router {
        bigbluebutton::router(self.clone())
    }

    /// Starts the background duties. They end with `shutdown`.
    pub fn spawn_tasks(&self, shutdown: &CancellationToken) -> TaskTracker {
        task::spawn_tasks(self, shutdown)
    }

    fn db(&self) -> &Database {
        &self.inner.db
    }

    fn portal(&self) -> &Portal {
        &self.inner.portal
    }

    fn config(&self) -> &ClassroomConfig {
        &self.inner.config
    }

    fn algorithms(&self) -> &[Algorithm] {
        &self.inner.algorithms
    }

    fn client(&self) -> &Client {
        &self.inner.client
    }

    fn outside(&self) -> &Outside {
        &self.inner.outside
    }

    fn listings(&self) -> &Semaphore {
        &self.inner.listings
    }

    fn directory(&self) -> &Directory {
        &self.inner.directory
    }

    fn fleet(&self) -> &Fleet {
        &self.inner.fleet
    }

    fn meetings(&self) -> &Meetings {
        &self.inner.meetings
    }

    fn kept(&self) -> &Kept {
        &self.inner.kept
    }

    fn dial_in(&self) -> Option<&DialInPassword> {
        self.inner.dial_in.as_ref()
    }

    /// Keeps what Prometheus is told of now; what it was told of before.
    fn measured_swap(&self, told: HashSet<Measured>) -> HashSet<Measured> {
        std::mem::replace(&mut *self.inner.measured.lock().unwrap_or_else(PoisonError::into_inner), told)
    }

    fn now_ms(&self) -> i64 {
        self.inner.db.clock().now_ms()
    }

    fn poll_interval(&self) -> Duration {
        Duration::from_secs(self.inner.config.settings.poll_s.into())
    }

    fn lost_after(&self) -> Duration {
        Duration::from_secs(self.inner.config.settings.lost_after_s.into())
    }
}
