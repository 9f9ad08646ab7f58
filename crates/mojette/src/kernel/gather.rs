//! One output as the XOR of shifted inputs, for any number of them: a projection, or a row that one parity gives.

use super::Job;
use super::portable::xor_into;
use super::vector::{Vector, width};

/// An input, and the byte of the output at which it begins (it may begin before the output does, and end after it).
#[derive(Clone, Copy, Default)]
pub(crate) struct Source<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) lead: isize,
}

/// Writes the XOR of all sources to `out`. There is at least one.
pub(crate) struct Gather<'a> {
    pub(crate) out: &'a mut [u8],
    pub(crate) sources: &'a [Source<'a>],
}

impl Job for Gather<'_> {
    type Output = ();

    #[inline(always)]
    fn run<V: Vector>(self) {
        gather::<V>(self.out, self.sources);
    }
}

/// Vectors of output that are summed up at once.
const BLOCK: usize = 8;

#[inline(always)]
pub(super) fn gather<V: Vector>(out: &mut [u8], sources: &[Source<'_>]) {
    let start = sources.iter().map(|source| source.lead).max().unwrap_or(0).max(0);
    let end = sources.iter().map(|source| source.lead + source.bytes.len() as isize).min().unwrap_or(0);
    let (start, end) = (start as usize, end.clamp(0, out.len() as isize) as usize);
    if end < start + width::<V>() {
        return edge(out, 0, out.len(), sources);
    }
    edge(out, 0, start, sources);
    edge(out, end, out.len(), sources);
    let mut at = start;
    while at + BLOCK * width::<V>() <= end {
        block::<V, BLOCK>(out, at, sources);
        at += BLOCK * width::<V>();
    }
    while at + width::<V>() <= end {
        block::<V, 1>(out, at, sources);
        at += width::<V>();
    }
    // The last vector overlaps what is already written, with the same bytes.
    block::<V, 1>(out, end - width::<V>(), sources);
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

/// Writes bytes `start..end` of the output, where sources begin or end.
fn edge(out: &mut [u8], start: usize, end: usize, sources: &[Source<'_>]) {
    out[start..end].fill(0);
    for source in sources {
        let from = source.lead.max(start as isize);
        let to = (source.lead + source.bytes.len() as isize).min(end as isize);
        if from < to {
            let bytes = &source.bytes[(from - source.lead) as usize..(to - source.lead) as usize];
            xor_into(&mut out[from as usize..to as usize], bytes);
        }
    }
}
