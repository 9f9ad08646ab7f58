//! Reading: what holds the range is asked first; who fails, lies or takes long is made up for by other units.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use mojette::Geometry;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use utoipa::ToSchema;
use wire::store::{Found, Piece, UnitKey};

use super::coding::{self, PIECE_BYTES};
use super::{Inner, LinkError, ReadError};
use crate::model::stripe::{StoreId, Stripe, StripeId};

/// A unit that a store should have and has not, or not as it was put.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
pub(crate) struct Damage {
    /// The stripe's number.
    pub(crate) stripe: StripeId,
    /// The store's number.
    pub(crate) store: StoreId,
    /// Which unit of the stripe.
    pub(crate) index: usize,
    /// What is wrong with it.
    pub(crate) what: DamageKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum DamageKind {
    /// The store says that it has no such unit.
    Missing,
    /// What it has, or says, does not fit the checksums.
    Damaged,
}

/// Why a unit could not be had.
#[derive(Debug)]
pub(crate) enum Fault {
    /// The store did not answer; it was noted.
    Link,
    /// It answered something else.
    Damage(DamageKind),
}

/// One answer: which unit, whether the whole of it was asked for, and what came.
type Answer = (usize, bool, Result<Bytes, Fault>);

/// A part of one unit that is wanted, in bytes of the unit, and the bytes once they are there.
pub(super) struct Wanted {
    pub(super) unit: usize,
    pub(super) range: Range<usize>,
    /// Begins at the last multiple of [`PIECE_BYTES`] at or before the range.
    bytes: Option<Bytes>,
}

/// One read on its way.
struct Gather<'a> {
    inner: &'a Inner,
    stripe: &'a Stripe,
    geometry: Geometry,
    wanted: Vec<Wanted>,
    whole: BTreeMap<usize, Bytes>,
    /// Units whose whole was asked for; units that failed, as bits.
    asked_whole: u32,
    failed: u32,
    on_way: FuturesUnordered<BoxFuture<'a, Answer>>,
    whole_on_way: usize,
    /// Whether units are gathered to decode from; and how many of those on their way are not counted on.
    is_decoding: bool,
    not_counted: usize,
}

impl Inner {
    pub(crate) async fn read(&self, stripe: &Stripe, range: Range<u32>) -> Result<Bytes, ReadError> {
        let geometry = checked(stripe)?;
        if range.end > stripe.code.bytes {
            return Err(ReadError::Range { stripe: stripe.id, bytes: stripe.code.bytes, end: range.end });
        }
        if range.is_empty() {
            return Ok(Bytes::new());
        }
        let wanted = self.wanted(stripe, &geometry, range.start as usize..range.end as usize);
        Gather::new(self, stripe, geometry, wanted).run().await
    }

    /// Whole units from which everything else of the stripe can be computed: k of them, not those of `without`.
    pub(crate) async fn units(
        &self,
        stripe: &Stripe,
        without: &[usize],
    ) -> Result<(Geometry, Vec<(usize, Bytes)>), ReadError> {
        let geometry = checked(stripe)?;
        let mut gather = Gather::new(self, stripe, geometry, Vec::new());
        gather.failed = without.iter().fold(0, |bits, index| bits | 1 << index);
        gather.is_decoding = true;
        gather.whole().await?;
        Ok((geometry, gather.whole.into_iter().take(geometry.data()).collect()))
    }

    /// The parts of units that hold `range` of the stripe.
    pub(super) fn wanted(&self, stripe: &Stripe, geometry: &Geometry, range: Range<usize>) -> Vec<Wanted> {
        let row_bytes = geometry.row_bytes();
        if geometry.data() == 1 {
            let healthy = |unit: &usize| !self.stores.is_suspect(stripe.stores[*unit]);
            let unit = (0..geometry.fragments()).find(healthy).unwrap_or(0);
            return vec![Wanted { unit, range, bytes: None }];
        }
        let rows = range.start / row_bytes..=(range.end - 1) / row_bytes;
        rows.map(|row| {
            let start = range.start.max(row * row_bytes) - row * row_bytes;
            let end = range.end.min((row + 1) * row_bytes) - row * row_bytes;
            Wanted { unit: row, range: start..end, bytes: None }
        })
        .collect()
    }

    /// Bytes `range` of a unit from its store, compared with their checksums. It begins at a multiple of [`PIECE_BYTES`] and
    /// ends at one or with the unit.
    /// Damage is told whoever repairs.
    pub(crate) async fn fetch(&self, stripe: &Stripe, index: usize, range: Range<usize>) -> Result<Bytes, Fault> {
        let fetched = self.asked(stripe, index, range).await;
        if let Err(Fault::Damage(what)) = fetched {
            self.damaged(Damage { stripe: stripe.id, store: stripe.stores[index], index, what });
        }
        fetched
    }

