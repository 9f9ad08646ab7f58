//! Changes, whether they fit or not: refused with nothing written, or as if the block had been encoded anew. Then every fragment in turn
//! is repaired from the others, and a flipped bit of a parity is told.
#![no_main]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use mojette::{Change, Code, Element, Geometry, Kernel};

#[derive(Arbitrary, Debug)]
struct Input {
    data: u8,
    parity: u8,
    is_narrow: bool,
    block_bytes: u16,
    /// Row, first byte, and the new bytes.
    changes: Vec<(u8, u16, Vec<u8>)>,
    flip: u32,
}

fuzz_target!(|input: Input| {
    let element = if input.is_narrow { Element::Narrow } else { Element::Wide };
    let (data, parity) = (input.data.into(), input.parity.into());
    let Ok(geometry) = Geometry::with_element(data, parity, input.block_bytes.into(), element) else { return };
    let changes: Vec<Change<'_>> = input
        .changes
        .iter()
        .map(|(row, start, bytes)| Change { row: (*row).into(), start: (*start).into(), bytes })
        .collect();
    for kernel in Kernel::ALL.into_iter().filter(|kernel| kernel.is_available()) {
        let code = Code::with_kernel(geometry, kernel).expect("it is available");
        let mut fragments: Vec<Vec<u8>> = (0..geometry.fragments())
            .map(|index| vec![index as u8; geometry.fragment_bytes(index).expect("it exists")])
            .collect();
        encode(&code, &mut fragments);
        let mut expected = fragments.clone();
        let (rows, parity) = fragments.split_at_mut(data);
        let mut rows: Vec<&mut [u8]> = rows.iter_mut().map(Vec::as_mut_slice).collect();
        let mut parity: Vec<&mut [u8]> = parity.iter_mut().map(Vec::as_mut_slice).collect();
        if code.update(&changes, &mut rows, &mut parity).is_ok() {
            for change in &changes {
                expected[change.row][change.start..][..change.bytes.len()].copy_from_slice(change.bytes);
            }
            encode(&code, &mut expected);
        }
        assert_eq!(fragments, expected);
        repair(&code, &fragments);
        verify(&code, &mut fragments, input.flip as usize);
    }
});

fn encode(code: &Code, fragments: &mut [Vec<u8>]) {
    let (rows, parity) = fragments.split_at_mut(code.geometry().data());
    let rows: Vec<&[u8]> = rows.iter().map(Vec::as_slice).collect();
    let mut parity: Vec<&mut [u8]> = parity.iter_mut().map(Vec::as_mut_slice).collect();
    code.encode(&rows, &mut parity).expect("the buffers fit");
}

fn repair(code: &Code, fragments: &[Vec<u8>]) {
    for (index, fragment) in fragments.iter().enumerate() {
        let have: Vec<(usize, &[u8])> =
            fragments.iter().map(Vec::as_slice).enumerate().filter(|(other, _)| *other != index).collect();
        let mut found = vec![0x5a; fragment.len()];
        code.repair(&have, index, &mut found).expect("one is lost");
        assert_eq!(&found, fragment, "fragment {index}");
    }
}

fn verify(code: &Code, fragments: &mut [Vec<u8>], flip: usize) {
    let data = code.geometry().data();
    let wrong = |fragments: &[Vec<u8>]| {
        let fragments: Vec<&[u8]> = fragments.iter().map(Vec::as_slice).collect();
        let (rows, parity) = fragments.split_at(data);
        code.verify(rows, parity).expect("the buffers fit")
    };
    assert_eq!(wrong(fragments), None);
    let parity = flip % code.geometry().parity();
    let bins = &mut fragments[data + parity];
    let at = flip % bins.len();
    bins[at] ^= 1 << (flip % 8);
    assert_eq!(wrong(fragments), Some(parity));
}
