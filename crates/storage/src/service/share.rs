//! Links by which anybody may download one file for a while.

use std::collections::HashMap;

use db::{DbError, Write};
use portal::{AccountId, Caller, Problem, Role};
use serde::Serialize;
use serde_json::json;
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use super::ServiceError;
use super::export::Right;
use crate::Storage;
use crate::file::{FileError, FilePath, Files};
use crate::model::inode::{Inode, Kind};
use crate::queries::share::{Share, share_delete, share_get, share_insert, share_list, share_prune};
use crate::queries::space::space_get;

/// How long a link holds where nobody says, days.
pub(crate) const DAYS: u32 = 7;
/// How long a link may hold, days.
pub(crate) const DAYS_MAX: u32 = 90;
const DAY_MS: i64 = 24 * 3_600_000;
/// Links that are listed, the newest of them.
const LISTED: i64 = 1_000;

/// A link as it is shown to those who may revoke it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct ShareView {
    /// By which it is revoked; no secret.
    pub(crate) id: String,
    /// The export.
    pub(crate) export: String,
    /// The file's path.
    pub(crate) path: String,
    /// Login of who made it.
    pub(crate) login: String,
    /// RFC 3339, UTC.
    #[serde(serialize_with = "utc")]
    #[schema(value_type = String)]
    pub(crate) created: i64,
    /// RFC 3339, UTC.
    #[serde(serialize_with = "utc")]
    #[schema(value_type = String)]
    pub(crate) expires: i64,
    /// The address on this server; only in the answer that made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) link: Option<String>,
}

fn utc<S: serde::Serializer>(at_ms: &i64, serializer: S) -> Result<S::Ok, S::Error> {
    portal::utc_text(*at_ms).serialize(serializer)
}

impl ShareView {
    fn new(share: Share, export: String, login: String) -> Self {
        let Share { id, path, created_ms, expires_ms, .. } = share;
        let path = path.trim_start_matches('/').to_owned();
        Self { id, export, path, login, created: created_ms, expires: expires_ms, link: None }
    }
}

impl Storage {
    /// Makes a link to a file: an address on this server that holds for so many days. It leads to whatever has the path
    /// when it is used. The secret in it is kept nowhere.
    ///
    /// # Errors
    /// As [`Storage::files`]; `NotAFile`; `ShareDays` where `days` is not 1 to [`DAYS_MAX`].
    pub(crate) async fn share_make(
        &self,
        caller: &Caller,
        export: &str,
        path: &FilePath,
        days: u32,
    ) -> Result<ShareView, ServiceError> {
        if !(1..=DAYS_MAX).contains(&days) {
            return Err(ServiceError::ShareDays(days));
        }
        let files = self.files(caller, export, true).await?;
        if files.stat(path).await?.kind != Kind::File {
            return Err(FileError::NotAFile(path.clone()).into());
        }
        let (space, _) = self.space_of(caller, export).await?;
        let secret = format!("{:032x}", rand::random::<u128>());
        let now_ms = self.db().clock().now_ms();
        let share = Share {
            hash: hash(&secret),
            id: format!("{:016x}", rand::random::<u64>()),
            space: space.id,
            path: path.to_string(),
            account: caller.account.to_string(),
            created_ms: now_ms,
            expires_ms: now_ms + i64::from(days) * DAY_MS,
        };
        let mut write = Write::new();
        share_prune(&mut write, now_ms);
        share_insert(&mut write, &share);
        self.portal().audit(&mut write, caller, "share.create", export, json!({ "path": share.path, "days": days }));
        self.db().write(write).await?;
        let view = ShareView::new(share, space.name, caller.login.clone());
        Ok(ShareView { link: Some(format!("/shared/{secret}")), ..view })
    }

    /// The links that the caller made, newest first; an operator's are everybody's.
    pub(crate) async fn share_views(&self, caller: &Caller) -> Result<Vec<ShareView>, Problem> {
        let own = (!caller.has(Role::Operator)).then_some(&caller.account);
        let shares = share_list(self.db(), own, self.db().clock().now_ms(), LISTED).await?;
        let mut logins = HashMap::from([(caller.account.to_string(), caller.login.clone())]);
        let mut views = Vec::with_capacity(shares.len());
        for (share, export) in shares {
            if !logins.contains_key(&share.account)
                && let Some(account) = AccountId::parse(&share.account)
                && let Some(maker) = self.portal().account_caller(&account, "share", "").await?
            {
                logins.insert(share.account.clone(), maker.login);
            }
            let login = logins.get(&share.account).cloned().unwrap_or_default();
            views.push(ShareView::new(share, export, login));
        }
        Ok(views)
    }

    /// Ends a link at once: one's own, or as an operator anybody's. Errors: `share-unknown`.
    pub(crate) async fn share_revoke(&self, caller: &Caller, id: &str) -> Result<(), ServiceError> {
        let id = id.replace('\0', "");
        let own = (!caller.has(Role::Operator)).then_some(&caller.account);
        let mut write = Write::new().expect("share", share_delete(&id, own));
        self.portal().audit(&mut write, caller, "share.revoke", &id, json!({}));
        match self.db().write(write).await {
            Ok(_) => Ok(()),
            Err(DbError::Unmet { .. }) => Err(ServiceError::ShareUnknown),
            Err(error) => Err(error.into()),
        }
    }

    /// The file that a link leads to, while who made it may read it.
    ///
    /// # Errors
    /// `share-unknown` for one that is over, was never made, or whose file or maker is gone.
    pub(crate) async fn share_open(&self, secret: &str) -> Result<(Files, FilePath, Inode), Problem> {
        let unknown = || ServiceError::ShareUnknown;
        let share = share_get(self.db(), &hash(secret), self.db().clock().now_ms()).await?.ok_or_else(unknown)?;
        let space = space_get(self.db(), share.space).await?.ok_or_else(unknown)?;
        let account = AccountId::parse(&share.account).ok_or_else(unknown)?;
        let maker = self.portal().account_caller(&account, "share", "").await?.ok_or_else(unknown)?;
        if space.right_of(&maker) < Right::Read {
            return Err(unknown().into());
        }
        let files = self.files_to_read(space).await?;
        let path = FilePath::parse(&share.path)?;
        let inode = files.stat(&path).await.map_err(|error| match error {
            FileError::NotFound(_) | FileError::NotADirectory(_) => unknown().into(),
            error => Problem::from(error),
        })?;
        if inode.kind == Kind::File { Ok((files, path, inode)) } else { Err(unknown().into()) }
    }
}

fn hash(secret: &str) -> String {
    Sha256::digest(secret).iter().map(|byte| format!("{byte:02x}")).collect()
}
