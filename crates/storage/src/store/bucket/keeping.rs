//! A bucket as what a node serves.

use uuid::Uuid;

use super::Bucket;
use crate::store::StoreError;
use crate::store::engine::NewUnit;
use crate::store::keeping::{Keeping, UnitRange};
use crate::store::read::{Read, Stat, Verified};
use crate::store::record::UnitKey;

impl Keeping for Bucket {
    fn uuid(&self) -> Uuid {
        self.uuid
    }

    fn name(&self) -> String {
        self.offer.name()
    }

    fn provider(&self) -> Option<String> {
        Some(self.offer.provider())
    }

    fn boot_id(&self) -> &str {
        &self.boot_id
    }

    fn number(&self) -> Option<u64> {
        self.number()
    }

    fn number_set(&self, number: u64) -> Result<(), StoreError> {
        self.number_set(number);
        Ok(())
    }

    fn is_offered(&self) -> bool {
        !self.is_lost()
    }

    fn is_working(&self) -> Result<(), StoreError> {
        self.is_working()
    }

    fn put(&self, units: Vec<NewUnit>, now_ms: i64) -> Result<(), StoreError> {
        self.units_put(units, now_ms)
    }

    fn sync(&self, boot_id: &str) -> Result<(), StoreError> {
        self.units_sync(boot_id)
    }

    fn get(&self, ranges: &[UnitRange], bytes_max: usize) -> Result<Vec<Read>, StoreError> {
        self.units_get(ranges, bytes_max)
    }

    /// Nothing: the service has to be asked.
    fn get_now(&self, _range: &UnitRange) -> Option<Read> {
        None
    }

    /// The time is not kept: what was deleted leaves no trace in a bucket.
    fn delete(&self, units: &[(UnitKey, Option<i64>)], _now_ms: i64) -> Result<(), StoreError> {
        self.units_delete(units)
    }

    fn list(&self, volume: u64, after: Option<UnitKey>, limit: usize) -> Result<Vec<(UnitKey, u32, i64)>, StoreError> {
        self.is_listed()?;
        Ok(self.units_list(volume, after, limit))
    }

    fn verify(&self, after: Option<UnitKey>, bytes_max: u64) -> Result<Verified, StoreError> {
        self.units_verify(after, bytes_max)
    }

    fn stat(&self) -> Result<Stat, StoreError> {
        Ok(self.stat())
    }

    fn care(&self) -> Result<bool, StoreError> {
        self.look();
        Ok(false)
    }
}
