//! Bad arguments: each is refused by name, and nothing is written.

#![expect(clippy::unwrap_used, reason = "clippy knows tests by their attribute; what they stand on here has none")]

use mojette::{Change, Code, Element, Error, Geometry, Kernel};

/// (4, 2) with rows of 2 KiB.
fn code() -> Code {
    Code::new(Geometry::layout(1, 8192).unwrap())
}

fn fragments() -> Vec<Vec<u8>> {
    let geometry = code().geometry();
    (0..6).map(|index| vec![index as u8; geometry.fragment_bytes(index).unwrap()]).collect()
}

fn pairs(fragments: &[Vec<u8>], indices: &[usize]) -> Vec<(usize, Vec<u8>)> {
    indices.iter().map(|&index| (index, fragments.get(index).unwrap_or(&fragments[0]).clone())).collect()
}

/// Decodes and checks that a refusal leaves the buffers as they were.
fn decode(have: &[(usize, Vec<u8>)], lost: &[(usize, Vec<u8>)]) -> Error {
    let have: Vec<(usize, &[u8])> = have.iter().map(|(index, bytes)| (*index, bytes.as_slice())).collect();
    let mut after = lost.to_vec();
    let mut buffers: Vec<(usize, &mut [u8])> =
        after.iter_mut().map(|(index, bytes)| (*index, bytes.as_mut_slice())).collect();
    let error = code().decode(&have, &mut buffers).unwrap_err();
    assert!(after == lost);
    error
}

#[test]
fn codes_without_rows_without_parities_or_too_large() {
    assert_eq!(Geometry::new(0, 2, 8192), Err(Error::NoData));
    assert_eq!(Geometry::new(4, 0, 8192), Err(Error::NoParity));
    assert_eq!(Geometry::new(24, 9, 8192), Err(Error::TooManyFragments { fragments: 33 }));
    assert_eq!(Geometry::new(usize::MAX, 1, 8192), Err(Error::TooManyFragments { fragments: usize::MAX }));
    assert_eq!(Geometry::layout(3, 8192), Err(Error::UnknownLayout { layout: 3 }));
    assert!(Geometry::new(24, 8, 8192).is_ok());
}

#[test]
fn blocks_that_are_empty_or_too_large() {
    assert_eq!(Geometry::new(4, 2, 0), Err(Error::EmptyBlock));
    for block_bytes in [usize::MAX, usize::MAX / 2, isize::MAX as usize / 64] {
        assert_eq!(Geometry::new(4, 2, block_bytes), Err(Error::BlockTooLarge { block_bytes }));
    }
    let largest = Geometry::with_element(31, 1, isize::MAX as usize / 128, Element::Wide).unwrap();
    assert!(largest.stored_bytes() < isize::MAX as usize);
}

#[test]
fn a_block_of_one_byte_has_rows_of_one_element_and_buffers_of_one_byte_are_refused() {
    let geometry = Geometry::new(4, 2, 1).unwrap();
    assert_eq!((geometry.element(), geometry.row_bytes()), (Element::Narrow, 8));
    let byte: &[u8] = &[1];
    let error = Code::new(geometry).encode(&[byte; 4], &mut [&mut [0; 8], &mut [0; 32]]).unwrap_err();
    assert_eq!(error, Error::Length { field: "data", position: Some(0), have: 1, need: 8 });
    assert_eq!(error.to_string(), "data[0]: 1 bytes given, 8 needed");
}

#[test]
fn encoding_with_wrong_counts_or_lengths() {
    let fragments = fragments();
    let data: Vec<&[u8]> = fragments[..4].iter().map(Vec::as_slice).collect();
    let (mut first, mut second) = (fragments[4].clone(), fragments[5].clone());
    let refused = code().encode(&data[..3], &mut [&mut first, &mut second]);
    assert_eq!(refused, Err(Error::Count { field: "data", have: 3, need: 4 }));
    assert_eq!(code().encode(&data, &mut [&mut first]), Err(Error::Count { field: "parity", have: 1, need: 2 }));
    assert_eq!(code().encode(&[], &mut []), Err(Error::Count { field: "data", have: 0, need: 4 }));
    let refused = code().encode(&data, &mut [&mut first, &mut second[1..]]);
    assert_eq!(refused, Err(Error::Length { field: "parity", position: Some(1), have: 2239, need: 2240 }));
    assert!(first == fragments[4]);
    let refused = code().verify(&data, &[&first, &first]);
    assert_eq!(refused, Err(Error::Length { field: "parity", position: Some(1), have: 2048, need: 2240 }));
}

