//! Events of a job as server-sent events, written straight into the bytes that go out: a class that watches reads
//! thousands of them a second. What is there at the same time goes in one piece.

use std::convert::Infallible;
use std::io::Write as _;
use std::time::Duration;

use axum::body::Bytes;
use futures::{FutureExt, Stream, StreamExt};

use super::{OutputData, Told};
use crate::service::live::LiveEvent;

/// How often a silent stream shows that it lives.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// A piece of this many bytes is sent before more is put into it, so that a slow reader costs no more memory than this
/// and one event.
const PIECE: usize = 16 * 1024;

/// The events in pieces; a comment where none came for a while.
pub(super) fn pieces(
    events: impl Stream<Item = LiveEvent> + Send + 'static,
) -> impl Stream<Item = Result<Bytes, Infallible>> + Send {
    futures::stream::unfold(Box::pin(events.fuse()), async |mut events| {
        let first = match tokio::time::timeout(KEEP_ALIVE, events.next()).await {
            Ok(event) => event?,
            Err(_) => return Some((Ok(Bytes::from_static(b":\n\n")), events)),
        };
        let mut piece = Vec::with_capacity(256);
        put(&mut piece, &first);
        while piece.len() < PIECE
            && let Some(Some(event)) = events.next().now_or_never()
        {
            put(&mut piece, &event);
        }
        Some((Ok(piece.into()), events))
    })
}

fn put(piece: &mut Vec<u8>, event: &LiveEvent) {
    const FITS: &str = "memory takes every byte";
    match event {
        LiveEvent::Output { attempt, chunk } => {
            write!(piece, "event: output\nid: {attempt}.{}\ndata: ", chunk.seq).expect(FITS);
            serde_json::to_writer(&mut *piece, &OutputData::of(*attempt, chunk)).expect(FITS);
        }
        LiveEvent::State(_) | LiveEvent::End(_) => {
            let told = Told::of(event);
            write!(piece, "event: {}\ndata: {}", told.event, told.data).expect(FITS);
        }
    }
    piece.extend_from_slice(b"\n\n");
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::queries::output::Chunk;

    fn output(seq: i64, data: &[u8]) -> LiveEvent {
        LiveEvent::Output { attempt: 2, chunk: Arc::new(Chunk { seq, channel: 1, at_ms: 0, data: data.to_vec() }) }
    }

    #[tokio::test]
    async fn what_is_there_goes_in_one_piece_and_bytes_stay_what_they_are() {
        let events = [output(0, b"a\n\"b\"\r"), output(1, b"\xff")];
        let pieces: Vec<_> = pieces(futures::stream::iter(events)).collect().await;
        let text: Vec<_> = pieces.iter().map(|piece| std::str::from_utf8(piece.as_ref().unwrap()).unwrap()).collect();
        let first = r#"{"attempt":2,"seq":0,"stream":"stderr","text":"a\n\"b\"\r"}"#;
        let second = r#"{"attempt":2,"base64":"/w==","seq":1,"stream":"stderr"}"#;
        let whole = format!("event: output\nid: 2.0\ndata: {first}\n\nevent: output\nid: 2.1\ndata: {second}\n\n");
        assert_eq!(text, [whole]);
    }

    #[tokio::test]
    async fn a_piece_is_bounded() {
        let events = (0..8).map(|seq| output(seq, &[b'x'; PIECE / 2]));
        let pieces: Vec<_> = pieces(futures::stream::iter(events)).collect().await;
        assert_eq!(pieces.len(), 4);
    }
}