    /// As [`fetch`](Self::fetch), for whoever repairs.
    pub(super) async fn asked(&self, stripe: &Stripe, index: usize, range: Range<usize>) -> Result<Bytes, Fault> {
        let store = stripe.stores[index];
        let Some(link) = self.stores.link(store) else { return Err(Fault::Link) };
        let key = coding::key(self.volume, stripe.id, index);
        let ask = wire::store::Range { key: Some(key), offset: range.start as u32, length: range.len() as u32 };
        let result = match link.get(vec![ask]).await {
            Ok(mut pieces) if pieces.len() == 1 => sound(&pieces.remove(0), key, stripe, index, &range),
            Ok(_) => Err(DamageKind::Damaged),
            // It can say neither yes nor no, and is not passed over for that: another unit of it may be read.
            Err(LinkError::Refused(..)) => Err(DamageKind::Damaged),
            Err(error) => {
                self.stores.failed(store, &error);
                return Err(Fault::Link);
            }
        };
        result.map_err(Fault::Damage)
    }

    fn damaged(&self, damage: Damage) {
        let Damage { stripe, store, index, what } = damage;
        tracing::warn!(
            store.id = store,
            stripe.id = stripe,
            "unit {index} of stripe {stripe} at store {store}: {what:?}"
        );
        if let Some(tell) = self.on_damage.get() {
            tell(damage);
        }
    }
}

pub(super) fn checked(stripe: &Stripe) -> Result<Geometry, ReadError> {
    let geometry = stripe.code.geometry()?;
    if stripe.stores.len() == geometry.fragments() { Ok(geometry) } else { Err(ReadError::Described(stripe.id)) }
}

/// The bytes of an answer, if they are what was asked for and fit their checksums.
pub(super) fn sound(
    piece: &Piece,
    key: UnitKey,
    stripe: &Stripe,
    index: usize,
    range: &Range<usize>,
) -> Result<Bytes, DamageKind> {
    match piece.found() {
        Found::Ok => {}
        Found::Not => return Err(DamageKind::Missing),
        Found::Damaged => return Err(DamageKind::Damaged),
    }
    let geometry = stripe.code.geometry().map_err(|_| DamageKind::Damaged)?;
    let is_asked_for = piece.key == Some(key)
        && piece.code == Some(coding::code_told(stripe.code))
        && Some(piece.unit_bytes as usize) == geometry.fragment_bytes(index)
        && piece.data.len() == range.len();
    match mojette::damaged_unit(&piece.data, PIECE_BYTES, &piece.sums) {
        Ok(None) if is_asked_for => Ok(piece.data.clone()),
        Ok(_) | Err(_) => Err(DamageKind::Damaged),
    }
}

impl<'a> Gather<'a> {
    fn new(inner: &'a Inner, stripe: &'a Stripe, geometry: Geometry, wanted: Vec<Wanted>) -> Self {
        Self {
            inner,
            stripe,
            geometry,
            wanted,
            whole: BTreeMap::new(),
            asked_whole: 0,
            failed: 0,
            on_way: FuturesUnordered::new(),
            whole_on_way: 0,
            is_decoding: false,
            not_counted: 0,
        }
    }

    /// The wanted parts, one after the other.
    async fn run(mut self) -> Result<Bytes, ReadError> {
        for at in 0..self.wanted.len() {
            let Wanted { unit, ref range, .. } = self.wanted[at];
            if self.inner.stores.is_suspect(self.stripe.stores[unit]) {
                self.is_decoding = true;
                continue;
            }
            let range = aligned(range, self.unit_bytes(unit));
            self.ask(unit, range);
        }
        self.whole().await?;
        self.assemble()
    }

    /// Runs until all that is wanted is there (if anything is), or k whole units are.
    async fn whole(&mut self) -> Result<(), ReadError> {
        let mut hedge = Instant::now() + self.patience();
        loop {
            let is_direct = !self.wanted.is_empty() && self.wanted.iter().all(|wanted| wanted.bytes.is_some());
            if is_direct || self.whole.len() >= self.geometry.data() {
                return Ok(());
            }
            if self.is_decoding {
                self.ask_more();
            }
            tokio::select! {
                // What is there already was not late, however long nobody looked.
                biased;
                answer = self.on_way.next() => match answer {
                    Some(answer) => self.answered(answer),
                    None if self.is_decoding => return Err(self.too_few()),
                    None => self.is_decoding = true,
                },
                () = tokio::time::sleep_until(hedge) => {
                    self.is_decoding = true;
                    self.not_counted = self.whole_on_way;
                    self.note_slow();
                    hedge = Instant::now() + self.patience();
                }
            }
        }
    }

