//! Nodes: join tokens, enrolment, and what an operator changes.

use std::collections::BTreeMap;
use std::time::Duration;

use db::{DbError, Write};
use portal::Caller;
use serde_json::json;
use wire::authority::{AuthorityError, KeyRequest, expires_ms, node_id_of_pem};
use wire::proto::{EnrollReply, EnrollRequest, Goodbye, to_agent};
use wire::token::JoinToken;

use super::ServiceError;
use crate::Lab;
use crate::model::node::{AdminState, Inventory, Node, NodeId, checked_name};
use crate::queries::node::{
    node_delete, node_find, node_get, node_insert, node_list, node_names, node_token_insert, node_token_is_usable,
    node_token_prune, node_token_use, node_update,
};

/// How long a node's certificate holds; its agent asks for the next one after a third of this.
const CERTIFICATE_VALID: Duration = Duration::from_secs(30 * 86_400);
/// Runs at the same time that one node may be set to.
const SLOTS_MAX: u32 = 1_024;
/// A join token's life, minutes.
pub(crate) const TOKEN_MINUTES: std::ops::RangeInclusive<u32> = 1..=7 * 24 * 60;

/// A join token, to be shown once.
pub(crate) struct NodeToken {
    pub(crate) token: String,
    pub(crate) command: String,
    pub(crate) expires_ms: i64,
}

/// What an operator wants changed of a node.
#[derive(Debug, Default)]
pub(crate) struct NodeChange {
    pub(crate) name: Option<String>,
    pub(crate) state: Option<AdminState>,
    pub(crate) slots: Option<u32>,
    pub(crate) labels: Option<BTreeMap<String, String>>,
}

impl Lab {
    /// All nodes, by name.
    pub(crate) async fn node_list(&self) -> Result<Vec<Node>, ServiceError> {
        Ok(node_list(self.db()).await?)
    }

    /// A node by UID or name.
    pub(crate) async fn node_get(&self, id_or_name: &str) -> Result<Node, ServiceError> {
        let unknown = || ServiceError::NodeMissing(id_or_name.chars().filter(|c| !c.is_control()).take(80).collect());
        node_find(self.db(), id_or_name).await?.ok_or_else(unknown)
    }

    /// Name and labels of the node with this UID, for other services; `None` when it was removed.
    pub async fn node_facts(&self, id: &str) -> Result<Option<(String, BTreeMap<String, String>)>, ServiceError> {
        let Ok(id) = id.parse() else { return Ok(None) };
        Ok(node_get(self.db(), id).await?.map(|node| (node.name, node.labels)))
    }

    /// UID and name of the node with this UID or name, for other services.
    pub async fn node_called(&self, id_or_name: &str) -> Result<Option<(String, String)>, ServiceError> {
        Ok(node_find(self.db(), id_or_name).await?.map(|node| (node.id.to_string(), node.name)))
    }

    /// Makes a join token for one node.
    pub(crate) async fn node_token_create(&self, caller: &Caller, minutes: u32) -> Result<NodeToken, ServiceError> {
        if !TOKEN_MINUTES.contains(&minutes) {
            let sentence = format!("valid_minutes is {minutes}; it must be from 1 to {}.", TOKEN_MINUTES.end());
            return Err(ServiceError::Request { field: "valid_minutes", sentence });
        }
        let mut write = Write::new();
        let detail = json!({ "valid_minutes": minutes });
        self.portal().audit(&mut write, caller, "node.token", "", detail);
        self.node_token_write(write, caller.account.as_str(), minutes).await
    }

    /// The address that nodes join, when only this machine reaches it.
    pub(crate) fn join_url_local(&self) -> Option<&str> {
        Some(self.config().join_url.as_str()).filter(|url| is_local(url))
    }

    /// Makes a join token for the program itself, which starts nodes on this machine.
    pub async fn node_token_for_own_use(&self) -> Result<String, ServiceError> {
        Ok(self.node_token_write(Write::new(), "", 10).await?.token)
    }

    async fn node_token_write(&self, mut write: Write, account: &str, minutes: u32) -> Result<NodeToken, ServiceError> {
        let token = JoinToken::generate(self.config().authority.fingerprint()).map_err(|error| {
            ServiceError::Db(DbError::Unavailable { attempt: "drawing a token", source: Some(error.into()) })
        })?;
        let now_ms = self.now_ms();
        let expires_ms = now_ms + i64::from(minutes) * 60_000;
        node_token_insert(&mut write, &token.secret_hash(), account, now_ms, expires_ms);
        node_token_prune(&mut write, now_ms - 86_400_000);
        self.db().write(write).await?;
        let command = format!("amphi agent --join {} --token {token}", self.config().join_url);
        Ok(NodeToken { token: token.to_string(), command, expires_ms })
    }

