//! Keeps the session of a mount: prolongs it, opens it anew, takes the delegation when it is given and gives it back when
//! somebody else wants it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use wire::authority::KeyRequest;

use super::core::{Core, Told};
use super::damage::Found;
use super::fuse::untell;
use crate::namespace::remote::{Remote, RemoteError};
use crate::namespace::session::SessionRenewal;
use crate::stripe::{Credentials, StoreAddress, Stripes};

/// A session lives for 15 s.
const RENEW: Duration = Duration::from_secs(5);
/// The certificate for stores holds for half an hour.
const CERTIFY: Duration = Duration::from_secs(600);
/// After an answer that was none.
const AGAIN: Duration = Duration::from_secs(1);

/// See the file's head: a cheap handle.
#[derive(Clone)]
pub(super) struct Keeper {
    pub(super) remote: Arc<Remote>,
    pub(super) core: Arc<Core>,
    pub(super) stripes: Stripes,
    /// What its reads found.
    pub(super) damage: Found,
    /// How many units a stripe has, and of them data.
    pub(super) code: (u64, u64),
    pub(super) notifier: fuser::Notifier,
    pub(super) free_bytes: Arc<AtomicU64>,
    /// The epoch that what is kept is from: another one says that somebody took the name space by force.
    pub(super) epoch: Arc<AtomicI64>,
    /// Grows when the delegation begins to go, and once it is gone: while it is odd none is taken in, and none that was
    /// given before it grew.
    pub(super) leavings: Arc<AtomicU64>,
    pub(super) what: String,
    pub(super) key: Arc<KeyRequest>,
}

/// What a volume of `units` per stripe, `data` of them data, can take, in bytes of files.
pub(super) fn free_bytes(stores: &[StoreAddress], (units, data): (u64, u64)) -> u64 {
    let mut free: Vec<u64> = stores.iter().filter(|store| store.is_writable).map(|store| store.free_bytes).collect();
    free.sort_unstable();
    // The fullest stores stop a stripe first; what lies above them is for others to fill.
    if free.len() < units as usize { 0 } else { free.iter().sum::<u64>() * data / units }
}

