//! The sizes that a geometry promises: they are part of the stored format.

use mojette::{Element, Geometry};

#[test]
fn stored_bytes_of_the_layouts() {
    for (layout, block, element, stored) in [
        (0, 4096, Element::Wide, 6144),
        (0, 8192, Element::Wide, 12288),
        (1, 4096, Element::Narrow, 6144 + 24),
        (1, 8192, Element::Wide, 12288 + 192),
        (1, 65536, Element::Wide, 98304 + 192),
        (2, 8192, Element::Narrow, 12288 + 224),
        (2, 65536, Element::Wide, 98304 + 1792),
        (2, 1 << 20, Element::Wide, (3 << 19) + 1792),
    ] {
        let geometry = Geometry::layout(layout, block).unwrap();
        assert_eq!((geometry.element(), geometry.stored_bytes()), (element, stored), "layout {layout}, {block} bytes");
    }
}

#[test]
fn fragments_are_unpadded() {
    let geometry = Geometry::layout(2, 65536).unwrap();
    let lengths: Vec<usize> = (0..12).map(|index| geometry.fragment_bytes(index).unwrap()).collect();
    assert_eq!(lengths[..8], [8192; 8]);
    assert_eq!(lengths[8..], [8192, 8192 + 448, 8192 + 448, 8192 + 896]);
    assert_eq!(geometry.fragment_bytes(12), None);
    assert_eq!(geometry.stored_bytes(), lengths.iter().sum());
}

#[test]
fn blocks_that_do_not_divide_evenly_are_rounded_up() {
    let geometry = Geometry::new(3, 2, 1000).unwrap();
    assert_eq!((geometry.element(), geometry.row_bytes(), geometry.block_bytes()), (Element::Narrow, 336, 1000));
}

#[test]
fn slopes_are_distinct_and_begin_flat() {
    let slopes: Vec<isize> = (0..31).map(Geometry::slope).collect();
    assert_eq!(slopes[..7], [0, 1, -1, -2, 2, -3, 3]);
    assert!((0..31).all(|index| !slopes[..index].contains(&slopes[index])));
    assert_eq!([usize::MAX - 1, usize::MAX].map(Geometry::slope), [isize::MAX, isize::MIN]);
}

#[test]
fn rows_are_kept_off_the_same_lines_of_the_cache() {
    assert_eq!(Geometry::layout(2, 65536).unwrap().row_stride(), 8192 + 192);
    assert_eq!(Geometry::layout(1, 8192).unwrap().row_stride(), 2048);
}
