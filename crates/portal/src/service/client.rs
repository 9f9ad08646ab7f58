//! Who is connected: signed-in browsers and programs with a token.

use db::{DbError, Write};
use serde_json::json;

use crate::error::Problem;
use crate::model::account::AccountId;
use crate::model::caller::{Caller, Via};
use crate::model::client::{Client, SESSION_IDLE_MS};
use crate::model::id_text;
use crate::model::role::Role;
use crate::portal::Portal;
use crate::queries::client::client_list;
use crate::queries::session::session_delete;
use crate::queries::token::token_delete;
use crate::service::{CLIENTS, SESSIONS, TOKENS};

/// Clients shown at most.
const SHOWN: i64 = 500;

impl Portal {
    /// Everybody's clients of the last week, last seen first.
    pub(crate) async fn client_list(&self) -> Result<Vec<Client>, Problem> {
        self.clients_of(None).await
    }

    /// The caller's own.
    pub(crate) async fn client_list_own(&self, caller: &Caller) -> Result<Vec<Client>, Problem> {
        self.clients_of(Some(&caller.account)).await
    }

    async fn clients_of(&self, owner: Option<&AccountId>) -> Result<Vec<Client>, Problem> {
        Ok(client_list(&self.0.db, owner, self.now_ms() - SESSION_IDLE_MS, SHOWN).await?)
    }

    /// Ends a session, or deletes the token of a program: operators anybody's, others their own. `current` is the
    /// caller's own session. Errors: `client-not-found`.
    pub(crate) async fn client_end(&self, caller: &Caller, id: &str) -> Result<(), Problem> {
        let unknown = || Problem::not_found("client-not-found", "There is no such client.");
        let id = match (&caller.via, id) {
            (Via::Session { id }, "current") => id.clone(),
            _ => id_text(id).ok_or_else(unknown)?,
        };
        let owner = (!caller.has(Role::Operator)).then_some(&caller.account);
        for step in [session_delete(&id, owner), token_delete(&id, owner)] {
            let mut write = Write::new().expect("client", step).event(SESSIONS).event(TOKENS).event(CLIENTS);
            self.audit(&mut write, caller, "client.end", &id, json!({}));
            match self.0.db.write(write).await {
                Ok(_) => {
                    self.0.identities.clear();
                    return Ok(());
                }
                Err(DbError::Unmet { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(unknown())
    }
}
