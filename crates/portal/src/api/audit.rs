//! `/api/v1/audit`: the journal.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::api::{page_limit, paged};
use crate::error::{Problem, Problems};
use crate::http::extract::{ApiQuery, Listing};
use crate::model::journal as noun;
use crate::model::utc_text;
use crate::portal::Portal;
use crate::queries::journal::{EntryFilter, entry_list};

/// One deed.
#[derive(Serialize, ToSchema)]
pub(crate) struct AuditEntry {
    id: String,
    /// RFC 3339, UTC.
    at: String,
    /// Who did it.
    login: String,
    /// What was done.
    #[schema(example = "account.delete")]
    action: String,
    /// To what.
    target: String,
    /// More about it.
    detail: serde_json::Value,
    /// The request it came with.
    request_id: String,
}

impl From<noun::Entry> for AuditEntry {
    fn from(entry: noun::Entry) -> Self {
        Self {
            id: entry.id,
            at: utc_text(entry.at_ms),
            login: entry.login,
            action: entry.deed,
            target: entry.target,
            detail: serde_json::from_str(&entry.detail).unwrap_or(serde_json::Value::String(entry.detail)),
            request_id: entry.request_id,
        }
    }
}

/// What the journal is narrowed to.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct AuditQuery {
    /// Exactly this login.
    login: Option<String>,
    /// Exactly this action, or all that begin with it when it ends in a dot.
    action: Option<String>,
    /// Part of the target.
    target: Option<String>,
    /// Items on a page.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
    /// `next` of the page before.
    before: Option<String>,
}

/// What was done, newest first.
#[utoipa::path(get, path = "/api/v1/audit", tag = "audit", params(AuditQuery), responses((status = 200, body = Listing<AuditEntry>), Problems))]
pub(crate) async fn audit_list(
    State(portal): State<Portal>,
    ApiQuery(query): ApiQuery<AuditQuery>,
) -> Result<Json<Listing<AuditEntry>>, Problem> {
    let limit = page_limit(query.limit)?;
    let plain = |text: Option<String>| text.map(|text| text.replace('\0', ""));
    let filter = EntryFilter {
        login: plain(query.login),
        deed: plain(query.action),
        target: plain(query.target),
        before: plain(query.before),
        limit: i64::from(limit) + 1,
    };
    let rows = entry_list(&portal.0.db, &filter).await?;
    Ok(Json(paged(rows, limit, |entry| entry.id.clone(), AuditEntry::from)))
}
