//! The lost rows from the equations, vector after vector.

use super::{BYTES, MOST_ROWS, STEEPEST};
use crate::kernel::vector::{Vector, width};

/// The lost rows from the equations. `SPANS` and `POWERS` are those of the plan.
pub(super) struct Solution<const SPANS: usize, const POWERS: usize, const E: usize>;

impl<const SPANS: usize, const POWERS: usize, const E: usize> Solution<SPANS, POWERS, E> {
    /// How far each lost row is before the last, ascending rows.
    const SPAN: [usize; 4] = {
        let (mut spans, mut at, mut span) = ([0; 4], E, 0);
        while at > 0 {
            if SPANS >> span & 1 == 1 {
                at -= 1;
                spans[at] = span;
            }
            span += 1;
        }
        spans
    };

    /// What lies between one slope and the next, where it is the same everywhere.
    const STEP: usize = (POWERS - 1).trailing_zeros() as usize;

    #[inline(always)]
    pub(super) fn find<V: Vector>(sums: [V; E], state: &mut State<V>) -> [V; E] {
        match (POWERS, E) {
            (0b1101, _) => entries(Self::three_but_second(entries(sums), state)),
            (0b1011, _) => entries(Self::three_but_third(entries(sums), state)),
            (_, 2) => entries(Self::two(entries(sums), state)),
            (_, 3) => entries(Self::three(entries(sums), state)),
            _ => entries(Self::four(entries(sums), state)),
        }
    }

    #[inline(always)]
    fn two<V: Vector>(sums: [V; 2], state: &mut State<V>) -> [V; 2] {
        let far = const { Self::SPAN[0] };
        let first = state.a.divide(sums[0].xor(sums[1]), far * Self::STEP, 0);
        [first, sums[1].xor(first)]
    }

    #[inline(always)]
    fn three<V: Vector>(sums: [V; 3], state: &mut State<V>) -> [V; 3] {
        let [far, near] = const { [Self::SPAN[0], Self::SPAN[1]] };
        let (low, high) = (sums[0].xor(sums[1]), sums[1].xor(sums[2]));
        let one = low.xor(state.x.pass(high, near));
        let one = one.xor(state.a.divide(one, far - near, 0));
        let first = state.b.divide(one, far, 0);
        let second = state.c.divide(low.xor(one), near, 0);
        [first, second, sums[1].xor3(first, second)]
    }

    /// Without the second of four slopes.
    #[inline(always)]
    fn three_but_second<V: Vector>(sums: [V; 3], state: &mut State<V>) -> [V; 3] {
        let [far, near] = const { [Self::SPAN[0], Self::SPAN[1]] };
        let (low, high) = (sums[0].xor(sums[1]), sums[1].xor(sums[2]));
        let both = low.xor3(state.x.pass(high, near), state.y.pass(high, 2 * near));
        let one = both.xor(state.a.divide(both, far - near, 0));
        let ahead = state.b.divide(one, near, far);
        let one = state.z.pass(ahead, far);
        let other = low.xor3(one, ahead);
        let first = state.c.divide(one, far, 0);
        let second = state.d.divide(other, 2 * near, 0);
        [first, second, sums[0].xor3(first, one).xor3(second, other)]
    }

    /// Without the third of four slopes.
    #[inline(always)]
    fn three_but_third<V: Vector>(sums: [V; 3], state: &mut State<V>) -> [V; 3] {
        let [far, near] = const { [Self::SPAN[0], Self::SPAN[1]] };
        let (low, high) = (sums[0].xor(sums[1]), sums[1].xor(sums[2]));
        let both = low.xor3(state.x.pass(low, near), state.y.pass(high, 2 * near));
        let one = both.xor(state.a.divide(both, far - near, 0));
        let one = state.z.pass(state.b.divide(one, far - near, far), far - near);
        let first = state.c.divide(one, far, 0);
        let second = state.d.divide(low.xor(one), near, 0);
        [first, second, sums[1].xor3(first, second)]
    }

