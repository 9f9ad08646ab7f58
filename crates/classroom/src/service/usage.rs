//! What tenants used, for bills: read by day and tenant.

use jiff::civil::Date;
use serde::Serialize;
use utoipa::ToSchema;

use super::ServiceError;
use crate::Classroom;
use crate::model::usage::day;
use crate::queries::usage::usage_list;

/// Days that one reading covers, at most.
const DAYS_MOST: i32 = 366;

/// What a tenant used on one day.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct UsageView {
    /// The day, UTC.
    #[schema(example = "2026-03-01")]
    pub(crate) day: String,
    /// The tenant's name.
    pub(crate) tenant: String,
    /// Meetings that began.
    pub(crate) meetings: i64,
    /// Hours that people were in meetings, all together; sampled each minute.
    pub(crate) attendee_hours: f64,
    /// Most meetings at the same time.
    pub(crate) meetings_most: i64,
    /// Most people at the same time.
    pub(crate) attendees_most: i64,
}

impl Classroom {
    /// What was used from one day to another, both included; left out: from the first of this month until today.
    /// Errors: `Asked`, `TenantUnknown`.
    pub(crate) async fn usage(
        &self,
        from: Option<&str>,
        to: Option<&str>,
        tenant: Option<&str>,
    ) -> Result<Vec<UsageView>, ServiceError> {
        let today = date("to", &day(self.now_ms()))?;
        let to = to.map_or(Ok(today), |text| date("to", text))?;
        let from = from.map_or(Ok(to.first_of_month()), |text| date("from", text))?;
        let days = (to - from).get_days();
        if !(0..DAYS_MOST).contains(&days) {
            let message = format!("`from` is a day before `to`, by at most {DAYS_MOST} days.");
            return Err(ServiceError::Asked { field: "from", message });
        }
        let entries = self.directory().entries();
        let tenant = match tenant {
            Some(text) => Some(entries.find(text).ok_or(ServiceError::TenantUnknown)?.settings.tenant.clone()),
            None => None,
        };
        let rows = usage_list(self.db(), &from.to_string(), &to.to_string(), tenant.as_ref()).await?;
        let view = |used: crate::model::usage::DayUsage| UsageView {
            tenant: entries.tenant(&used.tenant).map_or_else(|| used.tenant.to_string(), |own| own.name.clone()),
            day: used.day,
            meetings: used.meetings,
            // Tenths of a minute are what the samples are worth.
            attendee_hours: (used.attendee_seconds as f64 / 36.0).round() / 100.0,
            meetings_most: used.meetings_most,
            attendees_most: used.attendees_most,
        };
        Ok(rows.into_iter().map(view).collect())
    }
}

fn date(field: &'static str, text: &str) -> Result<Date, ServiceError> {
    let wrong = || ServiceError::Asked { field, message: "Give a day like 2026-03-01.".to_owned() };
    text.parse().map_err(|_| wrong())
}

/// The rows as comma-separated values. Names of tenants hold neither commas nor quotation marks.
pub(crate) fn usage_csv(rows: &[UsageView]) -> String {
    let mut text = "day,tenant,meetings,attendee_hours,meetings_most,attendees_most\r\n".to_owned();
    for UsageView { day, tenant, meetings, attendee_hours, meetings_most, attendees_most } in rows {
        text.push_str(&format!("{day},{tenant},{meetings},{attendee_hours},{meetings_most},{attendees_most}\r\n"));
    }
    text
}
