//! The faults: how each begins, how it ends, and how it is seen that all is as before.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::time::Duration;

use nix::sys::signal::Signal;
use rand::RngExt;
use rand::rngs::StdRng;
use rand::seq::{IndexedRandom, SliceRandom};
use tokio::time::Instant;

use super::plant::Plant;

/// Damage is found and repaired within this, unless the control plane is away.
const MEND_LIMIT: Duration = Duration::from_secs(120);
/// Whoever used a store learns within this where it is now.
const ADDRESS_LIMIT: Duration = Duration::from_secs(8);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    KillAgent,
    HangAgent,
    FlipByte,
    FillDisk,
    CutStore,
    KillControl,
    HangControl,
    CutControl,
}

/// In turns, so that even a few faults are of each kind.
const TURN: [Kind; 12] = [
    Kind::KillAgent,
    Kind::KillAgent,
    Kind::HangAgent,
    Kind::HangAgent,
    Kind::FlipByte,
    Kind::FlipByte,
    Kind::FillDisk,
    Kind::CutStore,
    Kind::CutStore,
    Kind::KillControl,
    Kind::HangControl,
    Kind::CutControl,
];

impl Kind {
    /// As many as are wanted, in the order in which they come.
    pub(super) fn draw(count: usize, rng: &mut StdRng) -> Vec<Self> {
        let mut all = Vec::new();
        while all.len() < count {
            let mut turn = TURN;
            turn.shuffle(rng);
            all.extend(turn);
        }
        all.truncate(count);
        all
    }

    /// Whether it takes one store away, or part of what is on it.
    pub(super) fn is_of_store(self) -> bool {
        !matches!(self, Self::KillControl | Self::HangControl | Self::CutControl)
    }

    fn lasts(self, rng: &mut StdRng) -> Duration {
        let most_ms = match self {
            Self::FlipByte => return Duration::ZERO,
            Self::KillControl => 1_500,
            Self::HangControl | Self::CutControl | Self::FillDisk => 4_000,
            Self::KillAgent | Self::HangAgent | Self::CutStore => 7_000,
        };
        Duration::from_millis(rng.random_range(100..most_ms))
    }
}

/// One that has begun and is not over.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) kind: Kind,
    /// The store; meaningless for those of the control plane.
    pub(super) place: usize,
    phase: Phase,
}

#[derive(Debug)]
enum Phase {
    On {
        until: Instant,
    },
    /// It ended; the store is not seen to be back yet. How often it was served before.
    Settling {
        served: usize,
        since: Instant,
    },
    /// Units are damaged, and the scrub was asked for or not.
    Mending {
        was_asked: bool,
        since: Instant,
    },
    Over,
}

impl Fault {
    pub(super) async fn begin(kind: Kind, place: usize, plant: &Plant, rng: &mut StdRng) -> Self {
        match kind {
            Kind::KillAgent => plant.agent_signal(place, Signal::SIGKILL),
            Kind::HangAgent => plant.agent_signal(place, Signal::SIGSTOP),
            Kind::FlipByte => flip(plant, place, rng),
            Kind::FillDisk => plant.disk_fill(place),
            Kind::CutStore => plant.store_cut(place, true),
            Kind::KillControl => plant.control_signal(Signal::SIGKILL),
            Kind::HangControl => plant.control_signal(Signal::SIGSTOP),
            Kind::CutControl => plant.control_cut(true),
        }
        Self { kind, place, phase: Phase::On { until: Instant::now() + kind.lasts(rng) } }
    }

    pub(super) fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Over)
    }

    /// Whether the process is meant to be away.
    pub(super) fn is_killed(&self) -> bool {
        self.kind == Kind::KillAgent && matches!(self.phase, Phase::On { .. })
    }

    /// Goes on as far as it is time. `is_last`: no other fault comes, so that it may end now.
    /// Errors: what is not as it should be.
    pub(super) async fn go_on(&mut self, plant: &mut Plant, is_last: bool) -> Result<(), String> {
        match self.phase {
            Phase::On { until } if !is_last && Instant::now() < until => {}
            Phase::On { .. } => self.end(plant).await,
            Phase::Settling { served, since } => {
                let (now, is_elsewhere) =
                    (plant.served(self.place).0, self.kind == Kind::KillAgent && self.place % 2 == 1);
                let is_known = !is_elsewhere || since.elapsed() > ADDRESS_LIMIT;
                if now > served && is_known && plant.probe(self.place).damaged().await.is_ok() {
                    self.phase = Phase::Over;
                }
            }
            Phase::Mending { was_asked, since } => self.mend(plant, was_asked, since).await?,
            Phase::Over => {}
        }
        Ok(())
    }

    async fn end(&mut self, plant: &mut Plant) {
        let served = plant.served(self.place).0;
        let settling = |served| Phase::Settling { served, since: Instant::now() };
        self.phase = match self.kind {
            Kind::KillAgent => {
                plant.agent_start(self.place);
                settling(served)
            }
            Kind::HangAgent => {
                plant.agent_signal(self.place, Signal::SIGCONT);
                settling(0)
            }
            Kind::CutStore => {
                plant.store_cut(self.place, false);
                settling(0)
            }
            Kind::FillDisk => {
                plant.disk_empty(self.place);
                settling(0)
            }
            Kind::FlipByte => match plant.probe(self.place).damaged().await {
                // It hit what nobody needs any more.
                Ok(damaged) if damaged.is_empty() => Phase::Over,
                Ok(_) | Err(_) => Phase::Mending { was_asked: false, since: Instant::now() },
            },
            Kind::KillControl => {
                plant.control_start();
                Phase::Over
            }
            Kind::HangControl => {
                plant.control_signal(Signal::SIGCONT);
                Phase::Over
            }
            Kind::CutControl => {
                plant.control_cut(false);
                Phase::Over
            }
        };
    }

    async fn mend(&mut self, plant: &Plant, was_asked: bool, since: Instant) -> Result<(), String> {
        let mut was_asked = was_asked;
        if !was_asked {
            let asks = ["films", "shelf"].map(|volume| plant.api.scrub(volume));
            was_asked = futures::future::join_all(asks).await.iter().all(Result::is_ok);
        }
        let damaged = plant.probe(self.place).damaged().await;
        self.phase = match damaged {
            Ok(damaged) if damaged.is_empty() => Phase::Over,
            Ok(damaged) if since.elapsed() > MEND_LIMIT => {
                return Err(format!("{damaged:?} at {} is not repaired within {MEND_LIMIT:?}", self.place));
            }
            Ok(_) | Err(_) => Phase::Mending { was_asked, since },
        };
        Ok(())
    }
}

/// Changes one bit of what a store keeps, wherever that is.
fn flip(plant: &Plant, place: usize, rng: &mut StdRng) {
    let segments = plant.segments(place);
    let Some(path) = segments.choose(rng) else { return };
    // It may have been compacted away a moment ago.
    let Ok(file) = File::options().read(true).write(true).open(path) else { return };
    let length = file.metadata().unwrap().len();
    let mut byte = [0];
    // Where there is a hole nothing can be damaged.
    for _ in 0..100 {
        let at = rng.random_range(0..length.max(1));
        if file.read_at(&mut byte, at).unwrap() == 1 && byte != [0] {
            byte[0] ^= 1 << rng.random_range(0..8);
            file.write_all_at(&byte, at).unwrap();
            return;
        }
    }
}
