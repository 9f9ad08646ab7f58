//! Accounts: who signs in.

use crate::error::Problem;
use crate::model::locale::Locale;
use crate::model::role::Roles;
use crate::model::tenant::TenantId;

/// Fewest characters of a password.
pub const PASSWORD_MIN: usize = 10;
/// Most characters of a password; hashing cost stays bounded.
pub const PASSWORD_MAX: usize = 256;
/// Most characters of a login.
pub const LOGIN_MAX: usize = 64;
/// Most characters of a person's name.
pub const NAME_MAX: usize = 100;

/// An account's id.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountId(String);

impl AccountId {
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

impl std::fmt::Display for AccountId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// One who can sign in.
#[derive(Clone, Debug)]
pub struct Account {
    /// Its id.
    pub id: AccountId,
    /// What is typed to sign in; lower case.
    pub login: String,
    /// The person's name, for others to read.
    pub name: String,
    /// The tenant it belongs to.
    pub tenant: TenantId,
    /// The tenant's title.
    pub tenant_title: String,
    /// What it may do.
    pub roles: Roles,
    /// The language its owner chose.
    pub locale: Option<Locale>,
    /// A disabled account can't sign in, and its sessions and tokens are refused.
    pub disabled: bool,
    /// Its password was set by somebody else and has to be changed at the first sign-in.
    pub must_change: bool,
    /// When it was made, epoch ms.
    pub created_ms: i64,
}

/// The login in its stored form (trimmed, lower case).
/// Errors: `login-invalid` when it is empty, too long or has other characters than `a-z 0-9 . _ @ -`.
pub(crate) fn login_checked(text: &str) -> Result<String, Problem> {
    let login = text.trim().to_lowercase();
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._@-".contains(c);
    let starts_well = login.starts_with(|c: char| c.is_ascii_alphanumeric());
    if login.len() > LOGIN_MAX || !starts_well || !login.chars().all(allowed) {
        return Err(Problem::bad_request(
            "login-invalid",
            "A login has 1 to 64 characters: letters a to z, digits, and . _ @ - after the first.",
        )
        .field("login"));
    }
    Ok(login)
}

/// A text for people, trimmed. Errors: `text-invalid` for `field` when empty, too long or with control characters.
pub(crate) fn name_checked(text: &str, field: &'static str) -> Result<String, Problem> {
    let name = text.trim();
    if name.is_empty() || name.chars().count() > NAME_MAX || name.chars().any(char::is_control) {
        return Err(
            Problem::bad_request("text-invalid", "A name has 1 to 100 characters and stands on one line.").field(field)
        );
    }
    Ok(name.to_owned())
}

/// Errors: `password-too-short`, `password-too-long`, `password-is-login`, each on `field`.
pub(crate) fn password_check(password: &str, login: &str, field: &'static str) -> Result<(), Problem> {
    let length = password.chars().count();
    let problem = if length < PASSWORD_MIN {
        Problem::bad_request("password-too-short", "A password has at least 10 characters.")
    } else if length > PASSWORD_MAX {
        Problem::bad_request("password-too-long", "A password has at most 256 characters.")
    } else if password.to_lowercase() == login {
        Problem::bad_request("password-is-login", "The password must not be the login.")
    } else {
        return Ok(());
    };
    Err(problem.field(field))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logins_are_trimmed_lowered_and_checked() {
        assert_eq!(login_checked(" Ada.Lovelace@example.org ").unwrap(), "ada.lovelace@example.org");
        for bad in ["", " ", ".ada", "a b", "ad\u{0430}", "a\0", &"a".repeat(65)] {
            assert_eq!(login_checked(bad).unwrap_err().code(), "login-invalid", "{bad:?}");
        }
    }

    #[test]
    fn passwords_are_long_and_not_the_login() {
        assert_eq!(password_check("short", "ada", "new").unwrap_err().code(), "password-too-short");
        assert_eq!(password_check("Adalovelace1", "adalovelace1", "new").unwrap_err().code(), "password-is-login");
        assert!(password_check("correct horse battery", "ada", "new").is_ok());
        assert!(password_check(&"x".repeat(257), "ada", "new").is_err());
    }
}
