//! Encoding against the definition of the transform, and recovery from everything that a code tolerates.

#![expect(clippy::unwrap_used, reason = "clippy knows tests by their attribute; what they stand on here has none")]

use mojette::{Change, Code, Element, Error, Geometry, Kernel, MAX_FRAGMENTS};
use proptest::prelude::*;

/// Bytes that repeat nowhere soon (SplitMix64).
fn noise(seed: u64, bytes: usize) -> Vec<u8> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) as u8
    };
    (0..bytes).map(|_| next()).collect()
}

fn rows(geometry: Geometry, seed: u64) -> Vec<Vec<u8>> {
    (0..geometry.data()).map(|row| noise(seed + row as u64, geometry.row_bytes())).collect()
}

/// A parity by the definition: element c of row l adds to bin c + l · slope, counted from the lowest bin in use.
fn parity_by_definition(geometry: Geometry, index: usize, rows: &[Vec<u8>]) -> Vec<u8> {
    let slope = Geometry::slope(index);
    let lowest = (0..rows.len() as isize).map(|row| row * slope).min().unwrap();
    let element = geometry.element().bytes();
    let mut bins = vec![0; geometry.fragment_bytes(geometry.data() + index).unwrap()];
    for (row, bytes) in rows.iter().enumerate() {
        for (at, byte) in bytes.iter().enumerate() {
            let bin = (at / element) as isize + row as isize * slope - lowest;
            bins[bin as usize * element + at % element] ^= byte;
        }
    }
    bins
}

/// All fragments of a block, encoded by `code`. The parities' buffers begin full of rubbish.
fn encode(code: Code, rows: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let geometry = code.geometry();
    let mut parity: Vec<Vec<u8>> = (geometry.data()..geometry.fragments())
        .map(|index| noise(99, geometry.fragment_bytes(index).unwrap()))
        .collect();
    let data: Vec<&[u8]> = rows.iter().map(Vec::as_slice).collect();
    let mut bins: Vec<&mut [u8]> = parity.iter_mut().map(Vec::as_mut_slice).collect();
    code.encode(&data, &mut bins).unwrap();
    rows.iter().cloned().chain(parity).collect()
}

