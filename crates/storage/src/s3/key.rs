//! Keys that S3 requests are signed with, a few for each account. The secret itself has to be known to check a signature,
//! so it is kept sealed, where a token would be kept as a hash.

use db::{DbError, Write};
use portal::{AccountId, Caller, Problem, Secret};
use rand::RngExt as _;
use serde_json::json;

use crate::Storage;
use crate::queries::s3_key::{s3_key_delete, s3_key_delete_of_account, s3_key_find, s3_key_insert, s3_key_list};

/// Keys an account may have.
const KEYS_MAX: usize = 100;
/// Most characters of a key's name.
const NAME_MAX: usize = 100;
/// What every key's id begins with.
const ID_PREFIX: &str = "AM";
/// Characters of an id, as many as S3's have.
const ID_LENGTH: usize = 20;
/// Characters of a secret: 40 of 62, 238 bits. No `+` and `/`: some clients fail to escape them.
const SECRET_LENGTH: usize = 40;

/// A key, but for its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct S3Key {
    /// The access key id that requests name.
    pub(crate) id: String,
    /// What it is for.
    pub(crate) name: String,
    /// When it was made, epoch ms.
    pub(crate) created_ms: i64,
}

/// What goes with an account that is deleted: its keys.
pub fn removal(write: &mut Write, account: &AccountId) {
    write.push_step(s3_key_delete_of_account(account));
}

impl Storage {
    /// The caller's own keys, newest first.
    pub(crate) async fn s3_key_list(&self, caller: &Caller) -> Result<Vec<S3Key>, Problem> {
        Ok(s3_key_list(self.db(), &caller.account).await?)
    }

    /// Makes a key for the caller; its secret is told this once.
    /// Errors: `text-invalid`, `too-many-s3-keys`.
    pub(crate) async fn s3_key_create(&self, caller: &Caller, name: &str) -> Result<(S3Key, Secret<String>), Problem> {
        let name = name_checked(name)?;
        if s3_key_list(self.db(), &caller.account).await?.len() >= KEYS_MAX {
            return Err(Problem::conflict("too-many-s3-keys", "You have 100 S3 keys; revoke one first."));
        }
        let id = format!("{ID_PREFIX}{}", random(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", ID_LENGTH - ID_PREFIX.len()));
        let letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
        let secret = Secret::new(random(letters, SECRET_LENGTH));
        let key = S3Key { id, name, created_ms: self.db().clock().now_ms() };
        let sealed = self.config().seal.seal(&key.id, secret.expose());
        let mut write = Write::new().step(s3_key_insert(&key, &caller.account, &sealed));
        self.portal().audit(&mut write, caller, "s3-key.create", &key.id, json!({ "name": key.name }));
        self.db().write(write).await?;
        Ok((key, secret))
    }

    /// Revokes one of the caller's keys at once. Errors: `s3-key-not-found`, also for another's.
    pub(crate) async fn s3_key_revoke(&self, caller: &Caller, id: &str) -> Result<(), Problem> {
        let id = id.replace('\0', "");
        let mut write = Write::new().expect("key", s3_key_delete(&id, &caller.account));
        self.portal().audit(&mut write, caller, "s3-key.revoke", &id, json!({}));
        match self.db().write(write).await {
            Ok(_) => Ok(()),
            Err(DbError::Unmet { .. }) => Err(Problem::not_found("s3-key-not-found", "There is no such S3 key.")),
            Err(error) => Err(error.into()),
        }
    }

    /// The secret of a key; `None`: there is no such key. Errors: `bug` when it was sealed by another seal.key.
    pub(super) async fn s3_key_secret(&self, id: &str) -> Result<Option<Secret<String>>, Problem> {
        let found = s3_key_find(self.db(), &id.replace('\0', "")).await?;
        found.map(|(_, sealed)| self.config().seal.open(id, &sealed).map_err(Problem::bug)).transpose()
    }

    /// Who is behind a key; `None`: there is no such key, or its account may do nothing now.
    pub(super) async fn s3_key_caller(&self, id: &str, request_id: &str) -> Result<Option<Caller>, Problem> {
        let Some((account, _)) = s3_key_find(self.db(), id).await? else { return Ok(None) };
        self.portal().account_caller(&account, id, request_id).await
    }
}

fn random(letters: &[u8], length: usize) -> String {
    let mut rng = rand::rng();
    (0..length).map(|_| char::from(letters[rng.random_range(0..letters.len())])).collect()
}

fn name_checked(text: &str) -> Result<String, Problem> {
    let name = text.trim();
    if name.is_empty() || name.chars().count() > NAME_MAX || name.chars().any(char::is_control) {
        let message = "A key's name has 1 to 100 characters and stands on one line.";
        return Err(Problem::bad_request("text-invalid", message).field("name"));
    }
    Ok(name.to_owned())
}
