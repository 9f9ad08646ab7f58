//! The loops with every width of vector, whatever processor runs the tests: vectors of plain bytes stand in for its registers, and
//! Miri can follow what the bare pointers do. And that no named pattern falls back to the slow way unseen.

use super::decode::{Loss, Way};
use super::encode::Sum;
use super::gather::{Gather, Source};
use super::mixed::Mixed;
use super::pair::Pair;
use super::parities::Parities;
use super::recover::{Given, Recover};
use super::rows::Rows;
use super::vector::{Strided, Vector, load_inside, part, store_inside, width};
use super::{Job, Kernel, portable};
use crate::{Element, Geometry};

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

    fn load_part(bytes: &[u8], at: isize) -> Self {
        Self(part(bytes, at))
    }

    fn store(self, bytes: &mut Self::Bytes) {
        *bytes = self.0;
    }

    unsafe fn load_inside(bytes: *const Self::Bytes, inside: u64) -> Self {
        // SAFETY: promised by the caller.
        Self(unsafe { load_inside(bytes, inside) })
    }

    unsafe fn store_inside(self, bytes: *mut Self::Bytes, inside: u64) {
        // SAFETY: promised by the caller.
        unsafe { store_inside(self.0, bytes, inside) }
    }

    fn later(self, before: Self, elements: usize) -> Self {
        let both = [before.0, self.0];
        Self(std::array::from_fn(|byte| both.as_flattened()[WIDTH - 8 * elements + byte]))
    }

    fn xor(mut self, other: Self) -> Self {
        // By words, because Miri takes as long over a byte.
        for (word, other) in self.0.as_chunks_mut::<16>().0.iter_mut().zip(other.0.as_chunks().0) {
            *word = (u128::from_ne_bytes(*word) ^ u128::from_ne_bytes(*other)).to_ne_bytes();
        }
        self
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

    fn stride(job: impl Strided) {
        match WIDTH {
            64 => job.run_strided::<Self, 1, 2>(),
            32 => job.run_strided::<Self, 2, 4>(),
            _ => job.run_strided::<Self, 4, 8>(),
        }
    }
}

/// Runs a check with the vectors of NEON, AVX2 and AVX-512, and with the narrowest of them where registers are few (not under Miri,
/// which sees each of its parts with one of the others).
macro_rules! with_every_vector {
    ($check:ident) => {{
        $check::<Plain<16, 32>>();
        $check::<Plain<32, 16>>();
        $check::<Plain<64, 32>>();
        if !cfg!(miri) {
            $check::<Plain<16, 16>>();
        }
    }};
}

mod narrow;

