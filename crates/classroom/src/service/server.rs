//! Conference servers: added, changed, drained, removed.

use db::{DbError, Write};
use placement::{AdminState, Health};
use portal::{Caller, utc_text};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::{MOVED, SERVERS, ServiceError};
use crate::Classroom;
use crate::fleet::Entry;
use crate::model::server::{
    Server, ServerId, ServerRefusal, WEIGHT_USUAL, secret_checked, tag_checked, url_checked, weight_checked,
};
use crate::queries::meeting::meetings_delete_on;
use crate::queries::server::{server_delete_empty, server_insert, server_list, server_set_state, server_update};

/// A server that is to be added.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ServerNew {
    /// Left out: made anew.
    pub(crate) id: Option<String>,
    /// The address, as `bbb-conf --secret` prints it.
    pub(crate) url: String,
    /// The server's shared secret.
    pub(crate) secret: String,
    /// Only meetings that ask for this tag come here; left out: any meeting without a tag.
    #[serde(default)]
    pub(crate) tag: String,
    /// Its share of the meetings relative to the others; 100 is the usual one.
    pub(crate) weight: Option<u32>,
    /// `enabled`, `cordoned` or `disabled`; left out: enabled.
    #[schema(value_type = Option<String>)]
    pub(crate) state: Option<AdminState>,
}

/// What is to be changed of a server; what is left out stays.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ServerChange {
    /// A new address.
    pub(crate) url: Option<String>,
    /// A new shared secret.
    pub(crate) secret: Option<String>,
    /// A new tag; empty: none.
    pub(crate) tag: Option<String>,
    /// A new share of the meetings.
    pub(crate) weight: Option<u32>,
    /// `enabled`, `cordoned` or `disabled`.
    #[schema(value_type = Option<String>)]
    pub(crate) state: Option<AdminState>,
}

/// A server as it is shown.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct ServerView {
    /// Its id.
    pub(crate) id: String,
    /// The address of its API.
    pub(crate) url: String,
    /// The name in its address.
    pub(crate) host: String,
    /// Its tag; empty: none.
    pub(crate) tag: String,
    /// Its share of the meetings relative to the others.
    pub(crate) weight: u32,
    /// What an operator wants: `enabled`, `cordoned`, `disabled`.
    #[schema(value_type = String)]
    pub(crate) state: AdminState,
    /// What was observed: `up`, `suspect`, `down`.
    #[schema(value_type = String)]
    pub(crate) health: Health,
    /// Why it does not answer; empty when it does.
    pub(crate) trouble: String,
    /// Since when it has not answered, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) silent_since: Option<String>,
    /// Meetings on it.
    pub(crate) meetings: usize,
    /// People in them.
    pub(crate) users: u32,
    /// People in the largest of them.
    pub(crate) largest: u32,
    /// Cameras that are on.
    pub(crate) videos: u32,
    /// Its load, in users who only listen; reservations included.
    pub(crate) load: f64,
    /// The version it has; empty when it does not say.
    pub(crate) version: String,
}

impl Classroom {
    /// Reads the servers anew.
    pub(crate) async fn servers_reload(&self) -> Result<(), ServiceError> {
        let servers = server_list(self.db(), &self.config().seal).await?;
        self.fleet().servers_set(servers);
        Ok(())
    }

    /// A server that a meeting is placed on. Another replica may have added it a moment ago.
    pub(crate) async fn server_of(&self, id: &ServerId) -> Result<Option<Entry>, ServiceError> {
        if let Some(entry) = self.fleet().entry(id) {
            return Ok(Some(entry));
        }
        self.servers_reload().await?;
        Ok(self.fleet().entry(id))
    }

    /// All servers, by address.
    pub(crate) fn server_views(&self) -> Vec<ServerView> {
        let mut views: Vec<_> = self.fleet().entries().iter().map(|entry| self.server_view(entry)).collect();
        views.sort_by(|a, b| a.url.cmp(&b.url));
        views
    }

    /// One server by its id, its address, or the name in it. Errors: `ServerUnknown`.
    pub(crate) fn server_find(&self, text: &str) -> Result<Entry, ServiceError> {
        let is_meant = |entry: &Entry| {
            entry.server.id.as_str() == text || entry.server.url == text || host(&entry.server.url) == text
        };
        let mut found = self.fleet().entries().into_iter().filter(is_meant);
        match (found.next(), found.next()) {
            (Some(entry), None) => Ok(entry),
            _ => Err(ServiceError::ServerUnknown(text.chars().take(100).collect())),
        }
    }

    pub(crate) fn server_view(&self, entry: &Entry) -> ServerView {
        let server = &entry.server;
        let meetings: Vec<_> = entry.meetings().collect();
        ServerView {
            id: server.id.to_string(),
            url: server.url.clone(),
            host: host(&server.url).to_owned(),
            tag: server.tag.clone(),
            weight: server.weight,
            state: server.state,
            health: entry.health(),
            trouble: entry.trouble.clone(),
            silent_since: entry.observed.silent_since_ms().map(utc_text),
            meetings: meetings.len(),
            users: meetings.iter().filter(|seen| !seen.is_breakout).map(|seen| seen.attendance.users).sum(),
            largest: meetings.iter().map(|seen| seen.attendance.users).max().unwrap_or_default(),
            videos: meetings.iter().map(|seen| seen.attendance.videos).sum(),
            load: self.fleet().load(&server.id) as f64 / 10.0,
            version: entry.version.to_string(),
        }
    }

