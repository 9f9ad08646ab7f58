//! What operators and administrators ask about the whole: what an LMS needs, how many servers are wanted, the secrets there
//! are, running meetings page by page.

use std::cmp::Reverse;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use placement::{AdminState, Health};
use portal::{Caller, Listing, Role, TenantId, utc_text};
use serde::Serialize;
use utoipa::ToSchema;

use super::ServiceError;
use super::meeting::MeetingView;
use crate::Classroom;
use crate::directory::TenantEntry;
use crate::model::capacity::{Capacity, Serving, capacity};
use crate::model::meeting::{Meeting, MeetingId, MeetingKey};
use crate::model::tenant::{SecretOwner, SharedSecret};

/// What an LMS needs, and how much there is.
#[derive(Serialize, ToSchema)]
pub(crate) struct ConferenceView {
    /// The address to give to an LMS.
    pub(crate) url: String,
    /// The tenant's newest secret; left out when it has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) secret: Option<String>,
    /// The tenant's name.
    pub(crate) tenant: String,
    /// Conference servers there are.
    pub(crate) servers: usize,
    /// Meetings that the tenant has now.
    pub(crate) meetings: usize,
}

/// A shared secret, without the secret.
#[derive(Serialize, ToSchema)]
pub(crate) struct SecretView {
    /// Its id.
    pub(crate) id: String,
    /// The name of the tenant whose clients sign with it; left out: it is the operators'.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tenant: Option<String>,
    /// What it is for.
    pub(crate) note: String,
    /// RFC 3339, UTC.
    pub(crate) created: String,
}

/// Which meetings are wanted.
#[derive(Default)]
pub(crate) struct MeetingFilter {
    /// Id or name of a tenant; left out: all that the caller may see.
    pub(crate) tenant: Option<String>,
    /// A server's id, address or host.
    pub(crate) server: Option<String>,
    /// `next` of the page before.
    pub(crate) before: Option<String>,
    /// Items on a page.
    pub(crate) limit: usize,
}

impl Classroom {
    /// A tenant by its id or name; left out: the caller's own. To somebody who is no operator every other one is unknown.
    /// Errors: `TenantUnknown`.
    pub(crate) fn tenant_for(&self, caller: &Caller, text: Option<&str>) -> Result<Arc<TenantEntry>, ServiceError> {
        let entries = self.directory().entries();
        let found = match text {
            None => entries.tenant(&caller.tenant),
            Some(text) => entries.find(text),
        };
        let is_visible =
            |entry: &&Arc<TenantEntry>| entry.settings.tenant == caller.tenant || caller.has(Role::Operator);
        found.filter(is_visible).cloned().ok_or(ServiceError::TenantUnknown)
    }

    /// The address that clients of the API are given.
    pub(crate) fn address(&self) -> String {
        format!("{}/bigbluebutton/", self.config().url)
    }

    /// What an LMS of a tenant needs.
    pub(crate) fn conference_view(&self, tenant: &TenantEntry) -> ConferenceView {
        ConferenceView {
            url: self.address(),
            secret: tenant.secrets.last().map(|newest| newest.secret.expose().clone()),
            tenant: tenant.name.clone(),
            servers: self.fleet().entries().len(),
            meetings: self.meetings().count(&tenant.settings.tenant),
        }
    }

    /// A secret as it is shown in lists.
    pub(crate) fn secret_view(&self, secret: &SharedSecret) -> SecretView {
        let entries = self.directory().entries();
        let tenant = match &secret.owner {
            SecretOwner::Operators => None,
            SecretOwner::Tenant(id) => Some(entries.tenant(id).map_or_else(|| id.to_string(), |own| own.name.clone())),
        };
        SecretView { id: secret.id.clone(), tenant, note: secret.note.clone(), created: utc_text(secret.created_ms) }
    }

