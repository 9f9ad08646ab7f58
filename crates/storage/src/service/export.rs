//! Exports: name spaces of a volume, each with people it is for and limits.

use db::{DbError, Write};
use portal::{Caller, Role};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::ServiceError;
use crate::Storage;
use crate::model::space::Space;
use crate::model::volume::{HOME, Volume, home_name, name_checked};
use crate::namespace::{Direct, Usage};
use crate::queries::space::{
    root_insert, space_expect_unused, space_find, space_insert, space_limit, space_list, space_mark_removed,
};
use crate::queries::volume::{BUSY, volume_find};

/// Bytes that a personal export may hold, until an operator says otherwise.
const HOME_BYTES: u64 = 1 << 30;
/// Inodes that it may hold.
const HOME_INODES: u64 = 200_000;

/// What somebody may do in a name space.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Right {
    /// It is not theirs to know of.
    Nothing,
    Read,
    Write,
}

impl Space {
    /// Operators and owners may do all; of the tenant it is for, teachers may write and learners read.
    pub(crate) fn right_of(&self, caller: &Caller) -> Right {
        let is_theirs = self.owner.as_deref() == Some(caller.account.as_str());
        let is_of_tenant = self.tenant.as_deref() == Some(caller.tenant.as_str());
        if caller.has(Role::Operator) || is_theirs || (is_of_tenant && caller.has(Role::Teacher)) {
            Right::Write
        } else if is_of_tenant && self.owner.is_none() {
            Right::Read
        } else {
            Right::Nothing
        }
    }
}

/// An export or a snapshot as it is shown.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct ExportView {
    /// Its number.
    pub id: i64,
    /// Its name; of a snapshot, EXPORT@NAME.
    pub name: String,
    /// Its volume's name.
    pub volume: String,
    /// Id of the tenant it is for: its teachers may change it, its learners read it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// Id of the account whose it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// Whether the caller may change nothing in it.
    pub read_only: bool,
    /// What is used and may be.
    pub usage: Usage,
    /// When it was made, RFC 3339.
    pub created: String,
    #[serde(skip)]
    pub(crate) created_ms: i64,
}

impl ExportView {
    pub(crate) fn new(space: &Space, right: Right) -> Self {
        Self {
            id: space.id,
            name: space.name.clone(),
            volume: space.volume_name.clone(),
            tenant: space.tenant.clone(),
            owner: space.owner.clone(),
            read_only: space.is_read_only() || right < Right::Write,
            usage: space.usage,
            created: portal::utc_text(space.created_ms),
            created_ms: space.created_ms,
        }
    }
}

/// Limits of an export; what is left out stays, 0 is none.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Bytes above which people are warned.
    pub bytes_soft: Option<u64>,
    /// Bytes above which nothing can be written.
    pub bytes_hard: Option<u64>,
    /// Inodes above which nothing can be made.
    pub inodes_hard: Option<u64>,
}

impl Limits {
    fn of(self, before: Usage) -> Result<Usage, ServiceError> {
        let most = i64::MAX as u64;
        let limit = |new: Option<u64>, old: u64| new.unwrap_or(old).min(most);
        let bytes_soft = limit(self.bytes_soft, before.bytes_soft);
        let bytes_hard = limit(self.bytes_hard, before.bytes_hard);
        if bytes_hard != 0 && bytes_soft > bytes_hard {
            return Err(ServiceError::Limits);
        }
        Ok(Usage { bytes_soft, bytes_hard, inodes_hard: limit(self.inodes_hard, before.inodes_hard), ..before })
    }
}

/// An export to be made.
#[derive(Debug, Default)]
pub(crate) struct ExportNew {
    pub(crate) name: String,
    pub(crate) tenant: Option<String>,
    pub(crate) owner: Option<String>,
    pub(crate) limits: Limits,
}

