//! Tenants: a faculty, a course team. What one does, another doesn't see.

use crate::error::Problem;

/// The tenant that the first start makes.
pub const FIRST_TENANT: &str = "default";

/// A tenant's id.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TenantId(String);

impl TenantId {
    /// Reads an id; `None` when `text` has not the form of one.
    pub fn parse(text: &str) -> Option<Self> {
        crate::model::id_text(text).map(Self)
    }

    pub(crate) fn new() -> Self {
        Self(crate::model::new_id())
    }

    pub(crate) fn stored(text: String) -> Self {
        Self(text)
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for TenantId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// A faculty, a course team.
#[derive(Clone, Debug)]
pub struct Tenant {
    /// Its id.
    pub id: TenantId,
    /// The word on command lines, unique.
    pub name: String,
    /// What people read.
    pub title: String,
    /// When it was made, epoch ms.
    pub created_ms: i64,
    /// How many accounts it has.
    pub accounts: i64,
}

/// Errors: `tenant-name-invalid` unless `text` has 1 to 64 characters of `a-z 0-9 -` and starts with a letter or digit.
pub(crate) fn tenant_name_checked(text: &str) -> Result<String, Problem> {
    let name = text.trim().to_lowercase();
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if name.is_empty() || name.len() > 64 || name.starts_with('-') || !name.chars().all(allowed) {
        return Err(Problem::bad_request(
            "tenant-name-invalid",
            "A tenant's name has 1 to 64 characters: letters a to z, digits, and - after the first.",
        )
        .field("name"));
    }
    Ok(name)
}
