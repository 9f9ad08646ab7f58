//! Tenants' settings, and the secrets by which clients sign.

use std::collections::BTreeMap;

use db::{DbError, Write};
use portal::{Caller, Secret, TenantId};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::{ServiceError, TENANTS};
use crate::Classroom;
use crate::directory::Entries;
use crate::model::tenant::{SecretOwner, SharedSecret, TenantSettings};
use crate::queries::tenant::{secret_delete, secret_insert, secret_list, settings_list, settings_put};

/// Characters of a parameter's value, at most.
const VALUE_CHARS_MAX: usize = 2_000;
/// Hosts, and parameters of each kind, at most.
const ENTRIES_MAX: usize = 50;
/// The fixed id of the secret that the first start makes, so that two replicas make one.
const FIRST_SECRET: &str = "first";

/// What a tenant's meetings are made with.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SettingsView {
    /// Names of hosts by which the tenant's clients call, without a port. A call to one of them has to be signed with a
    /// secret of this tenant.
    #[serde(default)]
    pub(crate) hosts: Vec<String>,
    /// Parameters of `create` where the client gives none.
    #[serde(default)]
    pub(crate) defaults: BTreeMap<String, String>,
    /// Parameters of `create` whatever the client gives.
    #[serde(default)]
    pub(crate) overrides: BTreeMap<String, String>,
    /// Meetings at the same time; left out: no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) meetings_max: Option<u32>,
    /// People in all of its meetings together; left out: no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) attendees_max: Option<u32>,
    /// Longest meeting, minutes; left out: no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) minutes_max: Option<u32>,
}

impl From<TenantSettings> for SettingsView {
    fn from(own: TenantSettings) -> Self {
        let TenantSettings { tenant: _, hosts, defaults, overrides, meetings_max, attendees_max, minutes_max } = own;
        Self { hosts, defaults, overrides, meetings_max, attendees_max, minutes_max }
    }
}

