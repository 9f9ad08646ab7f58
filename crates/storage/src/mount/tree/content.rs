//! Bytes of files: reading, writing, cutting off, punching holes, finding data.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use nix::errno::Errno;

use super::{By, Miss, Stop, Tree};
use crate::SPAN_BYTES;
use crate::model::inode::{Ino, Kind};
use crate::model::stripe::Stripe;
use crate::mount::contents::Contents;
use crate::mount::node::{Frozen, Pieces, Slot};

const SPAN: u64 = SPAN_BYTES as u64;
/// Longest file, in bytes.
const SIZE_MAX: u64 = 1 << 46;
/// Unit of `st_blocks`, in bytes.
const BLOCK_BYTES: u64 = 512;
/// Stripes that `st_blocks` is counted over; longer files show their length.
const BLOCKS_COUNTED_MAX: usize = 1_024;

/// A part of what is read.
#[derive(Debug)]
pub(crate) enum Part {
    /// Here it is.
    Ready(Bytes),
    /// So many zeros.
    Hole(usize),
    /// So many bytes of a stripe from `start` on; what it lacks are zeros.
    Stored { stripe: Stripe, start: usize, length: usize },
}

/// What a write left to be done.
#[derive(Debug, Default)]
pub(crate) struct Written {
    /// Whole stripes, which will hardly change again and may be put at once.
    pub(crate) full: Vec<Arc<Frozen>>,
}

/// One stripe's share of a range of a file.
struct Share {
    number: u64,
    /// Within the stripe.
    start: usize,
    end: usize,
}

/// Cuts `offset` and `length` into stripes.
fn shares(offset: u64, length: u64) -> impl Iterator<Item = Share> {
    let end = offset + length;
    let numbers = if length == 0 { 0..0 } else { offset / SPAN..end.div_ceil(SPAN) };
    numbers.map(move |number| {
        let base = number * SPAN;
        Share { number, start: offset.saturating_sub(base) as usize, end: (end - base).min(SPAN) as usize }
    })
}

impl Pieces {
    /// What is in the place of stripe `number` in the store; `None`: nothing.
    fn at(&self, ino: Ino, number: u64) -> Result<Option<&Stripe>, Stop> {
        if self.known.contains(number) {
            return Ok(self.stored.get(&number));
        }
        Err(Miss::Pieces { ino, from: number, cuts_made: self.cuts_made }.into())
    }

    /// What has to stay of a stripe when `share` of it is written anew; fails when that has to be read first.
    fn base(&self, ino: Ino, contents: &Contents, share: &Share) -> Result<Option<Bytes>, Stop> {
        if self.slots.contains_key(&share.number) {
            return Ok(None);
        }
        match self.at(ino, share.number)? {
            Some(stripe) if share.start > 0 || share.end < stripe.code.bytes as usize => {
                Ok(Some(contents.get(stripe.id).ok_or_else(|| Miss::Content(stripe.clone()))?))
            }
            Some(_) | None => Ok(None),
        }
    }

    /// The content of stripe `number`, to be changed; `base` is what [`Pieces::base`] said.
    fn open(&mut self, number: u64, base: Option<&Bytes>) -> &mut Vec<u8> {
        let slot =
            self.slots.entry(number).or_insert_with(|| Slot::Open(base.map_or_else(Vec::new, |bytes| bytes.to_vec())));
        if let Slot::Frozen(frozen) = slot {
            *slot = Slot::Open(frozen.bytes.to_vec());
        }
        match slot {
            Slot::Open(bytes) => bytes,
            Slot::Frozen(_) => unreachable!("it was opened just above"),
        }
    }

    /// `st_blocks`.
    pub(super) fn blocks(&self, size: u64) -> u64 {
        let is_counted = self.known.covers(0, size.div_ceil(SPAN)) && self.stored.len() <= BLOCKS_COUNTED_MAX;
        if !is_counted {
            return size.div_ceil(BLOCK_BYTES);
        }
        let stored = self.stored.iter().filter(|(number, _)| !self.slots.contains_key(number));
        let stored: u64 = stored.map(|(_, stripe)| u64::from(stripe.code.bytes)).sum();
        let slots: u64 = self.slots.values().map(|slot| slot.bytes().len() as u64).sum();
        (stored + slots).div_ceil(BLOCK_BYTES)
    }
}

impl Tree {
    fn file(&self, ino: Ino) -> Result<&Pieces, Stop> {
        let node = self.node(ino)?;
        match node.inode.kind {
            Kind::File => Ok(&node.pieces),
            Kind::Directory => Err(Errno::EISDIR.into()),
            Kind::Symlink | Kind::Fifo | Kind::Socket | Kind::Character | Kind::Block => Err(Errno::EINVAL.into()),
        }
    }

