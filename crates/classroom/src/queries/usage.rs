//! What tenants used, day by day (UTC).

use db::{Database, DbError, Query, Row, Write};
use portal::TenantId;

use super::tenant;
use crate::model::usage::{DayUsage, Sample};

/// Most rows that one reading gives.
pub(crate) const ROWS_MOST: i64 = 50_000;

fn usage_read(row: &Row) -> Result<DayUsage, DbError> {
    Ok(DayUsage {
        tenant: tenant(row, "tenant")?,
        day: row.get("day")?,
        meetings: row.get("meetings")?,
        attendee_seconds: row.get("attendee_seconds")?,
        meetings_most: row.get("meetings_most")?,
        attendees_most: row.get("attendees_most")?,
    })
}

/// What was used from one day to another, both included, by day and tenant: a tenant's, or all; [`ROWS_MOST`] rows at most.
pub(crate) async fn usage_list(
    db: &Database,
    from: &str,
    to: &str,
    tenant: Option<&TenantId>,
) -> Result<Vec<DayUsage>, DbError> {
    let mut sql = "SELECT tenant, day, meetings, attendee_seconds, meetings_most, attendees_most FROM classroom_usage \
         WHERE day >= ? AND day <= ?"
        .to_owned();
    if tenant.is_some() {
        sql.push_str(" AND tenant = ?");
    }
    sql.push_str(" ORDER BY day, tenant LIMIT ?");
    let mut query = Query::new(sql).bind(from).bind(to);
    if let Some(tenant) = tenant {
        query = query.bind(tenant.as_str());
    }
    db.all(query.bind(ROWS_MOST)).await?.iter().map(usage_read).collect()
}

fn day_insert(write: &mut Write, tenant: &TenantId, day: &str) {
    let insert = "INSERT INTO classroom_usage (tenant, day, meetings, attendee_seconds, meetings_most, attendees_most) \
         VALUES (?, ?, 0, 0, 0, 0) ON CONFLICT DO NOTHING";
    write.push_step(Query::new(insert).bind(tenant.as_str()).bind(day));
}

/// Adds what is used at one moment, for as long as it stands for.
pub(crate) fn usage_add(write: &mut Write, tenant: &TenantId, day: &str, sample: Sample) {
    let Sample { meetings, attendees, seconds } = sample;
    day_insert(write, tenant, day);
    let update = "UPDATE classroom_usage SET attendee_seconds = attendee_seconds + ?, \
         meetings_most = CASE WHEN meetings_most < ? THEN ? ELSE meetings_most END, \
         attendees_most = CASE WHEN attendees_most < ? THEN ? ELSE attendees_most END WHERE tenant = ? AND day = ?";
    let query = Query::new(update).bind(attendees * seconds).bind(meetings).bind(meetings);
    write.push_step(query.bind(attendees).bind(attendees).bind(tenant.as_str()).bind(day));
}

/// Adds meetings that were begun.
pub(crate) fn usage_add_begun(write: &mut Write, tenant: &TenantId, day: &str, meetings: i64) {
    day_insert(write, tenant, day);
    let update = "UPDATE classroom_usage SET meetings = meetings + ? WHERE tenant = ? AND day = ?";
    write.push_step(Query::new(update).bind(meetings).bind(tenant.as_str()).bind(day));
}