#[test]
fn fewer_than_k_fragments() {
    let all = fragments();
    let error = decode(&pairs(&all, &[0, 1, 4]), &pairs(&all, &[2, 3]));
    assert_eq!(error, Error::TooFew { have: 3, need: 4 });
    assert_eq!(decode(&[], &[]), Error::TooFew { have: 0, need: 4 });
}

#[test]
fn fragments_listed_twice() {
    let all = fragments();
    let error = decode(&pairs(&all, &[0, 1, 4, 1]), &pairs(&all, &[2]));
    assert_eq!(error, Error::Duplicate { field: "have", position: Some(3), index: 1 });
    let error = decode(&pairs(&all, &[0, 1, 3, 4]), &pairs(&all, &[2, 4]));
    assert_eq!(error, Error::Duplicate { field: "lost", position: Some(1), index: 4 });
}

#[test]
fn a_missing_row_that_nobody_asks_for() {
    let all = fragments();
    assert_eq!(decode(&pairs(&all, &[0, 1, 4, 5]), &pairs(&all, &[2])), Error::Unlisted { index: 3 });
}

#[test]
fn indices_out_of_range() {
    let all = fragments();
    let error = decode(&pairs(&all, &[0, 1, 4, 6]), &pairs(&all, &[2]));
    assert_eq!(error, Error::Index { field: "have", position: Some(3), index: 6, limit: 6 });
    let error = decode(&pairs(&all, &[0, 1, 4, 5]), &pairs(&all, &[usize::MAX]));
    assert_eq!(error, Error::Index { field: "lost", position: Some(0), index: usize::MAX, limit: 6 });
}

#[test]
fn fragments_of_another_geometry() {
    let all = fragments();
    let other = Geometry::layout(1, 16384).unwrap();
    let mut have = pairs(&all, &[0, 1, 2, 4]);
    have[3].1 = vec![0; other.fragment_bytes(4).unwrap()];
    let error = decode(&have, &pairs(&all, &[3]));
    assert_eq!(error, Error::Length { field: "have", position: Some(3), have: 4096, need: 2048 });
}

#[test]
fn changes_that_overlap_or_reach_outside() {
    let refused = |changes: &[(usize, usize, usize)]| {
        let bytes = [7; 64];
        let changes: Vec<Change<'_>> =
            changes.iter().map(|&(row, start, length)| Change { row, start, bytes: &bytes[..length] }).collect();
        let mut all = fragments();
        let (data, parity) = all.split_at_mut(4);
        let mut data: Vec<&mut [u8]> = data.iter_mut().map(Vec::as_mut_slice).collect();
        let mut parity: Vec<&mut [u8]> = parity.iter_mut().map(Vec::as_mut_slice).collect();
        let error = code().update(&changes, &mut data, &mut parity).unwrap_err();
        assert!(all == fragments());
        error
    };
    assert_eq!(refused(&[(0, 0, 64), (0, 63, 64)]), Error::Overlap { position: 1 });
    assert_eq!(refused(&[(1, 0, 64), (0, 0, 64)]), Error::Overlap { position: 1 });
    assert_eq!(refused(&[(4, 0, 1)]), Error::Index { field: "changes", position: Some(0), index: 4, limit: 4 });
    let error = refused(&[(0, 0, 8), (3, 2000, 64)]);
    assert_eq!(error, Error::Range { field: "changes", position: Some(1), start: 2000, end: 2064, row_bytes: 2048 });
    let error = refused(&[(3, usize::MAX, 64)]);
    assert_eq!(
        error,
        Error::Range { field: "changes", position: Some(0), start: usize::MAX, end: usize::MAX, row_bytes: 2048 }
    );
    let bins = &mut fragments()[5];
    let change = Change { row: 0, start: 0, bytes: &[1] };
    let error = code().update_parity(2, change, bins).unwrap_err();
    assert_eq!(error, Error::Index { field: "parity", position: None, index: 2, limit: 2 });
    let error = code().update_parity(0, change, bins).unwrap_err();
    assert_eq!(error, Error::Length { field: "bins", position: None, have: 2240, need: 2048 });
    let error = code().update_parity(1, Change { row: 4, ..change }, bins).unwrap_err();
    assert_eq!(error, Error::Index { field: "change", position: None, index: 4, limit: 4 });
    let error = code().update_parity(1, Change { start: 2048, ..change }, bins).unwrap_err();
    assert_eq!(error.to_string(), "change: bytes 2048 to 2049; the row has 2048");
    assert!(*bins == fragments()[5]);
}

