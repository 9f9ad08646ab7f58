//! What people do at one run: each number is taken once and in order, and acknowledged when the program has had it, so
//! that a program that does not read holds its sender back.

use tokio::sync::mpsc;
use wire::MAX_CHUNK_BYTES;
use wire::proto::input::Act;

/// Numbers taken and not acknowledged, at most. With what one message may carry this bounds the memory of a run's input.
const WINDOW: u64 = 1024;

/// An act of people with its number.
#[derive(Debug, PartialEq)]
pub(crate) struct Numbered {
    pub(crate) seq: u64,
    pub(crate) act: Act,
}

/// The input of a run that this agent holds; closed until the run says that it takes some.
#[derive(Default)]
pub(super) struct InputHeld {
    acts: Option<mpsc::UnboundedSender<Numbered>>,
    next_seq: u64,
    used_seq: u64,
    is_ack_due: bool,
}

impl InputHeld {
    pub(super) fn open(&mut self, acts: mpsc::UnboundedSender<Numbered>) {
        self.acts = Some(acts);
    }

    pub(super) fn close(&mut self) {
        self.acts = None;
    }

    pub(super) fn is_open(&self) -> bool {
        self.acts.is_some()
    }

    /// The number that is taken next.
    pub(super) fn next_seq(&self) -> u64 {
        self.next_seq
    }

    /// Takes `act` when its number is the next one. Any other is answered with what was used, so that a sender in doubt
    /// knows; beyond the window or the size of a message nothing is taken.
    pub(super) fn take(&mut self, seq: u64, act: Option<Act>) {
        // An act that this version does not know does nothing.
        let act = act.unwrap_or(Act::Data(Vec::new()));
        let is_too_long = matches!(&act, Act::Data(data) if data.len() > MAX_CHUNK_BYTES);
        if seq != self.next_seq || seq - self.used_seq >= WINDOW || is_too_long {
            if seq >= self.next_seq {
                tracing::warn!("input {seq} was not taken: {} is next, {} was used", self.next_seq, self.used_seq);
            }
            self.is_ack_due = true;
            return;
        }
        self.next_seq += 1;
        // A receiver that is gone belongs to a run that ends now.
        let _ = self.acts.as_ref().is_some_and(|acts| acts.send(Numbered { seq, act }).is_ok());
    }

    pub(super) fn used(&mut self, next_seq: u64) {
        self.used_seq = self.used_seq.max(next_seq.min(self.next_seq));
        self.is_ack_due = true;
    }

    pub(super) fn is_ack_due(&self) -> bool {
        self.is_ack_due
    }

    /// What to acknowledge, when something is due.
    pub(super) fn ack_next(&mut self) -> Option<u64> {
        std::mem::take(&mut self.is_ack_due).then_some(self.used_seq)
    }

    /// A new stream hears again what was used.
    pub(super) fn rewind(&mut self) {
        self.is_ack_due = self.used_seq > 0;
    }
}