    /// All secrets, the operators' first, then by tenant, oldest first.
    pub(crate) fn secret_views(&self) -> Vec<SecretView> {
        let entries = self.directory().entries();
        let mut tenants: Vec<_> = entries.tenants().collect();
        tenants.sort_by(|a, b| a.name.cmp(&b.name));
        let own = tenants.into_iter().flat_map(|entry| &entry.secrets);
        entries.operators().iter().chain(own).map(|secret| self.secret_view(secret)).collect()
    }

    /// How many servers are wanted. `target` is in users for a server of the usual weight.
    pub(crate) fn capacity(&self, target: u32) -> Capacity {
        let mut load = 0;
        let mut serving = Vec::new();
        for entry in self.fleet().entries() {
            let server = &entry.server;
            if server.state == AdminState::Disabled {
                continue;
            }
            let own = self.fleet().load(&server.id);
            load += own;
            if server.state == AdminState::Enabled && entry.health() != Health::Down {
                serving.push(Serving { id: server.id.to_string(), weight: server.weight, load: own });
            }
        }
        capacity(serving, load, target)
    }

    /// Meetings that the caller may see, newest first. Errors: `TenantUnknown`, `ServerUnknown`.
    pub(crate) fn meeting_page(
        &self,
        caller: &Caller,
        filter: &MeetingFilter,
    ) -> Result<Listing<MeetingView>, ServiceError> {
        let tenant: Option<TenantId> = match &filter.tenant {
            None if caller.has(Role::Operator) => None,
            text => Some(self.tenant_for(caller, text.as_deref())?.settings.tenant.clone()),
        };
        let server = match &filter.server {
            Some(text) if caller.has(Role::Operator) => Some(self.server_find(text)?.server.id.to_string()),
            Some(text) => Some(text.clone()),
            None => None,
        };
        let after = filter.before.as_deref().and_then(cursor_read);
        let is_behind = |meeting: &Meeting| match &after {
            Some((created_ms, tenant, id)) => {
                let key = &meeting.key;
                (Reverse(meeting.created_ms), key.tenant.as_str(), key.id.as_str()) > (Reverse(*created_ms), tenant, id)
            }
            None => true,
        };
        let mut meetings = match &tenant {
            Some(tenant) => self.meetings().of_tenant(tenant),
            None => self.meetings().all(),
        };
        meetings.retain(|own| server.as_ref().is_none_or(|server| own.server.as_str() == server) && is_behind(own));
        // Newest first, then by tenant and name. Of many, only those that are shown are put in order.
        let order =
            |a: &Arc<Meeting>, b: &Arc<Meeting>| b.created_ms.cmp(&a.created_ms).then_with(|| a.key.cmp(&b.key));
        let is_more = meetings.len() > filter.limit;
        if is_more {
            meetings.select_nth_unstable_by(filter.limit, order);
            meetings.truncate(filter.limit);
        }
        meetings.sort_by(order);
        let next = meetings.last().filter(|_| is_more).map(|last| cursor(last));
        Ok(Listing { items: self.meeting_views_of(&meetings), next })
    }

    /// Ends a meeting of the caller's tenant, or for operators of the one that is named.
    /// Errors: `TenantUnknown`, `MeetingId`, and those of [`Classroom::meeting_end`].
    pub(crate) async fn meeting_end_named(
        &self,
        caller: &Caller,
        tenant: Option<&str>,
        meeting_id: &str,
    ) -> Result<(), ServiceError> {
        let tenant = self.tenant_for(caller, tenant)?.settings.tenant.clone();
        let key = MeetingKey { tenant, id: MeetingId::parse(meeting_id)? };
        self.meeting_end(caller, &key).await
    }
}

fn cursor(last: &Meeting) -> String {
    let text = serde_json::to_vec(&(last.created_ms, last.key.tenant.as_str(), last.key.id.as_str()));
    URL_SAFE_NO_PAD.encode(text.expect("a number and two texts are JSON"))
}

/// One that is not ours begins at the beginning.
fn cursor_read(text: &str) -> Option<(i64, String, String)> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok()
}
