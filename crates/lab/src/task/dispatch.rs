//! The dispatcher of this replica: it wakes when a run enters the queue or a slot becomes free, and keeps the testbed's
//! caps.

use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::Lab;
use crate::service::ServiceError;
use crate::service::queue::Queue;

/// The queue is looked at this often without being woken, for what another replica left undone.
const INTERVAL: Duration = Duration::from_secs(1);
/// From the beginning of a round that gave runs away to the next round, at least: where slots become free one after the
/// other, one transaction then gives several away. Who comes to a dispatcher that gave nothing away lately does not wait.
const PACE: Duration = Duration::from_millis(2);

/// Runs until `shutdown`.
pub(super) async fn run(lab: Lab, shutdown: CancellationToken) {
    let watch = lab.db().events().watch(["queue", "arrivals", "nodes"]);
    let (mut queue, mut starts) = (Queue::default(), Starts::default());
    let mut rests_until = Instant::now();
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            topic = watch.changed() => {
                // What was submitted to this replica was told to it besides.
                if topic != "arrivals" || lab.has_other_replicas() {
                    queue.stale();
                }
            }
            () = lab.dispatch_wanted() => {}
            () = tokio::time::sleep(INTERVAL) => {}
        }
        if let Err(error) = drain(&lab, &mut queue, &mut starts, &mut rests_until).await {
            tracing::warn!(error = &error as &dyn std::error::Error, "a round of the dispatcher failed");
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = tokio::time::sleep(INTERVAL) => {}
            }
        }
    }
}

/// Rounds until nothing more can be placed.
async fn drain(
    lab: &Lab,
    queue: &mut Queue,
    starts: &mut Starts,
    rests_until: &mut Instant,
) -> Result<(), ServiceError> {
    loop {
        // The runtime's clock goes by milliseconds: a time that is just past could still be waited for.
        if *rests_until > Instant::now() {
            tokio::time::sleep_until(*rests_until).await;
        }
        let began = Instant::now();
        starts.take(lab.spare().settle());
        lab.queue_refresh(queue).await?;
        let policy = lab.policy();
        let budget = lab.queue_room(queue).min(starts.left(policy.starts_per_minute_max, lab.now_ms()));
        let (placed, result) = lab.dispatch_round(queue, budget).await;
        starts.take(placed);
        result?;
        if placed == 0 {
            if queue.is_empty() {
                lab.spare().leave(budget);
            }
            return Ok(());
        }
        *rests_until = began + PACE;
    }
}

/// A bucket of starts that fills at the allowed rate and holds a minute's worth at most.
#[derive(Debug, Default)]
struct Starts {
    /// In thousandths of a start.
    level: i64,
    filled_ms: Option<i64>,
}

impl Starts {
    fn left(&mut self, per_minute: u32, now_ms: i64) -> u32 {
        let full = i64::from(per_minute) * 1_000;
        self.level = match self.filled_ms {
            None => full,
            Some(then) => {
                let gained = i64::from(per_minute) * (now_ms - then).clamp(0, 60_000) / 60;
                (self.level + gained).min(full)
            }
        };
        self.filled_ms = Some(now_ms);
        u32::try_from(self.level / 1_000).unwrap_or_default()
    }

    fn take(&mut self, count: u32) {
        self.level -= i64::from(count) * 1_000;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn starts_are_held_to_the_rate() {
        let mut starts = Starts::default();
        assert_eq!(starts.left(60, 0), 60);
        starts.take(60);
        assert_eq!(starts.left(60, 500), 0);
        assert_eq!(starts.left(60, 1_000), 1);
        assert_eq!(starts.left(60, 3_600_000), 60, "it holds a minute's worth at most");
        starts.take(60);
        assert_eq!(starts.left(60, 0), 0, "a clock that went back gives nothing");
    }
}