/// A name as it is shown to somebody who may have made it up.
pub(super) fn shown(name: &str) -> String {
    name.chars().filter(|c| !c.is_control()).take(130).collect()
}

impl Storage {
    /// The name space of an export or a snapshot, for the caller's work in it. `wants_write` refuses those who may only
    /// read, and takes the delegation of a mount away first.
    ///
    /// # Errors
    /// `ExportUnknown` also for what the caller may not know of; `ExportReadOnly`.
    pub async fn namespace(&self, caller: &Caller, export: &str, wants_write: bool) -> Result<Direct, ServiceError> {
        let (space, right) = self.space_of(caller, export).await?;
        if wants_write {
            if right < Right::Write || space.is_read_only() {
                return Err(ServiceError::ExportReadOnly(space.name));
            }
            self.delegation_take(space.id).await?;
        }
        Ok(Direct::new(self.clone(), space, right < Right::Write))
    }

    /// A name space that the caller may at least read. Their personal one is made when it is first asked for.
    pub(crate) async fn space_of(&self, caller: &Caller, export: &str) -> Result<(Space, Right), ServiceError> {
        let unknown = || ServiceError::ExportUnknown(shown(export));
        let space = match space_find(self.db(), export).await? {
            None if export == self.home_of(caller) => self.home_create(caller, export).await?.ok_or_else(unknown)?,
            found => found.ok_or_else(unknown)?,
        };
        match space.right_of(caller) {
            Right::Nothing => Err(unknown()),
            right => Ok((space, right)),
        }
    }

    /// The name of the caller's personal export, which is made when it is first asked for.
    #[must_use]
    pub fn home_of(&self, caller: &Caller) -> String {
        home_name(&caller.login, caller.account.as_str())
    }

    async fn home_create(&self, caller: &Caller, name: &str) -> Result<Option<Space>, ServiceError> {
        let Some(volume) = volume_find(self.db(), HOME).await? else { return Ok(None) };
        let limits = Limits { bytes_soft: None, bytes_hard: Some(HOME_BYTES), inodes_hard: Some(HOME_INODES) };
        let new = ExportNew {
            name: name.to_owned(),
            tenant: Some(caller.tenant.as_str().to_owned()),
            owner: Some(caller.account.as_str().to_owned()),
            limits,
        };
        let mut write = Write::new();
        self.export_push(&mut write, &volume, &new).await?;
        match self.db().write(write).await {
            // Somebody made it in the same moment.
            Ok(_) | Err(DbError::Duplicate) => Ok(space_find(self.db(), name).await?),
            Err(error) => Err(error.into()),
        }
    }

    /// Adds an export with its root directory.
    pub(super) async fn export_push(
        &self,
        write: &mut Write,
        volume: &Volume,
        new: &ExportNew,
    ) -> Result<(), ServiceError> {
        let now_ms = self.db().clock().now_ms();
        let (id, root) = (self.number().await?, self.number().await?);
        let space = Space {
            id,
            volume: volume.id,
            volume_name: volume.name.clone(),
            layout: volume.layout,
            name: name_checked(&new.name)?.to_owned(),
            parent: None,
            tenant: new.tenant.clone(),
            owner: new.owner.clone(),
            root,
            usage: new.limits.of(Usage { inodes: 1, ..Usage::default() })?,
            epoch: 1,
            holder: None,
            wanted_ms: None,
            created_ms: now_ms,
        };
        space_insert(write, &space);
        root_insert(write, id, root, now_ms.saturating_mul(1_000_000));
        Ok(())
    }

    /// The id of the tenant that is given by its name, its id or as `mine`.
    pub(super) async fn tenant_meant(
        &self,
        caller: &Caller,
        tenant: Option<&str>,
    ) -> Result<Option<String>, ServiceError> {
        let id = match tenant {
            None => return Ok(None),
            Some("mine") => caller.tenant.clone(),
            Some(name) => self.portal().tenant_find(name).await?.ok_or_else(|| ServiceError::Tenant(shown(name)))?.id,
        };
        Ok(Some(id.as_str().to_owned()))
    }

