//! Mounts on nodes: asked for by operators, carried out by agents, which say how each stands.

use std::collections::BTreeSet;
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
    node_mount_delete, node_mount_insert, node_mount_list, node_mount_told, node_mount_unwant,
};

/// An agent that has what it should have is answered after this long at the latest.
const WAIT_LIMIT: Duration = Duration::from_secs(20);
/// A node that has not spoken of a mount for this long may be gone: what it was to unmount is forgotten at once.
const SILENT_MS: i64 = 60_000;
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
        if node_mount_list(self.db(), node).await?.len() >= MOUNTS_MAX {
            return Err(ServiceError::MountsTooMany(MOUNTS_MAX));
        }
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
        node_mount_insert(&mut write, &mount);
        let detail = json!({ "node": node, "directory": mount.directory });
        self.portal().audit(&mut write, caller, "node.mount", &mount.export, detail);
        match self.db().write(write).await {
            Ok(_) => Ok(mount.into()),
            Err(DbError::Duplicate) => Err(ServiceError::DirectoryTaken(mount.directory)),
            Err(error) => Err(error.into()),
        }
    }

    /// Has it unmounted. What its node has not spoken of lately is forgotten at once.
    pub(crate) async fn node_mount_remove(&self, caller: &Caller, node: &str, id: &str) -> Result<(), ServiceError> {
        let mounts = node_mount_list(self.db(), node).await?;
        let mount = mounts.into_iter().find(|mount| mount.id == id).ok_or(ServiceError::MountUnknown)?;
        let mut write = Write::new();
        if self.db().clock().now_ms() - mount.seen_ms > SILENT_MS {
            self.portal().token_drop(&mut write, &mount.token_id);
            node_mount_delete(&mut write, &mount.id);
            write.push_event(topic(node));
        } else {
            node_mount_unwant(&mut write, &mount);
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
        let has: BTreeSet<&str> = report.mounts.iter().map(|told| told.id.as_str()).collect();
        let closing = self.portal().closing();
        let differs = async {
            loop {
                let mounts = node_mount_list(self.db(), node).await?;
                let wanted: Vec<_> = mounts.into_iter().filter(|mount| mount.is_wanted).collect();
                if wanted.iter().map(|mount| mount.id.as_str()).collect::<BTreeSet<_>>() != has {
                    return Ok(wanted);
                }
                tokio::select! {
                    () = closing.cancelled() => return Ok(wanted),
                    _ = watch.changed() => {}
                }
            }
        };
        let wanted: Result<Vec<NodeMount>, Problem> = match tokio::time::timeout(WAIT_LIMIT, differs).await {
            Ok(wanted) => wanted,
            Err(_) => {
                let mounts = node_mount_list(self.db(), node).await?;
                Ok(mounts.into_iter().filter(|mount| mount.is_wanted).collect())
            }
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
