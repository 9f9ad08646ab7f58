//! API tokens: shown once, kept as a hash.

use db::{DbError, Write};
use serde_json::json;

use crate::error::Problem;
use crate::model::account::name_checked;
use crate::model::caller::Caller;
use crate::model::client::Token;
use crate::model::secret::{Secret, random_token, secret_hash};
use crate::model::{id_text, new_id};
use crate::portal::Portal;
use crate::queries::token::{token_count, token_delete, token_insert, token_list};
use crate::service::{CLIENTS, TOKENS};

/// Tokens an account may have.
const TOKENS_MAX: i64 = 100;
/// Longest life of a token that ends, days (ten years).
pub(crate) const DAYS_MAX: u32 = 3_650;

impl Portal {
    /// The caller's own tokens, newest first.
    pub(crate) async fn token_list(
        &self,
        caller: &Caller,
        before: Option<&str>,
        limit: i64,
    ) -> Result<Vec<Token>, Problem> {
        Ok(token_list(&self.0.db, &caller.account, before, limit).await?)
    }

    /// Makes a token for the caller; `days` until it ends, `None`: never.
    /// Errors: `text-invalid`, `token-days-invalid`, `too-many-tokens`.
    pub(crate) async fn token_create(
        &self,
        caller: &Caller,
        name: &str,
        days: Option<u32>,
    ) -> Result<(Token, Secret<String>), Problem> {
        let name = name_checked(name, "name")?;
        if days.is_some_and(|days| days == 0 || days > DAYS_MAX) {
            return Err(Problem::bad_request("token-days-invalid", "A token lives 1 to 3650 days.").field("days"));
        }
        if token_count(&self.0.db, &caller.account).await? >= TOKENS_MAX {
            return Err(Problem::conflict("too-many-tokens", "You have 100 tokens; delete one first."));
        }
        let now = self.now_ms();
        let secret = random_token();
        let expires_ms = days.map(|days| now + i64::from(days) * 86_400_000);
        let token = Token { id: new_id(), name, created_ms: now, expires_ms, last_used_ms: None };
        let mut write = Write::new().step(token_insert(&token, &caller.account, &secret_hash(secret.expose()), None));
        self.audit(&mut write, caller, "token.create", &token.name, json!({ "id": token.id, "days": days }));
        self.0.db.write(write).await?;
        Ok((token, secret))
    }

    /// Adds a token of the caller to a transaction, for a program that a service starts for them: it opens nothing but
    /// addresses whose path begins with `scope`. Answers its id and its secret.
    pub fn token_scoped(
        &self,
        write: &mut Write,
        caller: &Caller,
        name: &str,
        scope: &str,
    ) -> (String, Secret<String>) {
        let (id, secret) = (new_id(), random_token());
        let name = name.chars().filter(|c| !c.is_control()).take(100).collect();
        let token = Token { id: id.clone(), name, created_ms: self.now_ms(), expires_ms: None, last_used_ms: None };
        write.push_step(token_insert(&token, &caller.account, &secret_hash(secret.expose()), Some(scope)));
        (id, secret)
    }

    /// Removes a token that [`Portal::token_scoped`] made.
    pub fn token_drop(&self, write: &mut Write, id: &str) {
        write.push_step(token_delete(id, None));
        write.push_event(TOKENS);
        write.push_event(CLIENTS);
    }

    /// Deletes one of the caller's tokens. Errors: `token-not-found`, also for another's.
    pub(crate) async fn token_delete(&self, caller: &Caller, id: &str) -> Result<(), Problem> {
        let unknown = || Problem::not_found("token-not-found", "There is no such token.");
        let id = id_text(id).ok_or_else(unknown)?;
        let mut write =
            Write::new().expect("token", token_delete(&id, Some(&caller.account))).event(TOKENS).event(CLIENTS);
        self.audit(&mut write, caller, "token.delete", &id, json!({}));
        match self.0.db.write(write).await {
            Ok(_) => {
                self.0.identities.clear();
                Ok(())
            }
            Err(DbError::Unmet { .. }) => Err(unknown()),
            Err(error) => Err(error.into()),
        }
    }
}
