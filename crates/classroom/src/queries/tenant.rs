//! Tenants' settings and the secrets their clients sign with.

use db::{Database, DbError, Query, Row, Write};
use portal::Seal;

use super::{json, limit, tenant, unreadable};
use crate::model::tenant::{SecretOwner, SharedSecret, TenantSettings};

fn settings_read(row: &Row) -> Result<TenantSettings, DbError> {
    Ok(TenantSettings {
        tenant: tenant(row, "tenant")?,
        hosts: json(row, "hosts")?,
        defaults: json(row, "defaults")?,
        overrides: json(row, "overrides")?,
        meetings_max: limit(row, "meetings_max")?,
        attendees_max: limit(row, "attendees_max")?,
        minutes_max: limit(row, "minutes_max")?,
    })
}

/// The settings of all tenants that have any.
pub(crate) async fn settings_list(db: &Database) -> Result<Vec<TenantSettings>, DbError> {
    let sql =
        "SELECT tenant, hosts, defaults, overrides, meetings_max, attendees_max, minutes_max FROM classroom_tenant";
    db.all(Query::new(format!("{sql} ORDER BY tenant"))).await?.iter().map(settings_read).collect()
}

/// Keeps a tenant's settings.
pub(crate) fn settings_put(write: &mut Write, settings: &TenantSettings) {
    let sql = "INSERT INTO classroom_tenant (tenant, hosts, defaults, overrides, meetings_max, attendees_max, minutes_max) \
         VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (tenant) DO UPDATE SET hosts = excluded.hosts, \
         defaults = excluded.defaults, overrides = excluded.overrides, meetings_max = excluded.meetings_max, \
         attendees_max = excluded.attendees_max, minutes_max = excluded.minutes_max";
    let text = |value: serde_json::Result<String>| value.expect("texts are JSON");
    let number = |limit: Option<u32>| i64::from(limit.unwrap_or_default());
    let query = Query::new(sql)
        .bind(settings.tenant.as_str())
        .bind(text(serde_json::to_string(&settings.hosts)))
        .bind(text(serde_json::to_string(&settings.defaults)))
        .bind(text(serde_json::to_string(&settings.overrides)))
        .bind(number(settings.meetings_max))
        .bind(number(settings.attendees_max));
    write.push_step(query.bind(number(settings.minutes_max)));
}

/// What a secret is sealed for.
fn sealed_for(id: &str) -> String {
    format!("classroom-secret {id}")
}

fn secret_read(row: &Row, seal: &Seal) -> Result<SharedSecret, DbError> {
    let id: String = row.get("id")?;
    let owner = match row.get::<String>("tenant")?.as_str() {
        "" => SecretOwner::Operators,
        _ => SecretOwner::Tenant(tenant(row, "tenant")?),
    };
    let secret = seal.open(&sealed_for(&id), &row.get::<String>("secret")?).map_err(|_| unreadable("secret"))?;
    Ok(SharedSecret { owner, secret, note: row.get("note")?, created_ms: row.get("created_ms")?, id })
}

/// All secrets that can be opened, oldest first.
pub(crate) async fn secret_list(db: &Database, seal: &Seal) -> Result<Vec<SharedSecret>, DbError> {
    let sql = "SELECT id, tenant, secret, note, created_ms FROM classroom_secret ORDER BY created_ms, id";
    let rows = db.all(Query::new(sql)).await?;
    let secrets = rows.iter().filter_map(|row| match secret_read(row, seal) {
        Err(DbError::Decode { column, .. }) if column == "secret" => {
            tracing::error!("a shared secret can't be opened: it was sealed by another seal.key");
            None
        }
        secret => Some(secret),
    });
    secrets.collect()
}

fn owner_text(owner: &SecretOwner) -> &str {
    match owner {
        SecretOwner::Operators => "",
        SecretOwner::Tenant(tenant) => tenant.as_str(),
    }
}

/// Inserts a secret.
pub(crate) fn secret_insert(secret: &SharedSecret, seal: &Seal) -> Query {
    Query::new("INSERT INTO classroom_secret (id, tenant, secret, note, created_ms) VALUES (?, ?, ?, ?, ?)")
        .bind(secret.id.as_str())
        .bind(owner_text(&secret.owner))
        .bind(seal.seal(&sealed_for(&secret.id), secret.secret.expose()))
        .bind(secret.note.as_str())
        .bind(secret.created_ms)
}

/// Removes a secret.
pub(crate) fn secret_delete(id: &str) -> Query {
    Query::new("DELETE FROM classroom_secret WHERE id = ?").bind(id)
}
