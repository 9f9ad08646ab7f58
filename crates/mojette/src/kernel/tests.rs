//! The loops with every width of vector, whatever processor runs the tests: vectors of plain bytes stand in for its registers, and
//! Miri can follow what the bare pointers do. And that no named pattern falls back to the slow way unseen.

use super::decode::Fragments;
use super::encode::{Encode, Project, Sum};
use super::gather::{Gather, Source};
use super::pattern::Pattern;
use super::recover::Recover;
use super::vector::{Vector, width};
use super::{Job, Kernel, portable};
use crate::{Element, Geometry, MAX_FRAGMENTS};

/// A vector of bytes, on a processor that has so many registers.
#[derive(Clone, Copy)]
struct Plain<const WIDTH: usize, const REGISTERS: usize>([u8; WIDTH]);

impl<const WIDTH: usize, const REGISTERS: usize> Vector for Plain<WIDTH, REGISTERS> {
    type Bytes = [u8; WIDTH];

    const REGISTERS: usize = REGISTERS;

    fn zero() -> Self {
        Self([0; WIDTH])
    }

    fn load(bytes: &Self::Bytes) -> Self {
        Self(*bytes)
    }

    fn store(self, bytes: &mut Self::Bytes) {
        *bytes = self.0;
    }

    fn xor(self, other: Self) -> Self {
        Self(std::array::from_fn(|at| self.0[at] ^ other.0[at]))
    }

    fn xor3(self, second: Self, third: Self) -> Self {
        self.xor(second).xor(third)
    }

    fn cut(bytes: &[u8]) -> (&[Self::Bytes], &[u8]) {
        bytes.as_chunks()
    }

    fn cut_mut(bytes: &mut [u8]) -> (&mut [Self::Bytes], &mut [u8]) {
        bytes.as_chunks_mut()
    }
}

/// Runs a check with the vectors of NEON, AVX2 and AVX-512, and with the narrowest of them where registers are few.
macro_rules! with_every_vector {
    ($check:ident) => {{
        $check::<Plain<16, 32>>();
        $check::<Plain<32, 16>>();
        $check::<Plain<64, 32>>();
        $check::<Plain<16, 16>>();
    }};
}

fn noise(seed: usize, bytes: usize) -> Vec<u8> {
    (1..=bytes as u64).map(|at| ((at + seed as u64 * 977).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 56) as u8).collect()
}

fn geometry(data: usize, parity: usize, columns: usize, element: Element) -> Geometry {
    Geometry::with_element(data, parity, data * columns * element.bytes(), element).unwrap()
}

/// All fragments of a block, by the safe loops.
fn block(geometry: Geometry) -> Vec<Vec<u8>> {
    let mut fragments: Vec<Vec<u8>> = (0..geometry.data()).map(|row| noise(row, geometry.row_bytes())).collect();
    for index in 0..geometry.parity() {
        let mut bins = vec![0; geometry.parity_bytes(index)];
        let rows = fragments[..geometry.data()].iter().enumerate();
        portable::project(&mut bins, rows.map(|(row, bytes)| (&bytes[..], geometry.lead(index, row))));
        fragments.push(bins);
    }
    fragments
}

fn slices(fragments: &[Vec<u8>]) -> Vec<&[u8]> {
    fragments.iter().map(Vec::as_slice).collect()
}

/// Columns of a row: one, the edges alone, and (33) more than a piece that two sweeps take in turns.
const COLUMNS: [usize; 5] = [1, 2, 5, 12, 33];

#[test]
fn parities_are_the_same_with_every_vector() {
    with_every_vector!(encodes);
}

fn encodes<V: Vector>() {
    for (data, parity) in [(1, 1), (2, 1), (3, 3), (4, 2), (8, 4)] {
        for (element, columns) in [Element::Narrow, Element::Wide].into_iter().flat_map(|e| COLUMNS.map(|c| (e, c))) {
            let geometry = geometry(data, parity, columns, element);
            let fragments = block(geometry);
            let (rows, expected) = fragments.split_at(data);
            let rows = slices(rows);
            let mut parities: Vec<Vec<u8>> = expected.iter().map(|bins| noise(9, bins.len())).collect();
            let mut bins: Vec<&mut [u8]> = parities.iter_mut().map(Vec::as_mut_slice).collect();
            Encode { geometry, data: &rows, parity: &mut bins }.run::<V>();
            assert!(parities == expected, "{geometry:?}, vectors of {} bytes", width::<V>());
            for (index, bins) in parities.iter_mut().enumerate() {
                bins.fill(0xa5);
                Project { geometry, index, data: &rows, bins }.run::<V>();
            }
            assert!(parities == expected, "one by one: {geometry:?}, vectors of {} bytes", width::<V>());
        }
    }
}

#[test]
fn sums_of_any_length_are_the_same_with_every_vector() {
    with_every_vector!(sums);
}

fn sums<V: Vector>() {
    for bytes in [1, 15, 64, 257, 700] {
        let rows = [0, 1, 2, 3].map(|row| noise(row, bytes));
        let mut expected = vec![0; bytes];
        rows.iter().for_each(|row| portable::xor_into(&mut expected, row));
        let mut out = vec![0xa5; bytes];
        Sum { out: &mut out, rows: rows.each_ref().map(Vec::as_slice) }.run::<V>();
        assert!(out == expected, "{bytes} bytes");
    }
    for bytes in [8, 16, 64, 264, 704] {
        // Sources that begin before and behind the output, with an element as all do.
        let rows = [0, 1, 2, 3].map(|row| noise(row, bytes));
        let leads = [0, -24, 40, 8];
        let mut sources = [Source::default(); 4];
        for ((source, row), lead) in sources.iter_mut().zip(&rows).zip(leads) {
            *source = Source { bytes: row, lead };
        }
        let mut expected = vec![0; bytes];
        for (at, byte) in expected.iter_mut().enumerate() {
            let inside =
                |source: &Source<'_>| source.bytes.get(usize::try_from(at as isize - source.lead).ok()?).copied();
            *byte = sources.iter().filter_map(inside).fold(0, |sum, byte| sum ^ byte);
        }
        let mut out = vec![0xa5; bytes];
        Gather { element: Element::Narrow, out: &mut out, sources: &sources }.run::<V>();
        assert!(out == expected, "{bytes} bytes, shifted");
    }
}

