//! Many small stripes read at a time: one request to each store, instead of one for each stripe.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures::future::join_all;
use wire::store::Piece;

use super::coding::{self, PIECE_BYTES};
use super::reading::{checked, sound};
use super::{Inner, Stripes};
use crate::model::stripe::{StoreId, Stripe};

/// Data that one request asks for at most, in bytes.
const REQUEST_BYTES_MAX: usize = 4 << 20;
/// A store that sends less than so many bytes a second, and a reader's patience, is not waited for.
const RATE_MIN: f64 = (4 << 20) as f64;

/// A part of a stripe that is asked for: which stripe of those wanted, which unit of it, how much from the unit's start on.
#[derive(Clone, Copy)]
struct Part {
    stripe: usize,
    unit: usize,
    bytes: usize,
}

impl Part {
    /// Whole pieces, or to the unit's end.
    fn range(self, stripe: &Stripe) -> Range<usize> {
        let unit_bytes = stripe.code.geometry().ok().and_then(|geometry| geometry.fragment_bytes(self.unit));
        0..self.bytes.next_multiple_of(PIECE_BYTES).min(unit_bytes.unwrap_or(0))
    }
}

impl Stripes {
    /// All bytes of each stripe, for those whose stores answer at once and as they should. The others are to be read with
    /// [`read`](Self::read), which makes up for what is missing and tells of damage.
    pub async fn read_together(&self, stripes: &[Stripe]) -> Vec<Option<Bytes>> {
        self.inner.read_together(stripes).await
    }
}

impl Inner {
    async fn read_together(&self, stripes: &[Stripe]) -> Vec<Option<Bytes>> {
        let mut parts: Vec<BTreeMap<usize, Bytes>> = vec![BTreeMap::new(); stripes.len()];
        let requests = self.requests(stripes);
        let answers = join_all(requests.iter().map(|(store, asked)| self.ask(stripes, *store, asked))).await;
        for ((_, asked), pieces) in requests.iter().zip(answers) {
            for (part, piece) in asked.iter().zip(pieces) {
                let stripe = &stripes[part.stripe];
                let key = coding::key(self.volume, stripe.id, part.unit);
                if let Ok(bytes) = sound(&piece, key, stripe, part.unit, &part.range(stripe)) {
                    parts[part.stripe].insert(part.unit, bytes.slice(..part.bytes));
                }
            }
        }
        stripes.iter().zip(parts).map(|(stripe, parts)| joined(stripe, parts)).collect()
    }

    /// What to ask each store for.
    fn requests(&self, stripes: &[Stripe]) -> Vec<(StoreId, Vec<Part>)> {
        let mut by_store: BTreeMap<StoreId, Vec<Part>> = BTreeMap::new();
        for (number, stripe) in stripes.iter().enumerate() {
            let Ok(geometry) = checked(stripe) else { continue };
            for wanted in self.wanted(stripe, &geometry, 0..stripe.code.bytes as usize) {
                let part = Part { stripe: number, unit: wanted.unit, bytes: wanted.range.len() };
                by_store.entry(stripe.stores[wanted.unit]).or_default().push(part);
            }
        }
        let mut requests = Vec::new();
        for (store, parts) in by_store.into_iter().filter(|(store, _)| !self.stores.is_suspect(*store)) {
            let mut bytes = REQUEST_BYTES_MAX;
            for part in parts {
                let asks = part.range(&stripes[part.stripe]).len();
                bytes += asks;
                if bytes > REQUEST_BYTES_MAX {
                    requests.push((store, Vec::new()));
                    bytes = asks;
                }
                requests.last_mut().into_iter().for_each(|(_, asked)| asked.push(part));
            }
        }
        requests
    }

    /// What a store answers; nothing when it does not.
    async fn ask(&self, stripes: &[Stripe], store: StoreId, parts: &[Part]) -> Vec<Piece> {
        let Some(link) = self.stores.link(store) else { return Vec::new() };
        let ranges = parts.iter().map(|part| {
            let stripe = &stripes[part.stripe];
            let key = Some(coding::key(self.volume, stripe.id, part.unit));
            wire::store::Range { key, offset: 0, length: part.range(stripe).len() as u32 }
        });
        let bytes: usize = parts.iter().map(|part| part.bytes).sum();
        let patience = link.patience() + Duration::from_secs_f64(bytes as f64 / RATE_MIN);
        match tokio::time::timeout(patience, link.get_many(ranges.collect())).await {
            Ok(Ok(pieces)) => pieces,
            Ok(Err(error)) => {
                self.stores.failed(store, &error);
                Vec::new()
            }
            Err(_) => Vec::new(),
        }
    }
}

/// The stripe's bytes, when all of its parts are there.
fn joined(stripe: &Stripe, parts: BTreeMap<usize, Bytes>) -> Option<Bytes> {
    let bytes = stripe.code.bytes as usize;
    let held: usize = parts.values().map(Bytes::len).sum();
    if held != bytes {
        return None;
    }
    if parts.len() == 1 {
        return parts.into_values().next();
    }
    let mut all = BytesMut::with_capacity(bytes);
    parts.values().for_each(|part| all.extend_from_slice(part));
    Some(all.freeze())
}
