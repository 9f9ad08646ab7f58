//! Volumes: made over the stores there are, and removed with what is on them.

use std::collections::BTreeMap;

use db::{DbError, Write};
use portal::Caller;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::ServiceError;
use super::export::{ExportNew, Right, shown};
use crate::Storage;
use crate::model::space::Space;
use crate::model::stripe::Layout;
use crate::model::volume::{HOME, Volume, name_checked};
use crate::queries::space::{space_expect_unused, space_list, space_mark_removed};
use crate::queries::volume::{
    BUSY, store_labels, volume_find, volume_insert, volume_list, volume_mark_removed, volumes_delete,
};

/// A volume as it is shown.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct VolumeView {
    /// Its number.
    pub id: i64,
    /// Its name.
    pub name: String,
    /// Its layout: 0, 1 or 2.
    pub layout: u8,
    /// Labels that its stores have to carry.
    pub stores: BTreeMap<String, String>,
    /// Stores that take its units now.
    pub stores_writable: usize,
    /// Those of its exports that are open to who asks, by name.
    pub exports: Vec<String>,
    /// User bytes in the exports that are open to who asks, those of snapshots counted in each.
    pub used_bytes: u64,
    /// When it was made, RFC 3339.
    pub created: String,
}

impl Storage {
    /// Makes a volume, and an export of the same name, for a tenant or for operators alone.
    pub(crate) async fn volume_create(
        &self,
        caller: &Caller,
        name: &str,
        layout: u8,
        labels: BTreeMap<String, String>,
        tenant: Option<&str>,
    ) -> Result<VolumeView, ServiceError> {
        let layout = Layout::try_from(layout)?;
        let tenant = self.tenant_meant(caller, tenant).await?;
        let (mut write, volume) = self.volume_new(name, layout, labels, tenant).await?;
        let detail = json!({ "layout": u8::from(layout), "stores": volume.labels });
        self.portal().audit(&mut write, caller, "volume.create", &volume.name, detail);
        self.volume_write(write, &volume.name).await?;
        self.volume_view(caller, volume).await
    }

    /// Makes the volume that personal exports are on, in layout 1, where there is no volume yet and there are stores enough
    /// for it. Answers whether there is a volume now.
    ///
    /// # Errors
    /// `Db`.
    pub async fn home_make(&self) -> Result<bool, ServiceError> {
        if !volume_list(self.db()).await?.is_empty() {
            return Ok(true);
        }
        match self.volume_new(HOME, Layout::try_from(1)?, BTreeMap::new(), None).await {
            Ok((mut write, volume)) => {
                self.portal().audit_seen(&mut write, "volume.create", HOME, json!({ "layout": 1 }));
                self.volume_write(write, &volume.name).await?;
                Ok(true)
            }
            Err(ServiceError::TooFewStores { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// What makes a volume, and an export of the same name.
    async fn volume_new(
        &self,
        name: &str,
        layout: Layout,
        labels: BTreeMap<String, String>,
        tenant: Option<String>,
    ) -> Result<(Write, Volume), ServiceError> {
        let name = name_checked(name)?;
        let have = carrying(&store_labels(self.db()).await?, &labels);
        if have < layout.units() {
            return Err(ServiceError::TooFewStores { layout: layout.into(), have, need: layout.units() });
        }
        let now_ms = self.db().clock().now_ms();
        let volume = Volume { id: self.number().await?, name: name.to_owned(), layout, labels, created_ms: now_ms };
        let mut write = Write::new();
        volume_insert(&mut write, &volume);
        let export = ExportNew { name: name.to_owned(), tenant, ..ExportNew::default() };
        self.export_push(&mut write, &volume, &export).await?;
        Ok((write, volume))
    }

    async fn volume_write(&self, write: Write, name: &str) -> Result<(), ServiceError> {
        match self.db().write(write).await {
            Ok(_) => Ok(()),
            Err(DbError::Duplicate) => Err(ServiceError::NameTaken(name.to_owned())),
            Err(error) => Err(error.into()),
        }
    }

    /// All volumes, by name, as `caller` may see them.
    pub(crate) async fn volume_views(&self, caller: &Caller) -> Result<Vec<VolumeView>, ServiceError> {
        let (volumes, spaces) = (volume_list(self.db()).await?, space_list(self.db(), None).await?);
        let stores = store_labels(self.db()).await?;
        Ok(volumes.into_iter().map(|volume| view(caller, volume, &spaces, &stores)).collect())
    }

    /// A volume by its name.
    pub(crate) async fn volume_by_name(&self, name: &str) -> Result<Volume, ServiceError> {
        volume_find(self.db(), name).await?.ok_or_else(|| ServiceError::VolumeUnknown(shown(name)))
    }

    pub(crate) async fn volume_view(&self, caller: &Caller, volume: Volume) -> Result<VolumeView, ServiceError> {
        let spaces = space_list(self.db(), None).await?;
        Ok(view(caller, volume, &spaces, &store_labels(self.db()).await?))
    }

    /// Removes a volume with the export of its name. What is in it goes to the trash in the background.
    pub(crate) async fn volume_remove(&self, caller: &Caller, name: &str) -> Result<(), ServiceError> {
        let volume = self.volume_by_name(name).await?;
        let spaces = space_list(self.db(), None).await?;
        let (own, others): (Vec<_>, Vec<_>) =
            spaces.into_iter().filter(|space| space.volume == volume.id).partition(|space| space.name == volume.name);
        if !others.is_empty() {
            let exports = others.into_iter().map(|space| space.name).collect::<Vec<_>>().join(", ");
            return Err(ServiceError::VolumeHasExports { volume: volume.name, exports });
        }
        let now_ms = self.db().time_ms().await?;
        let mut write = Write::new();
        for space in &own {
            self.export_check_removable(space).await?;
            space_expect_unused(&mut write, space.id, now_ms);
            space_mark_removed(&mut write, space.id);
        }
        volume_mark_removed(&mut write, volume.id);
        self.portal().audit(&mut write, caller, "volume.remove", &volume.name, json!({}));
        match self.db().write(write).await {
            Ok(_) => Ok(()),
            Err(DbError::Unmet { guard: BUSY }) => Err(ServiceError::ExportBusy { export: volume.name, sessions: 1 }),
            Err(error) => Err(error.into()),
        }
    }

    /// Removes the rows of removed volumes that have nothing left.
    pub(crate) async fn volumes_clear(&self) -> Result<(), ServiceError> {
        let mut write = Write::new();
        volumes_delete(&mut write);
        self.db().write(write).await?;
        Ok(())
    }
}

type Labels = BTreeMap<String, String>;

/// How many of these stores carry all of `labels`.
fn carrying(stores: &[Labels], labels: &Labels) -> usize {
    stores.iter().filter(|of| labels.iter().all(|(key, value)| of.get(key) == Some(value))).count()
}

fn view(caller: &Caller, volume: Volume, spaces: &[Space], stores: &[Labels]) -> VolumeView {
    let is_open = |space: &&Space| space.volume == volume.id && space.right_of(caller) >= Right::Read;
    let on_it = || spaces.iter().filter(is_open);
    VolumeView {
        id: volume.id,
        layout: volume.layout.into(),
        stores_writable: carrying(stores, &volume.labels),
        used_bytes: on_it().map(|space| space.usage.bytes).sum(),
        exports: on_it().map(|space| space.name.clone()).collect(),
        created: portal::utc_text(volume.created_ms),
        name: volume.name,
        stores: volume.labels,
    }
}
