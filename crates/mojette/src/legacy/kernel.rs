//! The loops over whole lines, compiled twice: for any processor of the target, and on x86-64 for AVX2. Each loop is a function of
//! its own, not inlined into what calls it: only as arguments are its two lines known not to overlap, and only then does the
//! compiler take several pixels at a time.

use super::{Pixel, forward, quotient, xor};

/// One set of loops. The value is the proof that this processor runs them.
pub(super) trait Kernel: Copy {
    /// See [`forward::project`].
    fn project(self, columns: usize, slope: isize, block: &[Pixel], bins: &mut [Pixel]);
    /// See [`quotient::divide`].
    fn divide(self, gap: usize, line: &mut [Pixel], at: usize, source: &[Pixel]);
    /// XORs `source` into the start of `line`.
    fn add(self, line: &mut [Pixel], source: &[Pixel]);
}

/// Safe Rust for any processor.
#[derive(Clone, Copy)]
pub(super) struct Portable;

impl Kernel for Portable {
    #[inline(never)]
    fn project(self, columns: usize, slope: isize, block: &[Pixel], bins: &mut [Pixel]) {
        forward::project(columns, slope, block, bins);
    }

    #[inline(never)]
    fn divide(self, gap: usize, line: &mut [Pixel], at: usize, source: &[Pixel]) {
        quotient::divide(gap, line, at, source);
    }

    #[inline(never)]
    fn add(self, line: &mut [Pixel], source: &[Pixel]) {
        add(line, source);
    }
}

#[inline(always)]
pub(super) fn add(to: &mut [Pixel], from: &[Pixel]) {
    for (to, &from) in to.iter_mut().zip(from) {
        *to = xor(*to, from);
    }
}

#[cfg(target_arch = "x86_64")]
pub(super) use avx2::Avx2;

#[cfg(target_arch = "x86_64")]
mod avx2 {
    #![expect(unsafe_code, reason = "the one way to call code for a processor that is only known at run time")]

    use super::{Kernel, Pixel, add, forward, quotient};

    /// The same, where the processor has AVX2.
    #[derive(Clone, Copy)]
    pub(in crate::legacy) struct Avx2(());

    impl Avx2 {
        pub(in crate::legacy) fn detect() -> Option<Self> {
            std::arch::is_x86_feature_detected!("avx2").then_some(Self(()))
        }
    }

    impl Kernel for Avx2 {
        fn project(self, columns: usize, slope: isize, block: &[Pixel], bins: &mut [Pixel]) {
            // SAFETY: a value of this type exists only where the processor has AVX2.
            unsafe { project_avx2(columns, slope, block, bins) }
        }

        fn divide(self, gap: usize, line: &mut [Pixel], at: usize, source: &[Pixel]) {
            // SAFETY: as above.
            unsafe { divide_avx2(gap, line, at, source) }
        }

        fn add(self, line: &mut [Pixel], source: &[Pixel]) {
            // SAFETY: as above.
            unsafe { add_avx2(line, source) }
        }
    }

    #[target_feature(enable = "avx2")]
    fn project_avx2(columns: usize, slope: isize, block: &[Pixel], bins: &mut [Pixel]) {
        forward::project(columns, slope, block, bins);
    }

    #[target_feature(enable = "avx2")]
    fn divide_avx2(gap: usize, line: &mut [Pixel], at: usize, source: &[Pixel]) {
        quotient::divide(gap, line, at, source);
    }

    #[target_feature(enable = "avx2")]
    fn add_avx2(line: &mut [Pixel], source: &[Pixel]) {
        add(line, source);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(pixels: usize) -> Vec<Pixel> {
        (1..=pixels as u64).map(|i| i.wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(29).to_ne_bytes()).collect()
    }

    fn divides_as_defined(kernel: impl Kernel) {
        for (gap, at, len) in (1..=11).flat_map(|gap| (0..=24).map(move |i| (gap, i % 5 * 3, 3 + i * 2))) {
            let source = noise(len);
            let mut line: Vec<Pixel> = noise(at + len + 9)[9..].to_vec();
            let mut defined = line.clone();
            for x in 0..defined.len() {
                let added = if x < at { [0; 8] } else { source[x - at] };
                let before = if x < gap { [0; 8] } else { defined[x - gap] };
                defined[x] = xor(defined[x], xor(added, before));
            }
            kernel.divide(gap, &mut line, at, &source);
            assert_eq!(line, defined, "gap {gap}, {len} from {at} on");
        }
    }

    fn projects_as_defined(kernel: impl Kernel) {
        for (rows, slope, columns) in
            [(2, 1, 1), (2, -1, 7), (4, -3, 9), (4, 2, 30), (8, -6, 43), (8, 5, 36), (8, 0, 5)]
        {
            let block = noise(rows * columns);
            let mut bins = vec![[1; 8]; columns + (rows - 1) * isize::unsigned_abs(slope)];
            let mut defined = vec![[0; 8]; bins.len()];
            for (l, row) in block.chunks(columns).enumerate() {
                let steps = if slope < 0 { rows - 1 - l } else { l };
                add(&mut defined[steps * slope.unsigned_abs()..], row);
            }
            kernel.project(columns, slope, &block, &mut bins);
            assert_eq!(bins, defined, "{rows} rows, {columns} columns, slope {slope}");
        }
    }

    #[test]
    fn the_portable_loops_do_as_defined() {
        divides_as_defined(Portable);
        projects_as_defined(Portable);
    }

    #[cfg(target_arch = "x86_64")]
    #[test]
    fn the_avx2_loops_do_as_defined() {
        let Some(kernel) = Avx2::detect() else { return println!("skipped: this processor has no AVX2") };
        divides_as_defined(kernel);
        projects_as_defined(kernel);
        let (mut line, source) = (noise(70), noise(61));
        let mut portable = line.clone();
        kernel.add(&mut line, &source);
        Portable.add(&mut portable, &source);
        assert_eq!(line, portable);
    }
}
