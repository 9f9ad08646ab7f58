//! The policy: read by all, changed by operators.

use db::Write;
use portal::Caller;
use serde_json::json;
use std::sync::Arc;

use super::ServiceError;
use crate::Lab;
use crate::model::policy::Policy;
use crate::queries::policy::{policy_get, policy_set};

impl Lab {
    /// The policy in force.
    pub(crate) fn policy_in_force(&self) -> Policy {
        Policy::clone(&self.policy())
    }

    /// Replaces the policy; it holds for what is submitted from now on.
    pub(crate) async fn policy_replace(&self, caller: &Caller, policy: Policy) -> Result<Policy, ServiceError> {
        policy.check()?;
        let mut write = Write::new();
        policy_set(&mut write, &policy);
        write.push_event("policy");
        let detail = json!({ "before": self.policy_in_force(), "after": policy });
        self.portal().audit(&mut write, caller, "policy.change", "lab", detail);
        self.db().write(write).await?;
        self.policy_reload().await?;
        Ok(policy)
    }

    /// Takes up what another replica may have changed.
    pub(crate) async fn policy_reload(&self) -> Result<(), ServiceError> {
        let policy = policy_get(self.db()).await?.map(|(policy, _)| policy).unwrap_or_default();
        *self.inner.policy.write().expect("no holder of this lock panics") = Arc::new(policy);
        self.spare().end();
        self.dispatch_wake();
        Ok(())
    }
}
