//! Encode, lose whatever the code tolerates, decode: the input comes back, on every kernel of this processor.
#![no_main]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use mojette::{Code, Element, Geometry, Kernel};

#[derive(Arbitrary, Debug)]
struct Input {
    data: u8,
    parity: u8,
    is_narrow: bool,
    /// Which fragments are lost; beyond what is tolerated, the first ones.
    lost: u32,
    block: Vec<u8>,
}

fuzz_target!(|input: Input| {
    let (data, parity, block) = (input.data.into(), input.parity.into(), &input.block);
    let element = if input.is_narrow { Element::Narrow } else { Element::Wide };
    // What makes no code is refused, and never a panic.
    let Ok(geometry) = Geometry::with_element(data, parity, block.len(), element) else { return };
    for kernel in Kernel::ALL.into_iter().filter(|kernel| kernel.is_available()) {
        let code = Code::with_kernel(geometry, kernel).expect("it is available");
        round_trip(&code, geometry, input.lost, block);
    }
});

fn round_trip(code: &Code, geometry: Geometry, lost: u32, block: &[u8]) {
    let mut fragments: Vec<Vec<u8>> =
        (0..geometry.fragments()).map(|index| vec![0xa5; geometry.fragment_bytes(index).expect("it exists")]).collect();
    let (data, parity) = fragments.split_at_mut(geometry.data());
    for (at, row) in data.iter_mut().enumerate() {
        let part = block.get(at * row.len()..).unwrap_or_default();
        let part = &part[..part.len().min(row.len())];
        row.fill(0);
        row[..part.len()].copy_from_slice(part);
    }
    let rows: Vec<&[u8]> = data.iter().map(Vec::as_slice).collect();
    let mut bins: Vec<&mut [u8]> = parity.iter_mut().map(Vec::as_mut_slice).collect();
    code.encode(&rows, &mut bins).expect("the buffers fit");

    let is_lost = |index: &usize| lost >> index & 1 == 1;
    let lost: Vec<usize> = (0..geometry.fragments()).filter(is_lost).take(geometry.parity()).collect();
    let mut found: Vec<Vec<u8>> = lost.iter().map(|&index| vec![0x5a; fragments[index].len()]).collect();
    let have: Vec<(usize, &[u8])> =
        fragments.iter().map(Vec::as_slice).enumerate().filter(|(index, _)| !lost.contains(index)).collect();
    let mut wanted: Vec<(usize, &mut [u8])> =
        lost.iter().copied().zip(found.iter_mut().map(Vec::as_mut_slice)).collect();
    code.decode(&have, &mut wanted).expect("as many are lost as there are parities, at most");
    for (index, found) in lost.iter().zip(&found) {
        assert_eq!(found, &fragments[*index], "fragment {index}");
    }
}
