//! What a node serves as a store, whatever keeps its units: a directory ([`Store`]) or a bucket ([`Bucket`](super::Bucket)).

use std::fmt::Debug;

use uuid::Uuid;

use super::StoreError;
use super::engine::{NewUnit, Store};
use super::read::{Read, Stat, Verified};
use super::record::UnitKey;

/// Part of a unit to read: its name, where it begins and how long it is, as [`Store::get`] takes them.
pub type UnitRange = (UnitKey, u32, u32);

/// Keeps units. All of it may block, but for what says so; callers run it where threads may. The methods do what those of
/// [`Store`] do, and fail as they do.
pub trait Keeping: Debug + Send + Sync {
    /// Who it is, wherever it is served from. Never blocks.
    fn uuid(&self) -> Uuid;
    /// What people know it by. Never blocks.
    fn name(&self) -> String;
    /// The provider that it lies with; none: this node. Never blocks.
    fn provider(&self) -> Option<String>;
    /// New each time it is opened. Never blocks.
    fn boot_id(&self) -> &str;
    /// The number that the control plane gave it. Never blocks.
    fn number(&self) -> Option<u64>;
    /// Keeps the number that the control plane gave it.
    fn number_set(&self, number: u64) -> Result<(), StoreError>;
    /// Whether the control plane is to be told of it: it is not another agent's by now. Never blocks.
    fn is_offered(&self) -> bool;
    /// Whether it takes and gives units at present. Never blocks.
    fn is_working(&self) -> Result<(), StoreError>;
    /// Stores units, for good once they are synced.
    fn put(&self, units: Vec<NewUnit>, now_ms: i64) -> Result<(), StoreError>;
    /// Makes safe what was put under this boot id.
    fn sync(&self, boot_id: &str) -> Result<(), StoreError>;
    /// Reads parts of units, in their order; more than `bytes_max` together are refused.
    fn get(&self, ranges: &[UnitRange], bytes_max: usize) -> Result<Vec<Read>, StoreError>;
    /// The same for one, where nothing has to be waited for. Never blocks.
    fn get_now(&self, range: &UnitRange) -> Option<Read>;
    /// Deletes units.
    fn delete(&self, units: &[(UnitKey, Option<i64>)], now_ms: i64) -> Result<(), StoreError>;
    /// Lists units: name, bytes, when it was put.
    fn list(&self, volume: u64, after: Option<UnitKey>, limit: usize) -> Result<Vec<(UnitKey, u32, i64)>, StoreError>;
    /// Compares units with their checksums.
    fn verify(&self, after: Option<UnitKey>, bytes_max: u64) -> Result<Verified, StoreError>;
    /// Size and content.
    fn stat(&self) -> Result<Stat, StoreError>;
    /// Does what is to be done from time to time, and returns whether there may be more to do at once.
    fn care(&self) -> Result<bool, StoreError>;
}

impl Keeping for Store {
    fn uuid(&self) -> Uuid {
        self.uuid()
    }

    fn name(&self) -> String {
        self.name()
    }

    fn provider(&self) -> Option<String> {
        None
    }

    fn boot_id(&self) -> &str {
        self.boot_id()
    }

    fn number(&self) -> Option<u64> {
        self.number()
    }

    fn number_set(&self, number: u64) -> Result<(), StoreError> {
        self.number_set(number)
    }

    fn is_offered(&self) -> bool {
        true
    }

    fn is_working(&self) -> Result<(), StoreError> {
        self.is_working()
    }

    fn put(&self, units: Vec<NewUnit>, now_ms: i64) -> Result<(), StoreError> {
        self.put(units, now_ms)
    }

    fn sync(&self, boot_id: &str) -> Result<(), StoreError> {
        self.sync(Some(boot_id))
    }

    fn get(&self, ranges: &[UnitRange], bytes_max: usize) -> Result<Vec<Read>, StoreError> {
        let (mut found, mut bytes) = (Vec::with_capacity(ranges.len()), 0);
        for (key, offset, length) in ranges {
            let read = self.get(key, *offset, *length)?;
            bytes += read.bytes();
            if bytes > bytes_max {
                return Err(StoreError::too_long(bytes_max));
            }
            found.push(read);
        }
        Ok(found)
    }

    fn get_now(&self, (key, offset, length): &UnitRange) -> Option<Read> {
        self.get_now(key, *offset, *length)
    }

    fn delete(&self, units: &[(UnitKey, Option<i64>)], now_ms: i64) -> Result<(), StoreError> {
        self.delete(units, now_ms)
    }

    fn list(&self, volume: u64, after: Option<UnitKey>, limit: usize) -> Result<Vec<(UnitKey, u32, i64)>, StoreError> {
        Ok(self.list(volume, after, limit))
    }

    fn verify(&self, after: Option<UnitKey>, bytes_max: u64) -> Result<Verified, StoreError> {
        self.verify(after, bytes_max)
    }

    fn stat(&self) -> Result<Stat, StoreError> {
        self.stat()
    }

    fn care(&self) -> Result<bool, StoreError> {
        self.care()
    }
}
