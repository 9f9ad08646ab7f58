//! One connected node: reads what its agent says in groups, stores each group in one transaction, then acknowledges.

use std::time::Duration;

use futures::FutureExt;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tonic::Streaming;
use wire::proto::{FromAgent, ToAgent, from_agent};

use super::acks::Acks;
use super::admit::admit;
use super::messages::Group;
use crate::Lab;
use crate::model::node::{LEASE_MS, NodeId};
use crate::queries::node::node_disconnect;
use crate::service::live::output_topic;

/// How long an agent may take to say hello.
const HELLO_TIMEOUT: Duration = Duration::from_secs(5);
/// Messages stored in one transaction, at most.
const GROUP_MAX: usize = 256;
/// Longest silence of an agent: its lease.
const SILENCE_MAX: Duration = Duration::from_millis(LEASE_MS as u64);

/// Serves the stream until it ends. Errors end it: the agent comes back and sends again what was not acknowledged.
pub(super) async fn run(lab: Lab, node: NodeId, mut stream: Streaming<FromAgent>, commands: mpsc::Sender<ToAgent>) {
    let first = tokio::time::timeout(HELLO_TIMEOUT, stream.message()).await;
    let Ok(Ok(Some(FromAgent { message: Some(from_agent::Message::Hello(hello)) }))) = first else {
        tracing::info!(node.id = %node, "node {node} did not say hello");
        return;
    };
    let ended = CancellationToken::new();
    let (name, epoch) = match admit(&lab, node, hello, &commands, ended.clone()).await {
        Ok(Some(admitted)) => admitted,
        Ok(None) => return,
        Err(error) => {
            tracing::warn!(node.id = %node, error = &error as &dyn std::error::Error, "node {node} was not admitted");
            return;
        }
    };
    tokio::select! {
        () = serve(&lab, node, &name, epoch, &mut stream) => {}
        () = commands.closed() => {}
        () = ended.cancelled() => tracing::warn!(node.id = %node, "node {name} does not take its commands"),
        () = lab.portal().closing().cancelled_owned() => {}
    }
    let jobs = lab.fleet().disconnect(node, epoch);
    let mut write = db::Write::new();
    node_disconnect(&mut write, node, epoch);
    write.push_event("nodes");
    // From here on it is another replica that may tell of them.
    jobs.into_iter().for_each(|job| write.push_event(output_topic(job)));
    if let Err(error) = lab.db().write(write).await {
        tracing::warn!(node.id = %node, error = &error as &dyn std::error::Error, "node {name} left while the database was away");
    }
    tracing::info!(node.id = %node, node.epoch = epoch, "node {name} disconnected");
}

async fn serve(lab: &Lab, node: NodeId, name: &str, epoch: i64, stream: &mut Streaming<FromAgent>) {
    let mut acks = Acks::default();
    let mut silent_at = Instant::now() + SILENCE_MAX;
    loop {
        let deadline = acks.due().map_or(silent_at, |due| due.min(silent_at));
        let first = match tokio::time::timeout_at(deadline, stream.message()).await {
            Ok(Ok(Some(message))) => message,
            Ok(Ok(None)) => return,
            Ok(Err(status)) => {
                return tracing::info!(node.id = %node, "the stream of node {name} broke off: {}", status.message());
            }
            Err(_) if Instant::now() < silent_at => {
                acks.tell(lab.fleet(), node);
                continue;
            }
            Err(_) => return tracing::warn!(node.id = %node, "node {name} has been silent for {SILENCE_MAX:?}"),
        };
        silent_at = Instant::now() + SILENCE_MAX;
        let mut messages = vec![first];
        let mut is_open = true;
        while is_open && messages.len() < GROUP_MAX {
            match stream.message().now_or_never() {
                Some(Ok(Some(message))) => messages.push(message),
                Some(Ok(None) | Err(_)) => is_open = false,
                None => break,
            }
        }
        if let Err(error) = Group::new(lab, node, epoch).store(messages, &mut acks).await {
            return tracing::warn!(node.id = %node, error = &error as &dyn std::error::Error, "what node {name} said could not be stored");
        }
        if acks.due().is_some_and(|due| due <= Instant::now()) {
            acks.tell(lab.fleet(), node);
        }
        if !is_open {
            return;
        }
    }
}
