//! Who is let in: the key that signed a request, and the account behind it.

use portal::{Caller, Problem};
use s3s::access::{S3Access, S3AccessContext};
use s3s::auth::{S3Auth, SecretKey};
use s3s::{S3Error, S3ErrorCode, S3Request, S3Result, s3_error};

use crate::Storage;

/// The keys of accounts, for checking signatures and then for finding out who signed.
pub(super) struct Keys {
    storage: Storage,
}

impl Keys {
    pub(super) fn new(storage: Storage) -> Self {
        Self { storage }
    }
}

#[async_trait::async_trait]
impl S3Auth for Keys {
    async fn get_secret_key(&self, access_key: &str) -> S3Result<SecretKey> {
        let secret = self.storage.s3_key_secret(access_key).await.map_err(failed)?;
        let secret = secret.ok_or_else(|| s3_error!(InvalidAccessKeyId, "There is no such key, or it was revoked."))?;
        Ok(SecretKey::from(secret.expose().as_str()))
    }
}

#[async_trait::async_trait]
impl S3Access for Keys {
    async fn check(&self, cx: &mut S3AccessContext<'_>) -> S3Result<()> {
        let key = cx.credentials().map(|credentials| credentials.access_key.clone());
        let key = key.ok_or_else(|| s3_error!(AccessDenied, "A request has to be signed."))?;
        let request_id = uuid::Uuid::now_v7().to_string();
        let caller = self.storage.s3_key_caller(&key, &request_id).await.map_err(failed)?;
        let closed =
            || s3_error!(AccessDenied, "The account of this key is disabled, or has to choose a password first.");
        cx.extensions_mut().insert(caller.ok_or_else(closed)?);
        Ok(())
    }
}

/// Who makes the request. Errors: `AccessDenied` for who was not let in.
pub(super) fn caller_of<T>(request: &S3Request<T>) -> S3Result<&Caller> {
    request.extensions.get::<Caller>().ok_or_else(|| s3_error!(AccessDenied, "A request has to be signed."))
}

fn failed(problem: Problem) -> S3Error {
    let cause = &problem as &dyn std::error::Error;
    tracing::error!(error = cause, cause = cause.source(), "a key for S3 could not be looked up");
    S3Error::with_message(S3ErrorCode::ServiceUnavailable, "Keys can't be looked up now; try again.")
}
