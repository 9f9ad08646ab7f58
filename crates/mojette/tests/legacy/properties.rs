//! Blocks of any size and content, and the formula that defines a projection.

use mojette::legacy::{BLOCK_BYTES, Layout, Transform};
use mojette::{Code, Element, Geometry};
use proptest::prelude::{Strategy, any, prop};
use proptest::{prop_assert_eq, proptest};

use crate::vector::{inverse, noise, project, subsets};

/// Bins as the definition has them: element `(l, c)` is added to bin `c + l·p - min(0, (rows - 1)·p)`.
fn by_definition(transform: Transform, block: &[u8], index: usize) -> Vec<u8> {
    let rows = transform.layout().rows();
    let columns = transform.block_bytes() / 8 / rows;
    let slope = transform.layout().slope(index).unwrap();
    let offset = (slope * (rows as isize - 1)).min(0);
    let mut bins = vec![0; transform.projection_bytes(index).unwrap()];
    for (at, element) in block.chunks(8).enumerate() {
        let (l, c) = ((at / columns) as isize, (at % columns) as isize);
        let bin = usize::try_from(c + l * slope - offset).unwrap() * 8;
        bins[bin..bin + 8].iter_mut().zip(element).for_each(|(bin, byte)| *bin ^= byte);
    }
    bins
}

fn layouts() -> impl Strategy<Value = Layout> {
    prop::sample::select(Layout::ALL.to_vec())
}

proptest! {
    #[test]
    fn a_block_of_any_size_comes_back(layout in layouts(), columns in 1..90_usize, seed in any::<u64>(), pick in any::<prop::sample::Index>()) {
        let transform = Transform::new(layout, columns * layout.rows() * 8).unwrap();
        let block = noise(transform.block_bytes(), seed);
        let projections = project(transform, &block);
        for (index, bins) in projections.iter().enumerate() {
            prop_assert_eq!(bins, &by_definition(transform, &block, index));
        }
        let subsets = subsets(layout);
        let mut subset = subsets[pick.index(subsets.len())].clone();
        subset.rotate_left(seed as usize % layout.rows());
        prop_assert_eq!(inverse(transform, &projections, &subset), Ok(block));
    }

    #[test]
    fn noise_is_refused_and_never_a_panic(layout in layouts(), columns in 1..40_usize, seed in any::<u64>(), pick in any::<prop::sample::Index>()) {
        let transform = Transform::new(layout, columns * layout.rows() * 8).unwrap();
        let bytes = |index| transform.projection_bytes(index).unwrap();
        let projections: Vec<_> = (0..layout.projections()).map(|i| noise(bytes(i), seed ^ i as u64)).collect();
        let subsets = subsets(layout);
        let subset = &subsets[pick.index(subsets.len())];
        prop_assert_eq!(inverse(transform, &projections, subset), Err(mojette::legacy::TransformError::Inconsistent));
    }
}

#[test]
fn every_subset_works_on_the_narrowest_blocks() {
    for layout in Layout::ALL {
        for columns in 1..=3 {
            let transform = Transform::new(layout, columns * layout.rows() * 8).unwrap();
            let block = noise(transform.block_bytes(), columns as u64);
            let projections = project(transform, &block);
            for subset in subsets(layout) {
                let read = inverse(transform, &projections, &subset);
                assert_eq!(read.as_ref(), Ok(&block), "{layout:?}, {columns} columns, {subset:?}");
            }
        }
    }
}

#[test]
fn systematic_parities_of_narrow_elements_are_projections_of_the_same_slope() {
    for layout in Layout::ALL {
        let rows = layout.rows();
        let transform = Transform::rozofs(layout);
        let block = noise(BLOCK_BYTES, 3);
        let projections = project(transform, &block);
        // Slopes 0, 1, -1 … -6, 6.
        let geometry = Geometry::with_element(rows, 13, BLOCK_BYTES, Element::Narrow).unwrap();
        let data: Vec<&[u8]> = block.chunks(BLOCK_BYTES / rows).collect();
        let mut parity: Vec<Vec<u8>> =
            (rows..rows + 13).map(|index| vec![0; geometry.fragment_bytes(index).unwrap()]).collect();
        Code::new(geometry).encode(&data, &mut parity.iter_mut().map(Vec::as_mut_slice).collect::<Vec<_>>()).unwrap();
        for (index, bins) in projections.iter().enumerate() {
            let slope = layout.slope(index).unwrap();
            let at = (0..13).find(|&at| Geometry::slope(at) == slope).unwrap();
            assert_eq!(&parity[at], bins, "{layout:?}, slope {slope}");
        }
    }
}
