//! Wake-ups: who watches a topic is told when a Write that names it has been committed, on any replica.
//!
//! A wake is a hint to read again, never data: it is coalesced and may be spurious. That keeps it cheap (a waiter
//! that is behind holds each topic once) and lets the portable way, a polled table, serve as well as a push.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// The wake-ups of one [`crate::Database`]; a cheap handle.
#[derive(Clone, Default)]
pub struct Events {
    watchers: Arc<Mutex<HashMap<String, Vec<Arc<Mailbox>>>>>,
}

#[derive(Default)]
struct Mailbox {
    /// Each topic at most once, oldest first.
    topics: Mutex<VecDeque<String>>,
    bell: Notify,
}

/// Watches some topics until dropped.
pub struct Watch {
    events: Events,
    topics: Vec<String>,
    mailbox: Arc<Mailbox>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing can panic while one of these is held, and what they hold would be whole anyway.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Events {
    /// Starts watching. No commit after this call is missed, so: watch first, then read.
    pub fn watch<T: Into<String>>(&self, topics: impl IntoIterator<Item = T>) -> Watch {
        let mut topics: Vec<String> = topics.into_iter().map(Into::into).collect();
        topics.sort();
        topics.dedup();
        let mailbox = Arc::new(Mailbox::default());
        let mut watchers = lock(&self.watchers);
        for topic in &topics {
            watchers.entry(topic.clone()).or_default().push(mailbox.clone());
        }
        drop(watchers);
        Watch { events: self.clone(), topics, mailbox }
    }

    pub(crate) fn wake(&self, topics: impl IntoIterator<Item = impl AsRef<str>>) {
        let watchers = lock(&self.watchers);
        for topic in topics {
            let topic = topic.as_ref();
            for mailbox in watchers.get(topic).into_iter().flatten() {
                let mut waiting = lock(&mailbox.topics);
                if !waiting.iter().any(|known| known == topic) {
                    waiting.push_back(topic.to_owned());
                }
                drop(waiting);
                mailbox.bell.notify_one();
            }
        }
    }
}

impl Watch {
    /// Waits for the next wake and answers its topic. Cancellation: safe, no wake is lost. Waits for ever once the
    /// database handle is closed.
    pub async fn changed(&self) -> String {
        loop {
            let topic = lock(&self.mailbox.topics).pop_front();
            match topic {
                Some(topic) => return topic,
                None => self.mailbox.bell.notified().await,
            }
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let mut watchers = lock(&self.events.watchers);
        for topic in &self.topics {
            if let Some(mailboxes) = watchers.get_mut(topic) {
                mailboxes.retain(|mailbox| !Arc::ptr_eq(mailbox, &self.mailbox));
                if mailboxes.is_empty() {
                    watchers.remove(topic);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[tokio::test]
    async fn wakes_are_coalesced_kept_until_asked_for_and_end_with_the_watch() {
        let events = Events::default();
        let watch = events.watch(["jobs", "job:1", "jobs"]);
        let other = events.watch(["nodes"]);
        events.wake(["jobs", "job:2"]);
        events.wake(["jobs"]);
        events.wake(["job:1"]);
        assert_eq!(watch.changed().await, "jobs");
        assert_eq!(watch.changed().await, "job:1");
        assert_eq!(watch.changed().now_or_never(), None);
        assert_eq!(other.changed().now_or_never(), None);
        drop((watch, other));
        assert!(lock(&events.watchers).is_empty());
    }
}
