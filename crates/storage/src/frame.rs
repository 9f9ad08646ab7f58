//! What stores and their clients send each other: a head, which is an [`Ask`] or an [`Answer`], and behind it the bytes of
//! the units or pieces in it. The bytes stay out of the head so that they need not be copied to be framed.

use std::io::{self, IoSlice};
use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use nix::sys::socket::{setsockopt, sockopt};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use wire::store::answer::Reply;
use wire::store::ask::Call;
use wire::store::{Answer, Ask};

mod memory;
mod stream;

pub(crate) use memory::Memory;
pub(crate) use stream::{PROTOCOL, Reader, Writer, acceptor, dialled, offered, served};

/// A store closes a connection after this: whoever is still to be let in shows a certificate anew.
pub(crate) const AGE_MAX: Duration = Duration::from_secs(600);
/// Data of one frame, in bytes, at most.
pub(crate) const DATA_BYTES_MAX: usize = 8 << 20;
/// A head, in bytes, at most: a list of 10,000 units, with room to grow.
const HEAD_BYTES_MAX: usize = 1 << 20;
/// Bytes read from a connection at a time: TLS by itself would ask the system for each 4 KiB.
const READ_BYTES: usize = 128 << 10;
/// How long a connection may be silent before it is asked whether the other side is there, in seconds; how often then, a
/// second apart.
const SILENCE_S: u32 = 10;
const PROBES: u32 = 5;

/// Makes the process keep memory that it gave back, up to twice this, for the next frames, instead of having the system clear
/// new pages for each: what the C library keeps follows the largest piece that was ever given back.
/// Source: mallopt(3), `M_MMAP_THRESHOLD` and `M_TRIM_THRESHOLD`.
pub(crate) fn keep_memory() {
    const KEPT_BYTES: usize = 16 << 20;
    drop(std::hint::black_box(Vec::<u8>::with_capacity(KEPT_BYTES)));
}

/// Makes a connection ready for frames.
pub(crate) fn prepared(stream: TcpStream) -> BufReader<TcpStream> {
    // Without these it works as well, only slower, or until the other side is found gone by a timeout.
    let _ = stream.set_nodelay(true);
    let _ = setsockopt(&stream, sockopt::KeepAlive, &true);
    let _ = setsockopt(&stream, sockopt::TcpKeepIdle, &SILENCE_S);
    let _ = setsockopt(&stream, sockopt::TcpKeepInterval, &1);
    let _ = setsockopt(&stream, sockopt::TcpKeepCount, &PROBES);
    BufReader::with_capacity(READ_BYTES, stream)
}

/// Why a frame could not be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FrameError {
    #[error("the connection broke")]
    Broken(#[from] io::Error),
    #[error(
        "a frame has a head of {head} bytes and {data} of data; more than {HEAD_BYTES_MAX} and {DATA_BYTES_MAX} are none"
    )]
    TooLong { head: usize, data: usize },
    #[error("a frame's head can't be read")]
    Head(#[from] prost::DecodeError),
    #[error("a frame's head and its data don't fit together")]
    Data,
}

/// What begins a frame.
pub(crate) trait Head: prost::Message + Default {
    /// Takes the data out, noting how long each part of it is.
    fn data_take(&mut self) -> Vec<Bytes>;
    /// Puts each part in its place; `None`: there are not as many places as parts.
    fn data_put(&mut self, parts: Vec<Bytes>) -> Option<()>;
    /// How long each part is.
    fn lengths(&self) -> &[u32];
}

impl Head for Ask {
    fn data_take(&mut self) -> Vec<Bytes> {
        let Some(Call::Put(put)) = &mut self.call else { return Vec::new() };
        let parts: Vec<Bytes> = put.units.iter_mut().map(|unit| std::mem::take(&mut unit.data)).collect();
        self.data_bytes = lengths(&parts);
        parts
    }

    fn data_put(&mut self, parts: Vec<Bytes>) -> Option<()> {
        let units = match &mut self.call {
            Some(Call::Put(put)) => put.units.as_mut_slice(),
            _ => &mut [],
        };
        let fits = units.len() == parts.len();
        units.iter_mut().zip(parts).for_each(|(unit, part)| unit.data = part);
        fits.then_some(())
    }

