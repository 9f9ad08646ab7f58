//! What is asked of a service: bounded in time, repeated a few times where that can help.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::path::Path;
use object_store::{BackoffConfig, ClientOptions, ObjectMeta, ObjectStore as _, ObjectStoreExt as _, RetryConfig};

use super::credentials::BucketKey;
use super::fault::{is_absent, is_too_short, sentence};
use super::object;
use super::offer::BucketOffer;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// Times that a request is repeated, after pauses that grow and are partly chance.
const REPEATS_MAX: usize = 4;
const PAUSE: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(2);
/// Connections that are kept for the next request.
const IDLE_MAX: usize = 64;

/// How long a service is waited for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// For one request, with its answer.
    pub(super) request: Duration,
    /// After this no request is repeated.
    pub(super) repeat: Duration,
}

impl Default for Patience {
    /// Clients of a store wait for 10 s in all.
    fn default() -> Self {
        Self { request: Duration::from_secs(4), repeat: Duration::from_secs(5) }
    }
}

/// A bucket at its service.
#[derive(Debug)]
pub(super) struct Remote {
    offer: Arc<BucketOffer>,
    client: AmazonS3,
}

/// Why a service did not do what it was asked, for people.
#[derive(Debug)]
pub(super) struct Trouble(pub(super) String);

/// What was read of an object.
#[derive(Debug)]
pub(super) enum Fetched {
    Bytes(Bytes),
    /// There is no such object.
    Absent,
    /// It ends before what was asked for.
    TooShort,
}

impl Remote {
    /// Nothing is asked of the service yet.
    pub(super) fn new(offer: Arc<BucketOffer>, key: &BucketKey, patience: Patience) -> Result<Self, Trouble> {
        let options = ClientOptions::new()
            .with_allow_http(offer.endpoint.scheme() == "http")
            .with_connect_timeout(CONNECT_TIMEOUT)
            .with_timeout(patience.request)
            .with_pool_max_idle_per_host(IDLE_MAX);
        let backoff = BackoffConfig { init_backoff: PAUSE, max_backoff: PAUSE_MAX, base: 2.0 };
        let builder = AmazonS3Builder::new()
            .with_client_options(options)
            .with_retry(RetryConfig { backoff, max_retries: REPEATS_MAX, retry_timeout: patience.repeat })
            .with_endpoint(offer.endpoint.as_str().trim_end_matches('/'))
            .with_bucket_name(&offer.bucket)
            .with_region(&offer.region)
            .with_access_key_id(&key.id)
            .with_secret_access_key(key.secret.expose())
            // Not every service has the call for many.
            .with_disable_bulk_delete(true);
        let builder = match &key.token {
            Some(token) => builder.with_token(token.expose()),
            None => builder,
        };
        let client = builder.build().map_err(|fault| Trouble(sentence(&offer, &fault)))?;
        Ok(Self { offer, client })
    }

    fn path(&self, name: &str) -> Path {
        Path::from_iter(self.offer.prefix.split('/').chain(name.split('/')).filter(|part| !part.is_empty()))
    }

    fn trouble(&self, fault: &object_store::Error) -> Trouble {
        Trouble(sentence(&self.offer, fault))
    }

    /// Stores an object, in place of the one that has the name. It is safe once this has returned.
    pub(super) async fn put(&self, name: &str, data: Bytes) -> Result<(), Trouble> {
        self.client.put(&self.path(name), data.into()).await.map(drop).map_err(|fault| self.trouble(&fault))
    }

    /// Reads an object, or a range of it.
    pub(super) async fn get(&self, name: &str, range: Option<Range<u64>>) -> Result<Fetched, Trouble> {
        let path = self.path(name);
        let bytes = async {
            match range {
                Some(range) => self.client.get_range(&path, range).await,
                None => self.client.get(&path).await?.bytes().await,
            }
        };
        match bytes.await {
            Ok(bytes) => Ok(Fetched::Bytes(bytes)),
            Err(fault) if is_absent(&fault) => Ok(Fetched::Absent),
            Err(fault) if is_too_short(&fault) => Ok(Fetched::TooShort),
            Err(fault) => Err(self.trouble(&fault)),
        }
    }

    /// Deletes an object. One that is not there is no error.
    pub(super) async fn delete(&self, name: &str) -> Result<(), Trouble> {
        match self.client.delete(&self.path(name)).await {
            Err(fault) if !is_absent(&fault) => Err(self.trouble(&fault)),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// All objects of units: name, size and when they were stored, each passed to `found`.
    pub(super) async fn list(&self, mut found: impl FnMut(&str, u64, i64)) -> Result<(), Trouble> {
        let shards = (0..object::SHARDS).map(|number| self.client.list(Some(&self.path(&object::shard(number)))));
        let mut listed = stream::select_all(shards.map(|shard| shard.map_err(|fault| self.trouble(&fault)).boxed()));
        let prefix = self.path("").to_string();
        while let Some(ObjectMeta { location, size, last_modified, .. }) = listed.try_next().await? {
            let name = location.as_ref().strip_prefix(&prefix).unwrap_or_default();
            found(name.trim_start_matches('/'), size, last_modified.timestamp_millis());
        }
        Ok(())
    }
}
