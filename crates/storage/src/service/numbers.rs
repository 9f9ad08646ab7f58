//! Numbers that nobody else uses, and the ids of lists of stores: this replica's share of both.

use std::collections::{BTreeSet, HashMap};
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use db::{DbError, Write};

use crate::Storage;
use crate::model::stripe::Stripe;
use crate::queries::number::number_take;
use crate::queries::stripe::{set_ids, set_insert, set_text};

/// Numbers taken from the counter at once. A replica that ends wastes the rest, which 2^63 can bear.
const TAKEN: i64 = 1 << 16;
/// Most numbers that one caller gets at once.
const ASKED_MAX: u32 = 1 << 14;
/// How often the counter is asked again when other replicas are faster.
const ATTEMPTS: usize = 20;

/// See the module's head.
#[derive(Default)]
pub(crate) struct Numbers {
    left: tokio::sync::Mutex<Range<i64>>,
    /// Lists of stores are never removed, so what is known stays true.
    sets: Mutex<HashMap<String, i64>>,
}

impl Storage {
    /// Numbers that nobody else uses: as many as asked, but no more than 16,384, and perhaps fewer.
    pub(crate) async fn numbers(&self, count: u32) -> Result<Range<i64>, DbError> {
        let count = i64::from(count.clamp(1, ASKED_MAX));
        let mut left = self.shares().left.lock().await;
        if left.is_empty() {
            *left = self.numbers_take().await?;
        }
        let end = left.end.min(left.start + count);
        let taken = left.start..end;
        left.start = end;
        Ok(taken)
    }

    /// One such number.
    pub(crate) async fn number(&self) -> Result<i64, DbError> {
        Ok(self.numbers(1).await?.start)
    }

    async fn numbers_take(&self) -> Result<Range<i64>, DbError> {
        for _ in 0..ATTEMPTS {
            if let Some(taken) = number_take(self.db(), TAKEN).await? {
                return Ok(taken);
            }
        }
        Err(DbError::Unavailable { attempt: "taking numbers", source: None })
    }

    /// The ids of the lists of stores that these stripes are on.
    pub(crate) async fn sets_of(&self, stripes: &[Stripe]) -> Result<HashMap<String, i64>, DbError> {
        let wanted: BTreeSet<&[i64]> = stripes.iter().map(|stripe| stripe.stores.as_slice()).collect();
        let wanted: Vec<String> = wanted.into_iter().map(set_text).collect();
        let known = || self.shares().sets.lock().unwrap_or_else(PoisonError::into_inner);
        let unknown: Vec<String> = wanted.iter().filter(|text| !known().contains_key(*text)).cloned().collect();
        if !unknown.is_empty() {
            let found = self.sets_store(&unknown).await?;
            known().extend(found);
        }
        let known = known();
        Ok(wanted.into_iter().filter_map(|text| known.get(&text).map(|id| (text, *id))).collect())
    }

    async fn sets_store(&self, unknown: &[String]) -> Result<HashMap<String, i64>, DbError> {
        let mut found = set_ids(self.db(), unknown).await?;
        let mut new = Vec::new();
        for text in unknown.iter().filter(|text| !found.contains_key(*text)) {
            new.push((self.number().await?, text.clone()));
        }
        if !new.is_empty() {
            let mut write = Write::new();
            set_insert(&mut write, &new);
            self.db().write(write).await?;
            found.extend(set_ids(self.db(), unknown).await?);
        }
        Ok(found)
    }
}
