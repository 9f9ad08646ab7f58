//! Small blocks through the loops of narrow elements, few enough that Miri can watch them.

use mojette::{Code, Element, Geometry, Kernel};

#[test]
fn small_blocks_come_back() {
    for (data, parity) in [(2, 1), (3, 3), (4, 2), (8, 4)] {
        let geometry = Geometry::with_element(data, parity, data * 40, Element::Narrow).unwrap();
        let code = Code::with_kernel(geometry, Kernel::Portable).unwrap();
        let rows: Vec<Vec<u8>> = (0..data).map(|row| (0..40).map(|at| (row * 41 + at * 7) as u8).collect()).collect();
        let mut fragments = rows.clone();
        fragments.extend((data..data + parity).map(|at| vec![0; geometry.fragment_bytes(at).unwrap()]));
        let (given, made) = fragments.split_at_mut(data);
        let given: Vec<&[u8]> = given.iter().map(Vec::as_slice).collect();
        code.encode(&given, &mut made.iter_mut().map(Vec::as_mut_slice).collect::<Vec<_>>()).unwrap();
        // The first rows, and all rows but one with the flat parity.
        for first in [0, data + 1 - parity] {
            let is_lost = |at: usize| (first..first + parity).contains(&at);
            let have: Vec<_> =
                (0..data + parity).filter(|at| !is_lost(*at)).map(|at| (at, &fragments[at][..])).collect();
            let mut back: Vec<_> = (first..first + parity).map(|at| (at, vec![0; fragments[at].len()])).collect();
            code.decode(&have, &mut back.iter_mut().map(|(at, bytes)| (*at, &mut bytes[..])).collect::<Vec<_>>())
                .unwrap();
            assert!(
                back.iter().all(|(at, bytes)| *bytes == fragments[*at]),
                "({data}, {parity}) without {parity} from {first}"
            );
        }
    }
}
