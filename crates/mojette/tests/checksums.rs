//! Flipped bits are found.

use mojette::{Error, checksums, damaged_unit};

#[test]
fn every_flipped_bit_of_a_fragment_is_found_in_its_unit() {
    let mut fragment: Vec<u8> = (0..1000_u32).map(|at| (at * 7 % 251) as u8).collect();
    let mut sums = [0; 4];
    checksums(&fragment, 256, &mut sums).unwrap();
    assert_eq!(damaged_unit(&fragment, 256, &sums), Ok(None));
    for bit in 0..fragment.len() * 8 {
        fragment[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(damaged_unit(&fragment, 256, &sums), Ok(Some(bit / 8 / 256)), "bit {bit}");
        fragment[bit / 8] ^= 1 << (bit % 8);
    }
}

#[test]
fn units_of_nothing_and_sums_too_few_are_refused() {
    assert_eq!(checksums(&[1; 10], 0, &mut []), Err(Error::Count { field: "unit", have: 0, need: 1 }));
    assert_eq!(checksums(&[1; 10], 4, &mut [0; 2]), Err(Error::Count { field: "sums", have: 2, need: 3 }));
    assert_eq!(damaged_unit(&[1; 10], 4, &[0; 4]), Err(Error::Count { field: "sums", have: 4, need: 3 }));
}
