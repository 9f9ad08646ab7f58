//! The way into a running program: standard input, interrupts, the size of its terminal.
//!
//! A program that does not read blocks nothing: what it was sent waits here, and its sender is held back by numbers that
//! are not acknowledged (`ledger::input`). Interrupts and sizes don't wait behind it.

use std::collections::VecDeque;
use std::io;

use tokio::sync::mpsc;
use wire::proto;
use wire::proto::input::Act;

use crate::ledger::Numbered;
use crate::node::Node;
use crate::order::{ProgramOrder, TerminalSize};
use crate::stream::Stream;

/// What a terminal takes as the end of a line that was begun, and elsewhere as the end of input.
const END: u8 = 4;

/// One program's input.
pub(crate) struct Inlet<'a> {
    node: &'a Node,
    run: &'a str,
    acts: mpsc::UnboundedReceiver<Numbered>,
    is_terminal: bool,
    stdin: Stdin,
    /// Whether the last that came left a line open.
    is_line_begun: bool,
    /// The number after the last that came.
    next_seq: u64,
    told_seq: u64,
}

/// Standard input and what waits for room in it.
struct Stdin {
    /// `None`: closed, by us or by the program; what still comes is dropped.
    stream: Option<Stream>,
    waiting: VecDeque<Waiting>,
    /// Bytes of the first one that were written.
    written: usize,
}

struct Waiting {
    seq: u64,
    what: What,
}

enum What {
    Data(Vec<u8>),
    End,
}

impl<'a> Inlet<'a> {
    /// `stream` is the writing end of standard input, or the terminal. Interrupts that came before now had nothing to
    /// interrupt and are forgotten.
    pub(crate) fn new(
        node: &'a Node,
        order: &'a ProgramOrder,
        acts: mpsc::UnboundedReceiver<Numbered>,
        stream: Stream,
    ) -> Self {
        let stdin = Stdin { stream: Some(stream), waiting: VecDeque::new(), written: 0 };
        let is_terminal = order.terminal.is_some();
        let mut inlet =
            Self { node, run: &order.run, acts, is_terminal, stdin, is_line_begun: false, next_seq: 0, told_seq: 0 };
        inlet.data(0, order.stdin.clone());
        if !order.is_stdin_open {
            inlet.end(0);
        }
        while let Ok(numbered) = inlet.acts.try_recv() {
            inlet.on_act(numbered);
        }
        inlet
    }

    /// Returns each time the program is to be interrupted, and carries everything else meanwhile. Dropping the future
    /// loses nothing.
    pub(crate) async fn interrupted(&mut self) {
        loop {
            self.tell();
            tokio::select! {
                act = self.acts.recv() => match act {
                    Some(numbered) => if self.on_act(numbered) {
                        return self.tell();
                    },
                    // The run has ended; whoever waits here is about to be dropped.
                    None => std::future::pending().await,
                },
                () = self.stdin.write(), if self.stdin.has_work() => {}
            }
        }
    }

    /// True for an interrupt.
    fn on_act(&mut self, Numbered { seq, act }: Numbered) -> bool {
        self.next_seq = seq + 1;
        match act {
            Act::Data(data) => self.data(seq, data),
            Act::End(_) => self.end(seq),
            Act::Interrupt(_) => return true,
            Act::Resize(size) => self.resize(size),
        }
        false
    }

    fn data(&mut self, seq: u64, data: Vec<u8>) {
        if let Some(last) = data.last() {
            self.is_line_begun = !matches!(last, b'\n' | b'\r' | &END);
        }
        self.stdin.push(seq, What::Data(data));
    }

    fn end(&mut self, seq: u64) {
        match (self.is_terminal, self.is_line_begun) {
            (false, _) => self.stdin.push(seq, What::End),
            (true, false) => self.data(seq, vec![END]),
            (true, true) => self.data(seq, vec![END, END]),
        }
    }

    fn resize(&self, size: proto::Terminal) {
        if let Some(terminal) = self.stdin.stream.as_ref().filter(|_| self.is_terminal)
            && let Err(error) =
                TerminalSize::try_from(size).map_err(io::Error::other).and_then(|size| terminal.resize(size))
        {
            tracing::warn!(run.id = %self.run, "the terminal of run {} keeps its size: {error}", self.run);
        }
    }

    /// Tells the ledger what the program has had.
    fn tell(&mut self) {
        let used = self.stdin.waiting.front().map_or(self.next_seq, |waiting| waiting.seq);
        if used > self.told_seq {
            self.told_seq = used;
            self.node.ledger(|ledger| ledger.run_input_used(self.run, used));
        }
    }
}

impl Stdin {
    fn push(&mut self, seq: u64, what: What) {
        if self.stream.is_some() {
            self.waiting.push_back(Waiting { seq, what });
        }
    }

    fn has_work(&self) -> bool {
        !self.waiting.is_empty()
    }

    fn close(&mut self) {
        self.stream = None;
        self.waiting.clear();
    }

    /// Gets on with the first that waits. Dropping the future loses nothing.
    async fn write(&mut self) {
        let (Some(stream), Some(first)) = (&self.stream, self.waiting.front()) else { return };
        let data = match &first.what {
            What::Data(data) => &data[self.written..],
            What::End => return self.close(),
        };
        if !data.is_empty() {
            match stream.write(data).await {
                Ok(count) if count < data.len() => return self.written += count,
                Ok(_) => {}
                // The program has closed it, which is its own affair.
                Err(_) => return self.close(),
            }
        }
        self.waiting.pop_front();
        self.written = 0;
    }
}
