//! The policy: read by all, changed by operators.

use db::{DbError, Write};
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

    /// The policy and its version, as stored.
    pub(crate) async fn policy_read(&self) -> Result<(Policy, i64), ServiceError> {
        Ok(policy_get(self.db()).await?.unwrap_or_default())
    }

    /// Replaces the policy; it holds for what is submitted from now on. Errors: `PolicyChanged` when what the caller
    /// has `read` is not its version any more; who names none replaces whatever there is.
    pub(crate) async fn policy_replace(
        &self,
        caller: &Caller,
        policy: Policy,
        read: Option<i64>,
    ) -> Result<(Policy, i64), ServiceError> {
        policy.check()?;
        let (before, version) = self.policy_read().await?;
        let mut write = Write::new();
        policy_set(&mut write, &policy, read.unwrap_or(version));
        write.push_event("policy");
        let detail = json!({ "before": before, "after": policy });
        self.portal().audit(&mut write, caller, "policy.change", "lab", detail);
        match self.db().write(write).await {
            Ok(_) => {}
            Err(DbError::Unmet { guard: "policy" } | DbError::Duplicate) => return Err(ServiceError::PolicyChanged),
            Err(error) => return Err(error.into()),
        }
        self.policy_reload().await?;
        self.policy_read().await
    }

    /// Takes up what another replica may have changed.
    pub(crate) async fn policy_reload(&self) -> Result<(), ServiceError> {
        let (policy, _) = self.policy_read().await?;
        *self.inner.policy.write().expect("no holder of this lock panics") = Arc::new(policy);
        self.spare().end();
        self.dispatch_wake();
        Ok(())
    }
}