    fn lengths(&self) -> &[u32] {
        &self.data_bytes
    }
}

impl Head for Answer {
    fn data_take(&mut self) -> Vec<Bytes> {
        let Some(Reply::Get(get)) = &mut self.reply else { return Vec::new() };
        let parts: Vec<Bytes> = get.pieces.iter_mut().map(|piece| std::mem::take(&mut piece.data)).collect();
        self.data_bytes = lengths(&parts);
        parts
    }

    fn data_put(&mut self, parts: Vec<Bytes>) -> Option<()> {
        let pieces = match &mut self.reply {
            Some(Reply::Get(get)) => get.pieces.as_mut_slice(),
            _ => &mut [],
        };
        let fits = pieces.len() == parts.len();
        pieces.iter_mut().zip(parts).for_each(|(piece, part)| piece.data = part);
        fits.then_some(())
    }

    fn lengths(&self) -> &[u32] {
        &self.data_bytes
    }
}

fn lengths(parts: &[Bytes]) -> Vec<u32> {
    parts.iter().map(|part| part.len() as u32).collect()
}

/// Writes a frame. `is_partial` is set while a part of it is under way: dropped then, the connection is of no use any more.
///
/// # Errors
/// The connection's, which is of no use any more.
pub(crate) async fn write(
    stream: &mut (impl AsyncWrite + Unpin),
    mut head: impl Head,
    is_partial: &mut bool,
) -> io::Result<()> {
    let parts = head.data_take();
    let (head, data_bytes) = (head.encode_to_vec(), parts.iter().map(Bytes::len).sum::<usize>());
    let lengths = [(head.len() as u32).to_le_bytes(), (data_bytes as u32).to_le_bytes()].concat();
    let mut slices: Vec<IoSlice<'_>> = [&lengths, &head].into_iter().map(|bytes| IoSlice::new(bytes)).collect();
    slices.extend(parts.iter().map(|part| IoSlice::new(part)));
    let mut rest = slices.as_mut_slice();
    while !rest.is_empty() {
        let written = stream.write_vectored(rest).await?;
        if written == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        IoSlice::advance_slices(&mut rest, written);
        *is_partial = !rest.is_empty();
    }
    stream.flush().await
}

/// A frame whose lengths have come.
#[derive(Debug)]
pub(crate) struct Incoming {
    head: usize,
    data: usize,
}

/// Waits for a frame; `None`: the other side has closed the connection.
pub(crate) async fn incoming(stream: &mut (impl AsyncRead + Unpin)) -> Result<Option<Incoming>, FrameError> {
    let mut lengths = [0; 8];
    let came = stream.read(&mut lengths).await?;
    if came == 0 {
        return Ok(None);
    }
    stream.read_exact(&mut lengths[came..]).await?;
    let [h0, h1, h2, h3, d0, d1, d2, d3] = lengths;
    let (head, data) = (u32::from_le_bytes([h0, h1, h2, h3]) as usize, u32::from_le_bytes([d0, d1, d2, d3]) as usize);
    if head > HEAD_BYTES_MAX || data > DATA_BYTES_MAX {
        return Err(FrameError::TooLong { head, data });
    }
    Ok(Some(Incoming { head, data }))
}

impl Incoming {
    /// How much of it is still to come, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.head + self.data
    }

    /// Reads the rest, into `memory`.
    pub(crate) async fn read<H: Head>(
        self,
        stream: &mut (impl AsyncRead + Unpin),
        memory: &Memory,
    ) -> Result<H, FrameError> {
        let mut body = memory.take(self.bytes());
        let mut rest = pin!(stream.take(self.bytes() as u64));
        while body.len() < self.bytes() {
            if rest.read_buf(&mut body).await? == 0 {
                return Err(FrameError::Broken(io::ErrorKind::UnexpectedEof.into()));
            }
        }
        let mut data = memory.lend(body);
        let mut head = H::decode(data.split_to(self.head))?;
        let mut parts = Vec::with_capacity(head.lengths().len());
        for length in head.lengths() {
            let length = *length as usize;
            if length > data.len() {
                return Err(FrameError::Data);
            }
            parts.push(data.split_to(length));
        }
        if !data.is_empty() {
            return Err(FrameError::Data);
        }
        head.data_put(parts).ok_or(FrameError::Data)?;
        Ok(head)
    }
}

