//! The policy row.

use db::{Database, DbError, Query, Write};

use super::document;
use crate::model::policy::Policy;

/// The policy and its version; `None` before an operator ever changed it.
pub(crate) async fn policy_get(db: &Database) -> Result<Option<(Policy, i64)>, DbError> {
    let row = db.optional(Query::new("SELECT version, document FROM lab_policy WHERE id = 'lab'")).await?;
    row.map(|row| Ok((document(&row, "document")?, row.get("version")?))).transpose()
}

/// Replaces the policy.
pub(crate) fn policy_set(write: &mut Write, policy: &Policy) {
    let document = serde_json::to_string(policy).expect("plain data always serialises");
    write.push_step(
        Query::new(
            "INSERT INTO lab_policy (id, version, document) VALUES ('lab', 1, ?) \
             ON CONFLICT (id) DO UPDATE SET version = lab_policy.version + 1, document = excluded.document",
        )
        .bind(document),
    );
}
