//! What a node's stores answer.

use std::sync::Arc;

use db::Clock;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use wire::store::answer::Reply;
use wire::store::ask::Call;
use wire::store::{
    Code, DeleteReply, DeleteRequest, Found, GetReply, GetRequest, ListReply, ListRequest, Listed, Piece, PutReply,
    PutRequest, Reason, Refusal, StatReply, StatRequest, SyncReply, SyncRequest, Unit, VerifyReply, VerifyRequest,
};

use super::StoreError;
use super::caller::Caller;
use super::engine::NewUnit;
use super::keeping::Keeping;
use super::read::Read;
use super::record::{UNIT_BYTES_MAX, UnitCode, UnitKey};
use crate::frame::{DATA_BYTES_MAX, Memory};

/// Units that one answer lists at most.
const LIST_MAX: u32 = 10_000;
/// Requests at work at the same time at one store; each takes a thread while it reads or writes.
const AT_WORK_MAX: usize = 64;
/// Units that one request puts or gets at most.
const UNITS_MAX: usize = 4_096;
/// Bytes of requests that may be in memory at the same time, and of answers, in KiB. Short ones are not counted, so that
/// they never wait for long ones that nobody sends or takes.
const REQUESTS_KIB: usize = 256 << 10;
const ANSWERS_KIB: usize = 128 << 10;
const SHORT_BYTES: usize = 64 << 10;
/// Long requests whose memory is kept for the next ones: about as many as a client has under way at three stores.
const MEMORY_KEPT: usize = 16;

/// Why a store does not do what it was asked, as its client is told.
#[derive(Debug)]
pub(super) struct Refused {
    reason: Reason,
    sentence: String,
}

impl Refused {
    /// What would not go another time either.
    pub(super) fn other(sentence: impl Into<String>) -> Self {
        Self { reason: Reason::Other, sentence: sentence.into() }
    }
}

/// The stores of one node.
#[derive(Clone)]
pub struct Stores {
    stores: Arc<[Arc<dyn Keeping>]>,
    clock: Arc<dyn Clock>,
    /// Of each store: a slow one takes no thread from the others.
    at_work: Arc<[Arc<Semaphore>]>,
    requests: Arc<Semaphore>,
    answers: Arc<Semaphore>,
    memory: Memory,
}

impl Stores {
    /// Serves these; each one once it has a number.
    pub fn new(stores: Vec<Arc<dyn Keeping>>, clock: Arc<dyn Clock>) -> Self {
        let places = |permits| Arc::new(Semaphore::new(permits));
        let at_work = stores.iter().map(|_| places(AT_WORK_MAX)).collect();
        let [requests, answers] = [REQUESTS_KIB, ANSWERS_KIB].map(places);
        let memory = Memory::keeping(MEMORY_KEPT);
        Self { stores: stores.into(), clock, at_work, requests, answers, memory }
    }

    /// The stores themselves.
    pub fn stores(&self) -> &[Arc<dyn Keeping>] {
        &self.stores
    }

    /// Where requests are read into.
    pub(super) fn memory(&self) -> &Memory {
        &self.memory
    }

    /// Waits until there is room for a request of so many bytes.
    pub(super) async fn request_room(&self, bytes: usize) -> Option<OwnedSemaphorePermit> {
        room(&self.requests, bytes).await
    }

    /// The same for the answer to it.
    pub(super) async fn answer_room(&self, call: Option<&Call>) -> Option<OwnedSemaphorePermit> {
        let Some(Call::Get(GetRequest { ranges, .. })) = call else { return None };
        let whole = |length: u32| if length == 0 { UNIT_BYTES_MAX } else { length as usize };
        let bytes = ranges.iter().take(UNITS_MAX).map(|range| whole(range.length)).sum::<usize>();
        room(&self.answers, bytes.min(DATA_BYTES_MAX)).await
    }

