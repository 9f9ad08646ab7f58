//! Stores that do what a test wants of them: behave, lie, hang, fill up, forget what was not synced.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use bytes::Bytes;
use tokio::task::JoinHandle;
use tonic::transport::{Certificate, Identity, Server, ServerTlsConfig};
use tonic::{Request, Response, Status};
use wire::authority::{Authority, KeyRequest};
use wire::store::stores_server::{Stores, StoresServer};
use wire::store::*;

use super::super::{Credentials, StoreAddress, Stripes};
use crate::model::stripe::Layout;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mood {
    Well,
    Silent,
    WrongBytes,
    AnothersUnit,
    Refusing,
    Full,
}

/// (volume, stripe, index)
pub(super) type Key = (u64, u64, u32);

pub(super) struct State {
    pub(super) mood: Mood,
    boot: u32,
    pub(super) unsynced: BTreeMap<Key, Unit>,
    pub(super) synced: BTreeMap<Key, Unit>,
    pub(super) gets: usize,
    pub(super) puts: usize,
}

pub(super) struct Fake {
    state: Arc<Mutex<State>>,
    serving: JoinHandle<()>,
}

impl Fake {
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    pub(super) fn mood_set(&self, mood: Mood) {
        self.state().mood = mood;
    }

    /// What a crash does: whatever was not synced is gone.
    pub(super) fn restart(&self) {
        let mut state = self.state();
        state.boot += 1;
        state.unsynced.clear();
    }

    pub(super) fn kill(&self) {
        self.serving.abort();
    }
}

#[derive(Clone)]
struct Served(Arc<Mutex<State>>);

impl Served {
    async fn state(&self) -> Result<MutexGuard<'_, State>, Status> {
        if self.0.lock().unwrap().mood == Mood::Silent {
            std::future::pending::<()>().await;
        }
        let state = self.0.lock().unwrap();
        if state.mood == Mood::Refusing { Err(Status::internal("no")) } else { Ok(state) }
    }
}

fn key_of(key: &Option<UnitKey>) -> Key {
    let key = key.unwrap();
    (key.volume, key.stripe, key.index)
}

fn piece(state: &State, range: &Range) -> Piece {
    let missing = Piece { found: Found::Not as i32, ..Piece::default() };
    let mut key = key_of(&range.key);
    if state.mood == Mood::AnothersUnit {
        let others = state.synced.keys().find(|other| other.2 == key.2 && other.1 != key.1);
        key = *others.unwrap();
    }
    let Some(unit) = state.unsynced.get(&key).or_else(|| state.synced.get(&key)) else { return missing };
    let (start, end) = (range.offset as usize, (range.offset + range.length) as usize);
    let mut data = unit.data[start..end].to_vec();
    if state.mood == Mood::WrongBytes {
        data[0] ^= 1;
    }
    Piece {
        found: Found::Ok as i32,
        sums: unit.sums[start / 4096..end.div_ceil(4096)].to_vec(),
        data: Bytes::from(data),
        code: unit.code,
        unit_bytes: unit.data.len() as u32,
        key: unit.key,
    }
}

#[tonic::async_trait]
impl Stores for Served {
    async fn put(&self, request: Request<PutRequest>) -> Result<Response<PutReply>, Status> {
        let mut state = self.state().await?;
        if state.mood == Mood::Full {
            return Err(Status::resource_exhausted("full"));
        }
        state.puts += 1;
        for unit in request.into_inner().units {
            state.unsynced.insert(key_of(&unit.key), unit);
        }
        Ok(Response::new(PutReply { boot_id: state.boot.to_string() }))
    }

    async fn sync(&self, request: Request<SyncRequest>) -> Result<Response<SyncReply>, Status> {
        let mut state = self.state().await?;
        let boot_id = state.boot.to_string();
        if request.into_inner().boot_id != boot_id {
            return Err(Status::aborted("restarted"));
        }
        let mut unsynced = std::mem::take(&mut state.unsynced);
        state.synced.append(&mut unsynced);
        Ok(Response::new(SyncReply { boot_id }))
    }

