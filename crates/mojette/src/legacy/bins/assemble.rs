//! The block of the records that belong together.

use super::{BinsError, Record, Written};
use crate::legacy::{Layout, Projection, Transform, TransformError};

/// What a block turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Assembled {
    /// Nothing was written, or zeros.
    Hole,
    /// Data of one write.
    Written {
        /// When, µs since 1970.
        timestamp_us: u64,
        /// Bytes of the block that are data; RozoFS projects what stands behind them too, whatever it is.
        effective_length: u16,
    },
}

/// Computes a block into `block` (8,192 bytes) from what the stores hold of it, one record each. The newest write of which
/// enough projections are there counts, as in RozoFS; a hole, with zeros, when there is none and enough stores have a hole.
/// `scratch` has at least [`Transform::scratch_bytes`].
///
/// With more projections than needed a damaged one is left out: every choice is tried until one agrees.
///
/// Errors: [`BinsError::TooFew`]; [`BinsError::Compute`] when no choice agrees, or a buffer is too short. A write of which
/// enough is there but damaged is an error: an older write in its place would be wrong data.
pub fn assemble(
    layout: Layout,
    records: &[Record<'_>],
    scratch: &mut [u8],
    block: &mut [u8],
) -> Result<Assembled, BinsError> {
    let need = layout.rows();
    let mut older_than = None;
    let mut most = 0;
    while let Some(newest) = newest(records, older_than) {
        let write = Write::of(newest, records);
        if write.count() >= need {
            write.compute(layout, scratch, block).map_err(BinsError::Compute)?;
            let Written { timestamp_us, effective_length, .. } = newest;
            return Ok(Assembled::Written { timestamp_us, effective_length });
        }
        most = most.max(write.count());
        older_than = Some(key(newest));
    }
    let holes = records.iter().filter(|record| **record == Record::Hole).count();
    if holes < need {
        return Err(BinsError::TooFew { have: most.max(holes), need });
    }
    block.fill(0);
    Ok(Assembled::Hole)
}

/// What the records of one write share. RozoFS compares both.
fn key(written: Written<'_>) -> (u64, u16) {
    (written.timestamp_us, written.effective_length)
}

fn newest<'a>(records: &[Record<'a>], older_than: Option<(u64, u16)>) -> Option<Written<'a>> {
    let written = records.iter().filter_map(|record| match record {
        Record::Hole => None,
        Record::Written(written) => Some(*written),
    });
    written.filter(|written| older_than.is_none_or(|limit| key(*written) < limit)).max_by_key(|written| key(*written))
}

/// The projections of one write, each in its place.
struct Write<'a> {
    bins: [Option<&'a [u8]>; MOST_PROJECTIONS],
}

const MOST_PROJECTIONS: usize = Layout::Two.projections();

impl<'a> Write<'a> {
    /// A projection on two stores (a spare's and the one it stood in for) is taken once, as first given.
    fn of(newest: Written<'_>, records: &[Record<'a>]) -> Self {
        let mut bins = [None; MOST_PROJECTIONS];
        for record in records {
            if let Record::Written(written) = record
                && key(*written) == key(newest)
                && let Some(place) = bins.get_mut(usize::from(written.projection))
            {
                place.get_or_insert(written.bins);
            }
        }
        Self { bins }
    }

    fn count(&self) -> usize {
        self.bins.iter().flatten().count()
    }

    fn compute(&self, layout: Layout, scratch: &mut [u8], block: &mut [u8]) -> Result<(), TransformError> {
        let transform = Transform::rozofs(layout);
        let mut chosen = [Projection { index: 0, bins: &[] }; Layout::Two.rows()];
        let rows = layout.rows();
        for choice in 0..1u32 << MOST_PROJECTIONS {
            let is_whole = (0..MOST_PROJECTIONS).all(|index| choice >> index & 1 == 0 || self.bins[index].is_some());
            if !is_whole || choice.count_ones() as usize != rows {
                continue;
            }
            let taken = (0..MOST_PROJECTIONS).filter(|index| choice >> index & 1 == 1);
            for (place, index) in chosen.iter_mut().zip(taken) {
                *place = Projection { index, bins: self.bins[index].unwrap_or_default() };
            }
            match transform.inverse(&chosen[..rows], scratch, block) {
                Err(TransformError::Inconsistent) => {}
                done => return done,
            }
        }
        Err(TransformError::Inconsistent)
    }
}
