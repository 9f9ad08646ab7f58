//! The gRPC service of a node's stores.

use std::sync::Arc;

use db::Clock;
use tokio::sync::Semaphore;
use tonic::{Request, Response, Status};
use wire::store::stores_server::{self, StoresServer};
use wire::store::{
    Code, DeleteReply, DeleteRequest, Found, GetReply, GetRequest, ListReply, ListRequest, Listed, Piece, PutReply,
    PutRequest, StatReply, StatRequest, SyncReply, SyncRequest, Unit, VerifyReply, VerifyRequest,
};

use super::StoreError;
use super::caller::Caller;
use super::engine::{NewUnit, Store};
use super::read::Read;
use super::record::{UnitCode, UnitKey};

/// Largest message, bytes: the 8 MiB of units that a request may hold, and what is around them.
pub const MESSAGE_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Data that one answer holds at most, bytes.
pub const ANSWER_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Units that one answer lists at most.
const LIST_MAX: u32 = 10_000;
/// Requests at work at the same time; each takes a thread while it reads or writes.
const AT_WORK_MAX: usize = 64;

/// The stores of one node.
#[derive(Clone)]
pub struct Stores {
    stores: Arc<[Arc<Store>]>,
    clock: Arc<dyn Clock>,
    at_work: Arc<Semaphore>,
}

impl Stores {
    /// Serves these; each one once it has a number.
    pub fn new(stores: Vec<Arc<Store>>, clock: Arc<dyn Clock>) -> Self {
        Self { stores: stores.into(), clock, at_work: Arc::new(Semaphore::new(AT_WORK_MAX)) }
    }

    /// The stores themselves.
    pub fn stores(&self) -> &[Arc<Store>] {
        &self.stores
    }

    pub(super) fn service(&self) -> StoresServer<Self> {
        let service = StoresServer::new(self.clone());
        service.max_decoding_message_size(MESSAGE_BYTES_MAX).max_encoding_message_size(MESSAGE_BYTES_MAX)
    }

    fn store(&self, number: u64) -> Result<Arc<Store>, Status> {
        let store = self.stores.iter().find(|store| store.number() == Some(number));
        store.cloned().ok_or_else(|| Status::not_found(format!("this node has no store {number}")))
    }

    /// Does `work` on a thread where it may block.
    async fn blocking<T: Send + 'static>(
        &self,
        number: u64,
        work: impl FnOnce(&Store) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<Response<T>, Status> {
        let store = self.store(number)?;
        let place = Arc::clone(&self.at_work).acquire_owned().await;
        let done = tokio::task::spawn_blocking(move || {
            let done = work(&store);
            drop(place);
            done
        });
        match done.await {
            Ok(done) => done.map(Response::new).map_err(status),
            Err(panic) => std::panic::resume_unwind(panic.into_panic()),
        }
    }
}

#[tonic::async_trait]
impl stores_server::Stores for Stores {
    async fn put(&self, request: Request<PutRequest>) -> Result<Response<PutReply>, Status> {
        let caller = Caller::of(&request)?;
        caller.may_write()?;
        let PutRequest { store, units } = request.into_inner();
        let units = units.into_iter().map(new_unit).collect::<Result<Vec<_>, _>>()?;
        units.iter().try_for_each(|unit| caller.may_use(unit.key.volume))?;
        let now_ms = self.clock.now_ms();
        self.blocking(store, move |store| {
            store.put(units, now_ms)?;
            Ok(PutReply { boot_id: store.boot_id().to_owned() })
        })
        .await
    }

    async fn sync(&self, request: Request<SyncRequest>) -> Result<Response<SyncReply>, Status> {
        Caller::of(&request)?.may_write()?;
        let SyncRequest { store, boot_id } = request.into_inner();
        self.blocking(store, move |store| store.sync(Some(&boot_id)).map(|()| SyncReply { boot_id })).await
    }

    async fn get(&self, request: Request<GetRequest>) -> Result<Response<GetReply>, Status> {
        let caller = Caller::of(&request)?;
        let GetRequest { store, ranges } = request.into_inner();
        let ranges = ranges.into_iter().map(|range| Ok((key(range.key)?, range.offset, range.length)));
        let ranges = ranges.collect::<Result<Vec<_>, Status>>()?;
        ranges.iter().try_for_each(|(key, ..)| caller.may_use(key.volume))?;
        self.blocking(store, move |store| {
            let (mut pieces, mut bytes) = (Vec::with_capacity(ranges.len()), 0);
            for (key, offset, length) in ranges {
                let piece = piece(&key, store.get(&key, offset, length)?);
                bytes += piece.data.len();
                if bytes > ANSWER_BYTES_MAX {
                    return Err(StoreError::Invalid(format!("an answer holds at most {ANSWER_BYTES_MAX} bytes")));
                }
                pieces.push(piece);
            }
            Ok(GetReply { pieces })
        })
        .await
    }

