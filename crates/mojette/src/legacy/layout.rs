//! RozoFS's three layouts: how many projections a block has, and which.

use super::transform::TransformError;

/// One of RozoFS's layouts, by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Layout {
    /// Layout 0: 2 of 3.
    Zero,
    /// Layout 1: 4 of 6.
    One,
    /// Layout 2: 8 of 12.
    Two,
}

impl Layout {
    /// All three, by number.
    pub const ALL: [Self; 3] = [Self::Zero, Self::One, Self::Two];

    /// The number that RozoFS's configuration and files use.
    pub const fn number(self) -> u8 {
        match self {
            Self::Zero => 0,
            Self::One => 1,
            Self::Two => 2,
        }
    }

    /// Rows of the block, which is also how many projections it takes to read it: `k`. RozoFS calls it inverse.
    pub const fn rows(self) -> usize {
        match self {
            Self::Zero => 2,
            Self::One => 4,
            Self::Two => 8,
        }
    }

    /// Projections written: `n`. RozoFS calls it forward.
    pub const fn projections(self) -> usize {
        self.rows() + self.rows() / 2
    }

    /// Stores a file is laid out over; those beyond [`projections`](Self::projections) stand in for one that fails at a
    /// write. RozoFS calls it safe.
    pub const fn stores(self) -> usize {
        self.rows() * 2
    }

    /// Slope `p` of projection `index`; none when `index` is not below [`projections`](Self::projections).
    pub const fn slope(self, index: usize) -> Option<isize> {
        if index < self.projections() {
            // Both are at most 12.
            Some(index as isize - (self.projections() / 2) as isize)
        } else {
            None
        }
    }
}

impl TryFrom<u8> for Layout {
    type Error = TransformError;

    fn try_from(number: u8) -> Result<Self, TransformError> {
        Self::ALL.into_iter().find(|layout| layout.number() == number).ok_or(TransformError::Layout { number })
    }
}
