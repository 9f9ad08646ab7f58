//! The first start.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use db::{DbError, Write};
use serde_json::json;

use crate::error::Problem;
use crate::model::account::{Account, AccountId};
use crate::model::caller::Via;
use crate::model::client::Token;
use crate::model::new_id;
use crate::model::role::{Role, Roles};
use crate::model::secret::{Secret, random_password, random_token, secret_hash};
use crate::model::tenant::{FIRST_TENANT, Tenant, TenantId};
use crate::portal::Portal;
use crate::queries::account::{account_insert, admin_first};
use crate::queries::tenant::tenant_insert;
use crate::queries::token::{token_delete_named, token_insert};
use crate::service::TOKENS;
use crate::service::sign_in::caller_of;

/// The file with the admin's API token, and the beginning of that token's name.
const TOKEN_FILE: &str = "admin.token";

/// The admin that the first start made.
#[derive(Clone, Debug)]
pub struct FirstAdmin {
    /// Its login.
    pub login: String,
    /// Its password; stored nowhere, so show it now.
    pub password: Secret<String>,
}

pub(crate) async fn bootstrap(portal: &Portal, dir: &Path, replica: &str) -> Result<Option<FirstAdmin>, Problem> {
    let (admin, first) = match admin_first(&portal.0.db).await? {
        Some(admin) => (Some(admin), None),
        None => make_admin(portal).await?,
    };
    let Some(admin) = admin else { return Ok(first) };
    let file = dir.join(TOKEN_FILE);
    if first.is_some() || !file.exists() {
        let secret = make_token(portal, &admin, format!("{TOKEN_FILE} of {replica}")).await?;
        write_private(&file, secret.expose()).map_err(Problem::bug)?;
    }
    Ok(first)
}

/// Makes tenant and admin, unless another replica is just doing so or all admins were taken away on purpose.
async fn make_admin(portal: &Portal) -> Result<(Option<Account>, Option<FirstAdmin>), Problem> {
    let now = portal.now_ms();
    let tenant = Tenant {
        id: TenantId::new(),
        name: FIRST_TENANT.into(),
        title: "Default".into(),
        created_ms: now,
        accounts: 0,
    };
    let account = Account {
        id: AccountId::new(),
        login: String::from("admin"),
        name: String::from("Administrator"),
        tenant: tenant.id.clone(),
        tenant_title: tenant.title.clone(),
        roles: Roles::up_to(Role::Admin),
        locale: None,
        disabled: false,
        must_change: false,
        created_ms: now,
    };
    let password = random_password();
    let hash = portal.0.passwords.hash(password.expose().clone()).await?;
    let mut write = Write::new().step(tenant_insert(&tenant)).step(account_insert(&account, &hash));
    portal.audit(&mut write, &system(&account), "account.create", &account.login, json!({ "first": true }));
    match portal.0.db.write(write).await {
        Ok(_) => {
            let first = FirstAdmin { login: account.login.clone(), password };
            Ok((Some(account), Some(first)))
        }
        Err(DbError::Duplicate) => Ok((admin_first(&portal.0.db).await?, None)),
        Err(error) => Err(error.into()),
    }
}

fn system(account: &Account) -> crate::model::caller::Caller {
    caller_of(account, Via::Token { id: String::from("bootstrap") }, "bootstrap")
}

async fn make_token(portal: &Portal, admin: &Account, name: String) -> Result<Secret<String>, Problem> {
    let secret = random_token();
    let token = Token { id: new_id(), name, created_ms: portal.now_ms(), expires_ms: None, last_used_ms: None };
    let mut write = Write::new()
        .step(token_delete_named(&admin.id, &token.name))
        .step(token_insert(&token, &admin.id, &secret_hash(secret.expose()), None))
        .event(TOKENS);
    portal.audit(&mut write, &system(admin), "token.create", &token.name, json!({}));
    portal.0.db.write(write).await?;
    portal.0.identities.clear();
    Ok(secret)
}

/// Writes the file so that nobody but its owner can ever read it, whole or not at all.
pub(crate) fn write_private(file: &Path, text: &str) -> std::io::Result<()> {
    let draft = file.with_extension("new");
    let _ = std::fs::remove_file(&draft); // left by a crash; it may have other rights
    let mut out = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
    writeln!(out, "{text}")?;
    out.sync_all()?;
    std::fs::rename(&draft, file)
}
