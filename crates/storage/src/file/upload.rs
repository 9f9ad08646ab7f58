//! An upload: stripes are written as the bytes come, and the file appears, or is replaced, at the end in one transaction.

use std::ops::Range;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use tokio::time::Instant;

use super::{Ending, FileError, FilePath, Files, fresh};
use crate::begin::on_its_own;
use crate::model::effect::Effect;
use crate::model::inode::{Ino, Inode, Kind};
use crate::model::stripe::{SPAN_BYTES, Stripe, StripeId};
use crate::namespace::Placed;
use crate::stripe::WriteError;

/// Stripes that are being written at the same time.
const TOGETHER: usize = 8;
/// Stripes that are kept for the last transaction; a larger file stores them on the way, below an inode that no name leads
/// to. The collector finds what an upload left that was cut off.
const KEPT_MAX: usize = 4_096;
/// What was written this long ago is stored as well: units that nothing refers to are collected after two hours.
const KEPT_FOR: Duration = Duration::from_secs(600);
/// How long stores that take nothing now are waited for, once an upload is long enough not to be sent anew at once.
const PATIENCE: Duration = Duration::from_secs(30);
/// So long, in bytes.
const LONG_BYTES: u64 = 8 << 20;
/// Between two tries.
const PAUSE: Duration = Duration::from_secs(1);
/// Numbers that are asked for at once.
const NUMBERS: u32 = 64;
/// Most bytes of a file.
const FILE_BYTES_MAX: u64 = 1 << 46;

/// One upload on its way. Dropped before [`finish`](Self::finish), it leaves nothing that can be seen.
pub struct Upload {
    files: Files,
    path: FilePath,
    ino: Ino,
    /// The inode as it is stored already, of a large file.
    stored: Option<Inode>,
    buffer: BytesMut,
    size: u64,
    numbers: Range<i64>,
    writing: FuturesUnordered<BoxFuture<'static, Result<Placed, FileError>>>,
    written: Vec<Placed>,
    /// When the oldest of `written` may have been written.
    since: Instant,
}

impl Files {
    /// Begins an upload to `path`, whose directory has to be there.
    ///
    /// # Errors
    /// As [`Files::stat`] for the directory; `IsADirectory` when one is at the path.
    pub async fn upload(&self, path: &FilePath) -> Result<Upload, FileError> {
        let place = self.place(path).await?;
        Ending::PLAIN.check(&place, path)?;
        let ino = self.number().await?;
        Ok(Upload {
            files: self.clone(),
            path: path.clone(),
            ino,
            stored: None,
            buffer: BytesMut::new(),
            size: 0,
            numbers: 0..0,
            writing: FuturesUnordered::new(),
            written: Vec::new(),
            since: Instant::now(),
        })
    }
}

impl Upload {
    /// Takes the next bytes. Waits while as much as may be is on its way.
    ///
    /// # Errors
    /// `Write` and those of the name space; the upload can't go on then.
    pub async fn push(&mut self, mut bytes: Bytes) -> Result<(), FileError> {
        self.size += bytes.len() as u64;
        if self.size > FILE_BYTES_MAX {
            return Err(FileError::TooLarge(FILE_BYTES_MAX));
        }
        let is_kept = !self.written.is_empty() || !self.writing.is_empty();
        if is_kept && self.since.elapsed() > KEPT_FOR {
            self.store().await?;
        }
        while self.buffer.len() + bytes.len() >= SPAN_BYTES {
            let head = bytes.split_to(SPAN_BYTES - self.buffer.len());
            let span = if self.buffer.is_empty() {
                head
            } else {
                self.buffer.extend_from_slice(&head);
                self.buffer.split().freeze()
            };
            let number = (self.size - bytes.len() as u64) / SPAN_BYTES as u64 - 1;
            self.write(number, span).await?;
        }
        self.buffer.extend_from_slice(&bytes);
        Ok(())
    }

    /// Makes everything safe, then lets the path name the new file. Answers its inode.
    ///
    /// # Errors
    /// As [`Files::upload`], and those of the name space, `Quota` among them.
    pub async fn finish(self) -> Result<Inode, FileError> {
        self.finish_as(&Ending::PLAIN).await
    }

    /// The same, with attributes, and only where it may take the place of what is there: `Exists` otherwise.
    pub(crate) async fn finish_as(mut self, ending: &Ending<'_>) -> Result<Inode, FileError> {
        self.end().await?;
        self.name_as(ending).await
    }

