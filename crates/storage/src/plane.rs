//! A control plane and its stores in a test's process: SQLite, real stores on loopback, a clock that only the test moves.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode};
use bytes::Bytes;
use db::{Clock, Database, Query, Write};
use futures::TryStreamExt;
use http_body_util::BodyExt as _;
use portal::{AccountId, Caller, Portal, PortalConfig, Seal};
use testkit::clock::ManualClock;
use tower::ServiceExt as _;
use utoipa_axum::router::OpenApiRouter;
use wire::authority::Authority;

use crate::file::{FileError, FilePath, Files};
use crate::model::effect::Effect;
use crate::model::inode::{Inode, Kind};
use crate::model::space::Space;
use crate::model::stripe::Layout;
use crate::namespace::{Direct, Namespace, Usage};
use crate::queries::space::space_insert;
use crate::testing::TestStores;
use crate::{NodeFacts, Nodes, Storage, StorageConfig};

pub(crate) const VOLUME: i64 = 7;
const SPACE: i64 = 8;
const ROOT: i64 = 9;

pub(crate) struct Plane {
    pub(crate) storage: Storage,
    pub(crate) stores: TestStores,
    pub(crate) clock: ManualClock,
    pub(crate) files: Files,
    router: Router,
    token: String,
    _dir: tempfile::TempDir,
}

struct OneNode;

#[async_trait::async_trait]
impl Nodes for OneNode {
    async fn node(&self, id: &str) -> Result<Option<NodeFacts>, Box<dyn std::error::Error + Send + Sync>> {
        Ok((id == "uid-a").then(|| NodeFacts { name: "lab-a".to_owned(), labels: BTreeMap::new() }))
    }

    async fn find(&self, node: &str) -> Result<Option<(String, String)>, Box<dyn std::error::Error + Send + Sync>> {
        Ok((node == "lab-a").then(|| ("uid-a".to_owned(), node.to_owned())))
    }
}

pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Reply {
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON: {:?}", self.body))
    }
}

impl Plane {
    /// A volume `v` with the export `v`, on so many stores.
    pub(crate) async fn new(layout: u8, stores: usize) -> Self {
        Self::with(layout, TestStores::start(stores, 1 << 30).await).await
    }

