//! The first four parities, or some of them, of four or eight rows of wide elements, in as few sweeps as the processor has registers for.
//!
//! The sweeps take the rows piece by piece, in turns with whoever finds those that were lost, so that each piece comes from far away once.

use std::hint::black_box;
use std::ops::Range;

use super::Job;
use super::rows::Rows;
use super::sweep::{Sweep, Waiting};
use super::vector::{Strided, Vector, width};
use crate::Element;

/// Bytes of a row that are taken at once: eight rows of them fill a third to half of the first cache.
pub(super) const PIECE: usize = 2048;

/// Writes the parities that are asked for.
pub(crate) struct Parities<'a, 'b, const K: usize> {
    pub(crate) rows: &'a Rows<'a, K>,
    /// By number; empty where none is asked for.
    pub(crate) bins: &'a mut [&'b mut [u8]; 4],
    /// Called before columns (elements) are read, to find those of lost rows. It may find more.
    pub(crate) ready: &'a mut dyn FnMut(Range<usize>),
}

impl<const K: usize> Job for &mut Parities<'_, '_, K> {
    type Output = ();

    #[inline(always)]
    fn run<V: Vector>(self) {
        V::stride(self);
    }
}

impl<const K: usize> Strided for &mut Parities<'_, '_, K> {
    #[inline(always)]
    fn run_strided<V: Vector, const STRIDE: usize, const STEEP: usize>(self) {
        let Parities { rows, bins, ready } = self;
        let elements = |bytes: usize| bytes / Element::Wide.bytes();
        if rows.bytes() <= PIECE {
            ready(0..elements(rows.bytes()));
            return whole::<V, K, STRIDE, STEEP>(rows, bins);
        }
        let sweeps = Sweeps::<V, K, STRIDE, STEEP>::new(rows, bins);
        let mut waiting = WaitingAll::new();
        let mut start = 0;
        while start < rows.bytes() {
            let end = rows.bytes().min(start + PIECE);
            ready(elements(start)..elements(end));
            // Hidden from the compiler, which would keep part of what waits in registers, where other sweeps need every one.
            sweeps.take(start / width::<V>(), end / width::<V>(), black_box(&mut waiting));
            start = end;
        }
        sweeps.finish(&waiting);
    }
}

/// Takes all columns by the sweeps that [`Sweeps`] would have. Of a small block they take less time than it does to make their list.
#[inline(always)]
fn whole<V: Vector, const K: usize, const STRIDE: usize, const STEEP: usize>(
    rows: &Rows<'_, K>,
    bins: &mut [&mut [u8]; 4],
) {
    let [flat, up, down, steep] = bins;
    let mut flat = if flat.is_empty() { None } else { Some(V::cut_mut(flat).0) };
    if !steep.is_empty() {
        Sweep::<V, K, STEEP, 1>::new(rows, true, flat.take(), [V::cut_mut(steep).0]).whole();
    }
    if V::REGISTERS >= 32 && !up.is_empty() && !down.is_empty() {
        Sweep::<V, K, STRIDE, 2>::new(rows, false, flat.take(), [V::cut_mut(up).0, V::cut_mut(down).0]).whole();
    } else {
        if !up.is_empty() {
            Sweep::<V, K, STRIDE, 1>::new(rows, false, flat.take(), [V::cut_mut(up).0]).whole();
        }
        if !down.is_empty() {
            Sweep::<V, K, STRIDE, 1>::new(rows, true, flat.take(), [V::cut_mut(down).0]).whole();
        }
    }
    if flat.is_some() {
        Sweep::<V, K, STRIDE, 0>::new(rows, false, flat, []).whole();
    }
}

/// The sweeps that write what is asked for.
struct Sweeps<'a, V: Vector, const K: usize, const STRIDE: usize, const STEEP: usize> {
    pair: Option<Sweep<'a, V, K, STRIDE, 2>>,
    up: Option<Sweep<'a, V, K, STRIDE, 1>>,
    down: Option<Sweep<'a, V, K, STRIDE, 1>>,
    steep: Option<Sweep<'a, V, K, STEEP, 1>>,
    flat: Option<Sweep<'a, V, K, STRIDE, 0>>,
}

/// The bins that they have under way.
struct WaitingAll<V, const K: usize, const STRIDE: usize, const STEEP: usize> {
    pair: [Waiting<V, K, 2>; STRIDE],
    up: [Waiting<V, K, 1>; STRIDE],
    down: [Waiting<V, K, 1>; STRIDE],
    steep: [Waiting<V, K, 1>; STEEP],
}

impl<V: Vector, const K: usize, const STRIDE: usize, const STEEP: usize> WaitingAll<V, K, STRIDE, STEEP> {
    #[inline(always)]
    fn new() -> Self {
        let zero = [V::zero(); K];
        Self { pair: [[zero; 2]; STRIDE], up: [[zero]; STRIDE], down: [[zero]; STRIDE], steep: [[zero]; STEEP] }
    }
}

impl<'a, V: Vector, const K: usize, const STRIDE: usize, const STEEP: usize> Sweeps<'a, V, K, STRIDE, STEEP> {
    #[inline(always)]
    fn new(rows: &'a Rows<'_, K>, bins: &'a mut [&mut [u8]; 4]) -> Self {
        let [_, is_up, is_down, is_steep] = [0, 1, 2, 3].map(|parity| !bins[parity].is_empty());
        let [flat, up, down, steep] = bins;
        let (flat, up) = (V::cut_mut(flat).0, V::cut_mut(up).0);
        let (down, steep) = (V::cut_mut(down).0, V::cut_mut(steep).0);
        // With another, the flat one costs no more than its stores.
        let mut flat = if flat.is_empty() { None } else { Some(flat) };
        let mut sweeps = Self { pair: None, up: None, down: None, steep: None, flat: None };
        if is_steep {
            sweeps.steep = Some(Sweep::new(rows, true, flat.take(), [steep]));
        }
        if V::REGISTERS >= 32 && is_up && is_down {
            sweeps.pair = Some(Sweep::new(rows, false, flat.take(), [up, down]));
        } else {
            if is_up {
                sweeps.up = Some(Sweep::new(rows, false, flat.take(), [up]));
            }
            if is_down {
                sweeps.down = Some(Sweep::new(rows, true, flat.take(), [down]));
            }
        }
        if flat.is_some() {
            sweeps.flat = Some(Sweep::new(rows, false, flat, []));
        }
        sweeps
    }

    #[inline(always)]
    fn take(&self, start: usize, end: usize, waiting: &mut WaitingAll<V, K, STRIDE, STEEP>) {
        if let Some(pair) = &self.pair {
            pair.take(start, end, &mut waiting.pair);
        }
        for (single, waiting) in [(&self.up, &mut waiting.up), (&self.down, &mut waiting.down)] {
            if let Some(single) = single {
                single.take(start, end, waiting);
            }
        }
        if let Some(steep) = &self.steep {
            steep.take(start, end, &mut waiting.steep);
        }
        if let Some(flat) = &self.flat {
            flat.take(start, end, &mut [[]; STRIDE]);
        }
    }

    #[inline(always)]
    fn finish(&self, waiting: &WaitingAll<V, K, STRIDE, STEEP>) {
        if let Some(pair) = &self.pair {
            pair.finish(&waiting.pair);
        }
        for (single, waiting) in [(&self.up, &waiting.up), (&self.down, &waiting.down)] {
            if let Some(single) = single {
                single.finish(waiting);
            }
        }
        if let Some(steep) = &self.steep {
            steep.finish(&waiting.steep);
        }
    }
}