    async fn get(&self, request: Request<GetRequest>) -> Result<Response<GetReply>, Status> {
        let mut state = self.state().await?;
        state.gets += 1;
        let pieces = request.into_inner().ranges.iter().map(|range| piece(&state, range)).collect();
        Ok(Response::new(GetReply { pieces }))
    }

    async fn delete(&self, request: Request<DeleteRequest>) -> Result<Response<DeleteReply>, Status> {
        let mut state = self.state().await?;
        for key in request.into_inner().keys {
            let key = key_of(&Some(key));
            state.unsynced.remove(&key);
            state.synced.remove(&key);
        }
        Ok(Response::new(DeleteReply {}))
    }

    async fn list(&self, _: Request<ListRequest>) -> Result<Response<ListReply>, Status> {
        Err(Status::unimplemented("list"))
    }

    async fn stat(&self, _: Request<StatRequest>) -> Result<Response<StatReply>, Status> {
        Err(Status::unimplemented("stat"))
    }

    async fn verify(&self, _: Request<VerifyRequest>) -> Result<Response<VerifyReply>, Status> {
        Err(Status::unimplemented("verify"))
    }
}

/// Stores 1 to `stores`, each on a node of its own, and a volume on them.
pub(super) async fn volume(layout: u8, stores: usize) -> (Stripes, Vec<Fake>) {
    let layout = Layout::try_from(layout).unwrap();
    let authority = Authority::open_or_create(tempfile::tempdir().unwrap().path()).unwrap();
    let request = KeyRequest::generate().unwrap();
    let day = std::time::Duration::from_secs(86_400);
    let certificate = authority.node_certificate(&request.csr_pem, "control", day, epoch_ms()).unwrap();
    let ca_pem = authority.certificate_pem().to_owned();
    let credentials = Credentials { pair_pem: certificate + &request.key_pem, ca_pem };
    let stripes = Stripes::new(7, layout.data(), layout.parity(), credentials);
    let mut fakes = Vec::new();
    let mut addresses = Vec::new();
    for id in 1..=stores {
        let (fake, address) = start(&authority, id).await;
        fakes.push(fake);
        addresses.push(address);
    }
    stripes.stores_set(addresses);
    (stripes, fakes)
}

async fn start(authority: &Authority, id: usize) -> (Fake, StoreAddress) {
    let node = format!("n{id}");
    let pair = authority.server_certificate(&[format!("{node}.node.amphi.internal")]).unwrap();
    let tls = ServerTlsConfig::new()
        .identity(Identity::from_pem(&pair.certificate_pem, &pair.key_pem))
        .client_ca_root(Certificate::from_pem(authority.certificate_pem()));
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    let incoming = tonic::transport::server::TcpIncoming::from(tokio::net::TcpListener::from_std(listener).unwrap());
    let (unsynced, synced) = (BTreeMap::new(), BTreeMap::new());
    let state = State { mood: Mood::Well, boot: 1, unsynced, synced, gets: 0, puts: 0 };
    let state = Arc::new(Mutex::new(state));
    let service = StoresServer::new(Served(state.clone())).max_decoding_message_size(9 << 20);
    let server = Server::builder().tls_config(tls).unwrap().add_service(service);
    let serving = tokio::spawn(async move { server.serve_with_incoming(incoming).await.unwrap() });
    let address = StoreAddress {
        id: id as i64,
        domain: node.clone(),
        node,
        addresses: vec!["127.0.0.1:1".to_owned(), address.to_string()],
        free_bytes: 1 << 30,
        is_writable: true,
        is_up: true,
    };
    (Fake { state, serving }, address)
}

#[expect(clippy::disallowed_methods, reason = "certificates are compared with the real time")]
fn epoch_ms() -> i64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() as i64
}