    /// The same, on these stores.
    pub(crate) async fn with(layout: u8, stores: TestStores) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock = ManualClock::at(db::SystemClock.now_ms());
        let url = format!("sqlite:{}/amphi.db", dir.path().display());
        let db = Database::open_with_clock(&url, Arc::new(clock.clone())).await.unwrap();
        db.migrate(&[portal::migrations(), crate::migrations()]).await.unwrap();
        let portal = Portal::open(db.clone(), portal_config()).unwrap();
        portal.bootstrap(dir.path(), "a").await.unwrap();
        let token = std::fs::read_to_string(dir.path().join("admin.token")).unwrap().trim().to_owned();
        let authority = Authority::open_or_create(&stores.dir(1).with_file_name("authority")).unwrap();
        let seal = Seal::open_or_create(dir.path()).unwrap();
        let config = StorageConfig { replica: "a".to_owned(), authority, seal, nodes: Arc::new(OneNode) };
        let storage = Storage::open(db.clone(), portal.clone(), config);
        let space = volume_make(&storage, layout).await;
        let (api, _) = OpenApiRouter::with_openapi(portal::openapi()).merge(storage.api()).split_for_parts();
        let mut table = portal::access();
        table.extend(crate::access());
        let router = portal.layer(storage.pages().merge(api), table);
        let names = Direct::new(storage.clone(), space.clone(), false);
        let mut plane = Self {
            files: Files::new(
                Arc::new(names),
                crate::stripe::Stripes::new(0, 1, 1, no_credentials()),
                db.clock_shared(),
            ),
            storage,
            stores,
            clock,
            router,
            token,
            _dir: dir,
        };
        plane.stores_seen(&[]).await;
        let stripes = plane.storage.stripes(VOLUME, space.layout).await.unwrap();
        let names = Direct::new(plane.storage.clone(), space, false);
        plane.files = Files::new(Arc::new(names), stripes, db.clock_shared());
        plane
    }

    /// Writes that all stores but these were seen just now.
    pub(crate) async fn stores_seen(&self, but: &[i64]) {
        let now_ms = self.clock.now_ms();
        let mut write = Write::new();
        for number in self.stores.numbers() {
            let id = number as i64;
            let sql = "INSERT INTO storage_store (id, uuid, kind, node, name, addresses, labels, state, health, capacity_bytes, \
                 used_bytes, free_bytes, units, boot_id, detail, announced_ms, seen_ms, created_ms) \
                 VALUES (?, ?, ?, ?, 's', ?, ?, 'enabled', 'up', 1073741824, 0, 1000000000, 0, '', '', ?, ?, 0) \
                 ON CONFLICT (id) DO UPDATE SET seen_ms = excluded.seen_ms, health = 'up'";
            if !but.contains(&id) {
                let addresses = serde_json::to_string(&[self.stores.address(number)]).unwrap();
                let (kind, labels) = match self.stores.provider(number) {
                    Some(provider) => ("bucket", serde_json::json!({ "provider": provider })),
                    None => ("node", serde_json::json!({})),
                };
                let query = Query::new(sql).bind(id).bind(format!("u{id}")).bind(kind).bind(TestStores::node(number));
                write.push_step(query.bind(addresses).bind(labels.to_string()).bind(now_ms).bind(now_ms));
            } else {
                write.push_step(Query::new("UPDATE storage_store SET health = 'down' WHERE id = ?").bind(id));
            }
        }
        self.storage.db().write(write).await.unwrap();
        self.storage.stores_reload().await.unwrap();
    }

    /// Lets time pass; all stores but these are still seen.
    pub(crate) async fn later(&self, by: Duration, but: &[i64]) {
        self.clock.advance(by);
        self.stores_seen(but).await;
    }

    pub(crate) async fn put(&self, path: &str, data: &Bytes) -> Inode {
        let mut upload = self.files.upload(&at(path)).await.unwrap();
        for piece in data.chunks(100_003) {
            upload.push(data.slice_ref(piece)).await.unwrap();
        }
        upload.finish().await.unwrap()
    }

    pub(crate) async fn get(&self, path: &str) -> Result<Vec<u8>, FileError> {
        let inode = self.files.stat(&at(path)).await?;
        let pieces: Vec<Bytes> = self.files.read(&inode, 0..inode.size).try_collect().await?;
        Ok(pieces.concat())
    }

    /// A request of the administrator, through every layer.
    pub(crate) async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Body) -> Reply {
        let request =
            Request::builder().method(method).uri(path).header("authorization", format!("Bearer {}", self.token));
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        let response = self.router.clone().oneshot(request.body(body).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        Reply { status: parts.status, headers: parts.headers, body: body.collect().await.unwrap().to_bytes() }
    }

    /// The administrator.
    pub(crate) async fn caller(&self) -> Caller {
        let row = self.storage.db().one(Query::new("SELECT account_id FROM portal_account")).await.unwrap();
        let account = AccountId::parse(&row.get::<String>("account_id").unwrap()).unwrap();
        self.storage.portal().account_caller(&account, "test", "test").await.unwrap().unwrap()
    }

    /// Lets the export have so many bytes.
    pub(crate) async fn bytes_allow(&self, bytes: u64) {
        let query = Query::new("UPDATE storage_space SET bytes_hard = ?").bind(bytes as i64);
        self.storage.db().write(Write::new().step(query)).await.unwrap();
    }

    pub(crate) async fn count(&self, table: &str) -> i64 {
        let query = Query::new(format!("SELECT COUNT(*) AS n FROM {table}"));
        self.storage.db().one(query).await.unwrap().get("n").unwrap()
    }

    /// Units that all stores have together.
    pub(crate) fn units(&self) -> usize {
        let units = |number| self.stores.keeping(number).list(VOLUME as u64, None, 100_000).unwrap().len();
        self.stores.numbers().map(units).sum()
    }
}

fn portal_config() -> PortalConfig {
    PortalConfig { catalogs: crate::catalogs(), assets: crate::assets(), ..PortalConfig::default() }
}

fn no_credentials() -> crate::stripe::Credentials {
    crate::stripe::Credentials { pair_pem: String::new(), ca_pem: String::new() }
}

pub(crate) fn at(path: &str) -> FilePath {
    FilePath::parse(path).unwrap()
}

/// Bytes that look random, the same for the same seed.
pub(crate) fn content(bytes: usize, seed: u32) -> Bytes {
    let mut state = seed.wrapping_mul(2_654_435_761) | 1;
    let next = |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    (0..bytes).map(next).collect()
}

async fn volume_make(storage: &Storage, layout: u8) -> Space {
    let layout = Layout::try_from(layout).unwrap();
    let sql =
        "INSERT INTO storage_volume (id, name, layout, labels, is_removed, created_ms) VALUES (?, 'v', ?, '{}', 0, 0)";
    let mut write = Write::new().step(Query::new(sql).bind(VOLUME).bind(i64::from(u8::from(layout))));
    let space = Space {
        id: SPACE,
        volume: VOLUME,
        volume_name: "v".to_owned(),
        layout,
        name: "v".to_owned(),
        parent: None,
        tenant: None,
        owner: None,
        root: ROOT,
        usage: Usage::default(),
        epoch: 0,
        holder: None,
        wanted_ms: None,
        created_ms: 0,
    };
    space_insert(&mut write, &space);
    storage.db().write(write).await.unwrap();
    // Numbers that are used above are not given out again.
    storage.numbers(100).await.unwrap();
    let root = Inode {
        ino: ROOT,
        kind: Kind::Directory,
        mode: 0o755,
        uid: 0,
        gid: 0,
        nlink: 2,
        size: 0,
        atime_ns: 0,
        mtime_ns: 0,
        ctime_ns: 0,
        target: None,
        device: 0,
        version: 0,
    };
    Direct::new(storage.clone(), space.clone(), false).apply(vec![Effect::InodePut(root)]).await.unwrap();
    space
}