#[cfg(test)]
mod tests {
    use prost::Message;
    use wire::store::{GetReply, GetRequest, Piece, PutRequest, Unit};

    use super::*;

    fn put(data: &[usize]) -> Ask {
        let units = data.iter().map(|bytes| Unit { data: vec![*bytes as u8; *bytes].into(), ..Unit::default() });
        Ask { id: 7, data_bytes: Vec::new(), call: Some(Call::Put(PutRequest { store: 3, units: units.collect() })) }
    }

    async fn written(head: impl Head) -> Vec<u8> {
        let mut bytes = Vec::new();
        write(&mut bytes, head, &mut false).await.unwrap();
        bytes
    }

    async fn read<H: Head>(mut bytes: &[u8]) -> Result<H, FrameError> {
        incoming(&mut bytes).await?.unwrap().read(&mut bytes, &Memory::default()).await
    }

    #[tokio::test]
    async fn frames_read_back() {
        for data in [&[][..], &[0], &[5, 0, 4096], &[65_536, 65_536, 70_001]] {
            let ask: Ask = read(&written(put(data)).await).await.unwrap();
            assert_eq!(ask.call, put(data).call);
        }
        let pieces = vec![Piece::default(), Piece { data: Bytes::from_static(b"abc"), ..Piece::default() }];
        let answer = Answer { id: 9, data_bytes: Vec::new(), reply: Some(Reply::Get(GetReply { pieces })) };
        let read: Answer = read(&written(answer.clone()).await).await.unwrap();
        assert_eq!((read.id, read.reply), (9, answer.reply));
        assert!(incoming(&mut &b""[..]).await.unwrap().is_none());
    }

    #[tokio::test]
    async fn what_is_cut_off_or_contradicts_itself_is_no_frame() {
        let whole = written(put(&[100, 200])).await;
        for end in 1..whole.len() {
            assert!(matches!(read::<Ask>(&whole[..end]).await, Err(FrameError::Broken(_))), "cut at {end}");
        }
        let long = [u32::MAX.to_le_bytes(), 0_u32.to_le_bytes()].concat();
        assert!(matches!(read::<Ask>(&long).await, Err(FrameError::TooLong { .. })));
        let long = [0_u32.to_le_bytes(), (DATA_BYTES_MAX as u32 + 1).to_le_bytes()].concat();
        assert!(matches!(read::<Ask>(&long).await, Err(FrameError::TooLong { .. })));
        // Lengths that promise more, or less, than follows; and data that nothing in the head has a place for.
        for lengths in [vec![100, 201], vec![100], vec![100, 100, 100]] {
            let Some(Call::Put(request)) = put(&[0, 0]).call else { panic!("a put") };
            let head = Ask { id: 1, data_bytes: lengths, call: Some(Call::Put(request)) }.encode_to_vec();
            let lengths = [(head.len() as u32).to_le_bytes(), 300_u32.to_le_bytes()].concat();
            let frame = [lengths, head, vec![1; 300]].concat();
            assert!(matches!(read::<Ask>(&frame).await, Err(FrameError::Data)));
        }
        let get = Ask { id: 1, data_bytes: vec![3], call: Some(Call::Get(GetRequest::default())) }.encode_to_vec();
        let frame = [&(get.len() as u32).to_le_bytes()[..], &3_u32.to_le_bytes(), &get, b"abc"].concat();
        assert!(matches!(read::<Ask>(&frame).await, Err(FrameError::Data)));
        let frame = [&4_u32.to_le_bytes()[..], &0_u32.to_le_bytes(), &[0xff; 4]].concat();
        assert!(matches!(read::<Ask>(&frame).await, Err(FrameError::Head(_))));
    }
}
