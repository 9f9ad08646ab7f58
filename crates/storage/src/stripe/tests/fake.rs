//! Stores that do what a test wants of them: behave, lie, hang, fill up, forget what was not synced.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use bytes::Bytes;
use rustls::ServerConfig;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::TlsAcceptor;
use wire::NodeIdentity;
use wire::authority::{Authority, KeyRequest};
use wire::store::answer::Reply;
use wire::store::ask::Call;
use wire::store::*;

use super::super::{Credentials, StoreAddress, Stripes};
use crate::frame::{self, Memory};
use crate::model::stripe::Layout;
use crate::store::server_config;

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
    /// Whether those who came left TLS.
    pub(super) left_tls: Vec<bool>,
}

pub(in crate::stripe) struct Fake {
    pub(super) address: StoreAddress,
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

fn refusal(reason: Reason) -> Reply {
    Reply::Refusal(Refusal { reason: reason.into(), sentence: "no".to_owned() })
}

fn reply(state: &mut State, call: Call) -> Reply {
    match (call, state.mood) {
        (_, Mood::Refusing) => refusal(Reason::Other),
        (Call::Put(_), Mood::Full) => refusal(Reason::Full),
        (Call::Put(request), _) => {
            state.puts += 1;
            for unit in request.units {
                state.unsynced.insert(key_of(&unit.key), unit);
            }
            Reply::Put(PutReply { boot_id: state.boot.to_string() })
        }
        (Call::Sync(request), _) if request.boot_id != state.boot.to_string() => refusal(Reason::OtherBoot),
        (Call::Sync(SyncRequest { boot_id, .. }), _) => {
            let mut unsynced = std::mem::take(&mut state.unsynced);
            state.synced.append(&mut unsynced);
            Reply::Sync(SyncReply { boot_id })
        }
        (Call::Get(request), _) => {
            state.gets += 1;
            Reply::Get(GetReply { pieces: request.ranges.iter().map(|range| piece(state, range)).collect() })
        }
        (Call::Delete(request), _) => {
            for key in request.keys {
                let key = key_of(&Some(key));
                state.unsynced.remove(&key);
                state.synced.remove(&key);
            }
            Reply::Delete(DeleteReply {})
        }
        (call, _) => panic!("no test asks for {call:?}"),
    }
}

/// `keeps_tls`: as a store of another machine does.
async fn serve(listener: TcpListener, tls: Arc<ServerConfig>, keeps_tls: bool, state: Arc<Mutex<State>>) {
    let mut connections = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let (tls, state) = (tls.clone(), state.clone());
        connections.spawn(async move {
            let local = frame::acceptor(&tls, &stream).unwrap();
            let tls = if keeps_tls { TlsAcceptor::from(tls) } else { local };
            let Ok(stream) = tls.accept(frame::prepared(stream)).await else { return };
            let Ok((mut reader, mut writer)) = frame::served(stream).await else { return };
            state.lock().unwrap().left_tls.push(matches!(reader, frame::Reader::Local(_)));
            while let Ok(Some(incoming)) = frame::incoming(&mut reader).await {
                let Ok(ask) = incoming.read::<Ask>(&mut reader, &Memory::default()).await else { return };
                answer(&mut writer, ask, &state).await;
            }
        });
    }
}

async fn answer(writer: &mut frame::Writer, ask: Ask, state: &Mutex<State>) {
    let reply = {
        let mut state = state.lock().unwrap();
        (state.mood != Mood::Silent).then(|| reply(&mut state, ask.call.unwrap()))
    };
    let Some(reply) = reply else { return std::future::pending().await };
    // The client may have left.
    let _ = frame::write(writer, Answer { id: ask.id, data_bytes: Vec::new(), reply: Some(reply) }, &mut false).await;
}

/// Stores 1 to `stores`, each on a node of its own, and a volume on them.
pub(in crate::stripe) async fn volume(layout: u8, stores: usize) -> (Stripes, Vec<Fake>) {
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
        let fake = start(&authority, id).await;
        addresses.push(fake.address.clone());
        fakes.push(fake);
    }
    stripes.stores_set(addresses);
    (stripes, fakes)
}

/// Whether a store behaves as one of another machine does: TLS is kept.
pub(super) fn is_elsewhere(id: usize) -> bool {
    id.is_multiple_of(2)
}

async fn start(authority: &Authority, id: usize) -> Fake {
    let node = format!("n{id}");
    let request = KeyRequest::generate().unwrap();
    let day = std::time::Duration::from_secs(86_400);
    let certificate = authority.node_certificate(&request.csr_pem, &node, day, epoch_ms()).unwrap();
    let (pair_pem, ca_pem) = (certificate + &request.key_pem, authority.certificate_pem().to_owned());
    let (_, identity) = watch::channel(NodeIdentity { node_id: node.clone(), pair_pem, ca_pem });
    let tls = Arc::new(server_config(identity).unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (unsynced, synced) = (BTreeMap::new(), BTreeMap::new());
    let state = State { mood: Mood::Well, boot: 1, unsynced, synced, gets: 0, puts: 0, left_tls: Vec::new() };
    let state = Arc::new(Mutex::new(state));
    let serving = tokio::spawn(serve(listener, tls, is_elsewhere(id), state.clone()));
    let address = StoreAddress {
        id: id as i64,
        domain: node.clone(),
        node,
        addresses: vec!["127.0.0.1:1".to_owned(), address.to_string()],
        free_bytes: 1 << 30,
        is_writable: true,
        is_up: true,
    };
    Fake { address, state, serving }
}

#[expect(clippy::disallowed_methods, reason = "certificates are compared with the real time")]
fn epoch_ms() -> i64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() as i64
}
