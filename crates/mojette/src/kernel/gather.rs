//! One output as the XOR of shifted inputs, for any number of them: a projection, a row that one parity gives, or what the kept rows
//! leave of a parity.

use std::ops::Range;

use super::Job;
use super::vector::{Vector, width};
use super::word::Word;

/// An input, and the byte of the output at which it begins (it may begin before the output does, and end after it). Both count whole
/// elements.
#[derive(Clone, Copy, Default)]
pub(crate) struct Source<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) lead: isize,
}

/// Writes the XOR of all sources to `out`, which is of whole elements. There is at least one.
pub(crate) struct Gather<'a> {
    pub(crate) out: &'a mut [u8],
    pub(crate) sources: &'a [Source<'a>],
}

impl Job for Gather<'_> {
    type Output = ();

    #[inline(always)]
    fn run<V: Vector>(self) {
        let all = 0..self.out.len();
        gather::<V>(self.out, all, self.sources);
    }
}

/// Vectors of output that are summed up at once.
const BLOCK: usize = 8;

/// Writes a range of the output, of whole elements. The last vectors of a part may overlap what is already written, with the same bytes.
#[inline(always)]
pub(super) fn gather<V: Vector>(out: &mut [u8], range: Range<usize>, sources: &[Source<'_>]) {
    if range.len() < width::<V>() {
        range.step_by(width::<Word>()).for_each(|at| edge::<Word>(out, at, sources));
        return;
    }
    let (mut begin, mut end) = (range.start as isize, range.end as isize);
    for source in sources {
        begin = begin.max(source.lead);
        end = end.min(source.lead + source.bytes.len() as isize);
    }
    let last = range.end - width::<V>();
    let is_inside = begin + width::<V>() as isize <= end;
    let (begin, end) = if is_inside { (begin as usize, end as usize) } else { (range.end, range.end) };
    let mut at = range.start;
    while at < begin {
        edge::<V>(out, at.min(last), sources);
        at += width::<V>();
    }
    if at + BLOCK * width::<V>() <= end {
        while at < end {
            block::<V, BLOCK>(out, at.min(end - BLOCK * width::<V>()), sources);
            at += BLOCK * width::<V>();
        }
        at = end;
    }
    while at + width::<V>() <= end {
        block::<V, 1>(out, at, sources);
        at += width::<V>();
    }
    while at < range.end {
        edge::<V>(out, at.min(last), sources);
        at += width::<V>();
    }
}

/// Sums up vectors of the output to which each source contributes.
#[inline(always)]
fn block<V: Vector, const VECTORS: usize>(out: &mut [u8], at: usize, sources: &[Source<'_>]) {
    let input = |source: &Source<'_>| -> [V; VECTORS] {
        let start = (at as isize - source.lead) as usize;
        let vectors = V::cut(&source.bytes[start..start + VECTORS * width::<V>()]).0;
        std::array::from_fn(|vector| V::load(&vectors[vector]))
    };
    let mut sums = [V::zero(); VECTORS];
    let (pairs, rest) = sources.as_chunks::<2>();
    for [left, right] in pairs {
        let (left, right) = (input(left), input(right));
        sums = std::array::from_fn(|vector| sums[vector].xor3(left[vector], right[vector]));
    }
    for source in rest {
        let last = input(source);
        sums = std::array::from_fn(|vector| sums[vector].xor(last[vector]));
    }
    for (bytes, sum) in V::cut_mut(&mut out[at..at + VECTORS * width::<V>()]).0.iter_mut().zip(sums) {
        sum.store(bytes);
    }
}

/// Sums up one vector of the output where sources begin or end.
#[inline(always)]
fn edge<V: Vector>(out: &mut [u8], at: usize, sources: &[Source<'_>]) {
    let mut sum = V::zero();
    for source in sources {
        sum = sum.xor(V::load_part(source.bytes, at as isize - source.lead));
    }
    sum.store(&mut V::cut_mut(&mut out[at..at + width::<V>()]).0[0]);
}

/// What there is outside a row.
pub(super) static NOTHING: [u8; 64] = [0; 64];