fn update(code: Code, changes: &[Change<'_>], fragments: &mut [Vec<u8>]) -> Result<(), Error> {
    let (data, parity) = fragments.split_at_mut(code.geometry().data());
    let mut data: Vec<&mut [u8]> = data.iter_mut().map(Vec::as_mut_slice).collect();
    let mut parity: Vec<&mut [u8]> = parity.iter_mut().map(Vec::as_mut_slice).collect();
    code.update(changes, &mut data, &mut parity)
}

/// Loses the fragments whose bit is set in `lost`, recovers them from the others and compares.
fn recover(code: Code, fragments: &[Vec<u8>], lost: u32) {
    let is_lost = |index: &usize| lost >> index & 1 == 1;
    let have: Vec<(usize, &[u8])> = (0..fragments.len())
        .filter(|index| !is_lost(index))
        .map(|index| (index, fragments[index].as_slice()))
        .collect();
    let mut found: Vec<(usize, Vec<u8>)> =
        (0..fragments.len()).filter(is_lost).map(|index| (index, noise(7, fragments[index].len()))).collect();
    let mut buffers: Vec<(usize, &mut [u8])> =
        found.iter_mut().map(|(index, bytes)| (*index, bytes.as_mut_slice())).collect();
    code.decode(&have, &mut buffers).unwrap();
    for (index, bytes) in &found {
        assert!(*bytes == fragments[*index], "{:?}: fragment {index} of {lost:b}", code);
    }
}

fn kernels() -> impl Iterator<Item = Kernel> {
    Kernel::ALL.into_iter().filter(|kernel| kernel.is_available())
}

#[test]
fn parities_follow_the_definition() {
    for element in [Element::Narrow, Element::Wide] {
        for (data, parity) in [(1, 1), (2, 1), (3, 3), (4, 2), (5, 7), (8, 4), (16, 16)] {
            for columns in [1, 2, 3, 5, 15, 16, 17, 18, 19, 33, 70] {
                let block = data * columns * element.bytes();
                let geometry = Geometry::with_element(data, parity, block, element).unwrap();
                let rows = rows(geometry, 1);
                for kernel in kernels() {
                    let fragments = encode(Code::with_kernel(geometry, kernel).unwrap(), &rows);
                    for (index, bins) in fragments[data..].iter().enumerate() {
                        let expected = parity_by_definition(geometry, index, &rows);
                        assert!(
                            *bins == expected,
                            "{kernel} {element:?} ({data}, {parity}), {columns} columns: {index}"
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn every_loss_of_every_layout_is_recovered() {
    for element in [Element::Narrow, Element::Wide] {
        for (data, parity) in [(2, 1), (4, 2), (8, 4)] {
            for columns in [1, 2, 7, 20, 45] {
                let geometry = Geometry::with_element(data, parity, data * columns * element.bytes(), element).unwrap();
                let rows = rows(geometry, 2);
                for kernel in kernels() {
                    let code = Code::with_kernel(geometry, kernel).unwrap();
                    let fragments = encode(code, &rows);
                    let patterns = (0..1_u32 << (data + parity)).filter(|lost| lost.count_ones() as usize <= parity);
                    patterns.for_each(|lost| recover(code, &fragments, lost));
                }
            }
        }
    }
}

/// One decoder for blocks of different bytes, from fragments that it picks out of those at hand.
#[test]
fn a_decoder_recovers_block_after_block() {
    for (data, parity, have, lost, reads) in [
        (4, 2, vec![5, 3, 1, 0, 4], vec![2], vec![0, 1, 3, 4]),
        (4, 2, vec![5, 3, 1, 0], vec![2, 4], vec![0, 1, 3, 5]),
        (8, 4, vec![0, 11, 2, 3, 8, 5, 10, 7, 4], vec![9, 6, 1], vec![0, 2, 3, 4, 5, 7, 8, 10]),
        (3, 3, vec![5, 3, 2], vec![0, 1], vec![2, 3, 5]),
    ] {
        let geometry = Geometry::with_element(data, parity, data * 1000, Element::Wide).unwrap();
        for code in kernels().map(|kernel| Code::with_kernel(geometry, kernel).unwrap()) {
            let decoder = code.decoder(&have, &lost).unwrap();
            assert_eq!(decoder.reads().collect::<Vec<_>>(), reads);
            for seed in 0..3 {
                let fragments = encode(code, &rows(geometry, seed));
                let have: Vec<&[u8]> = reads.iter().map(|&index| &fragments[index][..]).collect();
                let mut found: Vec<Vec<u8>> =
                    decoder.lost().map(|index| noise(seed + 7, fragments[index].len())).collect();
                decoder.decode(&have, &mut found.iter_mut().map(Vec::as_mut_slice).collect::<Vec<_>>()).unwrap();
                assert!(decoder.lost().zip(found).all(|(index, bytes)| bytes == fragments[index]), "{decoder:?}");
            }
        }
    }
}

/// As many fragments side by side as may be lost, at every place, and those that leave fragments evenly spread.
#[test]
fn codes_at_the_limits_recover_what_they_promise() {
    for (data, parity) in [(1, 1), (4, 5), (8, 24), (1, 31), (31, 1), (16, 16)] {
        let geometry = Geometry::with_element(data, parity, data * 9 * 64, Element::Wide).unwrap();
        let narrow = Geometry::with_element(data, parity, data * 9 * 8, Element::Narrow).unwrap();
        let kept = (0..data).fold(0_u32, |kept, at| kept | 1 << (at * (data + parity) / data));
        let all = u32::MAX >> (MAX_FRAGMENTS - data - parity);
        let patterns: Vec<u32> =
            (0..=data).map(|first| ((1_u32 << parity) - 1) << first).chain([all & !kept]).collect();
        for (geometry, kernel) in
            [geometry, narrow].into_iter().flat_map(|of| kernels().map(move |kernel| (of, kernel)))
        {
            let code = Code::with_kernel(geometry, kernel).unwrap();
            let fragments = encode(code, &rows(geometry, 9));
            patterns.iter().for_each(|&lost| recover(code, &fragments, lost));
        }
    }
}

#[test]
fn one_fragment_is_repaired_from_all_others_or_from_any_k() {
    for (data, parity) in [(2, 1), (4, 2), (8, 4), (5, 3)] {
        for element in [Element::Narrow, Element::Wide] {
            let geometry = Geometry::with_element(data, parity, data * 1000, element).unwrap();
            for kernel in kernels() {
                let code = Code::with_kernel(geometry, kernel).unwrap();
                let fragments = encode(code, &rows(geometry, 10));
                let repair = |have: &[usize], index: usize| {
                    let have: Vec<(usize, &[u8])> = have.iter().map(|&index| (index, &fragments[index][..])).collect();
                    let mut found = noise(11, fragments[index].len());
                    code.repair(&have, index, &mut found).unwrap();
                    assert!(found == fragments[index], "{code:?}: fragment {index}");
                };
                for index in 0..data + parity {
                    repair(&(0..data + parity).rev().filter(|other| *other != index).collect::<Vec<_>>(), index);
                }
                for (row, by) in (0..data).flat_map(|row| (data..data + parity).map(move |by| (row, by))) {
                    repair(&(0..data).map(|other| if other == row { by } else { other }).collect::<Vec<_>>(), row);
                }
            }
        }
    }
}

#[test]
fn fragments_may_lie_at_any_address() {
    for (layout, offset) in [0, 1, 2].into_iter().flat_map(|layout| [1, 7, 33].map(|offset| (layout, offset))) {
        let geometry = Geometry::layout(layout, 65_536).unwrap();
        let rows = rows(geometry, 12);
        for kernel in kernels() {
            let code = Code::with_kernel(geometry, kernel).unwrap();
            let fragments = encode(code, &rows);
            let mut moved: Vec<Vec<u8>> = fragments.iter().map(|bytes| [&[9; 33][..offset], bytes].concat()).collect();
            let (data, parity) = moved.split_at_mut(geometry.data());
            let data: Vec<&[u8]> = data.iter().map(|row| &row[offset..]).collect();
            let mut bins: Vec<&mut [u8]> = parity.iter_mut().map(|bins| &mut bins[offset..]).collect();
            bins.iter_mut().for_each(|bins| bins.fill(0xa5));
            code.encode(&data, &mut bins).unwrap();
            let (lost, have) = moved.split_at_mut(geometry.parity());
            lost.iter_mut().for_each(|bytes| bytes[offset..].fill(0xa5));
            let have: Vec<(usize, &[u8])> =
                (geometry.parity()..).zip(have.iter().map(|bytes| &bytes[offset..])).collect();
            let mut lost: Vec<(usize, &mut [u8])> =
                lost.iter_mut().map(|bytes| &mut bytes[offset..]).enumerate().collect();
            code.decode(&have, &mut lost).unwrap();
            for (index, (moved, bytes)) in moved.iter().zip(&fragments).enumerate() {
                assert!(moved[offset..] == **bytes, "{code:?}: fragment {index} at {offset}");
                assert!(moved[..offset] == [9; 33][..offset], "{code:?}: before fragment {index}");
            }
        }
    }
}

#[test]
fn a_block_of_one_byte_comes_back() {
    for (data, parity) in [(1, 1), (2, 1), (4, 2), (8, 4)] {
        let geometry = Geometry::new(data, parity, 1).unwrap();
        let mut rows = vec![vec![0; geometry.row_bytes()]; data];
        rows[0][0] = 0xc3;
        for kernel in kernels() {
            let code = Code::with_kernel(geometry, kernel).unwrap();
            let fragments = encode(code, &rows);
            (0..=data).for_each(|first| recover(code, &fragments, ((1 << parity) - 1) << first));
        }
    }
}

#[test]
fn a_change_equals_a_fresh_encoding() {
    let geometry = Geometry::layout(2, 8192).unwrap();
    for kernel in kernels() {
        let code = Code::with_kernel(geometry, kernel).unwrap();
        let mut rows = rows(geometry, 3);
        let mut fragments = encode(code, &rows);
        let bytes = noise(5, 300);
        let end = geometry.row_bytes();
        // Some are empty: at a boundary, in the middle and at the end of a row.
        let changes = [(0, 0, 1), (0, 1, 0), (0, 1, 77), (2, 9, 0), (3, 500, 300), (7, end - 5, 5), (7, end, 0)]
            .map(|(row, start, length)| Change { row, start, bytes: &bytes[..length] });
        update(code, &changes, &mut fragments).unwrap();
        for change in changes {
            rows[change.row][change.start..][..change.bytes.len()].copy_from_slice(change.bytes);
        }
        assert_eq!(fragments, encode(code, &rows));
    }
}

#[test]
fn a_parity_alone_takes_a_difference() {
    let geometry = Geometry::layout(1, 65536).unwrap();
    let code = Code::new(geometry);
    let mut rows = rows(geometry, 4);
    let mut before = encode(code, &rows);
    let difference = noise(6, 1000);
    rows[2][333..1333].iter_mut().zip(&difference).for_each(|(byte, change)| *byte ^= change);
    let after = encode(code, &rows);
    for parity in 0..2 {
        let change = Change { row: 2, start: 333, bytes: &difference };
        code.update_parity(parity, change, &mut before[4 + parity]).unwrap();
        assert_eq!(before[4 + parity], after[4 + parity]);
    }
}

#[test]
fn verify_names_the_parity_that_disagrees() {
    let geometry = Geometry::layout(2, 65536).unwrap();
    let code = Code::new(geometry);
    let mut fragments = encode(code, &rows(geometry, 8));
    for wrong in 0..4 {
        let last = fragments[8 + wrong].len() - 1;
        fragments[8 + wrong][last] ^= 1;
        let found = verify(code, &fragments);
        fragments[8 + wrong][last] ^= 1;
        assert_eq!(found, Some(wrong));
    }
    assert_eq!(verify(code, &fragments), None);
    fragments[3][100] ^= 128;
    assert_eq!(verify(code, &fragments), Some(0));
}

fn verify(code: Code, fragments: &[Vec<u8>]) -> Option<usize> {
    let fragments: Vec<&[u8]> = fragments.iter().map(Vec::as_slice).collect();
    let (data, parity) = fragments.split_at(code.geometry().data());
    code.verify(data, parity).unwrap()
}

/// Any code, its block, what is lost and a seed of the bytes.
fn losses() -> impl Strategy<Value = (Geometry, u32, u64)> {
    (1_usize..MAX_FRAGMENTS)
        .prop_flat_map(|data| (Just(data), 1..=MAX_FRAGMENTS - data))
        .prop_flat_map(|(data, parity)| {
            let lost = prop::sample::subsequence((0..data + parity).collect::<Vec<_>>(), 0..=parity);
            (Just(data), Just(parity), lost, 1_usize..20_000, any::<bool>(), any::<u64>())
        })
        .prop_map(|(data, parity, lost, block, is_wide, seed)| {
            let element = if is_wide { Element::Wide } else { Element::Narrow };
            let geometry = Geometry::with_element(data, parity, block, element).unwrap();
            (geometry, lost.iter().fold(0, |lost, index| lost | 1 << index), seed >> 8)
        })
}

proptest! {
    #![proptest_config(if cfg!(miri) { ProptestConfig::with_cases(4) } else { ProptestConfig::default() })]

    #[test]
    fn any_k_fragments_give_the_rest((geometry, lost, seed) in losses()) {
        let rows = rows(geometry, seed);
        let expected = encode(Code::with_kernel(geometry, Kernel::Portable).unwrap(), &rows);
        for kernel in kernels() {
            let code = Code::with_kernel(geometry, kernel).unwrap();
            let fragments = encode(code, &rows);
            prop_assert!(fragments == expected, "{kernel} encodes {geometry:?} differently");
            recover(code, &fragments, lost);
        }
    }

    /// Of the codes that have loops of their own for narrow elements, beside the zigzag of the portable kernel.
    #[test]
    fn rows_of_narrow_elements_come_back_from_any_parities(
        (data, parity) in prop::sample::select(vec![(4, 2), (4, 3), (8, 3), (8, 4), (8, 7)]),
        lost in prop::sample::subsequence((0..15).collect::<Vec<u32>>(), 2..=7),
        block in 1_usize..20_000,
        seed in any::<u32>(),
    ) {
        let geometry = Geometry::with_element(data, parity, block, Element::Narrow).unwrap();
        let rows = rows(geometry, seed.into());
        let all = lost.iter().filter(|index| (**index as usize) < data + parity).take(parity);
        let lost = all.fold(0, |lost, index| lost | 1 << index);
        for kernel in kernels() {
            let code = Code::with_kernel(geometry, kernel).unwrap();
            let fragments = encode(code, &rows);
            recover(code, &fragments, lost);
        }
    }

    #[test]
    fn any_changes_equal_a_fresh_encoding(
        (geometry, _, seed) in losses(),
        cuts in prop::collection::vec((any::<u8>(), any::<u16>(), any::<u16>()), 0..6),
    ) {
        let code = Code::new(geometry);
        let mut rows = rows(geometry, seed);
        let mut fragments = encode(code, &rows);
        let bytes = noise(seed ^ 1, geometry.row_bytes());
        let mut changes: Vec<Change<'_>> = cuts
            .iter()
            .map(|&(row, start, length)| {
                let start = usize::from(start) % geometry.row_bytes();
                let length = usize::from(length) % (geometry.row_bytes() - start + 1);
                Change { row: usize::from(row) % geometry.data(), start, bytes: &bytes[..length] }
            })
            .collect();
        changes.sort_by_key(|change| change.row);
        // One for each row: no two overlap.
        changes.dedup_by_key(|change| change.row);
        update(code, &changes, &mut fragments).unwrap();
        for change in changes {
            rows[change.row][change.start..][..change.bytes.len()].copy_from_slice(change.bytes);
        }
        prop_assert!(fragments == encode(code, &rows));
        prop_assert_eq!(verify(code, &fragments), None);
    }
}
