//! Snapshots: an export as it was in one moment, by reference.

use db::{DbError, Write};
use portal::{Caller, Role};
use serde_json::json;

use super::ServiceError;
use super::export::{ExportView, Right, shown};
use crate::Storage;
use crate::model::space::Space;
use crate::model::volume::name_checked;
use crate::namespace::Usage;
use crate::queries::snapshot::{
    SNAPSHOTS, inodes_clear, pieces_clear, snapshots_expect_fewer, space_copy, space_delete, space_removed,
    space_replace,
};
use crate::queries::space::{STALE, space_expect_free, space_expect_unused, space_find, space_list, space_touch};
use crate::queries::volume::BUSY;

/// Rows that are cleared away at once.
const PORTION: i64 = 2_048;
/// Snapshots of an export. What they keep counts in nobody's limits.
const SNAPSHOTS_MAX: i64 = 64;
/// How often the delegation is taken away before giving up.
const ATTEMPTS: usize = 3;

impl Storage {
    /// Takes a snapshot of what a mount has stored, and of what it kept to itself until now.
    pub(crate) async fn snapshot_create(
        &self,
        caller: &Caller,
        export: &str,
        name: &str,
    ) -> Result<ExportView, ServiceError> {
        let space = self.space_writable(caller, export).await?;
        let copy = Space {
            id: self.number().await?,
            name: format!("{}@{}", space.name, name_checked(name)?),
            parent: Some(space.id),
            usage: Usage::default(),
            created_ms: self.db().clock().now_ms(),
            ..space.clone()
        };
        for attempt in 1.. {
            self.delegation_take(space.id).await?;
            let mut write = Write::new();
            space_expect_free(&mut write, space.id);
            snapshots_expect_fewer(&mut write, space.id, SNAPSHOTS_MAX);
            space_copy(&mut write, space.id, &copy);
            self.portal().audit(&mut write, caller, "snapshot.create", &copy.name, json!({}));
            match self.db().write(write).await {
                Ok(_) => break,
                Err(DbError::Unmet { guard: STALE }) if attempt < ATTEMPTS => {}
                Err(DbError::Duplicate) => return Err(ServiceError::NameTaken(copy.name)),
                Err(DbError::Unmet { guard: SNAPSHOTS }) => return Err(ServiceError::SnapshotsTooMany(SNAPSHOTS_MAX)),
                Err(error) => return Err(error.into()),
            }
        }
        self.export_view(caller, &copy.name).await
    }

    /// The snapshots of an export, by name.
    pub(crate) async fn snapshot_views(&self, caller: &Caller, export: &str) -> Result<Vec<ExportView>, ServiceError> {
        let (space, right) = self.space_of(caller, export).await?;
        let snapshots = space_list(self.db(), Some(space.id)).await?;
        Ok(snapshots.iter().map(|snapshot| ExportView::new(snapshot, right)).collect())
    }

    /// Removes a snapshot.
    pub(crate) async fn snapshot_remove(&self, caller: &Caller, export: &str, name: &str) -> Result<(), ServiceError> {
        let (_, snapshot) = self.snapshot_of(caller, export, name).await?;
        self.export_remove(caller, &snapshot.name).await
    }

    /// Puts a snapshot in the place of what is in its export, or into a new export when one is named.
    pub(crate) async fn snapshot_restore(
        &self,
        caller: &Caller,
        export: &str,
        name: &str,
        to: Option<&str>,
    ) -> Result<ExportView, ServiceError> {
        let (space, snapshot) = self.snapshot_of(caller, export, name).await?;
        let target = to.unwrap_or(&space.name).to_owned();
        let mut write = Write::new();
        match to {
            Some(to) => {
                if !caller.has(Role::Operator) {
                    return Err(ServiceError::OperatorNeeded);
                }
                let copy = Space {
                    id: self.number().await?,
                    name: name_checked(to)?.to_owned(),
                    usage: space.usage,
                    created_ms: self.db().clock().now_ms(),
                    ..space.clone()
                };
                space_copy(&mut write, snapshot.id, &copy);
            }
            None => {
                let sessions = self.sessions_open(space.id).await?.len();
                if sessions > 0 {
                    return Err(ServiceError::ExportBusy { export: space.name, sessions });
                }
                // Whoever removes the snapshot waits until it is copied, or was first.
                space_touch(&mut write, snapshot.id);
                space_expect_unused(&mut write, space.id, self.db().time_ms().await?);
                space_replace(&mut write, &snapshot, space.id, self.db().clock().now_ms());
            }
        }
        self.portal().audit(&mut write, caller, "snapshot.restore", &snapshot.name, json!({ "to": target }));
        match self.db().write(write).await {
            Ok(_) => self.export_view(caller, &target).await,
            Err(DbError::Duplicate) => Err(ServiceError::NameTaken(target)),
            Err(DbError::Unmet { guard: BUSY }) => Err(ServiceError::ExportBusy { export: space.name, sessions: 1 }),
            Err(DbError::Unmet { guard: STALE }) => Err(ServiceError::SnapshotUnknown(shown(name))),
            Err(error) => Err(error.into()),
        }
    }

    /// Clears away a portion of a removed name space. `false`: there is none.
    pub(crate) async fn space_clear(&self) -> Result<bool, ServiceError> {
        let Some(space) = space_removed(self.db()).await? else { return Ok(false) };
        let now_ms = self.db().clock().now_ms();
        let is_empty = pieces_clear(self.db(), space, PORTION, now_ms).await? == 0
            && inodes_clear(self.db(), space, PORTION).await? == 0;
        if is_empty {
            let mut write = Write::new();
            space_delete(&mut write, space);
            self.db().write(write).await?;
        }
        Ok(true)
    }

    async fn snapshot_of(&self, caller: &Caller, export: &str, name: &str) -> Result<(Space, Space), ServiceError> {
        let space = self.space_writable(caller, export).await?;
        let found = space_find(self.db(), &format!("{}@{name}", space.name)).await?;
        let snapshot = found.ok_or_else(|| ServiceError::SnapshotUnknown(shown(name)))?;
        Ok((space, snapshot))
    }

    async fn space_writable(&self, caller: &Caller, export: &str) -> Result<Space, ServiceError> {
        let (space, right) = self.space_of(caller, export).await?;
        if right < Right::Write || space.is_read_only() {
            return Err(ServiceError::ExportReadOnly(space.name));
        }
        Ok(space)
    }
}
