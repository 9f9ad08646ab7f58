//! Mounts on nodes: asked for by operators, carried out by agents, which say how each stands.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use db::{DbError, Write};
use portal::{Caller, Problem};
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;
use wire::store::{MountTold, MountsReport, MountsWanted};

use super::ServiceError;
use crate::Storage;
use crate::model::node_mount::{NodeMount, directory_checked, topic};
use crate::queries::node_mount::{
    FULL, node_mount_all, node_mount_delete, node_mount_insert, node_mount_list, node_mount_told, node_mount_unwant,
};

/// An agent that has what it should have is answered after this long at the latest.
const WAIT_LIMIT: Duration = Duration::from_secs(20);
/// A node that was to unmount and has not spoken of the mount for this long is gone: the mount is forgotten, and its token. Until
/// then the token is good, since the node may be storing what the mount has kept.
const SILENT_MS: i64 = 600_000;
/// A node speaks with the control plane more often than this.
const SPEAKS_MS: i64 = 60_000;
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// Most characters of what a node says of a mount.
const DETAIL_MAX: usize = 500;
/// Mounts of one node.
const MOUNTS_MAX: usize = 64;

/// A mount on a node, as it is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct NodeMountView {
    /// Its id.
    pub(crate) id: String,
    /// The export or snapshot.
    pub(crate) export: String,
    /// Where, on the node.
    pub(crate) directory: String,
    /// Whether nothing can be changed through it.
    pub(crate) read_only: bool,
    /// waiting, mounted, failing or unmounting.
    pub(crate) state: &'static str,
    /// Why it is not mounted.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) detail: String,
    /// Login of who asked for it.
    pub(crate) login: String,
    /// RFC 3339, UTC.
    pub(crate) created: String,
}

impl From<NodeMount> for NodeMountView {
    fn from(mount: NodeMount) -> Self {
        Self {
            state: mount.state().as_str(),
            id: mount.id,
            export: mount.export,
            directory: mount.directory,
            read_only: mount.is_read_only,
            detail: mount.detail,
            login: mount.login,
            created: portal::utc_text(mount.created_ms),
        }
    }
}

impl Storage {
    /// UID and name of a node, by either.
    pub(crate) async fn node_known(&self, node: &str) -> Result<(String, String), Problem> {
        let found = self.config().nodes.find(node).await.map_err(Problem::bug)?;
        found.ok_or_else(|| ServiceError::NodeUnknown(super::export::shown(node)).into())
    }

    /// The mounts of a node, by directory.
    pub(crate) async fn node_mount_views(&self, node: &str) -> Result<Vec<NodeMountView>, ServiceError> {
        Ok(node_mount_list(self.db(), node).await?.into_iter().map(NodeMountView::from).collect())
    }

    /// Has an export mounted on a directory of a node, which is absolute, and empty or absent there. The node gets a token
    /// that opens nothing but the sessions of this export, with the rights of the caller.
    pub(crate) async fn node_mount_create(
        &self,
        caller: &Caller,
        node: &str,
        export: &str,
        directory: &str,
        is_read_only: bool,
    ) -> Result<NodeMountView, ServiceError> {
        let (space, _) = self.space_of(caller, export).await?;
        let directory = directory_checked(directory)?;
        let mut write = Write::new();
        let scope = format!("/api/v1/exports/{}/sessions", space.name);
        let (token_id, token) =
            self.portal().token_scoped(&mut write, caller, &format!("{} on a node", space.name), &scope);
        let id = uuid::Uuid::now_v7().to_string();
        let mount = NodeMount {
            token: self.config().seal.seal(&id, token.expose()),
            id,
            node: node.to_owned(),
            export: space.name,
            directory,
            is_read_only,
            is_wanted: true,
            is_mounted: false,
            detail: String::new(),
            login: caller.login.clone(),
            token_id,
            seen_ms: 0,
            created_ms: self.db().clock().now_ms(),
        };
        node_mount_insert(&mut write, &mount, MOUNTS_MAX as i64);
        let detail = json!({ "node": node, "directory": mount.directory });
        self.portal().audit(&mut write, caller, "node.mount", &mount.export, detail);
        match self.db().write(write).await {
            Ok(_) => Ok(mount.into()),
            Err(DbError::Duplicate) => Err(ServiceError::DirectoryTaken(mount.directory)),
            Err(DbError::Unmet { guard: FULL }) => Err(ServiceError::MountsTooMany(MOUNTS_MAX)),
            Err(error) => Err(error.into()),
        }
    }

