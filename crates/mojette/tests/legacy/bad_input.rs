//! Wrong arguments: an error that names what is wrong, and buffers that keep what they had.

use mojette::legacy::{BLOCK_BYTES, Layout, Projection, Transform, TransformError};

use crate::vector::{noise, project};

fn written() -> (Transform, Vec<Vec<u8>>) {
    let transform = Transform::rozofs(Layout::One);
    (transform, project(transform, &noise(BLOCK_BYTES, 1)))
}

/// What `inverse` says to projections `of`, after `change` of the bins, with so much scratch space and block.
fn refusal(of: &[usize], cut: Option<(usize, usize)>, scratch: usize, block: usize) -> TransformError {
    let (transform, mut projections) = written();
    if let Some((index, bytes)) = cut {
        projections[index].resize(bytes, 0);
    }
    let bins = |index: usize| projections.get(index).map_or(&[][..], |bins| bins);
    let given: Vec<_> = of.iter().map(|&index| Projection { index, bins: bins(index) }).collect();
    let mut block = vec![0xa5; block];
    let error = transform.inverse(&given, &mut vec![0; scratch], &mut block).unwrap_err();
    assert!(block.iter().all(|&byte| byte == 0xa5), "{error}: the block was touched");
    error
}

#[test]
fn wrong_arguments_of_the_inverse_are_named() {
    let scratch = Transform::rozofs(Layout::One).scratch_bytes();
    let four = [0, 1, 2, 3];
    for (error, message) in [
        (refusal(&[], None, scratch, BLOCK_BYTES), "0 projections given, 4 needed"),
        (refusal(&[0, 1, 2], None, scratch, BLOCK_BYTES), "3 projections given, 4 needed"),
        (refusal(&[0, 1, 2, 3, 4], None, scratch, BLOCK_BYTES), "5 projections given, 4 needed"),
        (refusal(&[0, 1, 2, 1], None, scratch, BLOCK_BYTES), "projection 1 is given twice"),
        (refusal(&[0, 1, 2, 6], None, scratch, BLOCK_BYTES), "projection 6: the layout has 6, counted from 0"),
        (
            refusal(&[0, 1, 2, usize::MAX], None, scratch, BLOCK_BYTES),
            &format!("projection {}: the layout has 6, counted from 0", usize::MAX),
        ),
        (refusal(&four, Some((2, 0)), scratch, BLOCK_BYTES), "bins of projection 2: 0 bytes, 2072 needed"),
        (refusal(&four, Some((2, 2071)), scratch, BLOCK_BYTES), "bins of projection 2: 2071 bytes, 2072 needed"),
        // The padding of a record.
        (refusal(&four, Some((2, 2120)), scratch, BLOCK_BYTES), "bins of projection 2: 2120 bytes, 2072 needed"),
        (refusal(&four, None, scratch - 1, BLOCK_BYTES), &format!("scratch: {} bytes, {scratch} needed", scratch - 1)),
        (refusal(&four, None, 0, BLOCK_BYTES), &format!("scratch: 0 bytes, {scratch} needed")),
        (refusal(&four, None, scratch, 0), "block: 0 bytes, 8192 needed"),
        (refusal(&four, None, scratch, 1), "block: 1 bytes, 8192 needed"),
        (refusal(&four, None, scratch, BLOCK_BYTES + 8), "block: 8200 bytes, 8192 needed"),
    ] {
        assert_eq!(error.to_string(), message);
    }
}

#[test]
fn wrong_arguments_of_a_projection_are_named() {
    let (transform, mut projections) = written();
    let block = noise(BLOCK_BYTES, 1);
    for (block, index, bins, message) in [
        (&block[..0], 0, 2120, "block: 0 bytes, 8192 needed"),
        (&block[..8191], 0, 2120, "block: 8191 bytes, 8192 needed"),
        (&block, 6, 2120, "projection 6: the layout has 6, counted from 0"),
        (&block, 0, 2119, "bins of projection 0: 2119 bytes, 2120 needed"),
        (&block, 0, 0, "bins of projection 0: 0 bytes, 2120 needed"),
        (&block, 3, 2120, "bins of projection 3: 2120 bytes, 2048 needed"),
    ] {
        projections[0].resize(bins, 0);
        let before = projections[0].clone();
        let error = transform.project(block, index, &mut projections[0]).unwrap_err();
        assert_eq!(error.to_string(), message);
        assert_eq!(projections[0], before, "{message}: the bins were touched");
    }
}

#[test]
fn block_sizes_that_are_not_whole_columns_are_refused() {
    for layout in Layout::ALL {
        let multiple = layout.rows() * 8;
        for bytes in [0, 1, multiple - 1, multiple + 1, BLOCK_BYTES + 8, usize::MAX, usize::MAX / multiple * multiple] {
            let error = TransformError::BlockSize { bytes, multiple };
            assert_eq!(Transform::new(layout, bytes), Err(error));
        }
        assert_eq!(Transform::new(layout, BLOCK_BYTES), Ok(Transform::rozofs(layout)));
        assert_eq!(Transform::new(layout, multiple).unwrap().block_bytes(), multiple);
    }
    assert_eq!(Layout::try_from(3), Err(TransformError::Layout { number: 3 }));
}
