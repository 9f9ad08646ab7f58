//! Reading a file as a stream: a few stripes ahead of whoever takes it.

use std::ops::Range;

use bytes::{Bytes, BytesMut};
use futures::{Stream, StreamExt, TryStreamExt, stream};

use super::{FileError, Files};
use crate::begin::on_its_own;
use crate::model::inode::{Ino, Inode};
use crate::model::stripe::{SPAN_BYTES, Stripe};
use crate::stripe::{ReadError, Stripes};

/// Stripes that are read at the same time, ahead of the reader.
const AHEAD: usize = 8;
/// Stripes that one look into the database tells of.
const LISTED: usize = 256;

const SPAN: u64 = SPAN_BYTES as u64;

/// A part of one stripe's span, in bytes of the span; `None`: nothing was written there.
struct Part {
    stripe: Option<Stripe>,
    range: Range<u32>,
}

impl Files {
    /// The bytes `range` of a file, which ends with the file at the latest, in pieces of at most 256 KiB. An error ends it.
    pub fn read(
        &self,
        inode: &Inode,
        range: Range<u64>,
    ) -> impl Stream<Item = Result<Bytes, FileError>> + Send + use<> {
        let range = range.start.min(inode.size)..range.end.min(inode.size);
        let (files, ino, version, start) = (self.clone(), inode.ino, inode.version, range.start);
        let parts = stream::try_unfold(range, move |range| {
            let files = files.clone();
            async move {
                if range.is_empty() {
                    return Ok(None);
                }
                let is_first = range.start == start;
                let asked = range.clone();
                let look = async move {
                    let parts = files.parts(ino, &asked).await?;
                    // What is missing may be gone with the file, and would read as zeros.
                    let is_sure = is_first && parts.iter().all(|part| part.stripe.is_some());
                    if !is_sure && files.names.inode(ino).await?.is_none_or(|now| now.version != version) {
                        return Err(FileError::Changed);
                    }
                    Ok(parts)
                };
                let parts = on_its_own(look).await.ok_or(ReadError::Ending)??;
                let told = ((range.start / SPAN + LISTED as u64) * SPAN).min(range.end);
                Ok::<_, FileError>(Some((stream::iter(parts.into_iter().map(Ok)), told..range.end)))
            }
        });
        let stripes = self.stripes.clone();
        let read = move |part: Part| {
            let read = on_its_own(part.read(stripes.clone()));
            async { read.await.ok_or(ReadError::Ending)? }
        };
        parts.try_flatten().map_ok(read).try_buffered(AHEAD)
    }

    /// As [`Files::read`], once its first piece is there.
    ///
    /// # Errors
    /// Those of that piece: whoever asks for what can't be read now is told so, and not given an answer that breaks off.
    pub async fn read_begun(
        &self,
        inode: &Inode,
        range: Range<u64>,
    ) -> Result<impl Stream<Item = Result<Bytes, FileError>> + Send + use<>, FileError> {
        let mut pieces = Box::pin(self.read(inode, range));
        let first = pieces.try_next().await?;
        Ok(stream::iter(first.map(Ok)).chain(pieces))
    }

    /// The parts of the first [`LISTED`] stripes of `range`.
    async fn parts(&self, ino: Ino, range: &Range<u64>) -> Result<Vec<Part>, FileError> {
        let first = range.start / SPAN;
        let end = range.end.div_ceil(SPAN).min(first + LISTED as u64);
        let placed = self.names.stripes(ino, first, LISTED).await?;
        let mut placed = placed.into_iter().peekable();
        let parts = (first..end).map(|number| {
            let start = range.start.max(number * SPAN) - number * SPAN;
            let end = range.end.min((number + 1) * SPAN) - number * SPAN;
            let stripe = placed.next_if(|placed| placed.number == number).map(|placed| placed.stripe);
            Part { stripe, range: start as u32..end as u32 }
        });
        Ok(parts.collect())
    }
}

impl Part {
    async fn read(self, stripes: Stripes) -> Result<Bytes, FileError> {
        let Self { stripe, range } = self;
        let Some(stripe) = stripe else { return Ok(Bytes::from(vec![0; range.len()])) };
        // What the stripe lacks at its end are zeros.
        let held = range.start.min(stripe.code.bytes)..range.end.min(stripe.code.bytes);
        let bytes = stripes.read(&stripe, held).await?;
        if bytes.len() == range.len() {
            return Ok(bytes);
        }
        let mut padded = BytesMut::from(bytes);
        padded.resize(range.len(), 0);
        Ok(padded.freeze())
    }
}