    /// Has it unmounted. It is forgotten once the node says that it is; at once when it has never spoken of it.
    pub(crate) async fn node_mount_remove(&self, caller: &Caller, node: &str, id: &str) -> Result<(), ServiceError> {
        let mounts = node_mount_list(self.db(), node).await?;
        let mount = mounts.into_iter().find(|mount| mount.id == id).ok_or(ServiceError::MountUnknown)?;
        let mut write = Write::new();
        if mount.seen_ms == 0 {
            self.portal().token_drop(&mut write, &mount.token_id);
            node_mount_delete(&mut write, &mount.id);
            write.push_event(topic(node));
        } else {
            node_mount_unwant(&mut write, &mount, self.db().clock().now_ms());
        }
        let detail = json!({ "node": node, "directory": mount.directory });
        self.portal().audit(&mut write, caller, "node.unmount", &mount.export, detail);
        match self.db().write(write).await {
            Ok(_) => Ok(()),
            Err(DbError::Unmet { .. }) => Err(ServiceError::MountUnknown),
            Err(error) => Err(error.into()),
        }
    }

    /// Takes up what a node says of its mounts, and answers what should be mounted there. Cancellation: harmless.
    pub(crate) async fn node_mounts_sync(&self, node: &str, report: &MountsReport) -> Result<MountsWanted, Problem> {
        let watch = self.db().events().watch([topic(node)]);
        self.node_mounts_told(node, &report.mounts).await?;
        // What ends already is no difference: it would be answered at once, again and again, for as long as somebody uses it.
        let (ending, has): (Vec<_>, Vec<_>) = report.mounts.iter().partition(|told| told.is_ending);
        let ids = |told: Vec<&MountTold>| told.into_iter().map(|told| told.id.clone()).collect::<BTreeSet<_>>();
        let (ending, has) = (ids(ending), ids(has));
        let (closing, rest) = (self.portal().closing(), self.mounts_rest());
        let differs = async {
            loop {
                let wanted = self.node_mounts_wanted(node).await?;
                let ids = wanted.iter().map(|mount| &mount.id).filter(|id| !ending.contains(*id));
                if !ids.eq(&has) {
                    return Ok(wanted);
                }
                tokio::select! {
                    () = closing.cancelled() => return Ok(wanted),
                    () = rest.cancelled(), if !rest.is_cancelled() => {}
                    _ = watch.changed() => {}
                }
            }
        };
        let wanted: Result<Vec<NodeMount>, DbError> = match tokio::time::timeout(WAIT_LIMIT, differs).await {
            Ok(wanted) => wanted,
            Err(_) => self.node_mounts_wanted(node).await,
        };
        let opened = wanted?.into_iter().map(|mount| {
            let token = self.config().seal.open(&mount.id, &mount.token).map_err(Problem::bug)?;
            Ok(wire::store::NodeMount {
                token: token.expose().clone(),
                id: mount.id,
                export: mount.export,
                directory: mount.directory,
                is_read_only: mount.is_read_only,
            })
        });
        Ok(MountsWanted { mounts: opened.collect::<Result<_, Problem>>()? })
    }

