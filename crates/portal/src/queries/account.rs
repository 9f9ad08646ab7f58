//! Accounts in SQL.

use db::{Database, DbError, Query, Row, Write};

use crate::model::account::{Account, AccountId};
use crate::model::locale::Locale;
use crate::model::role::{Role, Roles};
use crate::model::tenant::TenantId;
use crate::queries::like_anywhere;

/// The columns [`account_from`] reads, of `portal_account a` joined with `portal_tenant t`.
pub(crate) const COLUMNS: &str = "a.account_id, a.login, a.name, a.tenant_id, t.title AS tenant_title, a.role_name, \
     a.locale, a.disabled, a.must_change, a.created_ms AS account_created_ms";

const FROM: &str = "FROM portal_account a JOIN portal_tenant t ON t.tenant_id = a.tenant_id";

/// A row with [`COLUMNS`] as an account.
pub(crate) fn account_from(row: &Row) -> Result<Account, DbError> {
    let role: String = row.get("role_name")?;
    let locale: Option<String> = row.get("locale")?;
    Ok(Account {
        id: AccountId::stored(row.get("account_id")?),
        login: row.get("login")?,
        name: row.get("name")?,
        tenant: TenantId::stored(row.get("tenant_id")?),
        tenant_title: row.get("tenant_title")?,
        // A word of a newer version grants nothing.
        roles: Roles::up_to(role.parse().unwrap_or(Role::Learner)),
        locale: locale.and_then(|tag| tag.parse::<Locale>().ok()),
        disabled: row.get("disabled")?,
        must_change: row.get("must_change")?,
        created_ms: row.get("account_created_ms")?,
    })
}

/// What the accounts list is narrowed to.
#[derive(Clone, Debug, Default)]
pub(crate) struct AccountFilter {
    /// Part of the login or name.
    pub(crate) text: Option<String>,
    /// Exactly this role.
    pub(crate) role: Option<Role>,
    /// One tenant.
    pub(crate) tenant: Option<TenantId>,
    /// Only logins after this one (keyset).
    pub(crate) after: Option<String>,
    /// At most this many.
    pub(crate) limit: i64,
}

/// Accounts by login.
pub(crate) async fn account_list(db: &Database, filter: &AccountFilter) -> Result<Vec<Account>, DbError> {
    let mut sql = format!("SELECT {COLUMNS} {FROM} WHERE a.login > ?");
    let mut values = vec![filter.after.clone().unwrap_or_default()];
    if let Some(text) = &filter.text {
        sql.push_str(" AND (LOWER(a.login) LIKE ? ESCAPE '!' OR LOWER(a.name) LIKE ? ESCAPE '!')");
        values.push(like_anywhere(text));
        values.push(like_anywhere(text));
    }
    if let Some(role) = filter.role {
        sql.push_str(" AND a.role_name = ?");
        values.push(role.word().to_owned());
    }
    if let Some(tenant) = &filter.tenant {
        sql.push_str(" AND a.tenant_id = ?");
        values.push(tenant.as_str().to_owned());
    }
    sql.push_str(" ORDER BY a.login LIMIT ?");
    let mut query = Query::new(sql);
    for value in values {
        query.push_bind(value);
    }
    query.push_bind(filter.limit);
    db.all(query).await?.iter().map(account_from).collect()
}

/// One account.
pub(crate) async fn account_get(db: &Database, id: &AccountId) -> Result<Option<Account>, DbError> {
    let sql = format!("SELECT {COLUMNS} {FROM} WHERE a.account_id = ?");
    db.optional(Query::new(sql).bind(id.as_str())).await?.as_ref().map(account_from).transpose()
}

/// The account with its password hash, by login.
pub(crate) async fn account_with_hash(db: &Database, login: &str) -> Result<Option<(Account, String)>, DbError> {
    let sql = format!("SELECT {COLUMNS}, a.password_hash {FROM} WHERE a.login = ?");
    let Some(row) = db.optional(Query::new(sql).bind(login)).await? else { return Ok(None) };
    Ok(Some((account_from(&row)?, row.get("password_hash")?)))
}

/// The admin that was made first.
pub(crate) async fn admin_first(db: &Database) -> Result<Option<Account>, DbError> {
    let sql = format!(
        "SELECT {COLUMNS} {FROM} WHERE a.role_name = 'admin' AND a.disabled = 0 ORDER BY a.created_ms, a.login LIMIT 1"
    );
    db.optional(Query::new(sql)).await?.as_ref().map(account_from).transpose()
}

/// Inserts `account`; `DbError::Duplicate` when the login is taken.
pub(crate) fn account_insert(account: &Account, password_hash: &str) -> Query {
    Query::new(
        "INSERT INTO portal_account (account_id, login, name, tenant_id, role_name, password_hash, must_change, locale, \
         disabled, created_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(account.id.as_str())
    .bind(account.login.as_str())
    .bind(account.name.as_str())
    .bind(account.tenant.as_str())
    .bind(account.roles.highest().word())
    .bind(password_hash)
    .bind(account.must_change)
    .bind(account.locale.map(|l| l.tag().to_owned()))
    .bind(account.disabled)
    .bind(account.created_ms)
}

/// Writes name, role, tenant and whether it is disabled; the language is its owner's.
pub(crate) fn account_update(account: &Account) -> Query {
    Query::new("UPDATE portal_account SET name = ?, role_name = ?, tenant_id = ?, disabled = ? WHERE account_id = ?")
        .bind(account.name.as_str())
        .bind(account.roles.highest().word())
        .bind(account.tenant.as_str())
        .bind(account.disabled)
        .bind(account.id.as_str())
}

/// Writes what its owner may change, `None` leaves it. Nothing else, so that it can't undo what an admin does meanwhile.
pub(crate) fn account_profile_set(id: &AccountId, name: Option<&str>, locale: Option<Locale>) -> Query {
    Query::new("UPDATE portal_account SET name = COALESCE(?, name), locale = COALESCE(?, locale) WHERE account_id = ?")
        .bind(name.map(str::to_owned))
        .bind(locale.map(|l| l.tag().to_owned()))
        .bind(id.as_str())
}

/// Guards a change that would take an admin away: another one who can sign in must be there. Sets nothing.
pub(crate) fn another_admin(except: &AccountId) -> Query {
    Query::new("UPDATE portal_account SET disabled = 0 WHERE role_name = 'admin' AND disabled = 0 AND account_id <> ?")
        .bind(except.as_str())
}

/// Sets a password hash.
pub(crate) fn account_set_password(id: &AccountId, hash: &str, must_change: bool) -> Query {
    Query::new("UPDATE portal_account SET password_hash = ?, must_change = ? WHERE account_id = ?")
        .bind(hash)
        .bind(must_change)
        .bind(id.as_str())
}

/// Removes the account and all of the portal's rows that are its own.
pub(crate) fn account_delete(write: &mut Write, id: &AccountId) {
    for table in ["portal_session", "portal_token", "portal_idempotency"] {
        write.push_step(Query::new(format!("DELETE FROM {table} WHERE account_id = ?")).bind(id.as_str()));
    }
    write.push_expect("account", Query::new("DELETE FROM portal_account WHERE account_id = ?").bind(id.as_str()));
}
