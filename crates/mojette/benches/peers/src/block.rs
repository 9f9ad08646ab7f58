//! Buffers as a storage would lay them: aligned, rows apart by the advised stride.

use mojette::{Code, Geometry};

/// Bytes at a chosen place in a page.
pub struct Buffer {
    memory: Vec<u8>,
    start: usize,
    length: usize,
}

impl Buffer {
    pub fn new(length: usize, shift: usize) -> Self {
        const PAGE: usize = 4096;
        let memory: Vec<u8> = (0..length + 3 * PAGE).map(|at| (at * 31 + at / 251) as u8).collect();
        let start = memory.as_ptr().align_offset(PAGE) + shift;
        Self { memory, start, length }
    }

    pub fn bytes(&self) -> &[u8] {
        &self.memory[self.start..self.start + self.length]
    }

    pub fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.memory[self.start..self.start + self.length]
    }
}

/// The rows of a block in one buffer.
pub struct Block {
    geometry: Geometry,
    buffer: Buffer,
}

impl Block {
    pub fn new(geometry: Geometry) -> Self {
        Self { geometry, buffer: Buffer::new(geometry.row_stride() * geometry.data(), 0) }
    }

    pub fn rows(&self) -> Vec<&[u8]> {
        let chunks = self.buffer.bytes().chunks(self.geometry.row_stride());
        chunks.map(|row| &row[..self.geometry.row_bytes()]).collect()
    }

    pub fn parities(geometry: Geometry) -> Vec<Buffer> {
        let lengths = (geometry.data()..geometry.fragments()).filter_map(|index| geometry.fragment_bytes(index));
        lengths.enumerate().map(|(at, length)| Buffer::new(length, at * 192)).collect()
    }

    /// All fragments, each in a buffer of its own.
    pub fn fragments(&self, code: Code) -> Result<Vec<Buffer>, mojette::Error> {
        let mut parity = Self::parities(self.geometry);
        code.encode(&self.rows(), &mut parity.iter_mut().map(Buffer::bytes_mut).collect::<Vec<_>>())?;
        let rows = self.rows().into_iter().enumerate().map(|(at, row)| {
            let mut buffer = Buffer::new(row.len(), at * 192);
            buffer.bytes_mut().copy_from_slice(row);
            buffer
        });
        Ok(rows.collect::<Vec<_>>().into_iter().chain(parity).collect())
    }
}
