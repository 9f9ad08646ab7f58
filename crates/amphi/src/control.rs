//! One replica of the control plane, put together: database, portal, lab, listener. `up` and `serve` differ only in
//! what they are configured with.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use axum::Router;
use axum::routing::get;
use classroom::{Classroom, ClassroomConfig};
use db::Database;
use lab::model::language::Languages;
use lab::{Lab, LabConfig};
use portal::{Portal, PortalConfig, Seal};
use storage::{Storage, StorageConfig};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use wire::authority::{Authority, KeyPairPem};

use crate::listen::Listener;
use crate::recordings::VolumeFiles;

/// What a replica is set up with.
pub(crate) struct ControlConfig {
    /// Certificates, the admin's token and, by default, the database.
    pub(crate) dir: PathBuf,
    pub(crate) listen: SocketAddr,
    /// `sqlite:PATH`, `postgres://…` or `mysql://…`.
    pub(crate) database: String,
    /// The address people and agents use, where it is not the listening address.
    pub(crate) public_url: Option<String>,
    /// A certificate for browsers; without one our own authority's is shown.
    pub(crate) certificate: Option<KeyPairPem>,
    /// This replica's name, unique among the replicas.
    pub(crate) replica: String,
    /// Whether experiments may aim at loopback: only where all nodes are on this machine.
    pub(crate) allow_loopback: bool,
    /// A folder with recipes of languages beside the built-in ones.
    pub(crate) recipes: Option<PathBuf>,
    /// How classrooms go about conference servers and recordings.
    pub(crate) classroom: classroom::Settings,
}

/// A running replica.
pub(crate) struct Control {
    pub(crate) lab: Lab,
    pub(crate) storage: Storage,
    pub(crate) classroom: Classroom,
    /// The address people use.
    pub(crate) url: String,
    /// The address that agents on this machine join.
    pub(crate) local_url: String,
    /// Login and password of the admin made at the first start.
    pub(crate) first_admin: Option<portal::FirstAdmin>,
    db: Database,
    shutdown: CancellationToken,
    closing: CancellationToken,
    tasks: [TaskTracker; 3],
    server: JoinHandle<()>,
}

impl Control {
    /// Opens everything and begins to serve. Errors: what is wrong with the configuration, the database or the port,
    /// before anything was served.
    pub(crate) async fn start(config: ControlConfig) -> anyhow::Result<Self> {
        let languages = match &config.recipes {
            Some(folder) => Languages::built_in().with_folder(folder).context("reading the recipes of languages")?,
            None => Languages::built_in(),
        };
        let authority = Authority::open_or_create(&config.dir)
            .context("opening the certificate authority in the data directory")?;
        let ca_pem = authority.certificate_pem().to_owned();
        let names = certificate_names(&config);
        let listener = Listener::bind(config.listen, &authority, &names, config.certificate).await?;
        let address = listener.address()?;
        let scheme = if address.ip().is_loopback() { "http" } else { "https" };
        let url = config.public_url.clone().unwrap_or_else(|| format!("{scheme}://{address}"));
        let local_url = format!("{scheme}://{}", reachable(address));

        let db = Database::open(&config.database).await.context("opening the database")?;
        db.migrate(&[portal::migrations(), lab::migrations(), storage::migrations(), classroom::migrations()])
            .await
            .context("bringing the database up to date")?;
        let portal =
            Portal::open(db.clone(), portal_config(config.public_url, address)).context("opening the portal")?;
        let first_admin =
            portal.bootstrap(&config.dir, &config.replica).await.context("preparing the first account")?;
        let lab_config = LabConfig {
            replica: config.replica.clone(),
            authority,
            join_url: url.clone(),
            allow_loopback: config.allow_loopback,
            languages,
        };
        let lab = Lab::open(db.clone(), portal.clone(), lab_config).await.context("opening the lab")?;
        let seal = Seal::open_or_create(&config.dir).context("opening the key that seals secrets")?;
        let storage_config = StorageConfig {
            replica: config.replica.clone(),
            authority: Authority::open_or_create(&config.dir).context("opening the certificate authority")?,
            seal: seal.clone(),
            nodes: Arc::new(StorageNodes { lab: lab.clone() }),
        };
        let storage = Storage::open(db.clone(), portal.clone(), storage_config);
        lab.keep_with(Arc::new(OwnFiles { storage: storage.clone() }));
        let classroom_config = ClassroomConfig {
            replica: config.replica,
            seal,
            url: url.trim_end_matches('/').to_owned(),
            volume: Some(Arc::new(VolumeFiles { storage: storage.clone(), export: config.classroom.volume.clone() })),
            dir: config.classroom.recordings.clone().unwrap_or_else(|| config.dir.join("classroom")),
            allow_loopback: config.allow_loopback,
            settings: config.classroom,
        };
        let classroom =
            Classroom::open(db.clone(), portal.clone(), classroom_config).await.context("opening classrooms")?;

        let shutdown = CancellationToken::new();
        let tasks =
            [lab::spawn_tasks(&lab, &shutdown), storage.spawn_tasks(&shutdown), classroom.spawn_tasks(&shutdown)];
        portal::spawn_tasks(&portal, shutdown.clone());
        let router = crate::routes::router(&portal, &lab, &storage, &classroom)
            .context("describing the API")?
            .merge(lab.agents())
            .merge(storage.registry())
            .merge(classroom.conferences())
            .merge(Router::new().route("/ca.pem", get(move || async move { ca_pem })));
        let server = tokio::spawn(listener.serve(storage.s3(router), shutdown.clone()));
        crate::memory::give_back_freed();
        Ok(Self {
            lab,
            storage,
            classroom,
            url,
            local_url,
            first_admin,
            db,
            shutdown,
            closing: portal.closing(),
            tasks,
            server,
        })
    }