impl Keeper {
    /// Runs until `shutdown`.
    pub(super) async fn run(self, shutdown: CancellationToken) {
        let waiting = tokio::spawn(self.clone().wait_for_news());
        let mut certified = tokio::time::Instant::now();
        loop {
            if certified.elapsed() > CERTIFY && self.certify().await {
                certified = tokio::time::Instant::now();
            }
            let damage = self.damage.take();
            let leavings = self.leavings.load(Ordering::SeqCst);
            let renewed = self.remote.renew(&damage, self.core.is_keeping()).await;
            if renewed.is_err() {
                damage.into_iter().for_each(|damage| self.damage.add(damage));
            }
            let pause = match renewed {
                Ok(renewed) => {
                    self.on_renewed(renewed, leavings).await;
                    RENEW
                }
                Err(RemoteError::Refused { code, .. }) if code == "stale" => self.reopen().await,
                Err(error) => {
                    tracing::warn!(error = &error as &dyn std::error::Error, "the session could not be prolonged");
                    AGAIN
                }
            };
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = self.remote.is_doubtful.notified() => {}
                () = shutdown.cancelled() => break,
            }
        }
        waiting.abort();
    }

    /// Stores know the session by this from now on.
    fn credentials(&self, certificate_pem: &str, ca_pem: String) {
        let pair_pem = certificate_pem.to_owned() + &self.key.key_pem;
        self.stripes.credentials_set(Credentials { pair_pem, ca_pem });
    }

    async fn certify(&self) -> bool {
        match self.remote.certify(&self.key.csr_pem).await {
            Ok(certified) => self.credentials(&certified.certificate_pem, certified.ca_pem),
            Err(error) => {
                let error: &dyn std::error::Error = &error;
                tracing::warn!(error, "the certificate for stores could not be renewed; it is tried again");
                return false;
            }
        }
        true
    }

    /// What was answered when the delegation had begun to go so often.
    async fn on_renewed(&self, renewed: SessionRenewal, leavings: u64) {
        self.stores(renewed.stores);
        let is_same = self.epoch.swap(renewed.epoch, Ordering::SeqCst) == renewed.epoch;
        match (renewed.is_delegated, self.core.is_delegated()) {
            _ if leavings % 2 == 1 || self.leavings.load(Ordering::SeqCst) != leavings => {}
            (true, false) => self.core.delegate(renewed.usage).await,
            (false, true) => {
                tracing::warn!("the name space was taken away from this mount");
                let (told, keeper) = (self.core.lost(), self.clone());
                // The kernel may wait for a call that waits for the session: it must be prolonged meanwhile.
                tokio::spawn(async move {
                    keeper.untell(told).await;
                    keeper.core.locks_mend().await;
                });
            }
            (false, false) => {
                self.core.set_usage(renewed.usage);
                self.locks();
            }
            (true, true) if is_same => {}
            (true, true) => {
                tracing::warn!("the name space was taken away from this mount and given back; what it kept may be old");
                self.clone().leave(false);
            }
        }
    }

    /// Tells other mounts of locks that they don't know of; in a task of its own, so that the session is prolonged meanwhile.
    fn locks(&self) {
        let core = self.core.clone();
        tokio::spawn(async move { core.locks_mend().await });
    }

    fn stores(&self, stores: Vec<StoreAddress>) {
        self.free_bytes.store(free_bytes(&stores, self.code), Ordering::Relaxed);
        self.stripes.stores_set(stores);
    }

    /// The session has ended: opens another. What is not stored yet is stored in it, unless somebody else changed the same
    /// meanwhile; what is kept of the rest may be out of date, and is dropped.
    async fn reopen(&self) -> Duration {
        match self.remote.open_again(&self.what, &self.key.csr_pem).await {
            Ok(opened) => {
                tracing::info!(session.id = opened.id, "the session was opened anew");
                self.epoch.store(opened.epoch, Ordering::SeqCst);
                self.credentials(&opened.certificate_pem, opened.ca_pem);
                self.stores(opened.stores);
                self.core.locks_unknown();
                if self.core.is_delegated() {
                    self.clone().leave(!opened.is_delegated);
                } else {
                    self.locks();
                }
            }
            Err(error) => tracing::warn!(error = &error as &dyn std::error::Error, "no session could be opened"),
        }
        AGAIN
    }

    async fn wait_for_news(self) {
        loop {
            match self.remote.wait().await {
                Ok(news) if news.is_wanted => {
                    self.clone().leave(false);
                    tokio::time::sleep(AGAIN).await;
                }
                Ok(news) if news.stores_changed => self.remote.is_doubtful.notify_one(),
                Ok(_) => {}
                Err(_) => tokio::time::sleep(AGAIN).await,
            }
        }
    }

    /// Stores everything, keeps nothing, and gives the delegation back unless it is gone already. In a task of its own, so
    /// that the session is prolonged meanwhile.
    fn leave(self, is_gone: bool) {
        let begun = self.leavings.fetch_or(1, Ordering::SeqCst);
        if begun % 2 == 1 {
            return;
        }
        tokio::spawn(async move {
            let told = self.core.recall().await;
            self.untell(told).await;
            if !is_gone && let Err(error) = self.remote.delegation_end().await {
                tracing::warn!(error = &error as &dyn std::error::Error, "the delegation could not be given back");
            }
            // Whoever wanted it is let in first.
            tokio::time::sleep(AGAIN).await;
            self.leavings.store(begun + 2, Ordering::SeqCst);
            self.remote.is_doubtful.notify_one();
        });
    }

    async fn untell(&self, told: Told) {
        let (notifier, root) = (self.notifier.clone(), self.core.root());
        let untold = tokio::task::spawn_blocking(move || untell(&notifier, root, &told)).await;
        if let Err(error) = untold {
            tracing::error!(error = &error as &dyn std::error::Error, "the kernel could not be told what changed");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_free_is_counted_in_bytes_of_files() {
        let store = |id, free_bytes, is_writable| StoreAddress {
            id,
            node: String::new(),
            addresses: Vec::new(),
            free_bytes,
            domain: String::new(),
            is_writable,
            is_up: true,
        };
        let stores: Vec<_> = (0..6).map(|id| store(id, 600, true)).chain([store(6, 1_000_000, false)]).collect();
        assert_eq!(free_bytes(&stores, (6, 4)), 2_400);
        assert_eq!(free_bytes(&stores[1..], (6, 4)), 0);
    }
}
