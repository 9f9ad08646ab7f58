//! What every pick promises, over random pools. Failing seeds are kept in `properties.proptest-regressions`.

use placement::{AdminState, Algorithm, Health, Pool};
use proptest::prelude::*;
use rand::SeedableRng;
use rand::rngs::SmallRng;
use std::time::Duration;

const LIFETIME_MS: u32 = 1_000;

fn algorithm() -> impl Strategy<Value = Algorithm> {
    prop_oneof![
        Just(Algorithm::RoundRobin),
        Just(Algorithm::WeightedRoundRobin),
        Just(Algorithm::LeastLoad),
        Just(Algorithm::WeightedLeastLoad),
        Just(Algorithm::Random),
        Just(Algorithm::TwoChoices),
    ]
}

/// What a test does to a pool between two picks.
#[derive(Clone, Debug)]
enum Change {
    Insert(usize, u32),
    Remove(usize),
    Weight(usize, u32),
    State(usize, AdminState),
    Health(usize, Health),
    Load(usize, u64),
    Reserve(usize, u64),
    ReleaseOldest,
    Wait(u32),
    /// Only members whose id has this remainder by 3 are accepted from now on; 3: all.
    Accept(usize),
    Pick(Algorithm),
}

fn change() -> impl Strategy<Value = Change> {
    let id = 0..12_usize;
    let state = prop_oneof![Just(AdminState::Enabled), Just(AdminState::Cordoned), Just(AdminState::Disabled)];
    let health = prop_oneof![Just(Health::Up), Just(Health::Suspect), Just(Health::Down)];
    prop_oneof![
        3 => (id.clone(), 0..6_u32).prop_map(|(id, weight)| Change::Insert(id, weight)),
        1 => id.clone().prop_map(Change::Remove),
        1 => (id.clone(), 0..6_u32).prop_map(|(id, weight)| Change::Weight(id, weight)),
        1 => (id.clone(), state).prop_map(|(id, state)| Change::State(id, state)),
        1 => (id.clone(), health).prop_map(|(id, health)| Change::Health(id, health)),
        2 => (id.clone(), 0..20_u64).prop_map(|(id, load)| Change::Load(id, load)),
        2 => (id, 0..9_u64).prop_map(|(id, cost)| Change::Reserve(id, cost)),
        1 => Just(Change::ReleaseOldest),
        1 => (0..LIFETIME_MS / 3).prop_map(Change::Wait),
        1 => (0..4_usize).prop_map(Change::Accept),
        6 => algorithm().prop_map(Change::Pick),
    ]
}

/// The rules again, in the plainest form: lists and scans.
#[derive(Default)]
struct Model {
    members: Vec<ModelMember>,
    now_ms: i64,
}

#[derive(Clone, Debug)]
struct ModelMember {
    id: usize,
    weight: u32,
    admin: AdminState,
    health: Health,
    load: u64,
    /// Cost and time of each.
    reservations: Vec<(placement::ReservationId, u64, i64)>,
}

impl ModelMember {
    /// Eighths of the unit of load.
    fn effective(&self, now_ms: i64) -> u64 {
        let left = |since: i64| 8 - ((now_ms - since) * 8 / i64::from(LIFETIME_MS)).clamp(0, 8);
        self.load * 8 + self.reservations.iter().map(|&(_, cost, since)| cost * left(since) as u64).sum::<u64>()
    }
}

impl Model {
    fn with(&mut self, id: usize, change: impl FnOnce(&mut ModelMember)) -> bool {
        self.members.iter_mut().find(|member| member.id == id).map(change).is_some()
    }

    /// Who may be picked: those up, or else those suspect.
    fn eligible(&self, accept: usize) -> Vec<&ModelMember> {
        let of = |health| {
            let fits = move |member: &&ModelMember| {
                member.admin == AdminState::Enabled
                    && member.weight > 0
                    && member.health == health
                    && (accept == 3 || member.id % 3 == accept)
            };
            self.members.iter().filter(fits).collect::<Vec<_>>()
        };
        let up = of(Health::Up);
        if up.is_empty() { of(Health::Suspect) } else { up }
    }

