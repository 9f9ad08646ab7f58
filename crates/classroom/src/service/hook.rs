//! Hooks: a client makes one here, and every server calls an address of ours in its name. What servers have is compared with
//! what is stored, so that new servers and those that return get the hooks too.

use std::time::Duration;

use db::{DbError, Write};
use futures::future::join_all;
use portal::TenantId;
use serde_json::Value;
use url::Url;

use super::ServiceError;
use super::meeting::CALL_WITHIN;
use crate::Classroom;
use crate::fleet::Entry;
use crate::model::checksum::is_checksum;
use crate::model::hook::Hook;
use crate::model::meeting::{MeetingId, MeetingKey};
use crate::model::outbox::CallKind;
use crate::model::parameters::{Parameters, checksum_cut};
use crate::model::server::{Server, ServerId};
use crate::model::token::token;
use crate::queries::hook::{hook_by_token, hook_delete, hook_insert, hook_list, hook_next_id, hook_same};
use crate::xml::{Met, XmlError, walk};

/// Hooks of a tenant, at most.
const HOOKS_MAX: usize = 200;
/// How long a client waits for its hook to be on all servers.
const SPREAD_WITHIN: Duration = Duration::from_secs(1);
/// A hook for one meeting is forgotten when the meeting is not there for this long after the hook was made.
const MEETING_GONE_MS: i64 = 86_400_000;

/// What a client wants to be told.
pub(crate) struct HookWish {
    pub(crate) url: String,
    pub(crate) meeting_id: Option<String>,
    pub(crate) event_ids: Option<String>,
    pub(crate) is_raw: bool,
}

/// What came of a delivery.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Delivery {
    /// It is handed on, or concerns nobody here.
    Taken,
    /// There is no such hook.
    Unknown,
    /// No server signed it.
    Unsigned,
}

