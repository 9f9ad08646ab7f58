//! How fast the care of data may go, and how far it has come.

use db::Write;
use portal::{Caller, Problem};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::ServiceError;
use crate::Storage;
use crate::queries::work::{Work, WorkKind, setting_get, setting_put, work_list};

/// User bytes a second that a rebuild or a rebalance moves, until an operator says otherwise.
const REBUILD: u64 = 400 << 20;
/// Bytes a second that one store compares, until an operator says otherwise.
const SCRUB: u64 = 32 << 20;
/// Slower would never end.
const LEAST: u64 = 1 << 20;
const REBUILD_NAME: &str = "rebuild-bytes-per-s";
const SCRUB_NAME: &str = "scrub-bytes-per-s";
/// What was not seen for this long went on in a process that is gone.
const STALE_MS: i64 = 300_000;

/// How fast data is moved and compared, at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct CareRates {
    /// User bytes a second that rebuilds and rebalances move.
    pub(crate) rebuild_bytes_per_s: u64,
    /// Bytes a second that a scrub compares, on each store.
    pub(crate) scrub_bytes_per_s: u64,
}

/// What is left out stays. At least 1 MiB/s.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CareRatesChange {
    /// User bytes a second that rebuilds and rebalances move, at most.
    pub(crate) rebuild_bytes_per_s: Option<u64>,
    /// Bytes a second that a scrub compares on each store, at most.
    pub(crate) scrub_bytes_per_s: Option<u64>,
}

/// What seems to take longer, seconds, waits for something.
const LEFT_MAX_S: u64 = 30 * 86_400;

/// How far work on a volume has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Progress {
    /// Bytes that are done.
    pub(crate) done_bytes: u64,
    /// Bytes there were to do when it began.
    pub(crate) total_bytes: u64,
    /// Since it began, on average.
    pub(crate) bytes_per_s: u64,
    /// At this rate; not there where nobody knows, or it would take months.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) seconds_left: Option<u64>,
    /// RFC 3339.
    pub(crate) begun: String,
}

impl Progress {
    /// What was `done` of `total` between two times.
    pub(crate) fn new(done_bytes: u64, total_bytes: u64, begun_ms: i64, seen_ms: i64) -> Self {
        let took_ms = (seen_ms - begun_ms).max(1).unsigned_abs();
        let bytes_per_s = done_bytes.saturating_mul(1_000) / took_ms;
        let left = total_bytes.saturating_sub(done_bytes);
        let seconds_left = (bytes_per_s > 0).then(|| left.div_ceil(bytes_per_s)).filter(|left| *left <= LEFT_MAX_S);
        Self { done_bytes, total_bytes, bytes_per_s, seconds_left, begun: portal::utc_text(begun_ms) }
    }
}

impl Storage {
    /// How fast care may go now.
    pub(crate) async fn care_rates(&self) -> Result<CareRates, ServiceError> {
        let rate = async |name, built: u64| {
            let set = setting_get(self.db(), name).await?;
            Ok::<u64, ServiceError>(set.map_or(built, i64::unsigned_abs).max(LEAST))
        };
        Ok(CareRates {
            rebuild_bytes_per_s: rate(REBUILD_NAME, REBUILD).await?,
            scrub_bytes_per_s: rate(SCRUB_NAME, SCRUB).await?,
        })
    }

    /// Sets how fast care may go; what goes on minds it within moments. Errors: `rate-too-low`.
    pub(crate) async fn care_rates_set(&self, caller: &Caller, change: CareRatesChange) -> Result<CareRates, Problem> {
        let given = [
            (REBUILD_NAME, "rebuild_bytes_per_s", change.rebuild_bytes_per_s),
            (SCRUB_NAME, "scrub_bytes_per_s", change.scrub_bytes_per_s),
        ];
        let mut write = Write::new();
        for (name, field, rate) in given {
            let Some(rate) = rate else { continue };
            if rate < LEAST {
                let sentence = "At less than 1 MiB/s the care of data would not end.";
                return Err(Problem::bad_request("rate-too-low", sentence).field(field));
            }
            setting_put(&mut write, name, i64::try_from(rate).unwrap_or(i64::MAX));
        }
        if !write.is_empty() {
            self.portal().audit(&mut write, caller, "storage.rates", "storage", json!(change));
            self.db().write(write).await?;
        }
        Ok(self.care_rates().await?)
    }

    /// The work that goes on now.
    pub(crate) async fn work_active(&self) -> Result<Vec<Work>, ServiceError> {
        let now_ms = self.db().clock().now_ms();
        let mut work = work_list(self.db()).await?;
        work.retain(|work| now_ms - work.seen_ms < STALE_MS);
        Ok(work)
    }
}

/// How far `kind` of work on a volume has come, if it goes on.
pub(crate) fn progress_of(work: &[Work], kind: WorkKind, volume: i64) -> Option<Progress> {
    let work = work.iter().find(|work| work.kind == kind && work.volume == volume)?;
    Some(Progress::new(work.done_bytes, work.total_bytes, work.begun_ms, work.seen_ms))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_left_follows_from_what_was_done() {
        let progress = Progress::new(300, 1_000, 10_000, 13_000);
        assert_eq!((progress.bytes_per_s, progress.seconds_left), (100, Some(7)));
        assert_eq!(Progress::new(0, 1_000, 10_000, 10_000).seconds_left, None);
        assert_eq!(Progress::new(100, 1 << 30, 0, 100_000).seconds_left, None);
        assert_eq!(Progress::new(2_000, 1_000, 0, 1_000).seconds_left, Some(0));
    }
}