    async fn delete(&self, request: Request<DeleteRequest>) -> Result<Response<DeleteReply>, Status> {
        Caller::of(&request)?.is_control()?;
        let DeleteRequest { store, keys, put_ms } = request.into_inner();
        if !put_ms.is_empty() && put_ms.len() != keys.len() {
            return Err(Status::invalid_argument("there is not a time for each unit"));
        }
        let times = put_ms.into_iter().map(Some).chain(std::iter::repeat(None));
        let units = keys.into_iter().zip(times).map(|(unit, put_ms)| Ok((key(Some(unit))?, put_ms)));
        let units = units.collect::<Result<Vec<_>, Status>>()?;
        let now_ms = self.clock.now_ms();
        self.blocking(store, move |store| store.delete(&units, now_ms).map(|()| DeleteReply {})).await
    }

    async fn list(&self, request: Request<ListRequest>) -> Result<Response<ListReply>, Status> {
        Caller::of(&request)?.is_control()?;
        let ListRequest { store, volume, after, limit } = request.into_inner();
        let after = after.map(|after| key(Some(after))).transpose()?;
        self.blocking(store, move |store| {
            let units = store.list(volume, after, limit.min(LIST_MAX) as usize).into_iter();
            let units = units.map(|(key, bytes, put_ms)| Listed { key: Some(key.into()), bytes, put_ms });
            Ok(ListReply { units: units.collect() })
        })
        .await
    }

    async fn stat(&self, request: Request<StatRequest>) -> Result<Response<StatReply>, Status> {
        Caller::of(&request)?.may_write()?;
        self.blocking(request.into_inner().store, |store| {
            let stat = store.stat()?;
            Ok(StatReply {
                uuid: store.uuid().to_string(),
                boot_id: store.boot_id().to_owned(),
                capacity_bytes: stat.capacity_bytes,
                used_bytes: stat.used_bytes,
                free_bytes: stat.free_bytes,
                units: stat.units,
            })
        })
        .await
    }

    async fn verify(&self, request: Request<VerifyRequest>) -> Result<Response<VerifyReply>, Status> {
        Caller::of(&request)?.is_control()?;
        let VerifyRequest { store, after, bytes_max } = request.into_inner();
        let after = after.map(|after| key(Some(after))).transpose()?;
        self.blocking(store, move |store| {
            let verified = store.verify(after, bytes_max)?;
            let damaged = verified.damaged.into_iter().map(Into::into).collect();
            let (bytes, is_end) = (verified.bytes, verified.is_end);
            Ok(VerifyReply { damaged, last: verified.last.map(Into::into), bytes, is_end })
        })
        .await
    }
}

impl From<UnitKey> for wire::store::UnitKey {
    fn from(key: UnitKey) -> Self {
        Self { volume: key.volume, stripe: key.stripe, index: key.index }
    }
}

fn key(key: Option<wire::store::UnitKey>) -> Result<UnitKey, Status> {
    let key = key.ok_or_else(|| Status::invalid_argument("the unit's key is missing"))?;
    Ok(UnitKey { volume: key.volume, stripe: key.stripe, index: key.index })
}

fn new_unit(unit: Unit) -> Result<NewUnit, Status> {
    let code = unit.code.ok_or_else(|| Status::invalid_argument("the unit's code is missing"))?;
    let small = |number: u32| u8::try_from(number).map_err(|_| Status::invalid_argument("the unit's code is none"));
    let (data, parity, element_bytes) = (small(code.data)?, small(code.parity)?, small(code.element_bytes)?);
    let code = UnitCode { data, parity, element_bytes, block_bytes: code.block_bytes };
    Ok(NewUnit { key: key(unit.key)?, code, data: unit.data, sums: unit.sums })
}

fn piece(key: &UnitKey, read: Read) -> Piece {
    match read {
        Read::Piece { data, sums, code, unit_bytes } => Piece {
            found: Found::Ok.into(),
            data: data.into(),
            sums,
            code: Some(Code {
                data: code.data.into(),
                parity: code.parity.into(),
                element_bytes: code.element_bytes.into(),
                block_bytes: code.block_bytes,
            }),
            unit_bytes,
            // What the tags of its pieces were checked to say.
            key: Some((*key).into()),
        },
        Read::Not => Piece { found: Found::Not.into(), ..Piece::default() },
        Read::Damaged => Piece { found: Found::Damaged.into(), ..Piece::default() },
    }
}

fn status(error: StoreError) -> Status {
    let sentence = error.to_string();
    match error {
        StoreError::Invalid(_) => Status::invalid_argument(sentence),
        StoreError::Conflict(_) => Status::already_exists(sentence),
        StoreError::Full { .. } => Status::resource_exhausted(sentence),
        StoreError::OtherBoot => Status::aborted(sentence),
        StoreError::Directory { .. } | StoreError::InUse(_) | StoreError::Disk { .. } | StoreError::Failed => {
            tracing::error!(error = &error as &dyn std::error::Error, "a store could not do what it was asked");
            Status::unavailable(sentence)
        }
    }
}