    /// Adds a server. Errors: `Server`, `ServerTaken`.
    pub(crate) async fn server_add(&self, caller: &Caller, new: ServerNew) -> Result<ServerView, ServiceError> {
        let id = match &new.id {
            None => ServerId::new(),
            Some(text) => ServerId::parse(text).ok_or_else(|| ServerRefusal::Id(text.chars().take(100).collect()))?,
        };
        let server = Server {
            id,
            url: url_checked(&new.url)?,
            secret: secret_checked(&new.secret)?,
            tag: tag_checked(&new.tag)?,
            weight: weight_checked(new.weight.unwrap_or(WEIGHT_USUAL))?,
            state: new.state.unwrap_or(AdminState::Enabled),
            created_ms: self.now_ms(),
        };
        let mut write = Write::new().step(server_insert(&server, &self.config().seal)).event(SERVERS);
        let detail = json!({ "url": server.url, "tag": server.tag, "weight": server.weight });
        self.portal().audit(&mut write, caller, "conference-server.add", server.id.as_str(), detail);
        match self.db().write(write).await {
            Ok(_) => {}
            Err(DbError::Duplicate) => return Err(ServiceError::ServerTaken),
            Err(error) => return Err(error.into()),
        }
        self.servers_reload().await?;
        // It takes meetings at once rather than after the next round of polls.
        self.server_poll(&server.id).await;
        Ok(self.server_view(&self.server_find(server.id.as_str())?))
    }

    /// Changes a server. One with meetings is not disabled and not moved to another address: they would be cut off.
    /// Errors: `ServerUnknown`, `Server`, `ServerBusy`, `ServerTaken`, `ServerChanged`.
    pub(crate) async fn server_change(
        &self,
        caller: &Caller,
        id: &str,
        change: ServerChange,
    ) -> Result<ServerView, ServiceError> {
        let entry = self.server_find(id)?;
        let was = entry.server.state;
        let mut server = (*entry.server).clone();
        if let Some(url) = &change.url {
            server.url = url_checked(url)?;
        }
        if let Some(secret) = &change.secret {
            server.secret = secret_checked(secret)?;
        }
        if let Some(tag) = &change.tag {
            server.tag = tag_checked(tag)?;
        }
        if let Some(weight) = change.weight {
            server.weight = weight_checked(weight)?;
        }
        server.state = change.state.unwrap_or(was);
        let meetings = self.meetings_on(&server.id);
        let is_disabled = server.state == AdminState::Disabled && was != AdminState::Disabled;
        let is_cut = is_disabled || server.url != entry.server.url;
        if meetings > 0 && is_cut {
            return Err(ServiceError::ServerBusy(meetings));
        }
        let query = server_update(&server, was, is_cut, &self.config().seal);
        let mut write = Write::new().expect("server", query).event(SERVERS);
        let detail = json!({ "url": server.url, "tag": server.tag, "weight": server.weight, "state": server.state });
        self.portal().audit(&mut write, caller, "conference-server.change", server.id.as_str(), detail);
        match self.db().write(write).await {
            Ok(_) => {}
            Err(DbError::Unmet { .. }) => {
                self.meetings_reload().await?;
                return Err(match self.meetings_on(&server.id) {
                    meetings if is_cut && meetings > 0 => ServiceError::ServerBusy(meetings),
                    _ => ServiceError::ServerChanged,
                });
            }
            Err(DbError::Duplicate) => return Err(ServiceError::ServerTaken),
            Err(error) => return Err(error.into()),
        }
        self.servers_reload().await?;
        if server.state != AdminState::Disabled {
            self.server_poll(&server.id).await;
        }
        Ok(self.server_view(&self.server_find(server.id.as_str())?))
    }

    /// Ends every meeting on a server, forgets them, and disables it: for one that has gone wrong. What can't be ended, as
    /// the server does not answer, is forgotten all the same. Answers how many were ended.
    /// Errors: `ServerUnknown`.
    pub(crate) async fn server_panic(&self, caller: &Caller, id: &str) -> Result<usize, ServiceError> {
        let entry = self.server_find(id)?;
        let server = entry.server.clone();
        let mut write = Write::new().step(server_set_state(&server.id, AdminState::Disabled));
        write.push_step(meetings_delete_on(&server.id));
        write.push_event(SERVERS);
        write.push_event(MOVED);
        self.portal().audit(&mut write, caller, "conference-server.panic", server.id.as_str(), json!({}));
        self.db().write(write).await?;
        self.servers_reload().await?;
        self.meetings_reload().await?;
        Ok(self.meetings_end_on(&entry).await)
    }

    /// Removes a server that has no meetings. Errors: `ServerUnknown`, `ServerBusy`.
    pub(crate) async fn server_remove(&self, caller: &Caller, id: &str) -> Result<(), ServiceError> {
        let server = self.server_find(id)?.server;
        let mut write = Write::new().expect("server", server_delete_empty(&server.id)).event(SERVERS);
        self.portal().audit(&mut write, caller, "conference-server.remove", server.id.as_str(), json!({}));
        match self.db().write(write).await {
            Ok(_) => self.servers_reload().await,
            Err(DbError::Unmet { .. }) => Err(ServiceError::ServerBusy(self.meetings_on(&server.id).max(1))),
            Err(error) => Err(error.into()),
        }
    }

    /// How many meetings are placed on a server.
    pub(crate) fn meetings_on(&self, id: &ServerId) -> usize {
        self.meetings().count_on(id)
    }
}

/// The name of the host in a stored address.
pub(crate) fn host(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split('/').next().unwrap_or(rest)
}
