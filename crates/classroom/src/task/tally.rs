//! What tenants use is counted, day by day: who is in meetings by one replica at a time, meetings that began by the replica
//! that each was asked of. What a replica that is killed had not written yet, a minute's meetings at most, is not counted.

use db::Write;

use super::TALLY;
use crate::Classroom;
use crate::model::usage::{Sample, day};
use crate::queries::meeting::history_prune;
use crate::queries::usage::{usage_add, usage_add_begun};
use crate::service::ServiceError;

/// How long it is remembered how many came to a meeting: over a summer.
const HISTORY_MS: i64 = 200 * 86_400_000;

impl Classroom {
    /// Adds what was used since the last turn, taken as it is now.
    pub(crate) async fn tally(&self) -> Result<(), ServiceError> {
        let seconds = i64::try_from(TALLY.as_secs()).unwrap_or(i64::MAX);
        let now_ms = self.now_ms();
        let mut write = Write::new().step(history_prune(now_ms - HISTORY_MS));
        for (tenant, (meetings, attendees)) in self.attendance_by_tenant() {
            let sample = Sample { meetings, attendees: attendees.into(), seconds };
            usage_add(&mut write, &tenant, &day(now_ms), sample);
        }
        self.db().write(write).await?;
        Ok(())
    }

    /// Writes how many meetings began here since the last turn.
    pub(crate) async fn begun_write(&self) -> Result<(), ServiceError> {
        let begun = self.meetings().begun_take();
        let mut write = Write::new();
        let day = day(self.now_ms());
        begun.iter().for_each(|(tenant, meetings)| usage_add_begun(&mut write, tenant, &day, *meetings));
        if !begun.is_empty()
            && let Err(error) = self.db().write(write).await
        {
            self.meetings().begun_give_back(begun);
            return Err(error.into());
        }
        Ok(())
    }
}