    /// Does what it is asked; may block. `None` for a call: the client is newer than this.
    pub(super) fn answer(&self, caller: Caller, call: Option<Call>) -> Reply {
        let reply = match call {
            Some(Call::Put(request)) => self.put(caller, request).map(Reply::Put),
            Some(Call::Sync(request)) => self.sync(caller, request).map(Reply::Sync),
            Some(Call::Get(request)) => self.get(caller, request).map(Reply::Get),
            Some(Call::Delete(request)) => self.delete(caller, request).map(Reply::Delete),
            Some(Call::List(request)) => self.list(caller, request).map(Reply::List),
            Some(Call::Stat(request)) => self.stat(caller, request.store).map(Reply::Stat),
            Some(Call::Verify(request)) => self.verify(caller, request).map(Reply::Verify),
            None => Err(Refused::other("this store does not know that request; its agent is older than its client")),
        };
        reply.unwrap_or_else(|Refused { reason, sentence }| Reply::Refusal(Refusal { reason: reason.into(), sentence }))
    }

    /// The answer that takes no waiting: a short read of what is in memory. `None`: another call, or not so.
    pub(super) fn answer_now(&self, caller: Caller, call: Option<&Call>) -> Option<Reply> {
        let Some(Call::Get(GetRequest { store, ranges })) = call else { return None };
        let [range] = &ranges[..] else { return None };
        let range = (key(range.key).ok()?, range.offset, range.length);
        caller.may_use(range.0.volume).ok()?;
        let read = self.store(*store).ok()?.get_now(&range)?;
        Some(Reply::Get(GetReply { pieces: vec![piece(&range.0, read)] }))
    }

    /// Waits for a place among the requests that are at work at the same store. `None`: there is no such store here.
    pub(super) async fn place(&self, call: Option<&Call>) -> Option<OwnedSemaphorePermit> {
        let at = self.at(number(call?)).ok()?;
        Arc::clone(&self.at_work[at]).acquire_owned().await.ok()
    }

    fn at(&self, number: u64) -> Result<usize, Refused> {
        let at = self.stores.iter().position(|store| store.number() == Some(number));
        at.ok_or_else(|| Refused::other(format!("this node has no store {number}")))
    }

    fn store(&self, number: u64) -> Result<&dyn Keeping, Refused> {
        Ok(&*self.stores[self.at(number)?])
    }

    fn put(&self, caller: Caller, PutRequest { store, units }: PutRequest) -> Result<PutReply, Refused> {
        caller.may_write()?;
        few(units.len())?;
        let units = units.into_iter().map(new_unit).collect::<Result<Vec<_>, _>>()?;
        units.iter().try_for_each(|unit| caller.may_use(unit.key.volume))?;
        let store = self.store(store)?;
        store.put(units, self.clock.now_ms())?;
        Ok(PutReply { boot_id: store.boot_id().to_owned() })
    }

    fn sync(&self, caller: Caller, SyncRequest { store, boot_id }: SyncRequest) -> Result<SyncReply, Refused> {
        caller.may_write()?;
        self.store(store)?.sync(&boot_id)?;
        Ok(SyncReply { boot_id })
    }

    fn get(&self, caller: Caller, GetRequest { store, ranges }: GetRequest) -> Result<GetReply, Refused> {
        few(ranges.len())?;
        let ranges = ranges.into_iter().map(|range| Ok((key(range.key)?, range.offset, range.length)));
        let ranges = ranges.collect::<Result<Vec<_>, Refused>>()?;
        ranges.iter().try_for_each(|(key, ..)| caller.may_use(key.volume))?;
        let store = self.store(store)?;
        // Asked for nothing, it says whether it works.
        if ranges.is_empty() {
            store.is_working()?;
        }
        let reads = store.get(&ranges, DATA_BYTES_MAX)?;
        let pieces = ranges.iter().zip(reads).map(|((key, ..), read)| piece(key, read));
        Ok(GetReply { pieces: pieces.collect() })
    }

    fn delete(&self, caller: Caller, request: DeleteRequest) -> Result<DeleteReply, Refused> {
        caller.is_control()?;
        let DeleteRequest { store, keys, put_ms } = request;
        if !put_ms.is_empty() && put_ms.len() != keys.len() {
            return Err(Refused::other("there is not a time for each unit"));
        }
        let times = put_ms.into_iter().map(Some).chain(std::iter::repeat(None));
        let units = keys.into_iter().zip(times).map(|(unit, put_ms)| Ok((key(Some(unit))?, put_ms)));
        let units = units.collect::<Result<Vec<_>, Refused>>()?;
        self.store(store)?.delete(&units, self.clock.now_ms())?;
        Ok(DeleteReply {})
    }