fn noise(seed: usize, bytes: usize) -> Vec<u8> {
    let words = (1..=bytes.div_ceil(8) as u64).map(|at| (at + seed as u64 * 977).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    let mut noise: Vec<u8> = words.flat_map(|word| (word ^ word >> 29).to_ne_bytes()).collect();
    noise.truncate(bytes);
    noise
}

fn geometry(data: usize, parity: usize, columns: usize, element: Element) -> Geometry {
    Geometry::with_element(data, parity, data * columns * element.bytes(), element).unwrap()
}

/// All fragments of a block, by the definition; by words, because Miri takes as long over a byte.
fn block(geometry: Geometry) -> Vec<Vec<u8>> {
    let mut fragments: Vec<Vec<u8>> = (0..geometry.data()).map(|row| noise(row, geometry.row_bytes())).collect();
    for index in 0..geometry.parity() {
        let mut bins = vec![0_u64; geometry.parity_bytes(index) / 8];
        for (row, bytes) in fragments[..geometry.data()].iter().enumerate() {
            for (bin, word) in bins[geometry.lead(index, row) / 8..].iter_mut().zip(bytes.as_chunks().0) {
                *bin ^= u64::from_ne_bytes(*word);
            }
        }
        fragments.push(bins.into_iter().flat_map(u64::to_ne_bytes).collect());
    }
    fragments
}

/// Columns of a row: one, the edges alone, and (33) more than a piece that two sweeps take in turns.
const COLUMNS: [usize; 6] = [1, 2, 5, 12, 33, 70];

/// Sets of parities (bits) with each number of columns; under Miri those that differ most.
fn wanted_and_columns() -> impl Iterator<Item = (usize, usize)> {
    let all = (1..16).flat_map(|wanted| COLUMNS.map(|columns| (wanted, columns)));
    all.filter(|case| !cfg!(miri) || [(9, 5), (6, 33), (15, 33)].contains(case))
}

/// Numbers of columns with pieces in which they are taken; under Miri one that has but edges, and for one set of rows several pieces.
fn columns_and_pieces(lost: usize) -> impl Iterator<Item = (usize, usize)> {
    let all = COLUMNS.into_iter().flat_map(|columns| [1, 7, columns].map(|piece| (columns, piece)));
    all.filter(move |case| !cfg!(miri) || *case == (5, 1) || *case == (33, 7) && lost == 0x0f)
}

#[test]
fn parities_are_the_same_with_every_vector() {
    with_every_vector!(sweeps);
}

fn sweeps<V: Vector>() {
    sweeps_of::<V, 4>();
    sweeps_of::<V, 8>();
}

fn sweeps_of<V: Vector, const K: usize>() {
    for (wanted, columns) in wanted_and_columns().filter(|(wanted, _)| !cfg!(miri) || K == 8 || *wanted == 6) {
        let fragments = block(geometry(K, 4, columns, Element::Wide));
        let kept = fragments[..K].iter().map(Vec::as_slice).enumerate();
        let rows = Rows::<K>::new(fragments[0].len(), kept, std::iter::empty()).unwrap();
        let mut parities: [Vec<u8>; 4] = std::array::from_fn(|index| noise(index, fragments[K + index].len()));
        let mut bins: [&mut [u8]; 4] = Default::default();
        for (index, parity) in parities.iter_mut().enumerate().filter(|(index, _)| wanted >> index & 1 == 1) {
            bins[index] = parity;
        }
        Job::run::<V>(&mut Parities { rows: &rows, bins: &mut bins, ready: &mut |_| () });
        for (index, parity) in parities.iter().enumerate().filter(|(index, _)| wanted >> index & 1 == 1) {
            assert!(*parity == fragments[K + index], "parity {index} of {wanted:#b}, {columns} columns");
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
        let rows = rows.each_ref().map(Vec::as_slice);
        assert!(Sum { out: &mut &mut out[..], rows: &rows }.run::<V>());
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
        Gather { out: &mut out, sources: &sources }.run::<V>();
        assert!(out == expected, "{bytes} bytes, shifted");
    }
}

#[test]
fn rows_are_recovered_with_every_vector() {
    with_every_vector!(recovers);
}

fn recovers<V: Vector>() {
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
    if V::REGISTERS < 32 && PARITIES != (1 << E) - 1 {
        return;
    }
    for (columns, piece) in columns_and_pieces(LOST) {
        let fragments = block(geometry(K, parity, columns, Element::Wide));
        let is_lost = |row: &usize| lost >> row & 1 == 1;
        let kept = (0..K).filter(|row| !is_lost(row)).map(|row| (row, &fragments[row][..]));
        let bins: Vec<&[u8]> =
            (0..parity).filter(|index| PARITIES >> index & 1 == 1).map(|index| &fragments[K + index][..]).collect();
        let mut found: Vec<(usize, Vec<u8>)> =
            (0..K).filter(is_lost).map(|row| (row, noise(77, fragments[row].len()))).collect();
        let buffers = found.iter_mut().map(|(row, bytes)| (*row, &mut bytes[..]));
        let given = Given { rows: Rows::new(fragments[0].len(), kept, buffers).unwrap(), bins: &bins };
        for start in (0..columns).step_by(piece) {
            let columns = &(start..columns.min(start + piece));
            Recover::<LOST, PARITIES, K, E> { given: &given, columns }.run::<V>();
        }
        for (row, bytes) in &found {
            assert!(
                *bytes == fragments[*row],
                "row {row} of {lost:#x} lost, {columns} columns by {piece}, vectors of {}",
                width::<V>()
            );
        }
    }
}

#[test]
fn rows_and_parities_are_recovered_together_with_every_vector() {
    with_every_vector!(recovers_together);
}

fn recovers_together<V: Vector>() {
    for (wanted, columns) in wanted_and_columns() {
        let fragments = block(geometry(8, 4, columns, Element::Wide));
        let kept = (0..8).filter(|row| *row != 5).map(|row| (row, &fragments[row][..]));
        let mut lost = noise(78, fragments[5].len());
        let mut parities: [Vec<u8>; 4] = std::array::from_fn(|index| noise(index, fragments[8 + index].len()));
        let rows = Rows::new(fragments[5].len(), kept, std::iter::once((5, &mut lost[..]))).unwrap();
        let given = Given { rows, bins: &[&fragments[8]] };
        let mut bins: [&mut [u8]; 4] = Default::default();
        for (index, parity) in parities.iter_mut().enumerate().filter(|(index, _)| wanted >> index & 1 == 1) {
            bins[index] = parity;
        }
        let mut ready = |columns| {
            Recover::<0x20, 0b1, 8, 1> { given: &given, columns: &columns }.run::<V>();
        };
        Job::run::<V>(&mut Parities { rows: &given.rows, bins: &mut bins, ready: &mut ready });
        assert!(lost == fragments[5]);
        for (index, parity) in parities.iter().enumerate().filter(|(index, _)| wanted >> index & 1 == 1) {
            assert!(*parity == fragments[8 + index], "parity {index} of {wanted:#b}, {columns} columns");
        }
    }
}

#[test]
fn two_fragments_of_four_are_recovered_in_one_pass_with_every_vector() {
    with_every_vector!(mixes);
    with_every_vector!(pairs);
}

fn mixes<V: Vector>() {
    mixes_of::<V, 0, 0>();
    mixes_of::<V, 1, 0>();
    mixes_of::<V, 2, 0>();
    mixes_of::<V, 3, 0>();
    mixes_of::<V, 0, 1>();
    mixes_of::<V, 1, 1>();
    mixes_of::<V, 2, 1>();
    mixes_of::<V, 3, 1>();
}

fn mixes_of<V: Vector, const ROW: usize, const KNOWN: usize>() {
    for columns in COLUMNS.into_iter().filter(|columns| !cfg!(miri) || [2, 5].contains(columns)) {
        let fragments = block(geometry(4, 2, columns, Element::Wide));
        let mut have = (0..4).filter(|row| *row != ROW).chain([4 + KNOWN]).map(|index| &fragments[index][..]);
        let have = &std::array::from_fn(|_| have.next().unwrap());
        let mut found = noise(78, fragments[ROW].len());
        let mut wanted = noise(79, fragments[5 - KNOWN].len());
        assert!(Mixed::<ROW, KNOWN> { have, lost: &mut [&mut found, &mut wanted] }.run::<V>());
        assert!(found == fragments[ROW], "row {ROW} from parity {KNOWN}, {columns} columns");
        assert!(wanted == fragments[5 - KNOWN], "parity {} beside row {ROW}, {columns} columns", 1 - KNOWN);
    }
}

fn pairs<V: Vector>() {
    pairs_of::<V, 0, 1>();
    pairs_of::<V, 0, 2>();
    pairs_of::<V, 0, 3>();
    pairs_of::<V, 1, 2>();
    pairs_of::<V, 1, 3>();
    pairs_of::<V, 2, 3>();
}

fn pairs_of<V: Vector, const FIRST: usize, const SECOND: usize>() {
    for columns in
        COLUMNS.into_iter().chain([3, 4, 6, 7, 8]).filter(|columns| !cfg!(miri) || [2, 5, 8].contains(columns))
    {
        let fragments = block(geometry(4, 2, columns, Element::Wide));
        let mut have = (0..6).filter(|row| ![FIRST, SECOND].contains(row)).map(|index| &fragments[index][..]);
        let have = &std::array::from_fn(|_| have.next().unwrap());
        let (mut first, mut second) = (noise(78, fragments[0].len()), noise(79, fragments[0].len()));
        assert!(Pair::<FIRST, SECOND> { have, lost: &mut [&mut first, &mut second] }.run::<V>());
        assert!(first == fragments[FIRST], "row {FIRST} beside {SECOND}, {columns} columns");
        assert!(second == fragments[SECOND], "row {SECOND} beside {FIRST}, {columns} columns");
    }
}

/// Losses without a way of their own, of all losses that a layout tolerates.
fn without_a_way(kernel: Kernel, data: usize, parity: usize) -> Vec<Loss> {
    let geometry = geometry(data, parity, 9, Element::Wide);
    let losses = (1..1_usize << (data + parity)).filter(|lost| lost.count_ones() as usize <= parity);
    let ways = losses.map(|lost| {
        let (rows, parities) = (lost & ((1 << data) - 1), lost >> data);
        let kept = (0..parity).filter(|index| parities >> index & 1 == 0);
        let by = kept.take(rows.count_ones() as usize).fold(0, |by, index| by | 1 << index);
        Loss { rows, parities, by }
    });
    ways.filter(|loss| matches!(Way::of(kernel, geometry, *loss), Way::Any)).collect()
}

#[test]
fn every_loss_of_a_layout_has_its_loop() {
    // Of (4, 2), and so of (2, 1), one parity or both without a row are encoded anew.
    assert!(without_a_way(Kernel::Avx512, 2, 1).iter().all(|loss| loss.rows == 0));
    assert!(without_a_way(Kernel::Avx512, 4, 2).iter().all(|loss| loss.rows == 0));
    assert!(without_a_way(Kernel::Avx512, 8, 4).is_empty());
    assert!(without_a_way(Kernel::Neon, 8, 4).is_empty());
    assert!(without_a_way(Kernel::Avx2, 4, 2).iter().all(|loss| loss.rows == 0));
    assert!(without_a_way(Kernel::Avx2, 8, 4).iter().all(|loss| loss.by & (loss.by + 1) != 0));
}

#[test]
fn a_kernel_of_another_processor_does_not_run() {
    let rows: [&[u8]; 2] = [&[1; 8], &[2; 8]];
    for kernel in Kernel::ALL.into_iter().filter(|kernel| !kernel.is_available()) {
        let mut out = [7; 8];
        assert!(!kernel.sum(&mut &mut out[..], &rows), "{kernel}");
        assert_eq!(out, [7; 8]);
    }
}
