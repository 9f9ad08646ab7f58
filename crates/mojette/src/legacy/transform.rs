//! A transform for one layout and block size: sizes, and every check before the first byte is touched.

#[cfg(target_arch = "x86_64")]
use super::kernel::Avx2;
use super::kernel::{Kernel, Portable};
use super::{Layout, PIXEL_BYTES, Pixel, inverse};

/// The one block size of RozoFS 1.5, bytes.
pub const BLOCK_BYTES: usize = 8192;

/// Why a block was not transformed. Buffers keep what they had, but for [`Inconsistent`](Self::Inconsistent).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TransformError {
    /// There are layouts 0, 1 and 2.
    #[error("layout {number} does not exist: RozoFS has 0, 1 and 2")]
    Layout {
        /// The number asked for.
        number: u8,
    },
    /// A block is a whole number of columns of `rows` elements of 8 bytes, and not empty.
    #[error("block size {bytes}: not a multiple of {multiple} bytes above 0")]
    BlockSize {
        /// The size asked for, bytes.
        bytes: usize,
        /// Bytes of one column.
        multiple: usize,
    },
    /// A block is not as long as the transform's.
    #[error("block: {have} bytes, {need} needed")]
    BlockLength {
        /// Bytes given.
        have: usize,
        /// Bytes needed.
        need: usize,
    },
    /// A projection's bins are not as many as its slope makes; padding has to be cut off.
    #[error("bins of projection {index}: {have} bytes, {need} needed")]
    BinsLength {
        /// The projection.
        index: usize,
        /// Bytes given.
        have: usize,
        /// Bytes needed.
        need: usize,
    },
    /// The scratch space is too short.
    #[error("scratch: {have} bytes, {need} needed")]
    ScratchLength {
        /// Bytes given.
        have: usize,
        /// Bytes needed.
        need: usize,
    },
    /// The layout has no such projection.
    #[error("projection {index}: the layout has {projections}, counted from 0")]
    Index {
        /// The projection asked for.
        index: usize,
        /// Projections of the layout.
        projections: usize,
    },
    /// A projection was given twice.
    #[error("projection {index} is given twice")]
    Duplicate {
        /// The projection.
        index: usize,
    },
    /// A block is computed from as many projections as it has rows.
    #[error("{given} projections given, {needed} needed")]
    Count {
        /// Projections given.
        given: usize,
        /// Projections needed.
        needed: usize,
    },
    /// No block has these projections: at least one of them is damaged, or of another block.
    #[error("the projections contradict one another")]
    Inconsistent,
}

/// Bins of one projection, as [`Transform::inverse`] takes them.
#[derive(Clone, Copy, Debug)]
pub struct Projection<'a> {
    /// Which projection of the layout, counted from 0; its slope follows from it.
    pub index: usize,
    /// Its bins, [`Transform::projection_bytes`] long.
    pub bins: &'a [u8],
}

/// RozoFS's transform for one layout and one block size. Holds sizes alone; buffers are the caller's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transform {
    layout: Layout,
    columns: usize,
}

impl Transform {
    /// A transform of blocks of `block_bytes`; RozoFS's own have [`BLOCK_BYTES`].
    ///
    /// Errors: [`TransformError::BlockSize`] unless `block_bytes` is a multiple of `8 · rows`, at least one and at most
    /// `isize::MAX / 16`, so that no size of this transform overflows.
    pub const fn new(layout: Layout, block_bytes: usize) -> Result<Self, TransformError> {
        let multiple = layout.rows() * PIXEL_BYTES;
        if block_bytes == 0 || !block_bytes.is_multiple_of(multiple) || block_bytes > isize::MAX as usize / 16 {
            return Err(TransformError::BlockSize { bytes: block_bytes, multiple });
        }
        Ok(Self { layout, columns: block_bytes / multiple })
    }

    /// The transform of RozoFS itself: blocks of [`BLOCK_BYTES`].
    pub const fn rozofs(layout: Layout) -> Self {
        Self { layout, columns: BLOCK_BYTES / (layout.rows() * PIXEL_BYTES) }
    }

    /// The layout.
    pub const fn layout(&self) -> Layout {
        self.layout
    }

    /// Bytes of a block.
    pub const fn block_bytes(&self) -> usize {
        self.layout.rows() * self.columns * PIXEL_BYTES
    }

    /// Bytes of the bins of projection `index`; none when the layout has no such projection.
    pub const fn projection_bytes(&self, index: usize) -> Option<usize> {
        match self.layout.slope(index) {
            Some(slope) => Some((self.columns + slope.unsigned_abs() * (self.layout.rows() - 1)) * PIXEL_BYTES),
            None => None,
        }
    }

    /// Bytes of scratch space for [`inverse`](Self::inverse).
    pub const fn scratch_bytes(&self) -> usize {
        inverse::scratch_pixels(self.layout, self.columns) * PIXEL_BYTES
    }

    /// Projects `block` (`rows × columns` elements of 8 bytes, row-major) into `bins`, all of which are overwritten.
    ///
    /// Errors: [`Index`](TransformError::Index), [`BlockLength`](TransformError::BlockLength),
    /// [`BinsLength`](TransformError::BinsLength).
    pub fn project(&self, block: &[u8], index: usize, bins: &mut [u8]) -> Result<(), TransformError> {
        #[cfg(target_arch = "x86_64")]
        if let Some(kernel) = Avx2::detect() {
            return self.project_with(kernel, block, index, bins);
        }
        self.project_with(Portable, block, index, bins)
    }

