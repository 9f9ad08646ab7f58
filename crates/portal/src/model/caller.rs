//! Who makes a request, and what they may see.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use crate::error::Problem;
use crate::model::account::AccountId;
use crate::model::locale::Locale;
use crate::model::role::{Role, Roles};
use crate::model::tenant::TenantId;

/// What carried the caller's right.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Via {
    /// A browser's session.
    Session {
        /// The session's id (not its secret).
        id: String,
    },
    /// An API token.
    Token {
        /// The token's id (not its secret).
        id: String,
    },
}

/// The account behind a request. As an extractor it answers 401 where nobody is signed in.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The account's id.
    pub account: AccountId,
    /// The account's login.
    pub login: String,
    /// The person's name.
    pub name: String,
    /// The account's tenant.
    pub tenant: TenantId,
    /// The tenant's title, for the top bar.
    pub tenant_title: String,
    /// What it may do.
    pub roles: Roles,
    /// Session or token.
    pub via: Via,
    /// The id that errors and logs of this request carry.
    pub request_id: String,
    /// The language to answer in.
    pub locale: Locale,
    /// The session's CSRF token; `None` for API tokens, which need none.
    pub csrf: Option<String>,
    /// The password was set by somebody else and has to be changed before anything else.
    pub must_change: bool,
}

/// Whose rows a query may touch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// One account's own.
    Account {
        /// The account's tenant.
        tenant: TenantId,
        /// The account.
        account: AccountId,
    },
    /// A whole tenant's.
    Tenant {
        /// The tenant.
        tenant: TenantId,
    },
    /// Everybody's.
    All,
}

impl Caller {
    /// Whether the caller has `role`.
    pub fn has(&self, role: Role) -> bool {
        self.roles.has(role)
    }

    /// The widest scope of the caller: learners their own, teachers their tenant's, operators and admins all.
    pub fn scope(&self) -> Scope {
        match self.roles.highest() {
            Role::Learner => self.own_scope(),
            Role::Teacher => Scope::Tenant { tenant: self.tenant.clone() },
            Role::Operator | Role::Admin => Scope::All,
        }
    }

    /// The caller's own rows only, whatever the role.
    pub fn own_scope(&self) -> Scope {
        Scope::Account { tenant: self.tenant.clone(), account: self.account.clone() }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        parts.extensions.get::<Caller>().cloned().ok_or_else(Problem::sign_in_needed)
    }
}
