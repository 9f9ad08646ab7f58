//! Safe loops over bytes and elements. They read the transform off its definition, and the other kernels are tested against them.

/// XORs `source` into `target`, which is as long.
pub(crate) fn xor_into(target: &mut [u8], source: &[u8]) {
    debug_assert_eq!(target.len(), source.len());
    for (target, source) in target.iter_mut().zip(source) {
        *target ^= source;
    }
}

/// XORs `before ^ after` into `target`; all are equally long.
pub(crate) fn xor_change(target: &mut [u8], before: &[u8], after: &[u8]) {
    debug_assert!(target.len() == before.len() && target.len() == after.len());
    for ((target, before), after) in target.iter_mut().zip(before).zip(after) {
        *target ^= before ^ after;
    }
}

/// One projection: `bins` becomes the XOR of all rows, each at its lead (bytes).
pub(crate) fn project<'a>(bins: &mut [u8], rows: impl Iterator<Item = (&'a [u8], usize)>) {
    bins.fill(0);
    for (row, lead) in rows {
        xor_into(&mut bins[lead..lead + row.len()], row);
    }
}
