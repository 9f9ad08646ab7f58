//! The twelve vectors, there and back.

use crate::vector::{Vector, inverse, noise, project, subsets, vectors};

/// Whether our projections are RozoFS's, bit for bit.
fn is_same(vector: &Vector) -> bool {
    project(vector.transform, &vector.block) == vector.projections
}

#[test]
fn the_twelve_vectors_come_out_bit_for_bit() {
    let vectors = vectors();
    assert_eq!(vectors.len(), 12);
    for vector in &vectors {
        assert!(is_same(vector), "{}", vector.name);
    }
}

#[test]
fn a_flipped_bit_of_a_vector_is_a_difference() {
    for mut vector in vectors() {
        let last = vector.projections.len() - 1;
        for (projection, byte) in [(0, 0), (last / 2, 333), (last, vector.projections[last].len() - 1)] {
            vector.projections[projection][byte] ^= 0x10;
            assert!(!is_same(&vector), "{}: byte {byte} of projection {projection}", vector.name);
            vector.projections[projection][byte] ^= 0x10;
        }
        assert!(is_same(&vector), "{}", vector.name);
    }
}

#[test]
fn every_subset_of_a_vector_gives_its_block_back() {
    let counts = vectors().into_iter().map(|vector| {
        let subsets = subsets(vector.transform.layout());
        for subset in &subsets {
            let block = inverse(vector.transform, &vector.projections, subset);
            assert!(block.as_ref() == Ok(&vector.block), "{}: projections {subset:?}: {:?}", vector.name, block.err());
        }
        subsets.len()
    });
    assert_eq!(counts.collect::<Vec<_>>(), [3, 3, 3, 3, 15, 15, 15, 15, 495, 495, 495, 495]);
}

#[test]
fn a_flipped_bit_of_a_projection_is_never_taken_for_data() {
    for vector in vectors().into_iter().step_by(2) {
        let places = noise(64, 7);
        for (subset, place) in subsets(vector.transform.layout()).into_iter().step_by(5).zip(places.chunks(8).cycle()) {
            let mut projections = vector.projections.clone();
            let bins = &mut projections[subset[usize::from(place[0]) % subset.len()]];
            let byte = usize::from(u16::from_le_bytes([place[1], place[2]])) % bins.len();
            bins[byte] ^= 1 << (place[3] % 8);
            let block = inverse(vector.transform, &projections, &subset);
            let error = mojette::legacy::TransformError::Inconsistent;
            assert_eq!(block, Err(error), "{}: {subset:?}, byte {byte}", vector.name);
        }
    }
}
