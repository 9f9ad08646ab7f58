//! Narrow elements: parities and several lost rows, with every width of vector.

use super::super::decode::ones;
use super::super::eliminate::{Eliminate, Plan};
use super::super::narrow::EncodeNarrow;
use super::*;

#[test]
fn parities_of_narrow_elements_are_the_same_with_every_vector() {
    with_every_vector!(narrow_parities);
}

fn narrow_parities<V: Vector>() {
    narrow_parities_of::<V, 4, 2>();
    narrow_parities_of::<V, 8, 4>();
}

/// Of the shortest rows that the loop takes, and of some that are no whole vectors.
fn narrow_parities_of<V: Vector, const K: usize, const M: usize>() {
    for columns in [24, 25, 31, 40, 101].into_iter().filter(|columns| !cfg!(miri) || *columns < 30) {
        let fragments = block(geometry(K, M, columns, Element::Narrow));
        let rows = &std::array::from_fn(|row| &fragments[row][..]);
        let mut found: [Vec<u8>; M] = std::array::from_fn(|index| noise(index, fragments[K + index].len()));
        let mut bins = found.iter_mut().map(Vec::as_mut_slice);
        let bins = &mut std::array::from_fn(|_| bins.next().unwrap());
        assert!(EncodeNarrow::<K, M, 15> { rows, bins }.run::<V>());
        for (index, bins) in found.iter().enumerate() {
            assert!(*bins == fragments[K + index], "parity {index} of ({K}, {M}), {columns} columns");
        }
    }
}

#[test]
fn rows_too_short_for_a_loop_are_left_to_another() {
    let (row, mut flat, mut slope) = ([1; 184], [7; 184], [7; 208]);
    let bins: &mut [&mut [u8]; 2] = &mut [&mut flat, &mut slope];
    assert!(!EncodeNarrow::<4, 2, 3> { rows: &[&row; 4], bins }.run::<Plain<16, 32>>());
    assert_eq!((flat, slope), ([7; 184], [7; 208]));
}

#[test]
fn rows_of_narrow_elements_are_recovered_with_every_vector() {
    with_every_vector!(eliminates);
}

fn eliminates<V: Vector>() {
    eliminates_of::<V, 0b1001, 0b11, 2, 2>(0b1001, 0b11);
    eliminates_of::<V, 0b1001, 0b11, 2, 6>(0b1001 << 3, 0b0110 >> 1);
    eliminates_of::<V, 0b1000_0001, 0b101, 2, 6>(0x81, 0b0110);
    eliminates_of::<V, 0b1000_0001, 0b1001, 2, 6>(0x81, 0b1010);
    eliminates_of::<V, 0b111, 0b111, 3, 5>(0b111 << 2, 0b0111);
    eliminates_of::<V, 0b10_0101, 0b111, 3, 5>(0b10_1001, 0b1101);
    eliminates_of::<V, 0b10_0011, 0b1011, 3, 5>(0b11_0001 << 1, 0b1110);
    eliminates_of::<V, 0b1000_0011, 0b1101, 3, 5>(0b1100_0001, 0b1011);
    eliminates_of::<V, 0b1011, 0b1101, 3, 5>(0b1101 << 2, 0b1011);
    eliminates_of::<V, 0b1111, 0b1111, 4, 4>(0b1111 << 1, 0b1111);
    eliminates_of::<V, 0b1001_0011, 0b1111, 4, 4>(0b1100_1001, 0b1111);
}

/// Recovers the rows `lost` from the parities `by` (bits).
fn eliminates_of<V: Vector, const SPANS: usize, const POWERS: usize, const E: usize, const KEPT: usize>(
    lost: usize,
    by: usize,
) {
    let (data, parity) = (E + KEPT, (E + KEPT) / 2);
    for columns in [1, 2, 9, 16, 40, 101].into_iter().filter(|columns| !cfg!(miri) || *columns == 40) {
        let geometry = geometry(data, parity, columns, Element::Narrow);
        let fragments = block(geometry);
        let plan = &Plan::of(geometry, Loss { rows: lost, parities: 0, by }).unwrap();
        assert_eq!((plan.spans, plan.powers), (SPANS, POWERS), "rows {lost:#b} from {by:#b}");
        let kept = ones(!lost & ((1 << data) - 1)).chain(ones(by << data));
        let have: Vec<&[u8]> = kept.map(|index| &fragments[index][..]).collect();
        let mut found: Vec<Vec<u8>> = ones(lost).map(|row| noise(77, fragments[row].len())).collect();
        let mut rows: Vec<&mut [u8]> = found.iter_mut().map(Vec::as_mut_slice).collect();
        assert!(Eliminate::<SPANS, POWERS, E, KEPT> { plan, have: &have, lost: &mut rows }.run::<V>());
        for (row, bytes) in ones(lost).zip(&found) {
            assert!(*bytes == fragments[row], "row {row} of {lost:#b} from {by:#b}, {columns} columns");
        }
        let before = found.clone();
        let mut refuses = |have: &[&[u8]]| {
            let mut rows: Vec<&mut [u8]> = found.iter_mut().map(Vec::as_mut_slice).collect();
            !Eliminate::<SPANS, POWERS, E, KEPT> { plan, have, lost: &mut rows }.run::<V>()
        };
        assert!(refuses(&have[1..]), "one is missing");
        for at in [0, KEPT, have.len() - 1] {
            let mut have = have.clone();
            have[at] = &have[at][8..];
            assert!(refuses(&have), "fragment {at} is an element short");
        }
        assert!(found == before, "nothing was written");
    }
}

#[test]
fn every_loss_of_narrow_rows_in_a_layout_has_its_loop() {
    for (data, parity) in [(4, 2), (8, 4)] {
        let geometry = geometry(data, parity, 9, Element::Narrow);
        for rows in (1..1 << data).filter(|rows: &usize| (2..=parity).contains(&(rows.count_ones() as usize))) {
            for by in (1..1 << parity).filter(|by: &usize| by.count_ones() == rows.count_ones()) {
                let way = Way::of(Kernel::Avx512, geometry, Loss { rows, parities: 0, by });
                assert!(matches!(way, Way::Narrow(..)), "rows {rows:#b} from {by:#b}");
            }
        }
    }
}
