//! Stripes: how a piece of a file is coded, and where its units are.

use mojette::{Element, Geometry};
use serde::{Deserialize, Serialize};

/// Bytes of a file that one stripe covers: stripe n holds the bytes from n × this on. The last may be shorter; one that
/// is not there reads as zeros, and so does what a stripe lacks at its end.
pub const SPAN_BYTES: usize = 256 * 1024;

/// A stripe of no more bytes than this is kept as whole copies, one on each of m + 1 stores: cut into k rows it would cost
/// its readers k requests for a few hundred bytes each.
pub const COPIED_BYTES_MAX: usize = 4 * 1024;

/// Number of a stripe, unique in all of storage, never used again.
pub type StripeId = i64;

/// Number of a store, handed out when it is first announced.
pub type StoreId = i64;

/// One stored stripe. It never changes but for the stores its units are on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stripe {
    /// Its number.
    pub id: StripeId,
    /// How it is coded.
    pub code: StripeCode,
    /// Where unit n is; as many as the code has units.
    pub stores: Vec<StoreId>,
}

/// What has to be known to decode it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct StripeCode {
    /// k: units that hold the data itself.
    pub data: u8,
    /// m: units that may be lost.
    pub parity: u8,
    /// Width of the code's elements: 8 or 64.
    pub element_bytes: u8,
    /// User bytes, 1 to [`SPAN_BYTES`].
    pub bytes: u32,
}

impl StripeCode {
    /// How `bytes` of user data are coded in a volume of k + m; by one row and m copies when they are few.
    ///
    /// # Errors
    /// No bytes, or what [`Geometry`] refuses.
    pub fn for_bytes(data: u8, parity: u8, bytes: u32) -> Result<Self, mojette::Error> {
        let data = if bytes as usize <= COPIED_BYTES_MAX { 1 } else { data };
        let geometry = Geometry::new(data.into(), parity.into(), bytes as usize)?;
        Ok(Self { data, parity, element_bytes: geometry.element().bytes() as u8, bytes })
    }

    /// The sizes of its units.
    ///
    /// # Errors
    /// What is stored is no geometry: damage, or a newer version's.
    pub fn geometry(&self) -> Result<Geometry, mojette::Error> {
        let element = if self.element_bytes == 8 { Element::Narrow } else { Element::Wide };
        Geometry::with_element(self.data.into(), self.parity.into(), self.bytes as usize, element)
    }

    /// k + m.
    pub fn units(&self) -> usize {
        usize::from(self.data) + usize::from(self.parity)
    }
}

/// RozoFS's three layouts, by their number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct Layout(u8);

/// The number is none of 0, 1 and 2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("layout {0} is unknown; 0 loses one store of 3 without harm, 1 two of 6, 2 four of 12")]
pub struct UnknownLayout(pub u8);

impl Layout {
    /// k: how many units have the data itself.
    pub fn data(self) -> u8 {
        2 << self.0
    }

    /// m: how many may be lost.
    pub fn parity(self) -> u8 {
        1 << self.0
    }

    /// How many stores a stripe is on, in all.
    pub fn units(self) -> usize {
        usize::from(self.data() + self.parity())
    }
}

impl TryFrom<u8> for Layout {
    type Error = UnknownLayout;

    fn try_from(number: u8) -> Result<Self, UnknownLayout> {
        if number <= 2 { Ok(Self(number)) } else { Err(UnknownLayout(number)) }
    }
}

impl From<Layout> for u8 {
    fn from(layout: Layout) -> Self {
        layout.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layouts_are_those_of_rozofs() {
        let all: Vec<_> =
            (0..3).map(|n| Layout::try_from(n).unwrap()).map(|l| (l.data(), l.parity(), l.units())).collect();
        assert_eq!(all, [(2, 1, 3), (4, 2, 6), (8, 4, 12)]);
        assert_eq!(Layout::try_from(3).unwrap_err(), UnknownLayout(3));
    }

    #[test]
    fn a_code_reads_back_as_the_geometry_it_was_made_from() {
        for bytes in [1, 100, 4096, 4097, 8192, 65_536, 262_144] {
            let code = StripeCode::for_bytes(4, 2, bytes).unwrap();
            assert_eq!(code.geometry().unwrap(), Geometry::new(code.data.into(), 2, bytes as usize).unwrap());
            assert_eq!(code.units(), if bytes <= 4096 { 3 } else { 6 });
        }
        assert!(StripeCode::for_bytes(4, 2, 0).is_err());
    }
}