#[test]
fn changes_to_lists_or_buffers_of_the_wrong_size() {
    let refused = |rows: usize, parities: usize, cut: [usize; 2]| {
        let mut all = fragments();
        let (data, parity) = all.split_at_mut(4);
        let mut data: Vec<&mut [u8]> = data[..rows].iter_mut().map(|row| &mut row[cut[0]..]).collect();
        let mut parity: Vec<&mut [u8]> = parity[..parities].iter_mut().map(|bins| &mut bins[cut[1]..]).collect();
        let error = code().update(&[Change { row: 0, start: 0, bytes: &[9; 8] }], &mut data, &mut parity).unwrap_err();
        assert!(all == fragments());
        error
    };
    assert_eq!(refused(3, 2, [0, 0]), Error::Count { field: "data", have: 3, need: 4 });
    assert_eq!(refused(4, 1, [0, 0]), Error::Count { field: "parity", have: 1, need: 2 });
    let error = refused(4, 2, [8, 0]);
    assert_eq!(error, Error::Length { field: "data", position: Some(0), have: 2040, need: 2048 });
    let error = refused(4, 2, [0, 1]);
    assert_eq!(error, Error::Length { field: "parity", position: Some(0), have: 2047, need: 2048 });
}

#[test]
fn kernels_of_another_processor() {
    let mut refused = 0;
    for kernel in Kernel::ALL {
        match Code::with_kernel(code().geometry(), kernel) {
            Ok(code) => assert!(kernel.is_available() && code.kernel() == kernel),
            Err(error) => {
                assert!(!kernel.is_available());
                assert_eq!(error, Error::KernelUnavailable { kernel });
                assert_eq!(error.to_string(), format!("kernel: {kernel} does not run on this processor"));
                refused += 1;
            }
        }
    }
    // No processor has both NEON and AVX.
    assert!(refused >= 1);
}

#[test]
fn a_repair_names_its_own_arguments() {
    let refused = |have: &[usize], index: usize, bytes: usize| {
        let all = fragments();
        let have: Vec<(usize, &[u8])> = have.iter().map(|&index| (index, all[index].as_slice())).collect();
        let mut fragment = vec![7; bytes];
        let error = code().repair(&have, index, &mut fragment).unwrap_err();
        assert!(fragment == vec![7; bytes]);
        error
    };
    let error = refused(&[0, 1, 2, 3], 6, 2048);
    assert_eq!(error, Error::Index { field: "index", position: None, index: 6, limit: 6 });
    assert_eq!(error.to_string(), "index: number 6; the geometry has 6");
    let error = refused(&[0, 1, 2, 3], 5, 2048);
    assert_eq!(error, Error::Length { field: "fragment", position: None, have: 2048, need: 2240 });
    let error = refused(&[0, 1, 2, 3], 3, 2048);
    assert_eq!(error, Error::Duplicate { field: "index", position: None, index: 3 });
    assert_eq!(refused(&[0, 1, 4], 3, 2048), Error::TooFew { have: 3, need: 4 });
    let error = refused(&[0, 1, 4, 5], 3, 2048);
    assert_eq!(error.to_string(), "have: data fragment 2 is missing, and not to be recovered");
}

