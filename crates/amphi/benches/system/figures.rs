//! Figures over several rounds, and the table they are printed in.

use std::time::Duration;

use crate::process::load;

/// One value for each round.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rounds(Vec<f64>);

impl Rounds {
    pub(crate) const fn new() -> Self {
        Self(Vec::new())
    }

    /// Adds the value of one more round.
    pub(crate) fn push(&mut self, value: f64) {
        self.0.push(value);
    }

    /// The values in ascending order.
    fn sorted(&self) -> Vec<f64> {
        let mut values = self.0.clone();
        values.sort_by(f64::total_cmp);
        values
    }
}

/// Prints the table's head.
pub(crate) fn head() {
    println!("{:<52} {:>9} {:>9} {:>9} {:<5} {:<8} load", "", "median", "min", "max", "unit", "target");
}

/// Prints one figure; `target` is empty for what stands there for comparison only.
pub(crate) fn line(what: &str, rounds: &Rounds, unit: &str, target: &str) {
    let values = rounds.sorted();
    let (Some(min), Some(max)) = (values.first(), values.last()) else { return };
    let [median, min, max] = [values[values.len() / 2], *min, *max].map(text);
    let load = load().unwrap_or_default();
    println!("{what:<52} {median:>9} {min:>9} {max:>9} {unit:<5} {target:<8} {load}");
}

/// Three significant digits or more.
fn text(value: f64) -> String {
    match value.abs() {
        v if v >= 100.0 => format!("{value:.0}"),
        v if v >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// Latencies within one round.
#[derive(Debug, Default)]
pub(crate) struct Latencies(Vec<Duration>);

impl Latencies {
    /// Adds one.
    pub(crate) fn push(&mut self, latency: Duration) {
        self.0.push(latency);
    }

    /// The latency, in ms, that `percent` of them do not pass (nearest rank). 0 without any.
    pub(crate) fn percentile_ms(&mut self, percent: usize) -> f64 {
        self.0.sort_unstable();
        let rank = (self.0.len() * percent).div_ceil(100).max(1);
        self.0.get(rank - 1).map_or(0.0, |latency| latency.as_secs_f64() * 1_000.0)
    }
}

/// The same percentiles of each round.
#[derive(Default)]
pub(crate) struct Spread {
    percentiles: Vec<(usize, Rounds)>,
}

impl Spread {
    /// Takes these percentiles of every round.
    pub(crate) fn of(percents: &[usize]) -> Self {
        Self { percentiles: percents.iter().map(|percent| (*percent, Rounds::default())).collect() }
    }

    /// Takes a round in.
    pub(crate) fn push(&mut self, mut latencies: Latencies) {
        for (percent, rounds) in &mut self.percentiles {
            rounds.push(latencies.percentile_ms(*percent));
        }
    }

    /// One line for each percentile; `targets` in their order, fewer or none where there are none.
    pub(crate) fn lines(&self, what: &str, targets: &[&str]) {
        for (i, (percent, rounds)) in self.percentiles.iter().enumerate() {
            let target = targets.get(i).copied().unwrap_or_default();
            line(&format!("{what}, p{percent}"), rounds, "ms", target);
        }
    }
}
