//! Numbers for new inodes and stripes, fetched in ranges.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use crate::namespace::{Namespace, NamespaceError};

/// How many are fetched at once.
const FETCH: u32 = 8_192;

/// See the file's head.
#[derive(Debug, Default)]
pub(crate) struct Numbers {
    ranges: Mutex<VecDeque<Range<i64>>>,
    fetching: tokio::sync::Mutex<()>,
}

impl Numbers {
    /// One, if there is one.
    pub(crate) fn try_take(&self) -> Option<i64> {
        let mut ranges = self.ranges.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(range) = ranges.front_mut() {
            match range.next() {
                Some(number) => return Some(number),
                None => ranges.pop_front(),
            };
        }
        None
    }

    /// One; fetched when there is none.
    pub(crate) async fn take(&self, namespace: &dyn Namespace) -> Result<i64, NamespaceError> {
        loop {
            if let Some(number) = self.try_take() {
                return Ok(number);
            }
            self.fetch(namespace).await?;
        }
    }

    /// Sees to it that there are some.
    pub(crate) async fn fetch(&self, namespace: &dyn Namespace) -> Result<(), NamespaceError> {
        let _one = self.fetching.lock().await;
        if self.ranges.lock().unwrap_or_else(PoisonError::into_inner).iter().any(|range| !range.is_empty()) {
            return Ok(());
        }
        let range = namespace.numbers(FETCH).await?;
        if range.is_empty() {
            return Err(NamespaceError::Invalid("no numbers were given".to_owned()));
        }
        self.ranges.lock().unwrap_or_else(PoisonError::into_inner).push_back(range);
        Ok(())
    }
}
