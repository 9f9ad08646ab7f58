//! Its calls about tenants. What it calls a tenant's secrets are several with a colon between them.

use axum::http::StatusCode;
use portal::Secret;
use serde_json::{Value, json};

use super::{Call, Refusal, Told};
use crate::Classroom;
use crate::directory::TenantEntry;
use crate::model::tenant::SecretOwner;
use crate::service::ServiceError;

pub(super) fn list(classroom: &Classroom) -> Told {
    let entries = classroom.directory().entries();
    let mut tenants: Vec<_> = entries.tenants().map(|entry| described(entry)).collect();
    tenants.sort_by_key(|tenant| tenant["name"].to_string());
    Ok((StatusCode::OK, Value::Array(tenants)))
}

pub(super) fn show(classroom: &Classroom, call: &Call) -> Told {
    let id = call.id()?;
    let entries = classroom.directory().entries();
    let entry = entries.find(&id).ok_or_else(|| Refusal::unknown("tenant", &id))?;
    Ok((StatusCode::OK, described(entry)))
}

pub(super) async fn add(classroom: &Classroom, call: &Call) -> Told {
    let (Some(name), Some(secrets)) = (call.text("name"), call.text("secrets")) else {
        return Err(Refusal::bad("Both name and secrets are required to create a Tenant"));
    };
    let made = classroom.portal().tenant_create(&call.caller, &name, &name).await?;
    classroom.directory_reload().await?;
    secrets_add(classroom, call, &made.id, &secrets).await?;
    Ok((StatusCode::CREATED, json!({ "id": made.id.as_str() })))
}

/// Sets a tenant's secrets: those that are not named are revoked. Its name stays, since people know it by that.
pub(super) async fn update(classroom: &Classroom, call: &Call) -> Told {
    let id = call.id()?;
    let entry = classroom.directory().entries().find(&id).cloned().ok_or_else(|| Refusal::unknown("tenant", &id))?;
    if call.text("name").is_some_and(|name| name != entry.name) {
        return Err(Refusal::bad("A tenant's name can't be changed here"));
    }
    if let Some(secrets) = call.text("secrets") {
        secrets_add(classroom, call, &entry.settings.tenant, &secrets).await?;
        let is_kept = |secret: &Secret<String>| secrets.split(':').any(|kept| kept == secret.expose());
        for gone in entry.secrets.iter().filter(|known| !is_kept(&known.secret)) {
            classroom.secret_revoke(&call.caller, &gone.id).await?;
        }
    }
    show(classroom, call)
}

pub(super) async fn delete(classroom: &Classroom, call: &Call) -> Told {
    let id = call.id()?;
    let entry = classroom.directory().entries().find(&id).cloned().ok_or_else(|| Refusal::unknown("tenant", &id))?;
    classroom.portal().tenant_delete(&call.caller, entry.settings.tenant.as_str()).await?;
    classroom.directory_reload().await?;
    Ok((StatusCode::OK, json!({ "id": entry.settings.tenant.as_str() })))
}

async fn secrets_add(
    classroom: &Classroom,
    call: &Call,
    tenant: &portal::TenantId,
    secrets: &str,
) -> Result<(), ServiceError> {
    for given in secrets.split(':').filter(|given| !given.is_empty()) {
        let entries = classroom.directory().entries();
        let own = entries.tenant(tenant).ok_or(ServiceError::TenantUnknown)?;
        if own.secrets.iter().all(|known| known.secret.expose() != given) {
            let owner = SecretOwner::Tenant(tenant.clone());
            classroom.secret_create(&call.caller, owner, Some(given.to_owned()), "").await?;
        }
    }
    Ok(())
}

fn described(entry: &TenantEntry) -> Value {
    let secrets: Vec<&str> = entry.secrets.iter().map(|secret| secret.secret.expose().as_str()).collect();
    json!({ "id": entry.settings.tenant.as_str(), "name": entry.name, "secrets": secrets.join(":") })
}
