//! Writing to a bucket: what was put waits, a sync stores it.

use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _, stream};

use super::remote::Trouble;
use super::units::Entry;
use super::{Bucket, lock, object};
use crate::store::StoreError;
use crate::store::engine::{NewUnit, PUT_AGAIN_MS, new_record};
use crate::store::read::{Read, Stat};
use crate::store::record::{Header, UnitKey};

/// Objects that are stored or deleted at the same time.
const AT_ONCE: usize = 32;
/// Bytes that wait at most. Whoever puts more stores what waits first.
const WAITING_MAX: u64 = 16 << 20;

impl Bucket {
    pub(super) fn units_put(&self, units: Vec<NewUnit>, now_ms: i64) -> Result<(), StoreError> {
        let mut records = Vec::with_capacity(units.len());
        for unit in &units {
            let (header, mut record) = new_record(unit, now_ms)?;
            record.truncate(object::object_bytes(header.bytes) as usize);
            records.push((header, Bytes::from(record)));
        }
        self.is_working()?;
        let wanted = records.iter().map(|(_, record)| record.len() as u64).sum::<u64>();
        let free = self.free_bytes();
        if free < wanted {
            return Err(StoreError::Full { free });
        }
        if self.units().waiting_bytes() + wanted > WAITING_MAX {
            self.upload()?;
        }
        for ((header, record), unit) in records.into_iter().zip(&units) {
            if !self.is_there(unit, now_ms)? {
                self.wait(header, record)?;
            }
        }
        Ok(())
    }

    /// Whether the very same unit is there and whole, and was put not long ago; see [`crate::store::Store`]'s.
    fn is_there(&self, unit: &NewUnit, now_ms: i64) -> Result<bool, StoreError> {
        let Some(entry) = self.units().get(&unit.key).cloned() else { return Ok(false) };
        if entry.bytes as usize != unit.data.len() || entry.code != unit.code {
            return Err(StoreError::Conflict(unit.key));
        }
        match self.runtime.block_on(self.fetch(&(unit.key, 0, 0)))? {
            Read::Piece { sums, .. } if sums == unit.sums => Ok(now_ms - entry.put_ms < PUT_AGAIN_MS),
            Read::Piece { .. } => Err(StoreError::Conflict(unit.key)),
            Read::Not | Read::Damaged => Ok(false),
        }
    }

    fn wait(&self, header: Header, record: Bytes) -> Result<(), StoreError> {
        let Header { key, code, bytes, put_ms, .. } = header;
        let is_taken = self.units().wait(key, Entry { code, bytes, put_ms, waiting: Some(record) });
        if is_taken { Ok(()) } else { Err(StoreError::Conflict(key)) }
    }

    pub(super) fn units_sync(&self, boot_id: &str) -> Result<(), StoreError> {
        if boot_id != self.boot_id {
            return Err(StoreError::OtherBoot);
        }
        self.is_listed()?;
        self.upload()
    }

    /// Stores what waits. What could not be stored waits on.
    pub(super) fn upload(&self) -> Result<(), StoreError> {
        let mut is_unsure = lock(&self.is_unsure);
        let waiting = self.units().waiting();
        if !waiting.is_empty() {
            *is_unsure = true;
            self.told_of_write(self.runtime.block_on(self.put_all(waiting)))?;
        }
        if *is_unsure {
            self.runtime.block_on(self.check())?;
            *is_unsure = false;
        }
        Ok(())
    }

    async fn put_all(&self, waiting: Vec<(UnitKey, String, Bytes)>) -> Result<(), Trouble> {
        let puts = waiting.into_iter().map(|(key, name, object)| async move {
            self.remote.put(&name, object.clone()).await?;
            self.units().arrived(&key, &object);
            Ok(())
        });
        stream::iter(puts).buffer_unordered(AT_ONCE).try_for_each(|()| async { Ok(()) }).await
    }

    pub(super) fn units_delete(&self, units: &[(UnitKey, Option<i64>)]) -> Result<(), StoreError> {
        self.is_listed()?;
        // Nothing that is deleted is stored at the same time.
        let _storing = lock(&self.is_unsure);
        let deletes = units.iter().filter_map(|(key, put_ms)| {
            let units = self.units();
            let entry = units.get(key).filter(|entry| put_ms.is_none_or(|at| at == entry.put_ms))?;
            let (code, seen_ms) = (entry.code, entry.put_ms);
            Some(async move {
                self.remote.delete(&object::name(key, &code)).await?;
                // What was put meanwhile waits to be stored, and stays.
                let mut units = self.units();
                if units.get(key).is_some_and(|entry| entry.put_ms == seen_ms) {
                    units.remove(key);
                }
                Ok(())
            })
        });
        let deleted = stream::iter(deletes).buffer_unordered(AT_ONCE).try_for_each(|()| async { Ok(()) });
        self.told(self.runtime.block_on(deleted))
    }

    fn free_bytes(&self) -> u64 {
        self.offer.size.saturating_sub(self.units().used_bytes())
    }

    pub(super) fn stat(&self) -> Stat {
        let (used_bytes, units) = {
            let units = self.units();
            (units.used_bytes(), units.len() as u64)
        };
        Stat { capacity_bytes: self.offer.size, used_bytes, free_bytes: self.free_bytes(), units }
    }
}