    fn answered(&mut self, (unit, is_whole, result): Answer) {
        self.whole_on_way -= usize::from(is_whole);
        self.not_counted = self.not_counted.min(self.whole_on_way);
        let bytes = match result {
            Ok(bytes) => bytes,
            Err(Fault::Link | Fault::Damage(_)) => {
                self.failed |= 1 << unit;
                self.is_decoding = true;
                return;
            }
        };
        for wanted in self.wanted.iter_mut().filter(|wanted| wanted.unit == unit) {
            let first = if is_whole { wanted.range.start / PIECE_BYTES * PIECE_BYTES } else { 0 };
            wanted.bytes = Some(bytes.slice(first..));
        }
        if is_whole {
            self.whole.insert(unit, bytes);
        }
    }

    /// Asks for whole units until k of those that can be counted on are there or on their way.
    fn ask_more(&mut self) {
        let need = self.geometry.data() + self.not_counted;
        while self.whole.len() + self.whole_on_way < need {
            let open = (0..self.geometry.fragments()).filter(|unit| (self.asked_whole | self.failed) >> unit & 1 == 0);
            let best = open.min_by_key(|unit| (self.inner.stores.is_suspect(self.stripe.stores[*unit]), *unit));
            let Some(unit) = best else { return };
            self.ask(unit, 0..self.unit_bytes(unit));
        }
    }

    fn ask(&mut self, unit: usize, range: Range<usize>) {
        let is_whole = range.len() == self.unit_bytes(unit);
        if is_whole {
            self.asked_whole |= 1 << unit;
            self.whole_on_way += 1;
        }
        let (inner, stripe) = (self.inner, self.stripe);
        self.on_way.push(Box::pin(async move { (unit, is_whole, inner.fetch(stripe, unit, range).await) }));
    }

    /// How long the slowest of those that were asked usually takes.
    fn patience(&self) -> Duration {
        let asked = (0..self.geometry.fragments()).filter(|unit| self.is_awaited(*unit));
        let links = asked.filter_map(|unit| self.inner.stores.link(self.stripe.stores[unit]));
        links.map(|link| link.patience()).max().unwrap_or(Duration::from_millis(200))
    }

    /// Passes over for a while who often has to be made up for.
    fn note_slow(&self) {
        for unit in (0..self.geometry.fragments()).filter(|unit| self.is_awaited(*unit)) {
            let store = self.stripe.stores[unit];
            if self.inner.stores.link(store).is_some_and(|link| link.missed()) {
                self.inner.stores.suspect(store);
            }
        }
    }

    fn is_awaited(&self, unit: usize) -> bool {
        let is_wanted = self.wanted.iter().any(|wanted| wanted.unit == unit && wanted.bytes.is_none());
        let is_asked = is_wanted || self.asked_whole >> unit & 1 == 1;
        is_asked && self.failed >> unit & 1 == 0 && !self.whole.contains_key(&unit)
    }

    fn assemble(mut self) -> Result<Bytes, ReadError> {
        let lost = self.wanted.iter().filter(|wanted| wanted.bytes.is_none()).map(|wanted| wanted.unit);
        let lost: Vec<usize> = lost.collect();
        if !lost.is_empty() {
            // k of them are enough; with all that came, recovery would have to be told of more.
            let have: Vec<(usize, Bytes)> = self.whole.iter().map(|(unit, bytes)| (*unit, bytes.clone())).collect();
            let found = coding::recover(self.geometry, &have, &lost)?;
            for (unit, bytes) in found {
                for wanted in self.wanted.iter_mut().filter(|wanted| wanted.unit == unit) {
                    wanted.bytes = Some(bytes.slice(wanted.range.start / PIECE_BYTES * PIECE_BYTES..));
                }
            }
        }
        let parts = self.wanted.iter().filter_map(|wanted| {
            let first = wanted.range.start % PIECE_BYTES;
            wanted.bytes.as_ref().map(|bytes| bytes.slice(first..first + wanted.range.len()))
        });
        let parts: Vec<Bytes> = parts.collect();
        if let [part] = parts.as_slice() {
            return Ok(part.clone());
        }
        let mut all = BytesMut::with_capacity(parts.iter().map(Bytes::len).sum());
        parts.iter().for_each(|part| all.extend_from_slice(part));
        Ok(all.freeze())
    }

    fn unit_bytes(&self, unit: usize) -> usize {
        self.geometry.fragment_bytes(unit).unwrap_or(0)
    }

    fn too_few(&self) -> ReadError {
        let units = self.geometry.fragments();
        ReadError::TooFew { stripe: self.stripe.id, answered: self.whole.len(), units, need: self.geometry.data() }
    }
}

/// The range grown to whole pieces, or to the unit's end.
fn aligned(range: &Range<usize>, unit_bytes: usize) -> Range<usize> {
    range.start / PIECE_BYTES * PIECE_BYTES..range.end.next_multiple_of(PIECE_BYTES).min(unit_bytes)
}