    /// Makes safe all that was pushed; nothing more may be.
    pub(crate) async fn end(&mut self) -> Result<(), FileError> {
        if !self.buffer.is_empty() {
            let span = self.buffer.split().freeze();
            self.write(self.size / SPAN_BYTES as u64, span).await?;
        }
        self.settle().await
    }

    /// Lets the path name what was made safe by [`end`](Self::end). Refused, it may be tried again.
    pub(crate) async fn name_as(&mut self, ending: &Ending<'_>) -> Result<Inode, FileError> {
        let Self { files, path, ino, stored, size, written, .. } = self;
        let (ino, size, now_ns) = (*ino, *size, files.now_ns());
        let put = |placed: &Placed| Effect::StripePut { ino, number: placed.number, stripe: placed.stripe.clone() };
        let stripes: Vec<_> = written.iter().map(put).collect();
        let version = stored.as_ref().map_or(0, |inode| inode.version);
        files
            .change(&*path, |place| {
                ending.check(&place, path)?;
                let mut inode = fresh(ino, Kind::File, 0o644, now_ns);
                if let Some(old) = place.entry.as_ref().filter(|old| old.kind == Kind::File) {
                    (inode.mode, inode.uid, inode.gid) = (old.mode, old.uid, old.gid);
                }
                (inode.size, inode.version) = (size, version);
                let mut effects = vec![Effect::InodePut(inode.clone())];
                effects.extend(stripes.iter().cloned());
                effects.extend(ending.effects(&place, &inode, now_ns)?);
                inode.version += 1;
                Ok((effects, inode))
            })
            .await
    }

    async fn write(&mut self, number: u64, span: Bytes) -> Result<(), FileError> {
        while self.writing.len() >= TOGETHER {
            if let Some(placed) = self.writing.next().await {
                self.written.push(placed?);
            }
        }
        if self.written.len() >= KEPT_MAX {
            self.store().await?;
        }
        if self.numbers.is_empty() {
            self.numbers = self.files.names.numbers(NUMBERS).await?;
        }
        let id = self.numbers.start;
        self.numbers.start += 1;
        // It goes on while the sender is slow.
        let write = on_its_own(write_patiently(self.files.clone(), id, span, self.patience()));
        self.writing.push(Box::pin(async move {
            let stripe = write.await.ok_or(WriteError::Ending)??;
            Ok(Placed { number, stripe })
        }));
        Ok(())
    }

    fn patience(&self) -> Duration {
        if self.size > LONG_BYTES { PATIENCE } else { Duration::ZERO }
    }

    /// Makes safe what is written, and notes where it is.
    async fn settle(&mut self) -> Result<(), FileError> {
        while let Some(placed) = self.writing.next().await {
            self.written.push(placed?);
        }
        if self.written.is_empty() {
            return Ok(());
        }
        let stripes = &self.files.stripes;
        let until = Instant::now() + self.patience();
        while let Err(error) = stripes.sync().await {
            if !error.may_pass() || Instant::now() >= until {
                return Err(error.into());
            }
            tokio::time::sleep(PAUSE).await;
        }
        for placed in &mut self.written {
            placed.stripe = stripes.now_at(placed.stripe.clone());
        }
        Ok(())
    }

    /// Stores what is written so far below an inode without a name.
    async fn store(&mut self) -> Result<(), FileError> {
        self.settle().await?;
        let now_ns = self.files.now_ns();
        let mut inode = match &self.stored {
            Some(inode) => Inode { ctime_ns: now_ns, ..inode.clone() },
            None => Inode { nlink: 0, ..fresh(self.ino, Kind::File, 0o644, now_ns) },
        };
        let mut effects = vec![Effect::InodePut(inode.clone())];
        let ino = self.ino;
        let put = |Placed { number, stripe }| Effect::StripePut { ino, number, stripe };
        effects.extend(self.written.drain(..).map(put));
        self.files.names.apply(effects).await?;
        inode.version += 1;
        self.stored = Some(inode);
        self.since = Instant::now();
        Ok(())
    }
}

/// Writes a stripe; each try has a number of its own.
async fn write_patiently(files: Files, mut id: StripeId, span: Bytes, patience: Duration) -> Result<Stripe, FileError> {
    let until = Instant::now() + patience;
    loop {
        match files.stripes.write(id, span.clone()).await {
            Err(error) if error.may_pass() && Instant::now() < until => {
                tracing::debug!(error = &error as &dyn std::error::Error, "a stripe of an upload is written again");
                tokio::time::sleep(PAUSE).await;
                id = files.number().await?;
            }
            result => return Ok(result?),
        }
    }
}
