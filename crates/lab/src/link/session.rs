//! One connected node: reads what its agent says in groups, stores each group in one transaction, then acknowledges.

use std::time::Duration;

use futures::{FutureExt, Stream, StreamExt};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tonic::{Status, Streaming};
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
/// A group of nothing but starts waits this long for more: where a program prints or ends at once, one transaction then
/// stores that with its start, and its first output has one flush less to wait for.
const START_HOLD: Duration = Duration::from_millis(3);
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
        let (messages, is_open) = group(first, stream).await;
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

/// The message with those that follow it at once, and whether the stream goes on behind them.
async fn group(
    first: FromAgent,
    stream: &mut (impl Stream<Item = Result<FromAgent, Status>> + Unpin),
) -> (Vec<FromAgent>, bool) {
    let hold_until = Instant::now() + START_HOLD;
    let mut messages = vec![first];
    while messages.len() < GROUP_MAX {
        let next = match stream.next().now_or_never() {
            Some(next) => next,
            None if !messages.iter().all(is_start) => break,
            None => match tokio::time::timeout_at(hold_until, stream.next()).await {
                Ok(next) => next,
                Err(_) => break,
            },
        };
        match next {
            Some(Ok(message)) => messages.push(message),
            Some(Err(_)) | None => return (messages, false),
        }
    }
    (messages, true)
}

fn is_start(message: &FromAgent) -> bool {
    matches!(message.message, Some(from_agent::Message::Started(_)))
}

#[cfg(test)]
mod tests {
    use tokio_stream::wrappers::UnboundedReceiverStream;
    use wire::proto::{Output, Started};

    use super::*;

    fn start() -> FromAgent {
        FromAgent { message: Some(from_agent::Message::Started(Started::default())) }
    }

    fn output() -> FromAgent {
        FromAgent { message: Some(from_agent::Message::Output(Output::default())) }
    }

    /// What is in the group that begins with `first`, when `then` comes `after` it; and how long it was waited for.
    async fn grouped(first: FromAgent, after: Duration, then: FromAgent) -> (Vec<FromAgent>, Duration) {
        let (sender, receiver) = mpsc::unbounded_channel();
        let mut stream = UnboundedReceiverStream::new(receiver);
        let began = Instant::now();
        let later = async {
            tokio::time::sleep(after).await;
            sender.send(Ok(then)).unwrap();
        };
        let (((messages, is_open), took), ()) =
            tokio::join!(async { (group(first, &mut stream).await, began.elapsed()) }, later);
        assert!(is_open);
        (messages, took)
    }

    #[tokio::test(start_paused = true)]
    async fn only_a_start_waits_and_for_no_longer_than_it_has_to() {
        let ms = Duration::from_millis;
        assert_eq!(grouped(start(), ms(1), output()).await, (vec![start(), output()], ms(1)));
        assert_eq!(grouped(start(), ms(1), start()).await, (vec![start(), start()], START_HOLD));
        assert_eq!(grouped(start(), ms(9), output()).await, (vec![start()], START_HOLD));
        assert_eq!(grouped(output(), ms(1), start()).await, (vec![output()], ms(0)));
    }
}
