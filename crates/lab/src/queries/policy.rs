//! The policy row.

use db::{Database, DbError, Query, Write};

use super::document;
use crate::model::policy::Policy;

/// The policy and its version; `None` before an operator ever changed it.
pub(crate) async fn policy_get(db: &Database) -> Result<Option<(Policy, i64)>, DbError> {
    let row = db.optional(Query::new("SELECT version, document FROM lab_policy WHERE id = 'lab'")).await?;
    row.map(|row| Ok((document(&row, "document")?, row.get("version")?))).transpose()
}

/// Replaces the policy that has this version; 0 is that of the policy before an operator ever changed it. `Unmet`
/// ("policy") when somebody else replaced it, `Duplicate` when that was the first.
pub(crate) fn policy_set(write: &mut Write, policy: &Policy, version: i64) {
    let document = serde_json::to_string(policy).expect("plain data always serialises");
    let replace = match version {
        0 => Query::new("INSERT INTO lab_policy (id, version, document) VALUES ('lab', 1, ?)").bind(document),
        _ => Query::new("UPDATE lab_policy SET version = version + 1, document = ? WHERE id = 'lab' AND version = ?")
            .bind(document)
            .bind(version),
    };
    write.push_expect("policy", replace);
}
