//! Accounts: one's own profile, and their administration.

use db::{DbError, Write};
use serde_json::json;

use crate::error::Problem;
use crate::model::account::{Account, AccountId, login_checked, name_checked, password_check};
use crate::model::caller::Caller;
use crate::model::locale::Locale;
use crate::model::role::{Role, Roles};
use crate::model::secret::{Secret, random_password};
use crate::model::tenant::TenantId;
use crate::portal::Portal;
use crate::queries::account::{
    AccountFilter, account_delete, account_get, account_insert, account_list, account_profile_set,
    account_set_password, account_update, another_admin,
};
use crate::queries::session::session_delete_others;
use crate::queries::tenant::tenant_get;
use crate::service::{ACCOUNTS, CLIENTS, SESSIONS, TOKENS};

/// An account to make.
#[derive(Debug)]
pub(crate) struct NewAccount {
    pub(crate) login: String,
    pub(crate) name: String,
    pub(crate) role: Role,
    /// `None`: the caller's.
    pub(crate) tenant: Option<String>,
    /// `None`: one for a single use is made up, and has to be changed at the first sign-in.
    pub(crate) password: Option<String>,
}

/// What to change of an account; `None` leaves it.
#[derive(Debug, Default)]
pub(crate) struct AccountChange {
    pub(crate) name: Option<String>,
    pub(crate) role: Option<Role>,
    pub(crate) tenant: Option<String>,
    pub(crate) disabled: Option<bool>,
}

fn unknown() -> Problem {
    Problem::not_found("account-not-found", "There is no such account.")
}

fn last_admin(error: DbError) -> Problem {
    match error {
        DbError::Unmet { guard: "another-admin" } => {
            Problem::conflict("last-admin", "This is the last admin who can sign in; make another one first.")
        }
        DbError::Unmet { guard: "account" } => unknown(),
        error => error.into(),
    }
}

impl Portal {
    /// Accounts by login, one more than `limit` when there are more.
    pub(crate) async fn account_list(&self, filter: &AccountFilter) -> Result<Vec<Account>, Problem> {
        Ok(account_list(&self.0.db, filter).await?)
    }

    /// One account. Errors: `account-not-found`.
    pub(crate) async fn account_get(&self, id: &str) -> Result<Account, Problem> {
        let id = AccountId::parse(id).ok_or_else(unknown)?;
        account_get(&self.0.db, &id).await?.ok_or_else(unknown)
    }