    fn check_pick(&self, algorithm: Algorithm, accept: usize, picked: Option<usize>) {
        let eligible = self.eligible(accept);
        let Some(picked) = picked else {
            assert!(eligible.is_empty(), "{algorithm:?} picked nobody out of {eligible:?}");
            return;
        };
        let found = eligible.iter().find(|member| member.id == picked);
        let chosen = found.unwrap_or_else(|| panic!("{algorithm:?} picked {picked}, eligible: {eligible:?}"));
        let load = |member: &ModelMember| member.effective(self.now_ms);
        for other in &eligible {
            let busier = match algorithm {
                Algorithm::LeastLoad => load(chosen) > load(other),
                Algorithm::WeightedLeastLoad => {
                    load(chosen) * u64::from(other.weight) > load(other) * u64::from(chosen.weight)
                }
                Algorithm::RoundRobin | Algorithm::WeightedRoundRobin | Algorithm::Random | Algorithm::TwoChoices => {
                    false
                }
            };
            assert!(!busier, "{algorithm:?} picked {chosen:?}, busier than {other:?}");
        }
    }

    fn check_reserved(&self, pool: &mut Pool<usize>) {
        pool.decay(self.now_ms);
        for member in &self.members {
            let reserved = pool.get(&member.id).expect("in both").reserved();
            let expected = (member.effective(self.now_ms) - member.load * 8).div_ceil(8);
            assert_eq!(reserved, expected, "reserved by {}", member.id);
        }
    }
}

