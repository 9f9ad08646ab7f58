//! What one placement costs at 10, 1,000 and 100,000 members: a pick, its reservation, and a report of the load.

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use placement::{Algorithm, Pool};
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use std::hint::black_box;
use std::time::Duration;

const ALGORITHMS: [Algorithm; 6] = [
    Algorithm::RoundRobin,
    Algorithm::WeightedRoundRobin,
    Algorithm::LeastLoad,
    Algorithm::WeightedLeastLoad,
    Algorithm::Random,
    Algorithm::TwoChoices,
];

fn loaded_pool(members: u32, rng: &mut SmallRng) -> Pool<u32> {
    let mut pool = Pool::new(Duration::from_secs(1));
    for id in 0..members {
        pool.insert(id, rng.random_range(1..=16));
        pool.load_set(&id, rng.random_range(0..64)).expect("inserted above");
    }
    pool
}

fn place(c: &mut Criterion) {
    for algorithm in ALGORITHMS {
        let mut group = c.benchmark_group(format!("{algorithm:?}"));
        for members in [10, 1_000, 100_000] {
            let mut rng = SmallRng::seed_from_u64(7);
            let mut pool = loaded_pool(members, &mut rng);
            let mut now_ms = 0;
            group.bench_function(BenchmarkId::from_parameter(members), |bencher| {
                bencher.iter(|| {
                    now_ms += 1;
                    let id = pool.pick(algorithm, now_ms, &mut rng, |_| true).expect("all are eligible");
                    pool.reserve(&id, 1, now_ms).expect("just picked");
                    pool.load_set(&id, rng.random_range(0..64)).expect("just picked");
                    black_box(id)
                });
            });
        }
        group.finish();
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2)).sample_size(30);
    targets = place
}
criterion_main!(benches);
