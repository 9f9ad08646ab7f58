//! Roles. Each includes those before it, so the highest says everything.

use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What an account may do; the order is the order of power.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Runs experiments and programs of their own.
    Learner,
    /// Sees and prepares what their tenant does.
    Teacher,
    /// Runs nodes and pools; sees every tenant.
    Operator,
    /// Administers accounts and tenants.
    Admin,
}

impl Role {
    /// All roles, weakest first.
    pub const ALL: [Role; 4] = [Role::Learner, Role::Teacher, Role::Operator, Role::Admin];

    /// The word in rows, JSON and command lines.
    pub fn word(self) -> &'static str {
        match self {
            Role::Learner => "learner",
            Role::Teacher => "teacher",
            Role::Operator => "operator",
            Role::Admin => "admin",
        }
    }
}

impl FromStr for Role {
    type Err = UnknownRole;

    fn from_str(word: &str) -> Result<Self, UnknownRole> {
        Role::ALL.into_iter().find(|role| role.word() == word).ok_or_else(|| UnknownRole(word.to_owned()))
    }
}

/// A word that names no role.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is no role")]
pub struct UnknownRole(String);

/// The roles an account has: its highest and all below.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Roles {
    highest: Role,
}

impl Roles {
    /// `highest` and every role below it.
    pub fn up_to(highest: Role) -> Self {
        Self { highest }
    }

    /// Whether `role` is among them.
    pub fn has(self, role: Role) -> bool {
        role <= self.highest
    }

    /// The most powerful one.
    pub fn highest(self) -> Role {
        self.highest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_role_includes_those_before_it() {
        assert!(Roles::up_to(Role::Teacher).has(Role::Learner));
        assert!(!Roles::up_to(Role::Teacher).has(Role::Operator));
        for role in Role::ALL {
            assert!(Roles::up_to(Role::Admin).has(role));
            assert_eq!(role.word().parse::<Role>().unwrap(), role);
        }
    }
}
