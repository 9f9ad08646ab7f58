//! How a block is cut, and how long each fragment is: all known before anything is allocated.
//!
//! The element width is decided here from the sizes, not by the caller: it is part of the stored format, and a width that suits
//! a stripe of 64 KiB wastes a quarter of a block of 8 KiB.

use crate::Error;

/// Most fragments that a code may have, data and parity together.
pub const MAX_FRAGMENTS: usize = 32;

/// Parities' edges, or the last row's padding, may take this part of the block (one in …) before narrow elements are chosen.
const EXTRA_LIMIT: usize = 33;

/// The unit that shifts are counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Element {
    /// 8 bytes: little is lost at the edges, recovery of several rows is slower. For small blocks.
    Narrow,
    /// 64 bytes, a cache line: eight words are recovered side by side, and no load crosses a line where fragments begin at
    /// multiples of 64 bytes.
    Wide,
}

impl Element {
    /// Bytes of one element.
    pub const fn bytes(self) -> usize {
        match self {
            Self::Narrow => 8,
            Self::Wide => 64,
        }
    }
}

/// The sizes of a code's fragments, in bytes.
///
/// A block is cut into k rows of [`row_bytes`](Self::row_bytes), one after the other. These are the data fragments 0 to k − 1. A last
/// row that the block does not fill is filled with zeros by the caller. Fragments k to k + m − 1 are the parities.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Geometry {
    data: u8,
    parity: u8,
    element: Element,
    block_bytes: usize,
    row_bytes: usize,
}

impl Geometry {
    /// A code of `data` rows (k) and `parity` fragments (m) for blocks of `block_bytes`. Chooses the element width: 64 bytes
    /// unless the parities' edges, or the zeros that pad the last row, would then take more than one 33rd of the block.
    ///
    /// This is for new blocks. The width is part of what is stored, and the rule may change: store [`element`](Self::element)
    /// beside the fragments, and reopen them with [`with_element`](Self::with_element).
    ///
    /// Errors: k or m is zero, k + m is above [`MAX_FRAGMENTS`], the block is empty or too large.
    pub fn new(data: usize, parity: usize, block_bytes: usize) -> Result<Self, Error> {
        let wide = Self::with_element(data, parity, block_bytes, Element::Wide)?;
        let extra = wide.stored_bytes() - wide.row_bytes * wide.fragments();
        // A fragment of no more than a few elements is mostly padding, whatever its edges.
        let padding = wide.row_bytes * data - block_bytes;
        if extra.max(padding) <= block_bytes / EXTRA_LIMIT {
            return Ok(wide);
        }
        Self::with_element(data, parity, block_bytes, Element::Narrow)
    }

    /// Layout 0, 1 or 2 of RozoFS: (2, 1), (4, 2) or (8, 4).
    ///
    /// Errors: as [`new`](Self::new), and `UnknownLayout`.
    pub fn layout(layout: u8, block_bytes: usize) -> Result<Self, Error> {
        match layout {
            0 => Self::new(2, 1, block_bytes),
            1 => Self::new(4, 2, block_bytes),
            2 => Self::new(8, 4, block_bytes),
            layout => Err(Error::UnknownLayout { layout }),
        }
    }

    /// The geometry of fragments already stored with elements of this width. New blocks want [`new`](Self::new).
    ///
    /// Errors: as [`new`](Self::new).
    pub fn with_element(data: usize, parity: usize, block_bytes: usize, element: Element) -> Result<Self, Error> {
        if data == 0 {
            return Err(Error::NoData);
        }
        if parity == 0 {
            return Err(Error::NoParity);
        }
        let fragments = data.saturating_add(parity);
        if fragments > MAX_FRAGMENTS {
            return Err(Error::TooManyFragments { fragments });
        }
        if block_bytes == 0 {
            return Err(Error::EmptyBlock);
        }
        // Below this no sum of sizes can overflow.
        if block_bytes > isize::MAX as usize / (4 * MAX_FRAGMENTS) {
            return Err(Error::BlockTooLarge { block_bytes });
        }
        let row_bytes = block_bytes.div_ceil(data).next_multiple_of(element.bytes());
        Ok(Self { data: data as u8, parity: parity as u8, element, block_bytes, row_bytes })
    }

    /// Data fragments (k).
    pub const fn data(&self) -> usize {
        self.data as usize
    }

    /// Parity fragments (m): as many may be lost.
    pub const fn parity(&self) -> usize {
        self.parity as usize
    }

    /// All fragments (k + m).
    pub const fn fragments(&self) -> usize {
        self.data() + self.parity()
    }

    /// The unit of shifts.
    pub const fn element(&self) -> Element {
        self.element
    }

    /// Bytes of user data in a block.
    pub const fn block_bytes(&self) -> usize {
        self.block_bytes
    }

    /// Bytes of one data fragment, a multiple of the element.
    pub const fn row_bytes(&self) -> usize {
        self.row_bytes
    }

    /// Bytes of fragment `index`, or none if there is no such fragment.
    pub const fn fragment_bytes(&self, index: usize) -> Option<usize> {
        if index < self.fragments() {
            // A row is as long as parity 0, whose steepness is 0.
            Some(self.parity_bytes(index.saturating_sub(self.data())))
        } else {
            None
        }
    }

    /// Bytes of all fragments together.
    pub fn stored_bytes(&self) -> usize {
        let parity: usize = (0..self.parity()).map(|index| self.parity_bytes(index)).sum();
        self.row_bytes * self.data() + parity
    }

    /// Distance in bytes at which to lay rows in one buffer. Rows at a multiple of 4 KiB share the same lines of the first cache,
    /// so such rows are moved apart by 192 bytes.
    pub const fn row_stride(&self) -> usize {
        if self.row_bytes.is_multiple_of(4096) { self.row_bytes + 192 } else { self.row_bytes }
    }

    /// Slope of parity `index` (0 to m − 1, but there is a slope for every number): 0, 1, −1, −2, 2, −3, 3, … Parity 0 is the plain
    /// XOR of the rows.
    pub const fn slope(index: usize) -> isize {
        let steepness = Self::steepness(index) as isize;
        match index {
            2 => -1,
            _ if index == 1 || index.is_multiple_of(2) => steepness,
            // Wraps for the last number alone, whose steepness is one more than an `isize` holds: then it is its own negative.
            _ => steepness.wrapping_neg(),
        }
    }

    /// Where byte 0 of `row` lies in parity `index`: `row · slope` elements, counted from the lowest of all rows.
    pub(crate) const fn lead(&self, index: usize, row: usize) -> usize {
        let steps = if Self::slope(index) < 0 { self.data() - 1 - row } else { row };
        steps * Self::steepness(index) * self.element.bytes()
    }

    /// Bytes of parity `index` (0 to m − 1).
    pub(crate) const fn parity_bytes(&self, index: usize) -> usize {
        self.row_bytes + (self.data() - 1) * Self::steepness(index) * self.element.bytes()
    }

    /// The slope without its sign.
    const fn steepness(index: usize) -> usize {
        index.div_ceil(2)
    }
}
