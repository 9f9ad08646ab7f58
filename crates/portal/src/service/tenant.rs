//! Tenants and their administration.

use db::{DbError, Write};
use serde_json::json;

use crate::error::Problem;
use crate::model::account::name_checked;
use crate::model::caller::Caller;
use crate::model::tenant::{Tenant, TenantId, tenant_name_checked};
use crate::portal::Portal;
use crate::queries::tenant::{tenant_delete_empty, tenant_get, tenant_insert, tenant_list, tenant_set_title};
use crate::service::{ACCOUNTS, SESSIONS};

fn unknown() -> Problem {
    Problem::not_found("tenant-not-found", "There is no such tenant.")
}

impl Portal {
    /// Tenants by name.
    pub(crate) async fn tenant_list(&self, after: &str, limit: i64) -> Result<Vec<Tenant>, Problem> {
        Ok(tenant_list(&self.0.db, after, limit).await?)
    }

    /// Every tenant, by name. Errors: the database's.
    pub async fn tenants(&self) -> Result<Vec<Tenant>, Problem> {
        self.tenant_list("", i64::MAX).await
    }

    /// The tenant of this name or id. Errors: the database's.
    pub async fn tenant_find(&self, name_or_id: &str) -> Result<Option<Tenant>, DbError> {
        let is_meant = |tenant: &Tenant| tenant.name == name_or_id || tenant.id.as_str() == name_or_id;
        Ok(tenant_list(&self.0.db, "", i64::MAX).await?.into_iter().find(is_meant))
    }

    /// One tenant. Errors: `tenant-not-found`.
    pub(crate) async fn tenant_get(&self, id: &str) -> Result<Tenant, Problem> {
        let id = TenantId::parse(id).ok_or_else(unknown)?;
        tenant_get(&self.0.db, &id).await?.ok_or_else(unknown)
    }

    /// Makes a tenant. Errors: `tenant-name-invalid`, `text-invalid` on the title, `tenant-name-taken`.
    pub async fn tenant_create(&self, caller: &Caller, name: &str, title: &str) -> Result<Tenant, Problem> {
        let tenant = Tenant {
            id: TenantId::new(),
            name: tenant_name_checked(name)?,
            title: name_checked(title, "title")?,
            created_ms: self.now_ms(),
            accounts: 0,
        };
        let mut write = Write::new().step(tenant_insert(&tenant)).event(ACCOUNTS);
        self.audit(&mut write, caller, "tenant.create", &tenant.name, json!({ "title": tenant.title }));
        match self.0.db.write(write).await {
            Ok(_) => Ok(tenant),
            Err(DbError::Duplicate) => {
                Err(Problem::conflict("tenant-name-taken", "Another tenant has this name.").field("name"))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Changes a tenant's title. Errors: `tenant-not-found`, `text-invalid`.
    pub(crate) async fn tenant_change(&self, caller: &Caller, id: &str, title: &str) -> Result<Tenant, Problem> {
        let mut tenant = self.tenant_get(id).await?;
        tenant.title = name_checked(title, "title")?;
        let mut write =
            Write::new().expect("tenant", tenant_set_title(&tenant.id, &tenant.title)).event(ACCOUNTS).event(SESSIONS);
        self.audit(&mut write, caller, "tenant.change", &tenant.name, json!({ "title": tenant.title }));
        self.0.db.write(write).await?;
        self.0.identities.clear();
        Ok(tenant)
    }

    /// Deletes a tenant without accounts. Errors: `tenant-not-found`, `tenant-not-empty`.
    pub async fn tenant_delete(&self, caller: &Caller, id: &str) -> Result<(), Problem> {
        let tenant = self.tenant_get(id).await?;
        let mut write = Write::new().expect("empty", tenant_delete_empty(&tenant.id)).event(ACCOUNTS);
        self.audit(&mut write, caller, "tenant.delete", &tenant.name, json!({}));
        match self.0.db.write(write).await {
            Ok(_) => Ok(()),
            Err(DbError::Unmet { .. }) => {
                Err(Problem::conflict("tenant-not-empty", "Accounts belong to this tenant; move or delete them first."))
            }
            Err(error) => Err(error.into()),
        }
    }
}