    /// Trades a join token for a certificate and enters the node.
    pub(crate) async fn node_enroll(&self, request: EnrollRequest) -> Result<EnrollReply, ServiceError> {
        if request.protocol != wire::PROTOCOL {
            return Err(ServiceError::OldProtocol { theirs: request.protocol, ours: wire::PROTOCOL });
        }
        let token: JoinToken = request.token.parse().map_err(|_| ServiceError::JoinToken)?;
        let id = NodeId::generate();
        let now_ms = self.now_ms();
        // Nothing is done for those who have no token.
        if !node_token_is_usable(self.db(), &token.secret_hash(), now_ms).await? {
            return Err(ServiceError::JoinToken);
        }
        let labels = request.labels.into_iter().collect();
        super::submit::check_labels(&labels)?;
        let certificate_pem =
            self.node_certificate(&id.to_string(), &request.csr_pem).map_err(ServiceError::CertificateRequest)?;
        let wanted = request.name.trim();
        let name = match wanted {
            "" => self.free_name(&request.hostname).await?,
            wanted => checked_name(wanted)?,
        };
        let node = Node {
            id,
            name,
            state: AdminState::Enabled,
            slots: request.slots.clamp(1, SLOTS_MAX),
            labels,
            inventory: Inventory::default(),
            tools: Vec::new(),
            connected: false,
            replica: String::new(),
            epoch: 0,
            boot_id: String::new(),
            last_seen_ms: 0,
            created_ms: now_ms,
            running: 0,
        };
        let mut write = Write::new();
        node_token_use(&mut write, &token.secret_hash(), now_ms);
        node_insert(&mut write, &node);
        write.push_event("nodes");
        match self.db().write(write).await {
            Ok(_) => {
                tracing::info!(node.id = %id, "node {} enrolled", node.name);
                Ok(EnrollReply { node_id: id.to_string(), name: node.name, certificate_pem })
            }
            Err(DbError::Unmet { .. }) => Err(ServiceError::JoinToken),
            Err(DbError::Duplicate) => Err(ServiceError::NodeNameTaken(node.name)),
            Err(error) => Err(error.into()),
        }
    }

    /// Signs the key of a certificate request as this node's.
    pub(crate) fn node_certificate(&self, id: &str, csr_pem: &str) -> Result<String, AuthorityError> {
        self.config().authority.node_certificate(csr_pem, id, CERTIFICATE_VALID, self.now_ms())
    }

    /// For the program itself, which starts nodes on this machine: a new certificate and key, PEM, in place of those of
    /// a node that was off until they ended. `None` while they hold. Errors: `Certificate` when there is none.
    pub fn node_pair_for_own_use(&self, pair_pem: &str) -> Result<Option<String>, AuthorityError> {
        if expires_ms(pair_pem)? > self.now_ms() {
            return Ok(None);
        }
        let id = node_id_of_pem(pair_pem)?;
        let request = KeyRequest::generate()?;
        Ok(Some(self.node_certificate(&id, &request.csr_pem)? + &request.key_pem))
    }