    fn list(&self, caller: Caller, request: ListRequest) -> Result<ListReply, Refused> {
        caller.is_control()?;
        let ListRequest { store, volume, after, limit } = request;
        let after = after.map(|after| key(Some(after))).transpose()?;
        let units = self.store(store)?.list(volume, after, limit.min(LIST_MAX) as usize)?.into_iter();
        let units = units.map(|(key, bytes, put_ms)| Listed { key: Some(key.into()), bytes, put_ms });
        Ok(ListReply { units: units.collect() })
    }

    fn stat(&self, caller: Caller, store: u64) -> Result<StatReply, Refused> {
        caller.may_write()?;
        let store = self.store(store)?;
        // One that takes nothing more counts as away.
        store.is_working()?;
        let stat = store.stat()?;
        Ok(StatReply {
            uuid: store.uuid().to_string(),
            boot_id: store.boot_id().to_owned(),
            capacity_bytes: stat.capacity_bytes,
            used_bytes: stat.used_bytes,
            free_bytes: stat.free_bytes,
            units: stat.units,
        })
    }

    fn verify(&self, caller: Caller, request: VerifyRequest) -> Result<VerifyReply, Refused> {
        caller.is_control()?;
        let VerifyRequest { store, after, bytes_max } = request;
        let after = after.map(|after| key(Some(after))).transpose()?;
        let verified = self.store(store)?.verify(after, bytes_max)?;
        let damaged = verified.damaged.into_iter().map(Into::into).collect();
        let (bytes, is_end) = (verified.bytes, verified.is_end);
        Ok(VerifyReply { damaged, last: verified.last.map(Into::into), bytes, is_end })
    }
}

/// Which store is asked.
fn number(call: &Call) -> u64 {
    match call {
        Call::Put(PutRequest { store, .. })
        | Call::Sync(SyncRequest { store, .. })
        | Call::Get(GetRequest { store, .. })
        | Call::Delete(DeleteRequest { store, .. })
        | Call::List(ListRequest { store, .. })
        | Call::Stat(StatRequest { store })
        | Call::Verify(VerifyRequest { store, .. }) => *store,
    }
}

/// `None`: so little needs none.
async fn room(places: &Arc<Semaphore>, bytes: usize) -> Option<OwnedSemaphorePermit> {
    if bytes <= SHORT_BYTES {
        return None;
    }
    // Nobody closes it; what is longer than frames may be is refused before.
    Arc::clone(places).acquire_many_owned(bytes.div_ceil(1024) as u32).await.ok()
}

/// Errors: more units than a request may name.
fn few(units: usize) -> Result<(), Refused> {
    let refused = || Refused::other(format!("a request names {units} units; at most {UNITS_MAX} are served at a time"));
    if units > UNITS_MAX { Err(refused()) } else { Ok(()) }
}

impl From<UnitKey> for wire::store::UnitKey {
    fn from(key: UnitKey) -> Self {
        Self { volume: key.volume, stripe: key.stripe, index: key.index }
    }
}

fn key(key: Option<wire::store::UnitKey>) -> Result<UnitKey, Refused> {
    let key = key.ok_or_else(|| Refused::other("the unit's key is missing"))?;
    Ok(UnitKey { volume: key.volume, stripe: key.stripe, index: key.index })
}

fn new_unit(unit: Unit) -> Result<NewUnit, Refused> {
    let code = unit.code.ok_or_else(|| Refused::other("the unit's code is missing"))?;
    let small = |number: u32| u8::try_from(number).map_err(|_| Refused::other("the unit's code is none"));
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

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Self {
        let reason = match &error {
            StoreError::Invalid(_) | StoreError::Conflict(_) => Reason::Other,
            StoreError::Full { .. } => Reason::Full,
            StoreError::OtherBoot => Reason::OtherBoot,
            // It was told when it began.
            StoreError::Unavailable(_) => Reason::Unavailable,
            StoreError::Directory { .. } | StoreError::InUse(_) | StoreError::Disk { .. } | StoreError::Failed => {
                tracing::error!(error = &error as &dyn std::error::Error, "a store could not do what it was asked");
                Reason::Unavailable
            }
        };
        Self { reason, sentence: error.to_string() }
    }
}