impl Classroom {
    /// Makes the secret of the tenant that is there first, so that an address and a secret are there to be given to an LMS.
    pub(crate) async fn first_secret_make(&self) -> Result<(), ServiceError> {
        if !secret_list(self.db(), &self.config().seal).await?.is_empty() {
            return Ok(());
        }
        let tenants = self.portal().tenants().await.map_err(ServiceError::Portal)?;
        let Some(first) = tenants.into_iter().min_by_key(|tenant| tenant.created_ms) else { return Ok(()) };
        let secret = SharedSecret {
            id: FIRST_SECRET.to_owned(),
            owner: SecretOwner::Tenant(first.id),
            secret: secret_random(),
            note: String::new(),
            created_ms: self.now_ms(),
        };
        match self.db().write(Write::new().step(secret_insert(&secret, &self.config().seal)).event(TENANTS)).await {
            Ok(_) | Err(DbError::Duplicate) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Reads tenants, settings and secrets anew.
    pub(crate) async fn directory_reload(&self) -> Result<(), ServiceError> {
        let tenants = self.portal().tenants().await.map_err(ServiceError::Portal)?;
        let settings = settings_list(self.db()).await?;
        let secrets = secret_list(self.db(), &self.config().seal).await?;
        self.directory().set(Entries::new(tenants, settings, secrets));
        Ok(())
    }

    /// Sets what a tenant's meetings are made with. Errors: `TenantUnknown`, `Settings`.
    pub(crate) async fn tenant_set(
        &self,
        caller: &Caller,
        tenant: &TenantId,
        view: SettingsView,
    ) -> Result<(), ServiceError> {
        let entries = self.directory().entries();
        let entry = entries.tenant(tenant).ok_or(ServiceError::TenantUnknown)?;
        let others = || entries.tenants().filter(|other| other.settings.tenant != *tenant);
        let hosts = hosts_checked(view.hosts)?;
        if let Some(host) = hosts.iter().find(|host| others().any(|other| other.settings.hosts.contains(host))) {
            return Err(wrong("hosts", format!("{host} is another tenant's host.")));
        }
        let settings = TenantSettings {
            tenant: tenant.clone(),
            hosts,
            defaults: parameters_checked("defaults", view.defaults)?,
            overrides: parameters_checked("overrides", view.overrides)?,
            meetings_max: view.meetings_max.filter(|limit| *limit > 0),
            attendees_max: view.attendees_max.filter(|limit| *limit > 0),
            minutes_max: view.minutes_max.filter(|limit| *limit > 0),
        };
        let mut write = Write::new().event(TENANTS);
        settings_put(&mut write, &settings);
        let detail = json!({ "hosts": settings.hosts, "meetings_max": settings.meetings_max,
            "attendees_max": settings.attendees_max, "minutes_max": settings.minutes_max });
        self.portal().audit(&mut write, caller, "conference.tenant-set", &entry.name, detail);
        self.db().write(write).await?;
        self.directory_reload().await
    }

    /// Makes a secret, or takes over one that clients sign with already. Errors: `TenantUnknown`, `Settings`.
    pub(crate) async fn secret_create(
        &self,
        caller: &Caller,
        owner: SecretOwner,
        given: Option<String>,
        note: &str,
    ) -> Result<SharedSecret, ServiceError> {
        let entries = self.directory().entries();
        let target = match &owner {
            SecretOwner::Operators => "operators".to_owned(),
            SecretOwner::Tenant(tenant) => entries.tenant(tenant).ok_or(ServiceError::TenantUnknown)?.name.clone(),
        };
        let secret = match given {
            None => secret_random(),
            Some(given) => secret_given(&given)?,
        };
        let known = entries.tenants().flat_map(|entry| &entry.secrets).chain(entries.operators());
        if known.into_iter().any(|known| known.secret == secret) {
            return Err(wrong("secret", "This secret is in use already.".to_owned()));
        }
        let note: String = note.trim().chars().filter(|c| !c.is_control()).take(190).collect();
        let id = uuid::Uuid::now_v7().to_string();
        let secret = SharedSecret { id, owner, secret, note, created_ms: self.now_ms() };
        let mut write = Write::new().step(secret_insert(&secret, &self.config().seal)).event(TENANTS);
        self.portal().audit(&mut write, caller, "conference.secret-create", &target, json!({ "note": secret.note }));
        self.db().write(write).await?;
        self.directory_reload().await?;
        Ok(secret)
    }

    /// Ends a secret: calls that are signed with it are refused from now on. Errors: `SecretUnknown`.
    pub(crate) async fn secret_revoke(&self, caller: &Caller, id: &str) -> Result<(), ServiceError> {
        let mut write = Write::new().expect("secret", secret_delete(&id.replace('\0', ""))).event(TENANTS);
        self.portal().audit(&mut write, caller, "conference.secret-revoke", id, json!({}));
        match self.db().write(write).await {
            Ok(_) => self.directory_reload().await,
            Err(DbError::Unmet { .. }) => Err(ServiceError::SecretUnknown),
            Err(error) => Err(error.into()),
        }
    }
}

/// 40 random letters and digits, 238 bits: as long as those that BigBlueButton makes.
fn secret_random() -> Secret<String> {
    use rand::RngExt as _;
    let mut rng = rand::rng();
    Secret::new((0..40).map(|_| char::from(rng.sample(rand::distr::Alphanumeric))).collect())
}

fn secret_given(given: &str) -> Result<Secret<String>, ServiceError> {
    let given = given.trim();
    let is_plain = given.bytes().all(|byte| byte.is_ascii_graphic());
    if !(16..=255).contains(&given.len()) || !is_plain {
        return Err(wrong("secret", "A secret has 16 to 255 letters, digits or signs, without spaces.".to_owned()));
    }
    Ok(Secret::new(given.to_owned()))
}

fn wrong(field: &'static str, message: String) -> ServiceError {
    ServiceError::Settings { field, message }
}

fn hosts_checked(hosts: Vec<String>) -> Result<Vec<String>, ServiceError> {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-');
    let mut checked: Vec<String> = Vec::new();
    for host in hosts.into_iter().map(|host| host.trim().to_ascii_lowercase()).filter(|host| !host.is_empty()) {
        if host.len() > 253 || !host.bytes().all(is_allowed) {
            return Err(wrong("hosts", format!("{host:?} is no name of a host; give one like law.example.org.")));
        }
        if !checked.contains(&host) {
            checked.push(host);
        }
    }
    if checked.len() > ENTRIES_MAX {
        return Err(wrong("hosts", format!("A tenant has at most {ENTRIES_MAX} hosts.")));
    }
    Ok(checked)
}

fn parameters_checked(
    field: &'static str,
    parameters: BTreeMap<String, String>,
) -> Result<BTreeMap<String, String>, ServiceError> {
    const OURS: [&str; 3] = ["meetingID", "checksum", "meetingEndedURL"];
    if parameters.len() > ENTRIES_MAX {
        return Err(wrong(field, format!("At most {ENTRIES_MAX} parameters can be set.")));
    }
    for (name, value) in &parameters {
        let is_name = (1..=100).contains(&name.len())
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
        if !is_name || OURS.contains(&name.as_str()) {
            return Err(wrong(field, format!("{name:?} is no parameter that can be set for all meetings.")));
        }
        if value.chars().count() > VALUE_CHARS_MAX || value.contains(char::is_control) {
            return Err(wrong(field, format!("The value of {name} is too long, or has control characters.")));
        }
    }
    Ok(parameters)
}