    /// The host name's first label, with a number behind it where that is taken.
    async fn free_name(&self, hostname: &str) -> Result<String, ServiceError> {
        let label = hostname.split('.').next().unwrap_or_default().to_ascii_lowercase();
        let label: String = label.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).take(50).collect();
        let base = checked_name(label.trim_matches('-')).unwrap_or_else(|_| "node".to_owned());
        let taken: Vec<_> = node_names(self.db()).await?.into_iter().map(|(_, name, _)| name).collect();
        let numbered = (2..).map(|n| format!("{base}-{n}"));
        let mut names = std::iter::once(base.clone()).chain(numbered);
        Ok(names.find(|name| !taken.contains(name)).unwrap_or(base))
    }

    /// Changes what an operator may change.
    pub(crate) async fn node_change(
        &self,
        caller: &Caller,
        id: &str,
        change: NodeChange,
    ) -> Result<Node, ServiceError> {
        let read = self.node_get(id).await?;
        let mut node = read.clone();
        let before = json!({ "name": node.name, "state": node.state, "slots": node.slots, "labels": node.labels });
        if let Some(name) = change.name {
            node.name = checked_name(&name)?;
        }
        if let Some(slots) = change.slots {
            if slots == 0 || slots > SLOTS_MAX {
                let sentence = format!("slots is {slots}; it must be from 1 to {SLOTS_MAX}.");
                return Err(ServiceError::Request { field: "slots", sentence });
            }
            node.slots = slots;
        }
        node.state = change.state.unwrap_or(node.state);
        if let Some(labels) = change.labels {
            super::submit::check_labels(&labels)?;
            node.labels = labels;
        }
        let mut write = Write::new();
        node_update(&mut write, &read, &node);
        for topic in [format!("node:{}", node.id), "nodes".to_owned(), "queue".to_owned()] {
            write.push_event(topic);
        }
        let after = json!({ "name": node.name, "state": node.state, "slots": node.slots, "labels": node.labels });
        let detail = json!({ "before": before, "after": after });
        self.portal().audit(&mut write, caller, "node.change", &node.name, detail);
        match self.db().write(write).await {
            Ok(_) => {
                // Before the answer: a submission that comes after it finds the node as it is now.
                self.node_apply(&node);
                Ok(node)
            }
            Err(DbError::Duplicate) => Err(ServiceError::NodeNameTaken(node.name)),
            // Somebody else changed or removed it since it was read.
            Err(error) => Err(error.into()),
        }
    }

    /// Removes a node; its agent is told not to come back. Errors: `NodeBusy` while runs are on it.
    pub(crate) async fn node_remove(&self, caller: &Caller, id: &str) -> Result<(), ServiceError> {
        let node = self.node_get(id).await?;
        if node.running > 0 {
            return Err(ServiceError::NodeBusy { node: node.name, running: node.running });
        }
        let mut write = Write::new();
        node_delete(&mut write, node.id);
        write.push_event("nodes");
        write.push_event(format!("node:{}", node.id));
        self.portal().audit(&mut write, caller, "node.remove", &node.name, json!({ "uid": node.id.to_string() }));
        match self.db().write(write).await {
            Ok(_) => Ok(()),
            // A run came in between, or the node went.
            Err(DbError::Unmet { .. }) => {
                let running = self.node_get(id).await?.running;
                Err(ServiceError::NodeBusy { node: node.name, running })
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Waits until `count` nodes are connected to this replica and have told their tools. `false`: not within `timeout`.
    pub async fn nodes_connected(&self, count: usize, timeout: Duration) -> Result<bool, ServiceError> {
        let watch = self.db().events().watch(["nodes"]);
        let all_here = async {
            while self.fleet().equipped() < count {
                watch.changed().await;
            }
        };
        Ok(tokio::time::timeout(timeout, all_here).await.is_ok())
    }

    fn node_apply(&self, node: &Node) {
        self.fleet().with(node.id, |session| {
            session.state = node.state;
            session.slots = node.slots;
            session.labels = node.labels.clone();
            session.name = node.name.clone();
        });
    }

    /// Brings the sessions of this replica in line with what operators said of their nodes.
    pub(crate) async fn nodes_apply(&self) -> Result<(), ServiceError> {
        let nodes = node_list(self.db()).await?;
        for (id, epoch, _) in self.fleet().heard() {
            match nodes.iter().find(|node| node.id == id) {
                Some(node) => {
                    self.node_apply(node);
                    if node.state == AdminState::Disabled {
                        self.runs_take_away(id, epoch).await?;
                    }
                }
                None => {
                    let reason = "This node was removed.".to_owned();
                    let goodbye = to_agent::Message::Goodbye(Goodbye { reason });
                    self.fleet().send(id, goodbye);
                    self.fleet().disconnect(id, epoch);
                }
            }
        }
        self.dispatch_wake();
        Ok(())
    }
}

/// Whether a URL leads to whoever follows it: loopback, or the unspecified address.
fn is_local(url: &str) -> bool {
    let Ok(url) = url::Url::parse(url) else { return false };
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(url::Host::Ipv4(address)) => address.is_loopback() || address.is_unspecified(),
        Some(url::Host::Ipv6(address)) => address.is_loopback() || address.is_unspecified(),
        None => false,
    }
}

/// A duration for people: "4 min".
pub(crate) fn ago(ms: i64) -> String {
    match ms / 1_000 {
        s if s < 90 => format!("{} s", s.max(0)),
        s if s < 90 * 60 => format!("{} min", (s + 30) / 60),
        s if s < 36 * 3_600 => format!("{} h", (s + 1_800) / 3_600),
        s => format!("{} days", (s + 43_200) / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_leads_back_to_whoever_asks_is_local() {
        for url in
            ["http://127.0.0.1:8080", "https://0.0.0.0:8443", "http://localhost", "https://[::1]:1", "https://[::]"]
        {
            assert!(is_local(url), "{url}");
        }
        for url in ["https://192.0.2.10:8443", "https://amphi.example.org", "https://[2001:db8::1]", ""] {
            assert!(!is_local(url), "{url}");
        }
    }
}