    /// Stops taking requests, lets those under way finish, and closes the database.
    pub(crate) async fn stop(self) {
        self.closing.cancel();
        self.shutdown.cancel();
        if let Err(error) = self.server.await {
            tracing::error!(error = &error as &dyn std::error::Error, "the listener ended abnormally");
        }
        for tasks in self.tasks {
            tasks.wait().await;
        }
        self.lab.sessions_ended().await;
        self.db.close().await;
    }
}

/// Where the lab keeps jobs: the files that storage has for everybody.
struct OwnFiles {
    storage: Storage,
}

#[async_trait::async_trait]
impl lab::Keeping for OwnFiles {
    fn home(&self, caller: &portal::Caller) -> String {
        self.storage.home_of(caller)
    }

    async fn keep(
        &self,
        caller: &portal::Caller,
        directory: &str,
        files: Vec<(String, Vec<u8>)>,
    ) -> Result<lab::Kept, portal::Problem> {
        let names = files.iter().map(|(name, _)| name.clone()).collect();
        let storage::KeptIn { export, path, page } = self.storage.keep(caller, directory, files).await?;
        Ok(lab::Kept { export, path, page, files: names })
    }
}

/// What storage asks about nodes, answered by the lab.
struct StorageNodes {
    lab: Lab,
}

#[async_trait::async_trait]
impl storage::Nodes for StorageNodes {
    async fn node(&self, id: &str) -> Result<Option<storage::NodeFacts>, Box<dyn std::error::Error + Send + Sync>> {
        let node = self.lab.node_facts(id).await?;
        Ok(node.map(|(name, labels)| storage::NodeFacts { name, labels }))
    }

    async fn find(&self, node: &str) -> Result<Option<(String, String)>, Box<dyn std::error::Error + Send + Sync>> {
        Ok(self.lab.node_called(node).await?)
    }
}

fn portal_config(public_url: Option<String>, address: SocketAddr) -> PortalConfig {
    // Behind a front on the same machine the listener is on loopback and the world is outside all the same.
    let is_private = address.ip().is_loopback() && public_url.is_none();
    PortalConfig {
        secure_cookies: !is_private,
        public_metrics: is_private,
        public_url,
        catalogs: [lab::catalogs(), storage::catalogs(), classroom::catalogs()].concat(),
        nav: navigation(),
        sub_nav: [lab::sub_navigation(), storage::sub_navigation(), classroom::sub_navigation()].concat(),
        assets: [lab::assets(), storage::assets(), classroom::assets()].concat(),
        topics: |caller, topic| {
            let storage = || storage::topic(caller, topic);
            lab::topic(caller, topic).or_else(storage).or_else(|| classroom::topic(caller, topic))
        },
        removals: vec![lab::removal, storage::removal, classroom::removal],
    }
}

/// The side bar: what people come for first, then what carries it.
fn navigation() -> Vec<portal::NavItem> {
    const ORDER: [&str; 9] =
        ["lab", "programs", "classrooms", "files", "nodes", "volumes", "conference", "status", "policy"];
    let mut items = [lab::navigation(), storage::navigation(), classroom::navigation()].concat();
    items.sort_by_key(|item| ORDER.iter().position(|id| *id == item.id).unwrap_or(ORDER.len()));
    items
}

/// The names under which the certificate is valid.
fn certificate_names(config: &ControlConfig) -> Vec<String> {
    let public = config.public_url.as_deref().and_then(|url| url::Url::parse(url).ok());
    let public = public.and_then(|url| url.host_str().map(|host| host.trim_matches(['[', ']']).to_owned()));
    let mut names = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
    let listen = config.listen.ip();
    if !listen.is_unspecified() && !listen.is_loopback() {
        names.push(listen.to_string());
    }
    names.extend(public);
    names.sort();
    names.dedup();
    names
}

/// The address by which this machine reaches what listens on `address`.
fn reachable(address: SocketAddr) -> SocketAddr {
    match address {
        SocketAddr::V4(v4) if v4.ip().is_unspecified() => SocketAddr::from(([127, 0, 0, 1], v4.port())),
        SocketAddr::V6(v6) if v6.ip().is_unspecified() => SocketAddr::from((std::net::Ipv6Addr::LOCALHOST, v6.port())),
        other => other,
    }
}