    /// Makes an account; answers it with its one-time password, if one was made up.
    /// Errors: those of login, name and password, `login-taken`, `tenant-not-found`.
    pub(crate) async fn account_create(
        &self,
        caller: &Caller,
        new: NewAccount,
    ) -> Result<(Account, Option<Secret<String>>), Problem> {
        let login = login_checked(&new.login)?;
        let name = name_checked(&new.name, "name")?;
        let (tenant, tenant_title) = self.tenant_or_own(caller, new.tenant.as_deref()).await?;
        if let Some(password) = &new.password {
            password_check(password, &login, "password")?;
        }
        let one_time = new.password.is_none().then(random_password);
        let password = new.password.or_else(|| one_time.as_ref().map(|p| p.expose().clone())).unwrap_or_default();
        let hash = self.0.passwords.hash(password).await?;
        let account = Account {
            id: AccountId::new(),
            login,
            name,
            tenant,
            tenant_title,
            roles: Roles::up_to(new.role),
            locale: None,
            disabled: false,
            must_change: one_time.is_some(),
            created_ms: self.now_ms(),
        };
        let mut write = Write::new().step(account_insert(&account, &hash)).event(ACCOUNTS);
        self.audit(&mut write, caller, "account.create", &account.login, json!({ "role": new.role.word() }));
        match self.0.db.write(write).await {
            Ok(_) => Ok((account, one_time)),
            Err(DbError::Duplicate) => {
                Err(Problem::conflict("login-taken", "Somebody has this login already.").field("login"))
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn tenant_or_own(&self, caller: &Caller, asked: Option<&str>) -> Result<(TenantId, String), Problem> {
        let Some(asked) = asked else { return Ok((caller.tenant.clone(), caller.tenant_title.clone())) };
        let unknown = || Problem::not_found("tenant-not-found", "There is no such tenant.").field("tenant");
        let id = TenantId::parse(asked).ok_or_else(unknown)?;
        let tenant = tenant_get(&self.0.db, &id).await?.ok_or_else(unknown)?;
        Ok((tenant.id, tenant.title))
    }

    /// Changes an account. Errors: `account-not-found`, `tenant-not-found`, `text-invalid`, `last-admin`.
    pub(crate) async fn account_change(
        &self,
        caller: &Caller,
        id: &str,
        change: AccountChange,
    ) -> Result<Account, Problem> {
        let before = self.account_get(id).await?;
        let mut after = before.clone();
        if let Some(name) = &change.name {
            after.name = name_checked(name, "name")?;
        }
        if let Some(role) = change.role {
            after.roles = Roles::up_to(role);
        }
        if let Some(disabled) = change.disabled {
            after.disabled = disabled;
        }
        if let Some(tenant) = &change.tenant {
            (after.tenant, after.tenant_title) = self.tenant_or_own(caller, Some(tenant)).await?;
        }
        let mut write = Write::new();
        let was_admin = before.roles.has(Role::Admin) && !before.disabled;
        let stays_admin = after.roles.has(Role::Admin) && !after.disabled;
        if was_admin && !stays_admin {
            write.push_expect("another-admin", another_admin(&before.id));
        }
        write.push_expect("account", account_update(&after));
        if after.disabled && !before.disabled {
            write.push_step(session_delete_others(&after.id, ""));
        }
        let detail = json!({
            "name": after.name, "role": after.roles.highest().word(), "tenant": after.tenant.as_str(),
            "disabled": after.disabled,
        });
        self.audit(&mut write, caller, "account.change", &after.login, detail);
        self.account_write(write).await?;
        Ok(after)
    }

    /// Gives an account a password for one use; its sessions end. Errors: `account-not-found`.
    pub(crate) async fn account_reset(&self, caller: &Caller, id: &str) -> Result<Secret<String>, Problem> {
        let account = self.account_get(id).await?;
        let password = random_password();
        let hash = self.0.passwords.hash(password.expose().clone()).await?;
        let mut write = Write::new()
            .expect("account", account_set_password(&account.id, &hash, true))
            .step(session_delete_others(&account.id, ""));
        self.audit(&mut write, caller, "account.reset", &account.login, json!({}));
        self.account_write(write).await?;
        Ok(password)
    }

    /// Deletes an account and all that is its own, in every service. The journal keeps its deeds.
    /// Errors: `account-not-found`, `last-admin`.
    pub(crate) async fn account_delete(&self, caller: &Caller, id: &str) -> Result<(), Problem> {
        let account = self.account_get(id).await?;
        let mut write = Write::new();
        if account.roles.has(Role::Admin) && !account.disabled {
            write.push_expect("another-admin", another_admin(&account.id));
        }
        for removal in &self.0.config.removals {
            removal(&mut write, &account.id);
        }
        account_delete(&mut write, &account.id);
        self.audit(&mut write, caller, "account.delete", &account.login, json!({ "name": account.name }));
        self.account_write(write).await
    }

    /// Writes a change of accounts and makes every replica forget what it believed of them.
    async fn account_write(&self, write: Write) -> Result<(), Problem> {
        let write = write.event(ACCOUNTS).event(SESSIONS).event(TOKENS).event(CLIENTS);
        self.0.db.write(write).await.map_err(last_admin)?;
        self.0.identities.clear();
        Ok(())
    }

    /// Changes the caller's own name or language. Errors: `text-invalid`.
    pub(crate) async fn profile_change(
        &self,
        caller: &Caller,
        name: Option<&str>,
        locale: Option<Locale>,
    ) -> Result<Account, Problem> {
        let name = name.map(|name| name_checked(name, "name")).transpose()?;
        let mut write = Write::new().expect("account", account_profile_set(&caller.account, name.as_deref(), locale));
        if let Some(name) = &name {
            // Which language somebody reads is no deed.
            self.audit(&mut write, caller, "account.profile", &caller.login, json!({ "name": name }));
        }
        self.account_write(write).await?;
        self.account_get(caller.account.as_str()).await
    }
}
