//! The reference data of `tests/data/rozofs`, and what the tests share to compare with it.

use std::path::Path;

use mojette::legacy::{Layout, Projection, Transform, TransformError};
use serde_json::Value;

/// A block and its projections as RozoFS's transform made them.
pub struct Vector {
    pub name: String,
    pub transform: Transform,
    pub block: Vec<u8>,
    pub projections: Vec<Vec<u8>>,
}

/// All of them, as the manifest lists them.
pub fn vectors() -> Vec<Vector> {
    let manifest = json("manifest.json");
    manifest.as_array().unwrap().iter().map(|entry| vector(entry["file"].as_str().unwrap())).collect()
}

fn vector(name: &str) -> Vector {
    let value = json(name);
    assert_eq!(value["format"], "rozofs-mojette-vector/1");
    let number = |key: &str| usize::try_from(value[key].as_u64().unwrap()).unwrap();
    let layout = Layout::try_from(u8::try_from(number("layout")).unwrap()).unwrap();
    let sizes = (layout.rows(), layout.projections(), layout.stores());
    assert_eq!(sizes, (number("inverse"), number("forward"), number("safe")), "{name}");
    let projections = value["projections"].as_array().unwrap();
    for (index, projection) in projections.iter().enumerate() {
        assert_eq!(projection["id"], index, "{name}");
        assert_eq!(projection["p"], layout.slope(index).unwrap(), "{name}");
    }
    Vector {
        name: name.to_owned(),
        transform: Transform::new(layout, number("block_size")).unwrap(),
        block: bytes(&value["input"]["hex"]),
        projections: projections.iter().map(|projection| bytes(&projection["hex"])).collect(),
    }
}

fn json(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/rozofs").join(name);
    serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap()
}

fn bytes(hex: &Value) -> Vec<u8> {
    let digit = |c: u8| u8::try_from(char::from(c).to_digit(16).unwrap()).unwrap();
    hex.as_str().unwrap().as_bytes().as_chunks::<2>().0.iter().map(|&[a, b]| digit(a) << 4 | digit(b)).collect()
}

/// Every projection of a block, in buffers that held something else.
pub fn project(transform: Transform, block: &[u8]) -> Vec<Vec<u8>> {
    let project = |index| {
        let mut bins = vec![0xa5; transform.projection_bytes(index).unwrap()];
        transform.project(block, index, &mut bins).unwrap();
        bins
    };
    (0..transform.layout().projections()).map(project).collect()
}

/// The block of the projections of these indices, through buffers that held something else.
pub fn inverse(transform: Transform, projections: &[Vec<u8>], of: &[usize]) -> Result<Vec<u8>, TransformError> {
    let given: Vec<Projection> = of.iter().map(|&index| Projection { index, bins: &projections[index] }).collect();
    let mut scratch = vec![0x5a; transform.scratch_bytes()];
    let mut block = vec![0xa5; transform.block_bytes()];
    transform.inverse(&given, &mut scratch, &mut block).map(|()| block)
}

/// Every choice of as many projections as a layout has rows.
pub fn subsets(layout: Layout) -> Vec<Vec<usize>> {
    let all = layout.projections();
    let chosen = |set: &u32| set.count_ones() as usize == layout.rows();
    (0..1u32 << all).filter(chosen).map(|set| (0..all).filter(|index| set >> index & 1 == 1).collect()).collect()
}

/// `bytes` numbers that look random and are the same each time (SplitMix64).
pub fn noise(bytes: usize, seed: u64) -> Vec<u8> {
    let mut state = seed;
    let word = || {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (state ^ state >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ z >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ z >> 31).to_le_bytes()
    };
    std::iter::repeat_with(word).flatten().take(bytes).collect()
}