fn apply(change: Change, pool: &mut Pool<usize>, model: &mut Model, accept: &mut usize, rng: &mut SmallRng) {
    match change {
        Change::Insert(id, weight) => {
            let is_new = model.members.iter().all(|member| member.id != id);
            assert_eq!(pool.insert(id, weight), is_new);
            if is_new {
                let (admin, health) = (AdminState::Enabled, Health::Up);
                model.members.push(ModelMember { id, weight, admin, health, load: 0, reservations: vec![] });
            }
        }
        Change::Remove(id) => {
            let before = model.members.len();
            model.members.retain(|member| member.id != id);
            assert_eq!(pool.remove(&id), model.members.len() < before);
        }
        Change::Weight(id, weight) => {
            assert_eq!(pool.weight_set(&id, weight).is_ok(), model.with(id, |member| member.weight = weight));
        }
        Change::State(id, state) => {
            assert_eq!(pool.state_set(&id, state).is_ok(), model.with(id, |member| member.admin = state));
        }
        Change::Health(id, health) => {
            assert_eq!(pool.health_set(&id, health).is_ok(), model.with(id, |member| member.health = health));
        }
        Change::Load(id, load) => {
            assert_eq!(pool.load_set(&id, load).is_ok(), model.with(id, |member| member.load = load));
        }
        Change::Reserve(id, cost) => {
            let now_ms = model.now_ms;
            if let Ok(reservation) = pool.reserve(&id, cost, now_ms) {
                assert!(model.with(id, |member| member.reservations.push((reservation, cost, now_ms))));
            }
        }
        Change::ReleaseOldest => {
            let ids = model.members.iter().flat_map(|member| member.reservations.iter().map(|&(id, ..)| id));
            if let Some(oldest) = ids.min() {
                pool.release(oldest);
                model.members.iter_mut().for_each(|member| member.reservations.retain(|&(id, ..)| id != oldest));
            }
        }
        Change::Wait(ms) => model.now_ms += i64::from(ms),
        Change::Accept(remainder) => *accept = remainder,
        Change::Pick(algorithm) => {
            let accept = *accept;
            let picked = pool.pick(algorithm, model.now_ms, rng, |member| accept == 3 || member.id() % 3 == accept);
            model.check_pick(algorithm, accept, picked);
        }
    }
    model.check_reserved(pool);
    assert_eq!(pool.len(), model.members.len());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    /// Whatever happens to the pool: never a cordoned, disabled, down or refused member, a suspect one only when no other is left,
    /// somebody whenever anybody is eligible, and with the least-load algorithms nobody strictly less busy is passed over.
    #[test]
    fn picks_only_whom_the_rules_allow(changes in prop::collection::vec(change(), 1..120), seed: u64) {
        let mut pool = Pool::new(Duration::from_millis(LIFETIME_MS.into()));
        let (mut model, mut accept, mut rng) = (Model::default(), 3, SmallRng::seed_from_u64(seed));
        for change in changes {
            apply(change, &mut pool, &mut model, &mut accept, &mut rng);
        }
    }

    /// Both rotations keep every member within one pick of its share, after any number of picks, and exactly
    /// at it after a whole cycle.
    #[test]
    fn rotations_keep_shares_within_one_pick(weights in prop::collection::vec(1..40_u32, 1..20), weighted: bool) {
        let algorithm = if weighted { Algorithm::WeightedRoundRobin } else { Algorithm::RoundRobin };
        let shares: Vec<u64> = weights.iter().map(|&weight| if weighted { weight.into() } else { 1 }).collect();
        let cycle: u64 = shares.iter().sum();
        let mut pool = Pool::new(Duration::ZERO);
        for (id, &weight) in weights.iter().enumerate() {
            pool.insert(id, weight);
        }
        let mut rng = SmallRng::seed_from_u64(0);
        let mut picks = vec![0_u64; weights.len()];
        for pick in 1..=3 * cycle {
            picks[pool.pick(algorithm, 0, &mut rng, |_| true).expect("all are eligible")] += 1;
            for (&had, &share) in picks.iter().zip(&shares) {
                let due = pick * share;
                prop_assert!((had * cycle).abs_diff(due) < cycle, "{had} picks of share {share}/{cycle} after {pick}");
                if pick % cycle == 0 {
                    prop_assert_eq!(had * cycle, due);
                }
            }
        }
    }

    /// A filter that leaves only some members makes these share in proportion to their weights all the same.
    #[test]
    fn weighted_rotation_is_proportional_behind_a_filter(weights in prop::collection::vec(1..20_u32, 4..16)) {
        let mut pool = Pool::new(Duration::ZERO);
        for (id, &weight) in weights.iter().enumerate() {
            pool.insert(id, weight);
        }
        let total: u32 = weights.iter().step_by(2).sum();
        let mut rng = SmallRng::seed_from_u64(0);
        let mut picks = vec![0_u32; weights.len()];
        for _ in 0..10 * total {
            picks[pool.pick(Algorithm::WeightedRoundRobin, 0, &mut rng, |member| member.id() % 2 == 0).expect("some are")] += 1;
        }
        for (&had, &weight) in picks.iter().zip(&weights).step_by(2) {
            prop_assert!(had.abs_diff(10 * weight) <= 2, "{had} picks instead of {}", 10 * weight);
        }
    }

    /// Reservations never grow, are gone at the end of their lifetime, and leave no trace in the order.
    #[test]
    fn reservations_decay_to_zero(costs in prop::collection::vec(1..1_000_u64, 1..20), lifetime_ms in 0..100_000_u64) {
        let mut pool = Pool::new(Duration::from_millis(lifetime_ms));
        pool.insert("a", 1);
        pool.insert("b", 1);
        for &cost in &costs {
            pool.reserve(&"a", cost, 0).expect("a member");
        }
        let reserved = |pool: &Pool<&str>| pool.get(&"a").expect("a member").reserved();
        let mut before = reserved(&pool);
        prop_assert_eq!(before, costs.iter().sum::<u64>());
        for quarter in 1..4 {
            pool.decay(i64::try_from(lifetime_ms * quarter / 4).expect("small"));
            prop_assert!(reserved(&pool) <= before);
            before = reserved(&pool);
        }
        let end_ms = i64::try_from(lifetime_ms.max(1)).expect("small");
        pool.decay(end_ms);
        prop_assert_eq!(reserved(&pool), 0);
        let mut rng = SmallRng::seed_from_u64(0);
        pool.load_set(&"b", 1).expect("a member");
        prop_assert_eq!(pool.pick(Algorithm::LeastLoad, end_ms, &mut rng, |_| true), Some("a"));
    }
}

