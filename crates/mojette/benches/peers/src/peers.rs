//! The other codes: ISA-L 2.31, reed-solomon-erasure 6.0.0, reed-solomon-simd 3.1.0.

use mojette::Geometry;

use crate::block::Buffer;
use crate::clock::Contender;

#[cfg(not(feature = "peers"))]
pub fn encode<'a>(_: Geometry, _: &'a [&'a [u8]], _: bool) -> Vec<Contender<'a>> {
    Vec::new()
}

#[cfg(not(feature = "peers"))]
pub fn decode<'a>(_: Geometry, _: &'a [Buffer], _: &[usize]) -> Vec<Contender<'a>> {
    Vec::new()
}

#[cfg(feature = "peers")]
pub use with_peers::{decode, encode};

#[cfg(feature = "peers")]
mod with_peers {
    use isal_sys as _;
    use reed_solomon_erasure::galois_8::ReedSolomon;
    use reed_solomon_simd::ReedSolomonEncoder;

    use super::{Buffer, Contender, Geometry};

    type Multiply = unsafe extern "C" fn(i32, i32, i32, *mut u8, *const *const u8, *const *mut u8);

    #[link(name = "isal", kind = "static")]
    unsafe extern "C" {
        fn gf_gen_cauchy1_matrix(matrix: *mut u8, rows: i32, k: i32);
        fn ec_init_tables(k: i32, rows: i32, matrix: *mut u8, tables: *mut u8);
        fn ec_init_tables_base(k: i32, rows: i32, matrix: *mut u8, tables: *mut u8);
        fn ec_encode_data(bytes: i32, k: i32, rows: i32, tables: *mut u8, data: *const *const u8, out: *const *mut u8);
        #[cfg(target_arch = "x86_64")]
        fn ec_encode_data_avx2(
            bytes: i32,
            k: i32,
            rows: i32,
            tables: *mut u8,
            data: *const *const u8,
            out: *const *mut u8,
        );
    }

    /// Decoding is the same multiplication with another matrix, so its speed is that of `rows` outputs; the matrix is ready beforehand.
    fn isal<'a>(data: &[&'a [u8]], rows: usize, narrow_vectors: bool) -> Contender<'a> {
        let k = data.len();
        let mut matrix = vec![0; (k + rows) * k];
        let mut tables = vec![0; 32 * k * rows];
        // SAFETY: the matrix has k + rows rows of k, and 32 bytes of table for each product.
        unsafe {
            gf_gen_cauchy1_matrix(matrix.as_mut_ptr(), (k + rows) as i32, k as i32);
            let part = matrix.as_mut_ptr().add(k * k);
            // The AVX2 functions read the older form of tables.
            let init = if narrow_vectors { ec_init_tables_base } else { ec_init_tables };
            init(k as i32, rows as i32, part, tables.as_mut_ptr());
        }
        #[cfg(target_arch = "x86_64")]
        let multiply: Multiply = if narrow_vectors { ec_encode_data_avx2 } else { ec_encode_data };
        #[cfg(not(target_arch = "x86_64"))]
        let multiply: Multiply = ec_encode_data;
        let bytes = data[0].len() as i32;
        let data: Vec<*const u8> = data.iter().map(|row| row.as_ptr()).collect();
        let mut out: Vec<Buffer> = (0..rows).map(|at| Buffer::new(bytes as usize, at * 192)).collect();
        let pointers: Vec<*mut u8> = out.iter_mut().map(|row| row.bytes_mut().as_mut_ptr()).collect();
        Contender::new("ISA-L", move || {
            let _keep = &out;
            // SAFETY: all pointers are to `bytes` bytes that live as long as this closure.
            unsafe { multiply(bytes, k as i32, rows as i32, tables.as_mut_ptr(), data.as_ptr(), pointers.as_ptr()) }
        })
    }

    pub fn encode<'a>(geometry: Geometry, data: &'a [&'a [u8]], narrow_vectors: bool) -> Vec<Contender<'a>> {
        let (k, m, bytes) = (geometry.data(), geometry.parity(), geometry.row_bytes());
        let mut contenders = vec![isal(data, m, narrow_vectors)];
        if narrow_vectors {
            return contenders;
        }
        let erasure = ReedSolomon::new(k, m).expect("k and m are small");
        let mut parity: Vec<Vec<u8>> = vec![vec![0; bytes]; m];
        contenders.push(Contender::new("rs-erasure", move || {
            erasure.encode_sep(data, &mut parity).expect("equal lengths");
        }));
        let mut simd = ReedSolomonEncoder::new(k, m, bytes).expect("rows are of even length");
        contenders.push(Contender::new("rs-simd", move || {
            data.iter().for_each(|row| simd.add_original_shard(row).expect("equal lengths"));
            std::hint::black_box(simd.encode().expect("all rows were added").recovery(0));
        }));
        contenders
    }

    /// reed-solomon-simd is left out: it takes half a millisecond to prepare, whatever the size.
    pub fn decode<'a>(geometry: Geometry, fragments: &'a [Buffer], lost: &[usize]) -> Vec<Contender<'a>> {
        let (k, m, bytes) = (geometry.data(), geometry.parity(), geometry.row_bytes());
        let kept: Vec<&[u8]> = (0..k + m)
            .filter(|index| !lost.contains(index))
            .take(k)
            .map(|index| &fragments[index].bytes()[..bytes])
            .collect();
        let erasure = ReedSolomon::new(k, m).expect("k and m are small");
        let mut shards: Vec<Vec<u8>> = (0..k + m).map(|index| fragments[index].bytes()[..bytes].to_vec()).collect();
        let lost = lost.to_vec();
        vec![
            isal(&kept, lost.len(), false),
            Contender::new("rs-erasure", move || {
                let mut shards: Vec<(&mut [u8], bool)> =
                    shards.iter_mut().enumerate().map(|(at, shard)| (&mut shard[..], !lost.contains(&at))).collect();
                erasure.reconstruct(&mut shards).expect("enough are left");
            }),
        ]
    }
}