    #[inline(always)]
    fn four<V: Vector>(sums: [V; 4], state: &mut State<V>) -> [V; 4] {
        let [far, middle, near] = const { [Self::SPAN[0], Self::SPAN[1], Self::SPAN[2]] };
        let pairs = [sums[0].xor(sums[1]), sums[1].xor(sums[2]), sums[2].xor(sums[3])];
        let low = pairs[0].xor(state.x.pass(pairs[1], near));
        let high = pairs[1].xor(state.y.pass(pairs[2], near));
        let one = low.xor(state.z.pass(high, middle));
        // One row is left; then the one eliminated last, and so on.
        let one = one.xor(state.a.divide(one, far - middle, 0));
        let two = low.xor(one);
        let one = one.xor(state.b.divide(one, far - near, 0));
        let two = two.xor(state.c.divide(two, middle - near, 0));
        let three = pairs[0].xor3(one, two);
        let first = state.d.divide(one, far, 0);
        let second = state.e.divide(two, middle, 0);
        let third = state.f.divide(three, near, 0);
        [first, second, third, sums[1].xor3(first, second).xor(third)]
    }
}

/// A list of N that is known to be one of E.
#[inline(always)]
fn entries<V: Copy, const N: usize, const E: usize>(list: [V; N]) -> [V; E] {
    std::array::from_fn(|at| list[at])
}

/// What is still to be added to later elements: from x to z what is shifted, the others of divisions.
pub(super) struct State<V> {
    x: Past<V>,
    y: Past<V>,
    z: Past<V>,
    a: Past<V>,
    b: Past<V>,
    c: Past<V>,
    d: Past<V>,
    e: Past<V>,
    f: Past<V>,
}

impl<V: Vector> State<V> {
    #[inline(always)]
    pub(super) fn new() -> Self {
        let none = Past([V::zero(); PAST]);
        Self { x: none, y: none, z: none, a: none, b: none, c: none, d: none, e: none, f: none }
    }
}

/// Vectors that are remembered: with two elements each, as NEON has them, they reach as far back as any shift goes.
const PAST: usize = 11;
const _: () = assert!((MOST_ROWS - 1) * STEEPEST as usize <= 2 * (PAST - 1) + 1);

/// The last vectors of a line, the latest first.
#[derive(Clone, Copy)]
struct Past<V>([V; PAST]);

impl<V: Vector> Past<V> {
    const ELEMENTS: usize = width::<V>() / BYTES as usize;

    /// The vector so many elements earlier, where `own` comes next.
    #[inline(always)]
    fn ago(&self, own: V, elements: usize) -> V {
        let (whole, part) = (elements / Self::ELEMENTS, elements % Self::ELEMENTS);
        let newer = if whole == 0 { own } else { self.0[whole - 1] };
        if part == 0 { newer } else { newer.later(self.0[whole], part) }
    }

    #[inline(always)]
    fn push(&mut self, own: V) {
        let Self([a, b, c, d, e, f, g, h, i, j, _]) = *self;
        self.0 = [own, a, b, c, d, e, f, g, h, i, j];
    }

    /// Lets a vector in, and gives the one that came so many elements before.
    #[inline(always)]
    fn pass(&mut self, own: V, elements: usize) -> V {
        let earlier = self.ago(own, elements);
        self.push(own);
        earlier
    }

    /// Divides by 1 + z^near + z^far, without the last where it is 0.
    #[inline(always)]
    fn divide(&mut self, sum: V, near: usize, far: usize) -> V {
        let mut sum = sum.xor(self.ago(V::zero(), near));
        if far > 0 {
            sum = sum.xor(self.ago(V::zero(), far));
        }
        let sum = Self::step(Self::step(Self::step(sum, near, far), 2 * near, 2 * far), 4 * near, 4 * far);
        self.push(sum);
        sum
    }

    /// Multiplies a vector by 1 + z^near + z^far.
    #[inline(always)]
    fn step(own: V, near: usize, far: usize) -> V {
        let mut sum = own;
        if near < Self::ELEMENTS {
            sum = sum.xor(own.later(V::zero(), near));
        }
        if 0 < far && far < Self::ELEMENTS {
            sum = sum.xor(own.later(V::zero(), far));
        }
        sum
    }
}
