//! One output as the XOR of shifted inputs, for any number of them: a projection, a row that one parity gives, or what the kept rows
//! leave of a parity.

use std::ops::Range;

use super::Job;
use super::vector::{Vector, width};
use super::word::Word;
use crate::Element;

/// An input, and the byte of the output at which it begins (it may begin before the output does, and end after it). It begins and ends
/// with an element.
#[derive(Clone, Copy, Default)]
pub(crate) struct Source<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) lead: isize,
}

/// Writes the XOR of all sources to `out`. There is at least one.
pub(crate) struct Gather<'a> {
    pub(crate) element: Element,
    pub(crate) out: &'a mut [u8],
    pub(crate) sources: &'a [Source<'a>],
}

impl Job for Gather<'_> {
    type Output = ();

    #[inline(always)]
    fn run<V: Vector>(self) {
        let all = 0..self.out.len();
        match self.element {
            Element::Narrow => gather::<V, Word>(self.out, all, self.sources),
            Element::Wide => gather::<V, V>(self.out, all, self.sources),
        }
    }
}

/// Vectors of output that are summed up at once.
const BLOCK: usize = 8;

/// Writes a range of the output. `P` is a piece of an element, so that no source begins or ends within one.
#[inline(always)]
pub(super) fn gather<V: Vector, P: Vector>(out: &mut [u8], range: Range<usize>, sources: &[Source<'_>]) {
    let (mut begin, mut end) = (range.start as isize, range.end as isize);
    for source in sources {
        begin = begin.max(source.lead);
        end = end.min(source.lead + source.bytes.len() as isize);
    }
    if end < begin + width::<V>() as isize {
        return edge::<P>(out, range, sources);
    }
    let (begin, end) = (begin as usize, end as usize);
    edge::<P>(out, range.start..begin, sources);
    let mut at = begin;
    while at + BLOCK * width::<V>() <= end {
        block::<V, BLOCK>(out, at, sources);
        at += BLOCK * width::<V>();
    }
    while at + width::<V>() <= end {
        block::<V, 1>(out, at, sources);
        at += width::<V>();
    }
    if at < end {
        // The last vector overlaps what is already written, with the same bytes.
        block::<V, 1>(out, end - width::<V>(), sources);
    }
    edge::<P>(out, end..range.end, sources);
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

/// Writes a range of the output where sources begin or end. Outside a source zeros are read, without a branch that could be mispredicted.
#[inline(always)]
fn edge<P: Vector>(out: &mut [u8], range: Range<usize>, sources: &[Source<'_>]) {
    let nothing = &P::cut(&NOTHING).0[0];
    let start = range.start;
    for (piece, bytes) in P::cut_mut(&mut out[range]).0.iter_mut().enumerate() {
        let at = (start + piece * width::<P>()) as isize;
        let mut sum = P::zero();
        for source in sources {
            // What lies before the source becomes a number that is too large.
            let place = (at - source.lead) as usize / width::<P>();
            sum = sum.xor(P::load(P::cut(source.bytes).0.get(place).unwrap_or(nothing)));
        }
        sum.store(bytes);
    }
}

/// What there is outside a source.
pub(super) static NOTHING: [u8; 64] = [0; 64];