/// Where the other rows and the flat parity are there, one row is found without a list of all fragments.
#[test]
fn one_row_from_what_only_looks_like_the_others() {
    let all = fragments();
    let lost = pairs(&all, &[2]);
    let refused = |have: &[usize]| decode(&pairs(&all, have), &lost);
    assert_eq!(refused(&[0, 1, 1, 4]), Error::Duplicate { field: "have", position: Some(2), index: 1 });
    assert_eq!(refused(&[0, 1, 2, 4]), Error::Duplicate { field: "lost", position: Some(0), index: 2 });
    for index in [6, 67, usize::MAX] {
        assert_eq!(refused(&[0, 1, index, 4]), Error::Index { field: "have", position: Some(2), index, limit: 6 });
    }
    assert_eq!(refused(&[0, 1, 4]), Error::TooFew { have: 3, need: 4 });
    let mut have = pairs(&all, &[0, 1, 3, 4]);
    have[3].1.pop();
    assert_eq!(decode(&have, &lost), Error::Length { field: "have", position: Some(3), have: 2047, need: 2048 });
    let refused = decode(&pairs(&all, &[0, 1, 3, 4]), &[(2, vec![0; 2049])]);
    assert_eq!(refused, Error::Length { field: "lost", position: Some(0), have: 2049, need: 2048 });
}

#[test]
fn decoders_of_what_cannot_be_recovered() {
    let refused = |have: &[usize], lost: &[usize]| code().decoder(have, lost).unwrap_err();
    assert_eq!(refused(&[0, 1, 4], &[2, 3]), Error::TooFew { have: 3, need: 4 });
    assert_eq!(refused(&[0, 1, 4, 5], &[2]), Error::Unlisted { index: 3 });
    assert_eq!(refused(&[0, 1, 4, 6], &[2, 3]), Error::Index { field: "have", position: Some(3), index: 6, limit: 6 });
    assert_eq!(
        refused(&[0, 1, 4, 5], &[2, usize::MAX]),
        Error::Index { field: "lost", position: Some(1), index: usize::MAX, limit: 6 }
    );
    assert_eq!(refused(&[0, 1, 4, 5], &[2, 0]), Error::Duplicate { field: "lost", position: Some(1), index: 0 });
}

#[test]
fn lists_that_are_not_those_of_the_decoder() {
    let all = fragments();
    // Two rows, a row and a parity, and what no loop is made for: two parities.
    for (reads, lost) in
        [(vec![0, 1, 4, 5], vec![2, 3]), (vec![0, 1, 2, 5], vec![3, 4]), (vec![0, 1, 2, 3], vec![4, 5])]
    {
        let decoder = code().decoder(&reads, &lost).unwrap();
        let mut out: Vec<Vec<u8>> = lost.iter().map(|&index| vec![7; all[index].len()]).collect();
        let mut refused = |have: &[&[u8]], count: usize, cut: usize| {
            let mut lost: Vec<&mut [u8]> = out.iter_mut().take(count).map(Vec::as_mut_slice).collect();
            if let Some(last) = lost.last_mut() {
                let bytes = last.len() - cut;
                *last = &mut std::mem::take(last)[..bytes];
            }
            decoder.decode(have, &mut lost).unwrap_err()
        };
        let right: Vec<&[u8]> = reads.iter().map(|&index| &all[index][..]).collect();
        assert_eq!(refused(&right[..3], 2, 0), Error::Count { field: "have", have: 3, need: 4 });
        assert_eq!(refused(&right, 1, 0), Error::Count { field: "lost", have: 1, need: 2 });
        let need = all[lost[1]].len();
        let short = Error::Length { field: "lost", position: Some(1), have: need - 1, need };
        assert_eq!(refused(&right, 2, 1), short);
        let mut wrong = right.clone();
        wrong[1] = &wrong[1][1..];
        let short = Error::Length { field: "have", position: Some(1), have: 2047, need: 2048 };
        assert_eq!(refused(&wrong, 2, 0), short);
        assert!(out.iter().flatten().all(|byte| *byte == 7), "something was written");
    }
}