    fn project_with(
        &self,
        kernel: impl Kernel,
        block: &[u8],
        index: usize,
        bins: &mut [u8],
    ) -> Result<(), TransformError> {
        let slope = self.check_bins(index, bins)?;
        self.check_block(block)?;
        kernel.project(self.columns, slope, pixels(block), bins.as_chunks_mut().0);
        Ok(())
    }

    /// Computes the block from any `rows` different projections, in any order. `scratch` has at least
    /// [`scratch_bytes`](Self::scratch_bytes), of whatever content.
    ///
    /// The bins say a little more than the block has to say, so damage mostly shows: a single wrong bin always does.
    /// Then the answer is [`Inconsistent`](TransformError::Inconsistent), and `block` holds nothing of use.
    ///
    /// Errors: also [`Count`](TransformError::Count), [`Index`](TransformError::Index),
    /// [`Duplicate`](TransformError::Duplicate) and the three of lengths.
    pub fn inverse(
        &self,
        projections: &[Projection<'_>],
        scratch: &mut [u8],
        block: &mut [u8],
    ) -> Result<(), TransformError> {
        #[cfg(target_arch = "x86_64")]
        if let Some(kernel) = Avx2::detect() {
            return self.inverse_with(kernel, projections, scratch, block);
        }
        self.inverse_with(Portable, projections, scratch, block)
    }

    fn inverse_with(
        &self,
        kernel: impl Kernel,
        projections: &[Projection<'_>],
        scratch: &mut [u8],
        block: &mut [u8],
    ) -> Result<(), TransformError> {
        let needed = self.layout.rows();
        if projections.len() != needed {
            return Err(TransformError::Count { given: projections.len(), needed });
        }
        self.check_block(block)?;
        let need = self.scratch_bytes();
        if scratch.len() < need {
            return Err(TransformError::ScratchLength { have: scratch.len(), need });
        }
        let mut by_index: [Option<&[Pixel]>; MOST_PROJECTIONS] = [None; MOST_PROJECTIONS];
        for projection in projections {
            self.check_bins(projection.index, projection.bins)?;
            if by_index[projection.index].replace(pixels(projection.bins)).is_some() {
                return Err(TransformError::Duplicate { index: projection.index });
            }
        }
        let given = (0..MOST_PROJECTIONS).rev().filter_map(|index| Some((self.layout.slope(index)?, by_index[index]?)));
        let (scratch, block) = (scratch[..need].as_chunks_mut().0, block.as_chunks_mut().0);
        inverse::inverse(kernel, self.columns, given, scratch, block)
    }

    fn check_bins(&self, index: usize, bins: &[u8]) -> Result<isize, TransformError> {
        let projections = self.layout.projections();
        let (Some(slope), Some(need)) = (self.layout.slope(index), self.projection_bytes(index)) else {
            return Err(TransformError::Index { index, projections });
        };
        if bins.len() == need { Ok(slope) } else { Err(TransformError::BinsLength { index, have: bins.len(), need }) }
    }

    fn check_block(&self, block: &[u8]) -> Result<(), TransformError> {
        let need = self.block_bytes();
        if block.len() == need { Ok(()) } else { Err(TransformError::BlockLength { have: block.len(), need }) }
    }
}

const MOST_PROJECTIONS: usize = Layout::Two.projections();

fn pixels(bytes: &[u8]) -> &[Pixel] {
    bytes.as_chunks().0
}

#[cfg(test)]
mod tests {
    use super::*;

    /// On a processor with better loops, nothing else runs the portable ones from end to end.
    #[test]
    fn the_portable_loops_alone_write_and_read_the_same() {
        for layout in Layout::ALL {
            let transform = Transform::new(layout, layout.rows() * 45 * 8).unwrap();
            let block: Vec<u8> = (0..transform.block_bytes()).map(|at| (at * at % 251) as u8).collect();
            let written: Vec<Vec<u8>> = (0..layout.projections())
                .map(|index| {
                    let mut bins = [0xa5, 0x5a].map(|byte| vec![byte; transform.projection_bytes(index).unwrap()]);
                    transform.project_with(Portable, &block, index, &mut bins[0]).unwrap();
                    transform.project(&block, index, &mut bins[1]).unwrap();
                    assert!(bins[0] == bins[1], "{layout:?}: projection {index}");
                    bins[0].clone()
                })
                .collect();
            let (mut scratch, mut read) = (vec![0x5a; transform.scratch_bytes()], vec![0; block.len()]);
            for first in 0..layout.projections() {
                // As many as there are rows, beginning with any of them.
                let indices = (0..layout.rows()).map(|at| (first + at) % layout.projections());
                let mut left: Vec<Projection<'_>> =
                    indices.map(|index| Projection { index, bins: &written[index] }).collect();
                read.fill(0xa5);
                transform.inverse_with(Portable, &left, &mut scratch, &mut read).unwrap();
                assert!(read == block, "{layout:?}, from {first} on");
                let mut damaged = left[0].bins.to_vec();
                damaged[3] ^= 1;
                left[0].bins = &damaged;
                let refused = transform.inverse_with(Portable, &left, &mut scratch, &mut read);
                assert_eq!(refused, Err(TransformError::Inconsistent));
            }
        }
    }
}
