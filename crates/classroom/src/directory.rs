//! Tenants as the API of conferences sees them: their hosts, secrets and settings, held in memory.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use portal::{Tenant, TenantId};

use crate::model::tenant::{SecretOwner, SharedSecret, TenantSettings};

/// What was read last; a cheap handle to a snapshot.
#[derive(Default)]
pub(crate) struct Directory(RwLock<Arc<Entries>>);

/// One reading.
#[derive(Default)]
pub(crate) struct Entries {
    tenants: HashMap<TenantId, Arc<TenantEntry>>,
    /// Whose meetings those are that nobody asked us for.
    first: Option<TenantId>,
    operators: Vec<SharedSecret>,
}

/// A tenant with all that calls need of it.
#[derive(Debug)]
pub(crate) struct TenantEntry {
    pub(crate) settings: TenantSettings,
    /// The word on command lines.
    pub(crate) name: String,
    /// What people read.
    pub(crate) title: String,
    /// By which its clients sign, oldest first.
    pub(crate) secrets: Vec<SharedSecret>,
}

impl Entries {
    /// Puts together what was read. What belongs to a tenant that is gone is left out.
    pub(crate) fn new(tenants: Vec<Tenant>, settings: Vec<TenantSettings>, secrets: Vec<SharedSecret>) -> Self {
        let first = tenants.iter().min_by_key(|tenant| tenant.created_ms).map(|tenant| tenant.id.clone());
        let mut settings: HashMap<_, _> = settings.into_iter().map(|own| (own.tenant.clone(), own)).collect();
        let mut own: HashMap<TenantId, Vec<SharedSecret>> = HashMap::new();
        let mut operators = Vec::new();
        for secret in secrets {
            match &secret.owner {
                SecretOwner::Operators => operators.push(secret),
                SecretOwner::Tenant(tenant) => own.entry(tenant.clone()).or_default().push(secret),
            }
        }
        let entry = |tenant: Tenant| {
            let settings = settings.remove(&tenant.id).unwrap_or_else(|| TenantSettings::new(tenant.id.clone()));
            let secrets = own.remove(&tenant.id).unwrap_or_default();
            (tenant.id, Arc::new(TenantEntry { settings, name: tenant.name, title: tenant.title, secrets }))
        };
        Self { tenants: tenants.into_iter().map(entry).collect(), first, operators }
    }

    /// One tenant.
    pub(crate) fn tenant(&self, id: &TenantId) -> Option<&Arc<TenantEntry>> {
        self.tenants.get(id)
    }

    /// One tenant by its id or its name.
    pub(crate) fn find(&self, text: &str) -> Option<&Arc<TenantEntry>> {
        self.tenants.values().find(|entry| entry.settings.tenant.as_str() == text || entry.name == text)
    }

    /// All tenants, in no particular order.
    pub(crate) fn tenants(&self) -> impl Iterator<Item = &Arc<TenantEntry>> {
        self.tenants.values()
    }

    /// The tenant that was there first: meetings that nobody made through us are its.
    pub(crate) fn first(&self) -> Option<&TenantId> {
        self.first.as_ref()
    }

    /// The secrets by which operators' calls are signed.
    pub(crate) fn operators(&self) -> &[SharedSecret] {
        &self.operators
    }

    /// Whose call to `host` may be: the tenant that has this host, else every one.
    pub(crate) fn candidates(&self, host: &str) -> impl Iterator<Item = &Arc<TenantEntry>> {
        let name = host
            .rsplit_once(':')
            .map_or(host, |(name, port)| if port.bytes().all(|byte| byte.is_ascii_digit()) { name } else { host });
        let has = move |entry: &TenantEntry| entry.settings.hosts.iter().any(|own| own.eq_ignore_ascii_case(name));
        let is_known = self.tenants.values().any(|entry| has(entry));
        self.tenants.values().filter(move |entry| !is_known || has(entry))
    }
}

impl Directory {
    /// What was read last.
    pub(crate) fn entries(&self) -> Arc<Entries> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn set(&self, entries: Entries) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(entries);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tenant(n: u8, created_ms: i64) -> Tenant {
        let id = TenantId::parse(&format!("00000000-0000-7000-8000-0000000000{n:02x}")).unwrap();
        Tenant { id, name: format!("t{n}"), title: String::new(), created_ms, accounts: 0 }
    }

    #[test]
    fn a_host_names_its_tenant_and_an_unknown_one_none() {
        let (a, b) = (tenant(1, 20), tenant(2, 10));
        let settings = TenantSettings { hosts: vec!["law.example.org".into()], ..TenantSettings::new(b.id.clone()) };
        let entries = Entries::new(vec![a.clone(), b.clone()], vec![settings], Vec::new());
        assert_eq!(entries.first(), Some(&b.id));
        for host in ["law.example.org", "LAW.example.org:8443"] {
            let found: Vec<_> = entries.candidates(host).map(|entry| entry.name.as_str()).collect();
            assert_eq!(found, ["t2"], "{host}");
        }
        assert_eq!(entries.candidates("lab.example.org").count(), 2);
    }
}
