//! What tenants use is counted, day by day, by one replica at a time.

use std::collections::HashMap;

use db::{Query, Write};
use portal::TenantId;

use super::TALLY;
use crate::Classroom;
use crate::queries::meeting::history_prune;
use crate::service::ServiceError;

/// How long it is remembered how many came to a meeting: over a summer.
const HISTORY_MS: i64 = 200 * 86_400_000;

impl Classroom {
    /// Adds what was used since the last turn, taken as it is now.
    pub(super) async fn tally(&self) -> Result<(), ServiceError> {
        let mut used: HashMap<TenantId, (i64, i64)> = HashMap::new();
        for meeting in self.meetings().all() {
            let attendees = i64::from(self.attendees(std::slice::from_ref(&meeting)));
            let own = used.entry(meeting.key.tenant.clone()).or_default();
            *own = (own.0 + 1, own.1 + attendees);
        }
        let now_ms = self.now_ms();
        let day: String = portal::utc_text(now_ms).chars().take(10).collect();
        let mut write = Write::new().step(history_prune(now_ms - HISTORY_MS));
        for (tenant, (meetings, attendees)) in used {
            usage_add(&mut write, &tenant, &day, meetings, attendees);
        }
        self.db().write(write).await?;
        Ok(())
    }
}

fn usage_add(write: &mut Write, tenant: &TenantId, day: &str, meetings: i64, attendees: i64) {
    let seconds = attendees * TALLY.as_secs() as i64;
    let insert = "INSERT INTO classroom_usage (tenant, day, meetings, attendee_seconds, meetings_most, attendees_most) \
         VALUES (?, ?, 0, 0, 0, 0) ON CONFLICT DO NOTHING";
    write.push_step(Query::new(insert).bind(tenant.as_str()).bind(day));
    let update = "UPDATE classroom_usage SET attendee_seconds = attendee_seconds + ?, \
         meetings_most = CASE WHEN meetings_most < ? THEN ? ELSE meetings_most END, \
         attendees_most = CASE WHEN attendees_most < ? THEN ? ELSE attendees_most END WHERE tenant = ? AND day = ?";
    let query = Query::new(update).bind(seconds).bind(meetings).bind(meetings).bind(attendees).bind(attendees);
    write.push_step(query.bind(tenant.as_str()).bind(day));
}