    /// What `length` bytes from `offset` on consist of, up to the file's end.
    pub(crate) fn read(&self, ino: Ino, offset: u64, length: usize) -> Result<Vec<Part>, Stop> {
        let pieces = self.file(ino)?;
        let size = self.node(ino)?.inode.size;
        let length = (length as u64).min(size.saturating_sub(offset));
        shares(offset, length).map(|share| self.part(ino, pieces, &share)).collect()
    }

    fn part(&self, ino: Ino, pieces: &Pieces, share: &Share) -> Result<Part, Stop> {
        let length = share.end - share.start;
        if let Some(slot) = pieces.slots.get(&share.number) {
            let bytes = slot.bytes();
            let (start, end) = (share.start.min(bytes.len()), share.end.min(bytes.len()));
            let bytes = match slot {
                Slot::Frozen(frozen) => frozen.bytes.slice(start..end),
                Slot::Open(bytes) => Bytes::copy_from_slice(&bytes[start..end]),
            };
            return Ok(Part::Ready(padded(bytes, length)));
        }
        let Some(stripe) = pieces.at(ino, share.number)? else { return Ok(Part::Hole(length)) };
        Ok(match self.shares.contents.get(stripe.id) {
            Some(bytes) => {
                let (start, end) = (share.start.min(bytes.len()), share.end.min(bytes.len()));
                Part::Ready(padded(bytes.slice(start..end), length))
            }
            None => Part::Stored { stripe: stripe.clone(), start: share.start, length },
        })
    }

    /// Those of the stripes `numbers` that are stored.
    pub(crate) fn ahead(&self, ino: Ino, numbers: Range<u64>) -> Result<Vec<Stripe>, Stop> {
        let pieces = self.file(ino)?;
        let end = self.node(ino)?.inode.size.div_ceil(SPAN).min(numbers.end);
        let mut stripes = Vec::new();
        for number in numbers.start..end {
            let is_held = pieces.slots.contains_key(&number);
            stripes.extend(pieces.at(ino, number)?.filter(|_| !is_held).cloned());
        }
        Ok(stripes)
    }

    /// Writes.
    pub(crate) fn write(&mut self, by: &By, ino: Ino, offset: u64, data: &[u8]) -> Result<Written, Stop> {
        self.writable()?;
        let pieces = self.file(ino)?;
        let mut written = Written::default();
        if data.is_empty() {
            return Ok(written);
        }
        let end = offset.checked_add(data.len() as u64).filter(|end| *end <= SIZE_MAX).ok_or(Errno::EFBIG)?;
        let (mut bases, mut grows) = (Vec::new(), 0);
        for share in shares(offset, data.len() as u64) {
            bases.push(pieces.base(ino, &self.shares.contents, &share)?);
            grows += share.end.saturating_sub(pieces.length(share.number)) as u64;
        }
        self.room_bytes(grows)?;
        let mut rest = data;
        for (share, base) in shares(offset, data.len() as u64).zip(bases) {
            let (now, later) = rest.split_at(share.end - share.start);
            rest = later;
            self.slot_edit(ino, share.number, base.as_ref(), |bytes| put(bytes, share.start, now));
            if share.end == SPAN_BYTES {
                written.full.extend(self.node_mut(ino)?.pieces.slots.get_mut(&share.number).map(Slot::freeze));
            }
        }
        let inode = &mut self.node_mut(ino)?.inode;
        inode.size = inode.size.max(end);
        self.touch(ino, by)?;
        Ok(written)
    }

    /// Changes the content of a stripe and keeps the books.
    fn slot_edit(&mut self, ino: Ino, number: u64, base: Option<&Bytes>, edit: impl FnOnce(&mut Vec<u8>)) {
        let Some(node) = self.nodes.get_mut(&ino) else { return };
        let pieces = &mut node.pieces;
        let held = pieces.slots.get(&number).map_or(0, |slot| slot.bytes().len() as u64);
        let before = pieces.length(number);
        let bytes = pieces.open(number, base);
        edit(bytes);
        let now = bytes.len();
        self.dirty_bytes = self.dirty_bytes - held + now as u64;
        self.dirt.added.bytes += now as i64 - before as i64;
        if node.is_dead {
            return;
        }
        self.dirt.files.insert(ino);
    }

    /// Sets the length.
    pub(super) fn truncate(&mut self, by: &By, ino: Ino, size: u64) -> Result<(), Stop> {
        if size > SIZE_MAX {
            return Err(Errno::EFBIG.into());
        }
        let pieces = self.file(ino)?;
        let before = self.node(ino)?.inode.size;
        let (last, within) = (size / SPAN, (size % SPAN) as usize);
        if size < before && within > 0 {
            // What stays of the last stripe has to be read, or what is cut off would come back when the file grows again.
            let base = pieces.base(ino, &self.shares.contents, &Share { number: last, start: 0, end: within })?;
            if pieces.length(last) > within {
                self.slot_edit(ino, last, base.as_ref(), |bytes| bytes.truncate(within));
            }
        }
        if size < before {
            self.cut(ino, size.div_ceil(SPAN), None);
        }
        self.node_mut(ino)?.inode.size = size;
        self.touch(ino, by)
    }

