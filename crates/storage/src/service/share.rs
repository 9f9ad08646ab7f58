//! Links by which anybody may download one file for a while.

use db::Write;
use portal::{AccountId, Caller, Problem};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::ServiceError;
use super::export::Right;
use crate::Storage;
use crate::file::{FileError, FilePath, Files};
use crate::model::inode::{Inode, Kind};
use crate::queries::share::{Share, share_get, share_insert, share_prune};
use crate::queries::space::space_get;

/// How long a link holds.
const SHARE_MS: i64 = 7 * 24 * 3_600_000;

impl Storage {
    /// Makes a link to a file: an address on this server that holds for seven days. It leads to whatever has the path
    /// when it is used. The secret in it is kept nowhere.
    ///
    /// # Errors
    /// As [`Storage::files`]; `NotAFile`.
    pub(crate) async fn share_make(
        &self,
        caller: &Caller,
        export: &str,
        path: &FilePath,
    ) -> Result<String, ServiceError> {
        let files = self.files(caller, export, true).await?;
        if files.stat(path).await?.kind != Kind::File {
            return Err(FileError::NotAFile(path.clone()).into());
        }
        let (space, _) = self.space_of(caller, export).await?;
        let secret = format!("{:032x}", rand::random::<u128>());
        let now_ms = self.db().clock().now_ms();
        let share = Share {
            hash: hash(&secret),
            space: space.id,
            path: path.to_string(),
            account: caller.account.to_string(),
            expires_ms: now_ms + SHARE_MS,
        };
        let mut write = Write::new();
        share_prune(&mut write, now_ms);
        share_insert(&mut write, &share);
        self.portal().audit(&mut write, caller, "share.create", export, json!({ "path": share.path }));
        self.db().write(write).await?;
        Ok(format!("/shared/{secret}"))
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
