//! What services do on this node beside runs: started with the agent once it has joined, and ended with it.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use wire::{NodeIdentity, NodePart, NodeSite};

use crate::config::{AgentConfig, ControlPlane};
use crate::inventory;
use crate::launcher::Launcher;

/// How long parts that use others may take to end: a mount that is in use takes up to 90 s.
const USERS_END: Duration = Duration::from_secs(100);
/// How long all others may take.
const END: Duration = Duration::from_secs(30);

/// Parts that end together.
struct Group {
    running: JoinSet<anyhow::Result<()>>,
    stop: CancellationToken,
}

impl Group {
    fn spawn(&mut self, part: &Arc<dyn NodePart>, site: &NodeSite) {
        let (part, site, stop) = (Arc::clone(part), site.clone(), self.stop.clone());
        self.running.spawn(async move { part.run(site, stop).await.map_err(anyhow::Error::from_boxed) });
    }

    /// Waits for a part that can't go on. Never returns while all of them do.
    async fn failed(&mut self) -> anyhow::Error {
        while let Some(ended) = self.running.join_next().await {
            match ended.context("a part of the agent broke") {
                Ok(Ok(())) => {}
                Ok(Err(error)) | Err(error) => return error,
            }
        }
        std::future::pending().await
    }

    async fn end(mut self, within: Duration) {
        self.stop.cancel();
        let all = async { while self.running.join_next().await.is_some() {} };
        if tokio::time::timeout(within, all).await.is_err() {
            tracing::warn!("a part of the agent did not end in time");
        }
    }
}

/// The parts that run.
pub(crate) struct Parts {
    users: Group,
    others: Group,
}

impl Parts {
    /// Starts all of them.
    pub(crate) async fn start(
        config: &AgentConfig,
        place: &ControlPlane,
        identity: watch::Receiver<NodeIdentity>,
        shutdown: &CancellationToken,
    ) -> Self {
        // What others use goes on after `shutdown`, until they have ended.
        let users = Group { running: JoinSet::new(), stop: shutdown.child_token() };
        let others = Group { running: JoinSet::new(), stop: CancellationToken::new() };
        let mut parts = Self { users, others };
        if config.parts.is_empty() {
            return parts;
        }
        let addresses = match place.loopback() {
            Some(address) => vec![address.to_string()],
            // Parts listen where the agent is, not in the namespace of its runs.
            None => inventory::addresses(&Launcher::new(None)).await,
        };
        parts.spawn(&config.parts, &NodeSite { identity, control_url: place.agents_url(), addresses });
        parts
    }

    fn spawn(&mut self, parts: &[Arc<dyn NodePart>], site: &NodeSite) {
        for part in parts {
            let group = if part.uses_others() { &mut self.users } else { &mut self.others };
            group.spawn(part, site);
        }
    }

    /// Waits for a part that can't go on. Never returns while all of them do.
    pub(crate) async fn failed(&mut self) -> anyhow::Error {
        tokio::select! {
            error = self.users.failed() => error,
            error = self.others.failed() => error,
        }
    }

    /// Ends all of them: first those that use others, which may store what they kept.
    pub(crate) async fn end(self) {
        self.users.end(USERS_END).await;
        self.others.end(END).await;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    /// Writes down when it was told to end, and when it had.
    struct Noted {
        name: &'static str,
        uses_others: bool,
        notes: Arc<Mutex<Vec<String>>>,
    }

    #[tonic::async_trait]
    impl NodePart for Noted {
        async fn run(
            &self,
            _: NodeSite,
            shutdown: CancellationToken,
        ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
            shutdown.cancelled().await;
            self.notes.lock().unwrap().push(format!("{} is told", self.name));
            tokio::time::sleep(Duration::from_secs(70)).await;
            self.notes.lock().unwrap().push(format!("{} has ended", self.name));
            Ok(())
        }

        fn uses_others(&self) -> bool {
            self.uses_others
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_used_ends_after_its_users() {
        let (notes, shutdown) = (Arc::<Mutex<Vec<String>>>::default(), CancellationToken::new());
        let part = |name, uses_others| Arc::new(Noted { name, uses_others, notes: notes.clone() }) as Arc<dyn NodePart>;
        let users = Group { running: JoinSet::new(), stop: shutdown.child_token() };
        let mut parts = Parts { users, others: Group { running: JoinSet::new(), stop: CancellationToken::new() } };
        let identity = NodeIdentity { node_id: "n".into(), pair_pem: String::new(), ca_pem: String::new() };
        let (_shown, identity) = watch::channel(identity);
        let site = NodeSite { identity, control_url: "https://127.0.0.1:1".into(), addresses: Vec::new() };
        parts.spawn(&[part("store", false), part("mount", true)], &site);
        shutdown.cancel();
        parts.end().await;
        assert_eq!(*notes.lock().unwrap(), ["mount is told", "mount has ended", "store is told"]);
    }
}
