//! What services do on this node beside runs: started with the agent once it has joined, and ended with it.

use std::time::Duration;

use anyhow::Context;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use wire::{NodeIdentity, NodeSite};

use crate::config::{AgentConfig, ControlPlane};
use crate::inventory;
use crate::launcher::Launcher;

/// How long parts may take to end: mounts store what they kept.
const END: Duration = Duration::from_secs(30);

/// The parts that run.
pub(crate) struct Parts {
    running: JoinSet<anyhow::Result<()>>,
    stop: CancellationToken,
}

impl Parts {
    /// Starts all of them.
    pub(crate) async fn start(
        config: &AgentConfig,
        place: &ControlPlane,
        identity: watch::Receiver<NodeIdentity>,
        shutdown: &CancellationToken,
    ) -> Self {
        let stop = shutdown.child_token();
        let mut running = JoinSet::new();
        if config.parts.is_empty() {
            return Self { running, stop };
        }
        let addresses = match place.loopback() {
            Some(address) => vec![address.to_string()],
            // Parts listen where the agent is, not in the namespace of its runs.
            None => inventory::addresses(&Launcher::new(None)).await,
        };
        let site = NodeSite { identity, control_url: place.agents_url(), addresses };
        for part in &config.parts {
            let (part, site, stop) = (part.clone(), site.clone(), stop.clone());
            running.spawn(async move { part.run(site, stop).await.map_err(anyhow::Error::from_boxed) });
        }
        Self { running, stop }
    }

    /// Waits for a part that can't go on. Never returns while all of them do.
    pub(crate) async fn failed(&mut self) -> anyhow::Error {
        while let Some(ended) = self.running.join_next().await {
            match ended.context("a part of the agent broke") {
                Ok(Ok(())) => {}
                Ok(Err(error)) | Err(error) => return error,
            }
        }
        std::future::pending().await
    }

    /// Ends all of them.
    pub(crate) async fn end(mut self) {
        self.stop.cancel();
        let all = async { while self.running.join_next().await.is_some() {} };
        if tokio::time::timeout(END, all).await.is_err() {
            tracing::warn!("a part of the agent did not end in time");
        }
    }
}
