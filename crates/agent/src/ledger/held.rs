//! One run's unacknowledged messages: started, output chunks numbered from 0, ended; and the input that it was sent.
//!
//! A chunk that was sent once never changes, so that its number always means the same bytes. One that was not may still
//! grow: small reads are joined while the link is slower than the program.

use std::collections::VecDeque;

use tokio::sync::watch;
use wire::MAX_CHUNK_BYTES;
use wire::proto::Channel;
use wire::proto::from_agent::Message;
use wire::proto::{Ended, InputAck, Started};

use super::input::InputHeld;
use super::{Output, Stop};

/// Chunks sent and not acknowledged, at most. Beyond it output waits and is joined, which bounds the number of chunks.
const WINDOW: u64 = 1024;
/// Unsent chunks from which joining may also skip over one chunk of the other channel: their order among each other is
/// then lost, but within each channel it stays, and a program that alternates byte by byte can't make a chunk of each.
const CROWDED: u64 = 64;

struct Chunk {
    channel: Channel,
    data: Vec<u8>,
    at_ms: i64,
}

/// A run that this agent process holds.
pub(super) struct Held {
    epoch: u64,
    stop: watch::Sender<Option<Stop>>,
    is_queued: bool,
    started: Option<Started>,
    is_started_sent: bool,
    /// Unacknowledged; the first has the number `first_seq`.
    chunks: VecDeque<Chunk>,
    first_seq: u64,
    /// What this stream sends next.
    next_seq: u64,
    /// The first chunk that no stream has sent.
    unsent_seq: u64,
    ended: Option<Ended>,
    is_ended_sent: bool,
    pub(super) input: InputHeld,
}

impl Held {
    pub(super) fn new(epoch: u64, stop: watch::Sender<Option<Stop>>) -> Self {
        Self {
            epoch,
            stop,
            is_queued: false,
            started: None,
            is_started_sent: false,
            chunks: VecDeque::new(),
            first_seq: 0,
            next_seq: 0,
            unsent_seq: 0,
            ended: None,
            is_ended_sent: false,
            input: InputHeld::default(),
        }
    }

    pub(super) fn epoch(&self) -> u64 {
        self.epoch
    }

    pub(super) fn is_ended(&self) -> bool {
        self.ended.is_some()
    }

    pub(super) fn is_queued(&self) -> bool {
        self.is_queued
    }

    pub(super) fn set_queued(&mut self, is_queued: bool) {
        self.is_queued = is_queued;
    }

    /// Tells the run to end; the first reason stays.
    pub(super) fn stop(&self, why: Stop) {
        self.stop.send_if_modified(|stop| stop.is_none() && stop.replace(why).is_none());
    }

    pub(super) fn set_started(&mut self, started: Started) {
        self.started = Some(started);
    }

    /// Completes `ended` and keeps it; false when the run had ended before.
    pub(super) fn set_ended(&mut self, run: &str, ended: Ended) -> bool {
        if self.is_ended() {
            return false;
        }
        self.input.close();
        self.ended = Some(Ended { run_id: run.to_owned(), epoch: self.epoch, output_chunks: self.end_seq(), ..ended });
        true
    }

    /// Takes output in, joined to an unsent chunk where it fits.
    pub(super) fn push(&mut self, channel: Channel, data: &[u8], at_ms: i64) {
        for data in data.chunks(MAX_CHUNK_BYTES) {
            match self.joinable(channel, data.len()) {
                Some(chunk) => chunk.data.extend_from_slice(data),
                None => self.chunks.push_back(Chunk { channel, data: data.to_vec(), at_ms }),
            }
        }
    }

    fn joinable(&mut self, channel: Channel, length: usize) -> Option<&mut Chunk> {
        let unsent = self.end_seq() - self.unsent_seq.max(self.first_seq);
        let reach = match unsent {
            0 => return None,
            1..CROWDED => 1,
            CROWDED.. => 2,
        };
        let chunk = self.chunks.iter_mut().rev().take(reach).find(|chunk| chunk.channel == channel)?;
        (chunk.data.len() + length <= MAX_CHUNK_BYTES).then_some(chunk)
    }

    /// Drops chunks below `next_seq`; returns how many bytes that were. Numbers that were never sent are ignored.
    pub(super) fn acknowledge(&mut self, next_seq: u64) -> usize {
        let mut bytes = 0;
        while self.first_seq < next_seq.min(self.unsent_seq)
            && let Some(chunk) = self.chunks.pop_front()
        {
            bytes += chunk.data.len();
            self.first_seq += 1;
        }
        self.next_seq = self.next_seq.max(self.first_seq);
        bytes
    }

    pub(super) fn owed_bytes(&self) -> usize {
        self.chunks.iter().map(|chunk| chunk.data.len()).sum()
    }

    /// A new stream starts again from the first unacknowledged message.
    pub(super) fn rewind(&mut self) {
        self.is_queued = false;
        self.is_started_sent = false;
        self.is_ended_sent = false;
        self.next_seq = self.first_seq;
        self.input.rewind();
    }

    pub(super) fn has_next(&self) -> bool {
        (self.started.is_some() && !self.is_started_sent)
            || self.input.is_ack_due()
            || self.may_send_chunk()
            || (self.is_ended() && !self.is_ended_sent && self.next_seq == self.end_seq())
    }

    /// The next message of this run, in order: started, chunks, ended; what was read of its input comes between them.
    pub(super) fn next(&mut self, run: &str) -> Option<Message> {
        if let Some(started) = self.started.as_ref().filter(|_| !self.is_started_sent) {
            self.is_started_sent = true;
            return Some(Message::Started(started.clone()));
        }
        if let Some(next_seq) = self.input.ack_next() {
            return Some(Message::InputAck(InputAck { run_id: run.to_owned(), epoch: self.epoch, next_seq }));
        }
        if self.may_send_chunk() {
            return self.next_chunk(run).map(Message::Output);
        }
        if self.next_seq < self.end_seq() || self.is_ended_sent {
            return None;
        }
        let ended = self.ended.clone()?;
        self.is_ended_sent = true;
        Some(Message::Ended(ended))
    }

    fn next_chunk(&mut self, run: &str) -> Option<Output> {
        let seq = self.next_seq;
        let chunk = self.chunks.get(usize::try_from(seq - self.first_seq).ok()?)?;
        self.next_seq += 1;
        self.unsent_seq = self.unsent_seq.max(self.next_seq);
        Some(Output {
            run_id: run.to_owned(),
            epoch: self.epoch,
            seq,
            channel: chunk.channel.into(),
            data: chunk.data.clone(),
            at_ms: chunk.at_ms,
        })
    }

    fn may_send_chunk(&self) -> bool {
        self.next_seq < self.end_seq() && self.next_seq - self.first_seq < WINDOW
    }

    fn end_seq(&self) -> u64 {
        self.first_seq + self.chunks.len() as u64
    }
}