#[test]
fn rows_are_recovered_with_every_vector() {
    with_every_vector!(recovers);
}

fn recovers<V: Vector>() {
    recovers_pattern::<V, 0x3, 0b11, 4, 2>(2);
    recovers_pattern::<V, 0x9, 0b11, 4, 2>(2);
    recovers_pattern::<V, 0xc, 0b11, 4, 2>(2);
    recovers_pattern::<V, 0x42, 0b11, 8, 2>(2);
    recovers_pattern::<V, 0x91, 0b111, 8, 3>(3);
    recovers_pattern::<V, 0x0f, 0b1111, 8, 4>(4);
    recovers_pattern::<V, 0xa5, 0b1111, 8, 4>(4);
    recovers_pattern::<V, 0xf0, 0b1111, 8, 4>(4);
    recovers_pattern::<V, 0x03, 0b1100, 8, 2>(4);
    recovers_pattern::<V, 0x81, 0b1010, 8, 2>(4);
    recovers_pattern::<V, 0xc0, 0b0110, 8, 2>(4);
    recovers_pattern::<V, 0x07, 0b1110, 8, 3>(4);
    recovers_pattern::<V, 0x92, 0b1101, 8, 3>(4);
    recovers_pattern::<V, 0xe0, 0b1011, 8, 3>(4);
    recovers_pattern::<V, 0x10, 0b1000, 8, 1>(4);
}

/// Kernels with few registers have loops for the first parities alone.
fn recovers_pattern<V: Vector, const LOST: usize, const PARITIES: usize, const K: usize, const E: usize>(
    parity: usize,
) {
    let lost = LOST;
    let parities = Pattern::<K, E>::new(LOST, PARITIES).parities;
    for columns in COLUMNS {
        let fragments = block(geometry(K, parity, columns, Element::Wide));
        let is_lost = |row: usize| lost >> row & 1 == 1;
        let rows: [&[u8]; K] = std::array::from_fn(|row| if is_lost(row) { &[][..] } else { &fragments[row] });
        let bins = parities.map(|index| fragments[K + index].as_slice());
        let mut found: Vec<(usize, Vec<u8>)> =
            (0..K).filter(|&row| is_lost(row)).map(|row| (row, noise(77, fragments[row].len()))).collect();
        let mut buffers: Vec<(usize, &mut [u8])> =
            found.iter_mut().map(|(row, bytes)| (*row, &mut bytes[..])).collect();
        let taken = Recover::<LOST, PARITIES, K, E> { rows, bins, lost: &mut buffers }.run::<V>();
        assert_eq!(taken, V::REGISTERS >= 32 || PARITIES == (1 << E) - 1);
        if !taken {
            continue;
        }
        for (row, bytes) in &found {
            assert!(
                *bytes == fragments[*row],
                "row {row} of {lost:#x} lost, {columns} columns, vectors of {}",
                width::<V>()
            );
        }
    }
}

#[test]
fn every_loss_of_rows_of_a_layout_has_its_loop() {
    for kernel in Kernel::ALL.into_iter().filter(|kernel| *kernel != Kernel::Portable && kernel.is_available()) {
        for (data, parity, patterns) in [(2, 1, [2, 0, 0, 0]), (4, 2, [4, 6, 0, 0]), (8, 4, [8, 28, 56, 70])] {
            let geometry = geometry(data, parity, 9, Element::Wide);
            let fragments = block(geometry);
            let mut taken = [0; 4];
            for lost in (1..1_usize << data).filter(|lost| lost.count_ones() as usize <= parity) {
                let is_lost = |row: usize| lost >> row & 1 == 1;
                let mut given: Fragments<'_> = [&[]; MAX_FRAGMENTS];
                for (index, bytes) in fragments.iter().enumerate().filter(|(index, _)| !is_lost(*index)) {
                    given[index] = bytes;
                }
                let mut found: Vec<(usize, Vec<u8>)> =
                    (0..data).filter(|&row| is_lost(row)).map(|row| (row, vec![0xa5; geometry.row_bytes()])).collect();
                let mut buffers: Vec<(usize, &mut [u8])> =
                    found.iter_mut().map(|(row, bytes)| (*row, &mut bytes[..])).collect();
                assert!(kernel.recover(geometry, &given, &mut buffers), "{kernel}: rows {lost:#x} of {data}");
                assert!(
                    found.iter().all(|(row, bytes)| *bytes == fragments[*row]),
                    "{kernel}: rows {lost:#x} of {data}"
                );
                taken[found.len() - 1] += 1;
            }
            assert_eq!(taken, patterns, "{kernel}, {data} rows");
        }
    }
}

#[test]
fn a_kernel_of_another_processor_does_not_run() {
    let rows: [&[u8]; 2] = [&[1; 8], &[2; 8]];
    for kernel in Kernel::ALL.into_iter().filter(|kernel| !kernel.is_available()) {
        let mut out = [7; 8];
        assert!(kernel.run(Sum { out: &mut out, rows }).is_err(), "{kernel}");
        assert_eq!(out, [7; 8]);
    }
}