impl Classroom {
    /// Makes a hook, or finds the same one (`false`). `None`: the address can't be called, or there are too many.
    pub(crate) async fn hook_create(
        &self,
        tenant: &TenantId,
        wish: HookWish,
    ) -> Result<Option<(Hook, bool)>, ServiceError> {
        let is_address = Url::parse(&wish.url).is_ok_and(|url| matches!(url.scheme(), "http" | "https"));
        if !is_address || wish.url.len() > 2_000 || hook_list(self.db(), Some(tenant)).await?.len() >= HOOKS_MAX {
            return Ok(None);
        }
        let mut hook = Hook {
            id: 0,
            tenant: tenant.clone(),
            url: wish.url,
            meeting_id: wish.meeting_id,
            event_ids: wish.event_ids,
            is_raw: wish.is_raw,
            token: token(),
            created_ms: self.now_ms(),
        };
        // Somebody else may take the same number, or make the same hook, at the same moment.
        for _ in 0..5 {
            if let Some(same) = hook_same(self.db(), &hook).await? {
                return Ok(Some((same, false)));
            }
            hook.id = hook_next_id(self.db()).await?;
            match self.db().write(Write::new().step(hook_insert(&hook))).await {
                Ok(_) => {
                    self.hooks_spread().await;
                    return Ok(Some((hook, true)));
                }
                Err(DbError::Duplicate) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(None)
    }

    /// A tenant's hooks: those of one meeting and of all, or of all alone.
    pub(crate) async fn hooks_of(
        &self,
        tenant: &TenantId,
        meeting_id: Option<&str>,
    ) -> Result<Vec<Hook>, ServiceError> {
        let mut hooks = hook_list(self.db(), Some(tenant)).await?;
        if meeting_id.is_some() {
            hooks.retain(|hook| hook.meeting_id.is_none() || hook.meeting_id.as_deref() == meeting_id);
        }
        Ok(hooks)
    }

    /// Removes a tenant's hook; `false` where there is none.
    pub(crate) async fn hook_destroy(&self, tenant: &TenantId, id: i64) -> Result<bool, ServiceError> {
        match self.db().write(Write::new().expect("hook", hook_delete(tenant, id))).await {
            Ok(_) => {
                self.hooks_spread().await;
                Ok(true)
            }
            Err(DbError::Unmet { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    fn hook_address(&self, hook: &Hook) -> String {
        format!("{}/bigbluebutton/hooks/{}", self.config().url, hook.token)
    }

    /// Brings servers into line, and waits a moment for it: most have answered then. One that hangs is waited for in
    /// the background, and asked again at the next turn.
    async fn hooks_spread(&self) {
        let classroom = self.clone();
        let spread = tokio::spawn(async move {
            if let Err(error) = classroom.hooks_reconcile().await {
                let error: &dyn std::error::Error = &error;
                tracing::warn!(error, "servers were not told of a change of hooks; they are at the next turn");
            }
        });
        let _ = tokio::time::timeout(SPREAD_WITHIN, spread).await;
    }

    /// Brings what servers have into line with what is stored.
    pub(crate) async fn hooks_reconcile(&self) -> Result<(), ServiceError> {
        let mut hooks = Vec::new();
        for hook in hook_list(self.db(), None).await? {
            let is_old = self.now_ms() - hook.created_ms > MEETING_GONE_MS;
            if hook.meeting_id.is_some() && is_old && self.hook_meeting(&hook).is_none() {
                self.db().write(Write::new().step(hook_delete(&hook.tenant, hook.id))).await?;
            } else {
                hooks.push(hook);
            }
        }
        let entries = self.fleet().entries();
        let there = entries.iter().filter(|entry| entry.serves() && entry.observed.silent_since_ms().is_none());
        join_all(there.map(|entry| self.hooks_set(entry, &hooks))).await;
        Ok(())
    }

    /// The server of the meeting that a hook is for.
    fn hook_meeting(&self, hook: &Hook) -> Option<ServerId> {
        let id = MeetingId::parse(hook.meeting_id.as_deref()?).ok()?;
        let meeting = self.meetings().get(&MeetingKey { tenant: hook.tenant.clone(), id })?;
        Some(meeting.server.clone())
    }

    /// Brings one server into line. One that has no hooks installed, or fails, is asked again at the next turn.
    async fn hooks_set(&self, entry: &Entry, hooks: &[Hook]) {
        let server = &entry.server;
        let Some(there) = self.hooks_there(server).await else { return };
        let ours = format!("{}/bigbluebutton/hooks/", self.config().url);
        for (id, address) in there.iter().filter(|(_, address)| address.starts_with(&ours)) {
            if !hooks.iter().any(|hook| self.hook_address(hook) == *address) {
                self.hook_call(server, "hooks/destroy", &Parameters::from_iter([("hookID", id)])).await;
            }
        }
        for hook in hooks {
            let address = self.hook_address(hook);
            let is_elsewhere = hook.meeting_id.is_some() && self.hook_meeting(hook).as_ref() != Some(&server.id);
            if is_elsewhere || there.iter().any(|(_, known)| *known == address) {
                continue;
            }
            let mut parameters = Parameters::from_iter([("callbackURL", address)]);
            for (name, value) in [("meetingID", &hook.meeting_id), ("eventID", &hook.event_ids)] {
                if let Some(value) = value {
                    parameters.set(name, value.as_str());
                }
            }
            parameters.set("getRaw", if hook.is_raw { "true" } else { "false" });
            self.hook_call(server, "hooks/create", &parameters).await;
        }
    }

    /// Ids and addresses of the hooks that a server has.
    async fn hooks_there(&self, server: &Server) -> Option<Vec<(String, String)>> {
        let answer = self.hook_call(server, "hooks/list", &Parameters::default()).await?;
        listed(&answer).ok()
    }

    async fn hook_call(&self, server: &Server, call: &str, parameters: &Parameters) -> Option<bytes::Bytes> {
        match self.client().call(server, call, parameters, None, CALL_WITHIN).await {
            Ok(answer) => Some(answer),
            Err(error) => {
                tracing::debug!(server = %server.id, error = &error as &dyn std::error::Error, "{call} failed");
                None
            }
        }
    }

    /// A server tells of an event: handed on when it is one of the tenant's.
    pub(crate) async fn hook_deliver(
        &self,
        token: &str,
        query: &str,
        bearer: Option<&str>,
        body: &str,
    ) -> Result<Delivery, ServiceError> {
        let Some(hook) = hook_by_token(self.db(), token).await? else { return Ok(Delivery::Unknown) };
        let Some(server) = self.hook_signer(&hook, query, bearer, body) else { return Ok(Delivery::Unsigned) };
        let form = Parameters::parse(body.as_bytes());
        let Some(event) = form.get("event") else { return Ok(Delivery::Taken) };
        if !self.hook_wants(&hook, event, &server).await? {
            return Ok(Delivery::Taken);
        }
        // Clients tell servers apart by their domain, and know one: us.
        let own = Url::parse(&self.config().url).ok();
        let domain = own.as_ref().and_then(Url::host_str).unwrap_or_default();
        let timestamp = form.get("timestamp").unwrap_or_default();
        let body = Parameters::from_iter([("domain", domain), ("event", event), ("timestamp", timestamp)]).encoded();
        self.outbox_put(CallKind::Hook, hook.tenant, hook.url, body).await?;
        Ok(Delivery::Taken)
    }

    /// The server whose secret signed a delivery.
    fn hook_signer(&self, hook: &Hook, query: &str, bearer: Option<&str>, body: &str) -> Option<ServerId> {
        use subtle::ConstantTimeEq as _;
        let (given, address) = (checksum_cut(query).0, self.hook_address(hook));
        let is_signer = |server: &Server| {
            let secret = server.secret.expose().as_bytes();
            let parts: [&[u8]; 3] = [address.as_bytes(), body.as_bytes(), secret];
            let is_bearer = bearer.is_some_and(|bearer| bearer.as_bytes().ct_eq(secret).into());
            is_bearer || given.is_some_and(|given| is_checksum(given, self.algorithms(), &parts))
        };
        let entries = self.fleet().entries();
        let signer = entries.iter().find(|entry| !entry.server.secret.expose().is_empty() && is_signer(&entry.server));
        signer.map(|entry| entry.server.id.clone())
    }

    /// Whether an event is of the tenant's meetings, and of the one that the hook is for.
    async fn hook_wants(&self, hook: &Hook, event: &str, server: &ServerId) -> Result<bool, ServiceError> {
        let Some(id) = self.meeting_of(event, server) else { return Ok(false) };
        if hook.meeting_id.as_ref().is_some_and(|wanted| *wanted != id) {
            return Ok(false);
        }
        let Ok(id) = MeetingId::parse(&id) else { return Ok(false) };
        let key = MeetingKey { tenant: hook.tenant.clone(), id };
        if let Some(meeting) = self.meeting_find(&key).await? {
            return Ok(meeting.server == *server);
        }
        // Events come after a meeting's end too, those of its recording much later.
        let whose = match tenant_of(event) {
            Some(named) => TenantId::parse(&named),
            None => self.meetings().ended(server, &key.id).map(|(_, tenant)| tenant),
        };
        let is_only = self.directory().entries().tenants().count() == 1;
        Ok(whose.map_or(is_only, |tenant| tenant == hook.tenant))
    }

    /// What clients call the meeting that an event is of.
    fn meeting_of(&self, event: &str, server: &ServerId) -> Option<String> {
        let events: Value = serde_json::from_str(event).ok()?;
        let event = events.get(0).unwrap_or(&events);
        let named = &event["data"]["attributes"]["meeting"]["external-meeting-id"];
        if let Some(id) = named.as_str() {
            return Some(id.to_owned());
        }
        // As it is inside a server, it names the meeting as the server does.
        let header = event["core"]["header"]["meetingId"].as_str();
        let internal = header.or_else(|| event["envelope"]["routing"]["meetingId"].as_str())?;
        let entry = self.fleet().entry(server)?;
        entry.meetings().find(|seen| seen.internal_id == internal).map(|seen| seen.meeting_id.clone())
    }
}

/// Id of the tenant that an event names, as we gave it to the meeting.
fn tenant_of(event: &str) -> Option<String> {
    let events: Value = serde_json::from_str(event).ok()?;
    let attributes = &events.get(0).unwrap_or(&events)["data"]["attributes"];
    let named = ["meeting", "recording"].into_iter().find_map(|of| attributes[of]["metadata"]["tenant-id"].as_str());
    named.map(str::to_owned)
}

fn listed(answer: &[u8]) -> Result<Vec<(String, String)>, XmlError> {
    let (mut hooks, mut id, mut address) = (Vec::new(), String::new(), String::new());
    walk(answer, |path, met| match (path, met) {
        ("response/hooks/hook/hookID", Met::End { text, .. }) => text.clone_into(&mut id),
        ("response/hooks/hook/callbackURL", Met::End { text, .. }) => text.clone_into(&mut address),
        ("response/hooks/hook", Met::End { .. }) => hooks.push((std::mem::take(&mut id), std::mem::take(&mut address))),
        _ => {}
    })?;
    Ok(hooks)
}