    /// By id.
    async fn node_mounts_wanted(&self, node: &str) -> Result<Vec<NodeMount>, DbError> {
        if self.mounts_rest().is_cancelled() {
            return Ok(Vec::new());
        }
        let mut mounts = node_mount_list(self.db(), node).await?;
        mounts.retain(|mount| mount.is_wanted);
        mounts.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(mounts)
    }

    /// From now on this process answers nodes that nothing is to be mounted, without forgetting what is wanted; waits until those
    /// that speak with it have unmounted. For one that ends together with stores: mounts store what they kept while these are there.
    ///
    /// # Errors
    /// The database's.
    pub async fn node_mounts_rest(&self) -> Result<(), ServiceError> {
        self.mounts_rest().cancel();
        loop {
            let now_ms = self.db().clock().now_ms();
            let mut mounts = node_mount_all(self.db()).await?;
            mounts.retain(|mount| mount.is_mounted && now_ms - mount.seen_ms < SPEAKS_MS);
            if mounts.is_empty() {
                return Ok(());
            }
            let watch = self.db().events().watch(mounts.iter().map(|mount| topic(&mount.node)));
            // A node that fell silent tells of nothing.
            let _silent = tokio::time::timeout(LOOK_AGAIN, watch.changed()).await;
        }
    }

    /// Forgets the mounts of nodes that were removed, and those that were to be unmounted by a node that is gone; their tokens too.
    pub(crate) async fn node_mounts_sweep(&self) -> Result<(), ServiceError> {
        let now_ms = self.db().clock().now_ms();
        let mut known: HashMap<String, bool> = HashMap::new();
        let mut write = Write::new();
        for mount in node_mount_all(self.db()).await? {
            let is_known = match known.get(&mount.node) {
                Some(is_known) => *is_known,
                None => *known.entry(mount.node.clone()).or_insert(self.node_is_known(&mount.node).await),
            };
            let is_silent = !mount.is_wanted && now_ms - mount.seen_ms > SILENT_MS;
            if is_silent || !is_known {
                tracing::info!("the mount of {} on {} is forgotten: its node is gone", mount.export, mount.directory);
                self.portal().token_drop(&mut write, &mount.token_id);
                node_mount_delete(&mut write, &mount.id);
                write.push_event(topic(&mount.node));
            }
        }
        if !write.is_empty() {
            self.db().write(write).await?;
        }
        Ok(())
    }

    /// `false`: it was removed. What can't be looked up now may be there.
    async fn node_is_known(&self, node: &str) -> bool {
        match self.config().nodes.node(node).await {
            Ok(found) => found.is_some(),
            Err(error) => {
                tracing::warn!(error = error.as_ref() as &dyn std::error::Error, "a node could not be looked up");
                true
            }
        }
    }

    async fn node_mounts_told(&self, node: &str, told: &[MountTold]) -> Result<(), ServiceError> {
        let (mut write, now_ms, mut is_news) = (Write::new(), self.db().clock().now_ms(), false);
        for mount in node_mount_list(self.db(), node).await? {
            match told.iter().find(|told| told.id == mount.id) {
                Some(told) => {
                    let detail = told.detail.chars().filter(|c| !c.is_control()).take(DETAIL_MAX).collect();
                    is_news |= told.is_mounted != mount.is_mounted || mount.detail != detail;
                    let is_mounted = told.is_mounted;
                    node_mount_told(&mut write, &NodeMount { is_mounted, detail, seen_ms: now_ms, ..mount });
                }
                None if !mount.is_wanted => {
                    is_news = true;
                    self.portal().token_drop(&mut write, &mount.token_id);
                    node_mount_delete(&mut write, &mount.id);
                }
                None if mount.is_mounted => {
                    is_news = true;
                    let detail = String::new();
                    node_mount_told(&mut write, &NodeMount { is_mounted: false, detail, ..mount });
                }
                None => {}
            }
        }
        if is_news {
            write.push_event(topic(node));
        }
        if !write.is_empty() {
            self.db().write(write).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
