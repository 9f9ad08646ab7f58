//! What a tenant's meetings are made with, and how much it may use.

use std::collections::BTreeMap;

use portal::{Secret, TenantId};

/// A tenant's settings of classrooms; one that nobody set has the defaults.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TenantSettings {
    pub(crate) tenant: TenantId,
    /// Names of hosts by which its clients call, lower case, without a port.
    pub(crate) hosts: Vec<String>,
    /// Parameters of `create` where the client gives none.
    pub(crate) defaults: BTreeMap<String, String>,
    /// Parameters of `create` whatever the client gives.
    pub(crate) overrides: BTreeMap<String, String>,
    /// Meetings at the same time; `None`: no limit.
    pub(crate) meetings_max: Option<u32>,
    /// People in all of its meetings together; `None`: no limit.
    pub(crate) attendees_max: Option<u32>,
    /// Longest meeting, minutes; `None`: no limit.
    pub(crate) minutes_max: Option<u32>,
}

impl TenantSettings {
    pub(crate) fn new(tenant: TenantId) -> Self {
        let (hosts, defaults, overrides) = Default::default();
        Self { tenant, hosts, defaults, overrides, meetings_max: None, attendees_max: None, minutes_max: None }
    }
}

/// Whose a secret is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SecretOwner {
    /// Signs calls of a tenant's clients.
    Tenant(TenantId),
    /// Signs calls that change servers, by the paths that Scalelite has for it.
    Operators,
}

/// A shared secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SharedSecret {
    pub(crate) id: String,
    pub(crate) owner: SecretOwner,
    pub(crate) secret: Secret<String>,
    /// What it is for, in its maker's words.
    pub(crate) note: String,
    pub(crate) created_ms: i64,
}