    /// Takes whole stripes away.
    fn cut(&mut self, ino: Ino, from: u64, end: Option<u64>) {
        let Some(node) = self.nodes.get_mut(&ino) else { return };
        let pieces = &mut node.pieces;
        let until = end.unwrap_or(u64::MAX);
        let numbers: Vec<u64> = pieces.slots.range(from..until).map(|(number, _)| *number).collect();
        let stored: Vec<u64> = pieces.stored.range(from..until).map(|(number, _)| *number).collect();
        for number in numbers.iter().chain(&stored) {
            self.dirt.added.bytes -= pieces.length(*number) as i64;
            let slot = pieces.slots.remove(number);
            self.dirty_bytes -= slot.map_or(0, |slot| slot.bytes().len() as u64);
            pieces.stored.remove(number);
        }
        pieces.known.add(from, until);
        pieces.cuts.push((from, end));
        pieces.cuts_made += 1;
        if !node.is_dead {
            self.dirt.files.insert(ino);
        }
    }

    /// Makes zeros of a range, without changing the length.
    pub(crate) fn punch(&mut self, by: &By, ino: Ino, offset: u64, length: u64) -> Result<(), Stop> {
        self.writable()?;
        let length = length.min(self.node(ino)?.inode.size.saturating_sub(offset));
        let pieces = self.file(ino)?;
        let is_whole = |share: &Share| share.start == 0 && share.end == SPAN_BYTES;
        let mut parts = Vec::new();
        let mut whole: Option<(u64, u64)> = None;
        for share in shares(offset, length) {
            if is_whole(&share) {
                whole = Some((whole.map_or(share.number, |(first, _)| first), share.number + 1));
            } else {
                let base =
                    pieces.base(ino, &self.shares.contents, &Share { number: share.number, start: 1, end: 1 })?;
                if pieces.length(share.number) > share.start {
                    parts.push((share, base));
                }
            }
        }
        for (share, base) in parts {
            self.slot_edit(ino, share.number, base.as_ref(), |bytes| {
                let end = share.end.min(bytes.len());
                bytes[share.start..end].fill(0);
            });
        }
        if let Some((first, end)) = whole {
            self.cut(ino, first, Some(end));
        }
        self.touch(ino, by)
    }

    /// Makes the file at least so long.
    pub(crate) fn extend(&mut self, by: &By, ino: Ino, size: u64) -> Result<(), Stop> {
        self.writable()?;
        self.file(ino)?;
        if size <= self.node(ino)?.inode.size { Ok(()) } else { self.truncate(by, ino, size) }
    }

    /// Where data (or, unless `is_data`, a hole) begins at `offset` or behind it.
    pub(crate) fn seek(&self, ino: Ino, offset: u64, is_data: bool) -> Result<u64, Stop> {
        let pieces = self.file(ino)?;
        let size = self.node(ino)?.inode.size;
        if offset >= size {
            return Err(Errno::ENXIO.into());
        }
        for number in offset / SPAN..size.div_ceil(SPAN) {
            let has_data = pieces.slots.contains_key(&number) || pieces.at(ino, number)?.is_some();
            if has_data == is_data {
                return Ok(offset.max(number * SPAN));
            }
        }
        if is_data { Err(Errno::ENXIO.into()) } else { Ok(size) }
    }
}

impl Pieces {
    /// Bytes that are now in stripe `number`, as far as is known.
    fn length(&self, number: u64) -> usize {
        let stored = || self.stored.get(&number).map_or(0, |stripe| stripe.code.bytes as usize);
        self.slots.get(&number).map_or_else(stored, |slot| slot.bytes().len())
    }
}

/// Writes `data` into `bytes` at `start`.
fn put(bytes: &mut Vec<u8>, start: usize, data: &[u8]) {
    let end = start + data.len();
    if bytes.is_empty() && end > SPAN_BYTES / 4 {
        bytes.reserve_exact(SPAN_BYTES);
    }
    if bytes.len() < start {
        bytes.resize(start, 0);
    }
    let overlap = (bytes.len() - start).min(data.len());
    bytes[start..start + overlap].copy_from_slice(&data[..overlap]);
    bytes.extend_from_slice(&data[overlap..]);
}

/// `bytes` with zeros behind it, up to `length`.
fn padded(bytes: Bytes, length: usize) -> Bytes {
    if bytes.len() == length {
        return bytes;
    }
    let mut padded = bytes.to_vec();
    padded.resize(length, 0);
    padded.into()
}
