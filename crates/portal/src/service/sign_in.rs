//! Signing in and out, and changing one's own password.

use db::Write;
use serde_json::json;

use crate::error::Problem;
use crate::model::account::{Account, LOGIN_MAX, PASSWORD_MAX, password_check};
use crate::model::caller::{Caller, Via};
use crate::model::new_id;
use crate::model::secret::{Secret, random_secret, secret_hash};
use crate::portal::Portal;
use crate::queries::account::{account_set_password, account_with_hash};
use crate::queries::session::{
    NewSession, session_delete, session_delete_by_secret, session_delete_others, session_insert,
};
use crate::service::{CLIENTS, SESSIONS};

/// Where a sign-in comes from.
pub(crate) struct Origin<'a> {
    pub(crate) address: &'a str,
    pub(crate) agent: &'a str,
    pub(crate) request_id: &'a str,
    /// The session the browser had before; it ends, so that its secret can't have been planted.
    pub(crate) previous: Option<&'a str>,
}

/// A session just made.
pub(crate) struct SignedIn {
    pub(crate) id: String,
    pub(crate) secret: Secret<String>,
    pub(crate) csrf: String,
    pub(crate) account: Account,
}

fn wrong() -> Problem {
    Problem::not_signed_in("sign-in-wrong", "Login or password is wrong.")
}

impl Portal {
    /// Checks login and password and makes a session.
    /// Errors: `sign-in-wrong` (the same, after as long, whether the login exists, is disabled or has another password),
    /// `too-many-sign-ins`.
    pub(crate) async fn sign_in(&self, login: &str, password: &str, origin: &Origin<'_>) -> Result<SignedIn, Problem> {
        let now = self.now_ms();
        let login: String = login.trim().to_lowercase().chars().take(LOGIN_MAX + 1).collect();
        self.0.sign_ins.attempt(origin.address, &login, now)?;
        let judged = self.password_matches(&login, password).await;
        let judged = judged.inspect_err(|_| self.0.sign_ins.withdrawn(origin.address, &login, now))?;
        let Some(account) = judged.filter(|account| !account.disabled) else {
            metrics::counter!("amphi_sign_in_failures_total").increment(1);
            return Err(wrong());
        };
        self.0.sign_ins.succeeded(origin.address, &login, now);
        self.session_start(account, now, origin).await
    }

    /// The account with this login and password; it takes as long when there is none.
    async fn password_matches(&self, login: &str, password: &str) -> Result<Option<Account>, Problem> {
        let may_exist = !login.contains('\0') && password.chars().count() <= PASSWORD_MAX;
        let found = if may_exist { account_with_hash(&self.0.db, login).await? } else { None };
        let (account, stored) = found.unzip();
        let bounded: String = password.chars().take(PASSWORD_MAX).collect();
        let matches = self.0.passwords.verify(bounded, stored).await?;
        Ok(account.filter(|_| matches))
    }

    async fn session_start(&self, account: Account, now_ms: i64, origin: &Origin<'_>) -> Result<SignedIn, Problem> {
        let (id, secret, csrf) = (new_id(), random_secret(), random_secret());
        let mut write = Write::new().event(CLIENTS);
        if let Some(previous) = origin.previous {
            write.push_step(session_delete_by_secret(&secret_hash(previous)));
            write.push_event(SESSIONS);
        }
        write.push_step(session_insert(&NewSession {
            id: &id,
            secret_hash: &secret_hash(&secret),
            account: &account.id,
            csrf: &csrf,
            now_ms,
            agent: origin.agent,
            address: origin.address,
        }));
        let caller = caller_of(&account, Via::Session { id: id.clone() }, origin.request_id);
        self.audit(&mut write, &caller, "session.start", &account.login, json!({ "address": origin.address }));
        self.0.db.write(write).await?;
        if origin.previous.is_some() {
            self.0.identities.clear();
        }
        Ok(SignedIn { id, secret: Secret::new(secret), csrf, account })
    }

    /// Ends the caller's own session.
    pub(crate) async fn sign_out(&self, caller: &Caller) -> Result<(), Problem> {
        if let Via::Session { id } = &caller.via {
            let mut write = Write::new().step(session_delete(id, None)).event(SESSIONS).event(CLIENTS);
            self.audit(&mut write, caller, "session.end", &caller.login, json!({}));
            self.0.db.write(write).await?;
            self.0.identities.clear();
        }
        Ok(())
    }

    /// Changes the caller's own password; every other session of the account ends.
    /// Errors: `password-wrong` on `current`, those of the password's rules on `new`, `too-many-sign-ins`.
    pub(crate) async fn password_change(
        &self,
        caller: &Caller,
        current: &str,
        new: &str,
        address: &str,
    ) -> Result<(), Problem> {
        let now = self.now_ms();
        self.0.sign_ins.attempt(address, &caller.login, now)?;
        let judged = self.password_matches(&caller.login, current).await;
        let judged = judged.inspect_err(|_| self.0.sign_ins.withdrawn(address, &caller.login, now))?;
        if judged.is_none() {
            return Err(Problem::bad_request("password-wrong", "That is not the present password.").field("current"));
        }
        self.0.sign_ins.succeeded(address, &caller.login, now);
        password_check(new, &caller.login, "new")?;
        if new == current {
            return Err(Problem::bad_request("password-same", "The new password is the present one.").field("new"));
        }
        let hash = self.0.passwords.hash(new.to_owned()).await?;
        let kept = match &caller.via {
            Via::Session { id } => id.as_str(),
            Via::Token { .. } => "",
        };
        let mut write = Write::new()
            .expect("account", account_set_password(&caller.account, &hash, false))
            .step(session_delete_others(&caller.account, kept))
            .event(SESSIONS)
            .event(CLIENTS);
        self.audit(&mut write, caller, "account.password", &caller.login, json!({}));
        self.0.db.write(write).await?;
        self.0.identities.clear();
        Ok(())
    }
}

/// The account as a caller, for journal entries of sign-ins.
pub(crate) fn caller_of(account: &Account, via: Via, request_id: &str) -> Caller {
    Caller {
        account: account.id.clone(),
        login: account.login.clone(),
        name: account.name.clone(),
        tenant: account.tenant.clone(),
        tenant_title: account.tenant_title.clone(),
        roles: account.roles,
        via,
        request_id: request_id.to_owned(),
        locale: account.locale.unwrap_or_default(),
        csrf: None,
        must_change: account.must_change,
    }
}