    /// Makes an export on a volume.
    pub(crate) async fn export_create(
        &self,
        caller: &Caller,
        volume: &str,
        mut new: ExportNew,
    ) -> Result<ExportView, ServiceError> {
        let volume = self.volume_by_name(volume).await?;
        new.tenant = self.tenant_meant(caller, new.tenant.as_deref()).await?;
        let mut write = Write::new();
        self.export_push(&mut write, &volume, &new).await?;
        self.portal().audit(&mut write, caller, "export.create", &new.name, json!({ "volume": volume.name }));
        match self.db().write(write).await {
            Ok(_) => self.export_view(caller, &new.name).await,
            Err(DbError::Duplicate) => Err(ServiceError::NameTaken(new.name)),
            Err(error) => Err(error.into()),
        }
    }

    /// An export or a snapshot.
    pub(crate) async fn export_view(&self, caller: &Caller, name: &str) -> Result<ExportView, ServiceError> {
        let (space, right) = self.space_of(caller, name).await?;
        Ok(ExportView::new(&space, right))
    }

    /// The exports that the caller may at least read, by name; the personal one too, which is made by that.
    pub(crate) async fn export_views(&self, caller: &Caller) -> Result<Vec<ExportView>, ServiceError> {
        match self.space_of(caller, &self.home_of(caller)).await {
            Ok(_) | Err(ServiceError::ExportUnknown(_)) => {}
            Err(error) => return Err(error),
        }
        let spaces = space_list(self.db(), None).await?;
        let rights = spaces.iter().map(|space| (space, space.right_of(caller)));
        Ok(rights
            .filter(|(_, right)| *right > Right::Nothing)
            .map(|(space, right)| ExportView::new(space, right))
            .collect())
    }

    /// Sets the limits of an export.
    pub(crate) async fn export_limit(
        &self,
        caller: &Caller,
        name: &str,
        limits: Limits,
    ) -> Result<ExportView, ServiceError> {
        let (space, _) = self.space_of(caller, name).await?;
        if space.is_read_only() {
            return Err(ServiceError::ExportReadOnly(space.name));
        }
        let usage = limits.of(space.usage)?;
        let mut write = Write::new();
        space_limit(&mut write, space.id, &usage);
        self.portal().audit(&mut write, caller, "export.limit", &space.name, json!(limits));
        self.db().write(write).await?;
        self.export_view(caller, name).await
    }

    /// Removes an export that nobody works in. What is in it goes to the trash in the background.
    pub(crate) async fn export_remove(&self, caller: &Caller, name: &str) -> Result<(), ServiceError> {
        let (space, right) = self.space_of(caller, name).await?;
        if right < Right::Write {
            return Err(ServiceError::ExportReadOnly(space.name));
        }
        self.export_check_removable(&space).await?;
        let mut write = Write::new();
        space_expect_unused(&mut write, space.id, self.db().time_ms().await?);
        space_mark_removed(&mut write, space.id);
        self.portal().audit(&mut write, caller, "export.remove", &space.name, json!({}));
        match self.db().write(write).await {
            Ok(_) => Ok(()),
            Err(DbError::Unmet { guard: BUSY }) => Err(ServiceError::ExportBusy { export: space.name, sessions: 1 }),
            Err(error) => Err(error.into()),
        }
    }

    pub(super) async fn export_check_removable(&self, space: &Space) -> Result<(), ServiceError> {
        let sessions = self.sessions_open(space.id).await?.len();
        if sessions > 0 {
            return Err(ServiceError::ExportBusy { export: space.name.clone(), sessions });
        }
        let snapshots = space_list(self.db(), Some(space.id)).await?.len();
        if snapshots > 0 {
            return Err(ServiceError::ExportHasSnapshots { export: space.name.clone(), snapshots });
        }
        Ok(())
    }
}