/// Picks of each of `members` equal members.
fn counts(algorithm: Algorithm, members: usize, picks: u32, accept: impl Fn(usize) -> bool) -> Vec<u32> {
    let mut pool = Pool::new(Duration::from_secs(1));
    (0..members).for_each(|id| assert!(pool.insert(id, 1)));
    let mut rng = SmallRng::seed_from_u64(42);
    let mut counts = vec![0; members];
    for _ in 0..picks {
        let id = pool.pick(algorithm, 0, &mut rng, |member| accept(*member.id())).expect("some are eligible");
        counts[id] += 1;
        pool.load_set(&id, counts[id].into()).expect("just picked");
    }
    counts
}

#[test]
fn random_gives_equal_chances_to_all_and_to_a_few() {
    let all = counts(Algorithm::Random, 10, 100_000, |_| true);
    assert!(all.iter().all(|count| (9_500..10_500).contains(count)), "{all:?}");
    // Two of 400: nearly every pick has to look at everybody.
    let few = counts(Algorithm::Random, 400, 10_000, |id| id >= 398);
    assert_eq!(few[398] + few[399], 10_000);
    assert!((4_700..5_300).contains(&few[398]), "{few:?}");
}

#[test]
fn two_choices_are_more_even_than_one() {
    let spread = |counts: Vec<u32>| counts.iter().max().expect("members") - counts.iter().min().expect("members");
    let (one, two) =
        (counts(Algorithm::Random, 100, 10_000, |_| true), counts(Algorithm::TwoChoices, 100, 10_000, |_| true));
    assert!(spread(two) <= 10 && spread(one) >= 30);
}

#[test]
fn equal_seeds_replay_equal_picks() {
    for algorithm in [Algorithm::Random, Algorithm::TwoChoices] {
        assert_eq!(counts(algorithm, 50, 500, |_| true), counts(algorithm, 50, 500, |_| true));
    }
}

#[test]
fn weighted_rotation_is_smooth() {
    let mut pool = Pool::new(Duration::ZERO);
    for (id, weight) in [("a", 4), ("b", 1), ("c", 1)] {
        pool.insert(id, weight);
    }
    let mut rng = SmallRng::seed_from_u64(0);
    let cycle: Vec<&str> =
        (0..6).filter_map(|_| pool.pick(Algorithm::WeightedRoundRobin, 0, &mut rng, |_| true)).collect();
    assert!(cycle.windows(3).all(|three| three != ["a", "a", "a"]), "{cycle:?}");
}

#[test]
fn a_member_that_comes_back_gets_no_burst() {
    for algorithm in [Algorithm::RoundRobin, Algorithm::WeightedRoundRobin] {
        let mut pool = Pool::new(Duration::ZERO);
        ["a", "b", "c"].into_iter().for_each(|id| assert!(pool.insert(id, 1)));
        let mut rng = SmallRng::seed_from_u64(0);
        for _ in 0..100 {
            pool.pick(algorithm, 0, &mut rng, |member| *member.id() != "a").expect("two are left");
        }
        let picks: Vec<_> = (0..6).filter_map(|_| pool.pick(algorithm, 0, &mut rng, |_| true)).collect();
        assert!(picks.iter().filter(|id| **id == "a").count() <= 3, "{algorithm:?} {picks:?}");
    }
}

#[test]
fn a_reservation_outlives_neither_its_member_nor_its_release() {
    let mut pool = Pool::new(Duration::from_secs(1));
    pool.insert("a", 1);
    let lost = pool.reserve(&"a", 5, 0).expect("a member");
    pool.remove(&"a");
    pool.insert("a", 1);
    pool.release(lost);
    let kept = pool.reserve(&"a", 3, 0).expect("a member");
    assert_eq!(pool.get(&"a").expect("a member").reserved(), 3);
    pool.release(kept);
    pool.release(kept);
    pool.decay(10_000);
    assert_eq!(pool.get(&"a").expect("a member").reserved(), 0);
}
