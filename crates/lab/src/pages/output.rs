//! Output that is there already, for the first paint and for readers without scripts. A job that goes on, and one with
//! more than a page should carry, is read by the page's script from the live stream instead.

use futures::StreamExt;
use portal::Caller;

use crate::Lab;
use crate::api::live::stream_word;
use crate::model::job::Job;
use crate::service::ServiceError;
use crate::service::live::{LiveEvent, Position};

/// Most bytes of output in a page.
const PAGE_BYTES: usize = 96 * 1024;

/// A piece of output.
pub(super) struct Piece {
    /// The attempt it is of.
    pub(super) attempt: i64,
    /// `stdout`, `stderr` or `compile`.
    pub(super) stream: &'static str,
    /// The text; what is no UTF-8 is replaced.
    pub(super) text: String,
}

/// What a job printed.
#[derive(Default)]
pub(super) struct Printed {
    pub(super) pieces: Vec<Piece>,
    /// Whether that is all; if not, the live stream has it.
    pub(super) is_all: bool,
}

/// The output of a job that is over, as far as a page should carry it.
pub(super) async fn printed(lab: &Lab, caller: &Caller, job: &Job) -> Result<Printed, ServiceError> {
    if !job.status.is_final() {
        return Ok(Printed::default());
    }
    let mut joined = Joined::default();
    let mut bytes = 0;
    let mut events = std::pin::pin!(lab.job_watch(caller, job.id, Position::START).await?);
    while let Some(event) = events.next().await {
        match event {
            LiveEvent::Output { attempt, chunk } => {
                bytes += chunk.data.len();
                joined.push(attempt, stream_word(chunk.channel), &chunk.data);
            }
            LiveEvent::State { .. } => {}
            LiveEvent::End(_) => return Ok(Printed { pieces: joined.finish(), is_all: true }),
        }
        if bytes > PAGE_BYTES {
            break;
        }
    }
    Ok(Printed { pieces: joined.finish(), is_all: false })
}

/// Chunks of one attempt and stream joined, since a character may lie across two of them.
#[derive(Default)]
struct Joined(Vec<(i64, &'static str, Vec<u8>)>);

impl Joined {
    fn push(&mut self, attempt: i64, stream: &'static str, data: &[u8]) {
        match self.0.last_mut() {
            Some((last, of, bytes)) if *last == attempt && *of == stream => bytes.extend_from_slice(data),
            Some(_) | None => self.0.push((attempt, stream, data.to_vec())),
        }
    }

    fn finish(self) -> Vec<Piece> {
        let piece = |(attempt, stream, bytes): (i64, &'static str, Vec<u8>)| {
            let text = String::from_utf8_lossy(&bytes).into_owned();
            Piece { attempt, stream, text }
        };
        self.0.into_iter().map(piece).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_character_across_two_chunks_stays_whole() {
        let mut joined = Joined::default();
        let bytes = "é\n".as_bytes();
        joined.push(1, "stdout", &bytes[..1]);
        joined.push(1, "stdout", &bytes[1..]);
        joined.push(1, "stderr", b"\xff");
        let pieces = joined.finish();
        assert_eq!(pieces.len(), 2);
        assert_eq!(pieces[0].text, "é\n");
        assert_eq!((pieces[1].stream, pieces[1].text.as_str()), ("stderr", "\u{fffd}"));
    }
}
