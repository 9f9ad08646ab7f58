//! The code itself: checks every argument, then hands whole fragments to the kernel.

use crate::{Error, Geometry, Kernel, MAX_FRAGMENTS, kernel};

mod arguments;
mod decode;
mod decoder;
mod repair;
mod update;

pub use decoder::Decoder;
pub use update::Change;

/// Encodes, recovers, changes and checks the fragments of one geometry. Holds no buffer and allocates nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Code {
    geometry: Geometry,
    kernel: Kernel,
}

impl Code {
    /// A code with the fastest kernel of this processor.
    pub fn new(geometry: Geometry) -> Self {
        Self { geometry, kernel: Kernel::best() }
    }

    /// A code with this kernel, for tests and benchmarks.
    ///
    /// Errors: `KernelUnavailable`.
    pub fn with_kernel(geometry: Geometry, kernel: Kernel) -> Result<Self, Error> {
        Ok(Self { geometry, kernel: kernel.require()? })
    }

    /// The sizes of its fragments.
    pub fn geometry(&self) -> Geometry {
        self.geometry
    }

    /// The kernel it runs.
    pub fn kernel(&self) -> Kernel {
        self.kernel
    }

    /// Computes all parities. What `parity` held before does not matter.
    ///
    /// Shape: `data` is the k rows in order, `parity` the m parities in order, each of its own length.
    /// Errors: `Count` and `Length`.
    pub fn encode(&self, data: &[&[u8]], parity: &mut [&mut [u8]]) -> Result<(), Error> {
        if self.kernel.encode(self.geometry, data, parity) { Ok(()) } else { self.encode_any(data, parity) }
    }

    /// Encodes what is of no layout, or of the wrong size.
    #[inline(never)]
    fn encode_any(&self, data: &[&[u8]], parity: &mut [&mut [u8]]) -> Result<(), Error> {
        self.check_data(data.iter().map(|row| row.len()))?;
        self.check_parity(parity.iter().map(|bins| bins.len()))?;
        for (index, bins) in parity.iter_mut().enumerate() {
            self.project(index, data, bins);
        }
        Ok(())
    }

    /// Whether the parities are those of the data: the number of the first that is not (0 to m − 1), if any.
    ///
    /// Errors: `Count` and `Length`.
    pub fn verify(&self, data: &[&[u8]], parity: &[&[u8]]) -> Result<Option<usize>, Error> {
        self.check_data(data.iter().map(|row| row.len()))?;
        self.check_parity(parity.iter().map(|bins| bins.len()))?;
        Ok(parity.iter().enumerate().position(|(index, bins)| !self.agrees(index, data, bins)))
    }

    /// Computes parity `index` of all rows.
    fn project(&self, index: usize, data: &[&[u8]], bins: &mut [u8]) {
        let geometry = self.geometry;
        if !self.kernel.project(geometry, index, data, bins) {
            let rows = data.iter().enumerate().map(|(row, &bytes)| (bytes, geometry.lead(index, row)));
            kernel::portable::project(bins, rows);
        }
    }

    /// Compares parity `index` piece by piece, so that no buffer of its size is needed.
    fn agrees(&self, index: usize, data: &[&[u8]], bins: &[u8]) -> bool {
        const PIECE: usize = 4096;
        let mut fresh = [0; PIECE];
        bins.chunks(PIECE).enumerate().all(|(piece, bins)| {
            let fresh = &mut fresh[..bins.len()];
            fresh.fill(0);
            for (row, bytes) in data.iter().enumerate() {
                let lead = self.geometry.lead(index, row);
                let start = (piece * PIECE).max(lead);
                let end = (piece * PIECE + bins.len()).min(lead + bytes.len());
                if start < end {
                    let at = start - piece * PIECE;
                    kernel::portable::xor_into(&mut fresh[at..at + end - start], &bytes[start - lead..end - lead]);
                }
            }
            fresh == bins
        })
    }
}
