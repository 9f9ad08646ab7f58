//! Who a request comes from: the secret in its cookie or header, looked up once and kept in memory for a few seconds.
//! A change of sessions, tokens or accounts empties the memory on every replica through the event table.

use std::collections::HashMap;
use std::sync::Mutex;

use crate::error::Problem;
use crate::model::account::{Account, AccountId};
use crate::model::caller::{Caller, Via};
use crate::model::client::{SESSION_IDLE_MS, SESSION_MAX_MS};
use crate::model::secret::{TOKEN_PREFIX, secret_hash};
use crate::portal::Portal;
use crate::queries::account::account_get;
use crate::queries::client::credential_holds;
use crate::queries::session::session_find;
use crate::queries::token::token_find;
use crate::service::sign_in::caller_of;
use crate::service::{SESSIONS, TOKENS};

/// How long a looked-up identity is believed without asking again, ms.
const KEPT_MS: i64 = 5_000;
/// Identities kept at most.
const KEPT: usize = 10_000;

/// A secret that holds, and whose it is.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    pub(crate) via: Via,
    pub(crate) csrf: Option<String>,
    /// What the path of the request has to begin with.
    pub(crate) scope: Option<String>,
    pub(crate) account: Account,
}

#[derive(Default)]
struct Kept {
    /// Grows with each emptying, so that a look-up begun before it is not kept after it.
    generation: u64,
    by_hash: HashMap<String, (i64, Identity)>,
}

/// Identities looked up recently, by the hash of their secret.
#[derive(Default)]
pub(crate) struct IdentityCache(Mutex<Kept>);

impl IdentityCache {
    /// Forgets everything.
    pub(crate) fn clear(&self) {
        let mut kept = self.0.lock().unwrap_or_else(|e| e.into_inner());
        kept.generation += 1;
        kept.by_hash.clear();
    }

    fn get(&self, hash: &str, now_ms: i64) -> Result<Identity, u64> {
        let kept = self.0.lock().unwrap_or_else(|e| e.into_inner());
        match kept.by_hash.get(hash) {
            Some((at, identity)) if now_ms - at < KEPT_MS => Ok(identity.clone()),
            _ => Err(kept.generation),
        }
    }

    fn put(&self, hash: String, now_ms: i64, generation: u64, identity: Identity) {
        let mut kept = self.0.lock().unwrap_or_else(|e| e.into_inner());
        if kept.generation != generation {
            return;
        }
        if kept.by_hash.len() >= KEPT {
            kept.by_hash.clear();
        }
        kept.by_hash.insert(hash, (now_ms, identity));
    }
}

impl Portal {
    /// The events that tell of a change of sessions, tokens or accounts. A long stream watches them and asks
    /// [`Portal::still_holds`] at each.
    pub fn identity_topics() -> [&'static str; 2] {
        [SESSIONS, TOKENS]
    }

    /// Whether what `caller` was let in by still holds: the session or token is there and not over, the account is
    /// enabled and has the same role, tenant and right to go on with its password. Asks the database, never the memory;
    /// the database away changes nothing (true). Takes as long as two queries; dropping it is harmless.
    pub async fn still_holds(&self, caller: &Caller) -> bool {
        let is_same = match account_get(&self.0.db, &caller.account).await {
            Ok(account) => account.is_some_and(|now| {
                let has_same_rights = now.roles == caller.roles && now.tenant == caller.tenant;
                !now.disabled && has_same_rights && now.must_change == caller.must_change
            }),
            Err(_) => true,
        };
        is_same && credential_holds(&self.0.db, &caller.via, self.now_ms()).await.unwrap_or(true)
    }

    /// Who `account` is, for a credential that a service keeps itself, such as an S3 key; `credential` is its id and no
    /// secret. `None`: the account is gone, disabled, or has to choose a password first.
    ///
    /// # Errors
    /// The database's.
    pub async fn account_caller(
        &self,
        account: &AccountId,
        credential: &str,
        request_id: &str,
    ) -> Result<Option<Caller>, Problem> {
        let account = account_get(&self.0.db, account).await?;
        let account = account.filter(|account| !account.disabled && !account.must_change);
        Ok(account.map(|account| caller_of(&account, Via::Token { id: credential.to_owned() }, request_id)))
    }

    /// The session with this secret, if it holds.
    pub(crate) async fn session_identity(&self, secret: &str) -> Result<Option<Identity>, Problem> {
        let hash = secret_hash(secret);
        let now = self.now_ms();
        let generation = match self.0.identities.get(&hash, now) {
            Ok(identity) => return Ok(Some(identity)),
            Err(generation) => generation,
        };
        let Some(found) = session_find(&self.0.db, &hash).await? else { return Ok(None) };
        let is_over = now - found.last_seen_ms > SESSION_IDLE_MS || now - found.created_ms > SESSION_MAX_MS;
        if is_over || found.account.disabled {
            return Ok(None);
        }
        let identity = Identity {
            via: Via::Session { id: found.id },
            csrf: Some(found.csrf),
            scope: None,
            account: found.account,
        };
        self.0.identities.put(hash, now, generation, identity.clone());
        Ok(Some(identity))
    }

    /// The API token with this secret, if it holds.
    pub(crate) async fn token_identity(&self, secret: &str) -> Result<Option<Identity>, Problem> {
        if !secret.starts_with(TOKEN_PREFIX) {
            return Ok(None);
        }
        let hash = secret_hash(secret);
        let now = self.now_ms();
        let generation = match self.0.identities.get(&hash, now) {
            Ok(identity) => return Ok(Some(identity)),
            Err(generation) => generation,
        };
        let Some(found) = token_find(&self.0.db, &hash).await? else { return Ok(None) };
        if found.account.disabled || found.expires_ms.is_some_and(|end| end <= now) {
            return Ok(None);
        }
        let identity =
            Identity { via: Via::Token { id: found.id }, csrf: None, scope: found.scope, account: found.account };
        self.0.identities.put(hash, now, generation, identity.clone());
        Ok(Some(identity))
    }
}
