//! Random calls: the core answers as the directory does, and what it stores is what the directory had at that moment.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use proptest::prelude::*;

use super::memory::Memory;
use super::oracle::{Call, Oracle, Paths};
use crate::SPAN_BYTES;
use crate::mount::core::Core;
use crate::mount::tree::Rename;
use crate::namespace::{NamespaceError, Usage};

pub(super) fn digest(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(14_695_981_039_346_656_037, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(1_099_511_628_211))
}

#[derive(Clone, Debug)]
enum Step {
    Call(Call),
    /// Stores everything.
    Cycle,
    /// Stores everything, with more calls in between; `true`: and that fails.
    Slow(Vec<Call>, bool),
    /// The mount ends, and another begins.
    Again,
    /// The delegation goes, or comes.
    Delegation,
}

fn path() -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec("[abc]", 1..4)
}

fn offset() -> impl Strategy<Value = u64> {
    let span = SPAN_BYTES as u64;
    prop_oneof![0..5000u64, span - 3000..span + 3000, 2 * span - 10..2 * span + 10, 0..4 * span]
}

pub(super) fn call() -> impl Strategy<Value = Call> {
    let length = prop_oneof![0..100usize, 4000..5000usize, 0..2 * SPAN_BYTES, Just(SPAN_BYTES)];
    let how = prop_oneof![3 => Just(Rename::Replace), 1 => Just(Rename::Fresh), 1 => Just(Rename::Exchange)];
    prop_oneof![
        4 => path().prop_map(Call::Create),
        4 => path().prop_map(Call::Mkdir),
        1 => path().prop_map(Call::Symlink),
        2 => path().prop_map(Call::Unlink),
        2 => path().prop_map(Call::Rmdir),
        4 => (path(), path(), how).prop_map(|(from, to, how)| Call::Rename(from, to, how)),
        2 => (path(), path()).prop_map(|(from, to)| Call::Link(from, to)),
        6 => (path(), offset(), length, any::<u8>()).prop_map(|(path, at, len, seed)| Call::Write(path, at, len, seed)),
        3 => (path(), offset()).prop_map(|(path, size)| Call::Truncate(path, size)),
        2 => (path(), offset(), 1..600_000u64).prop_map(|(path, at, len)| Call::Punch(path, at, len)),
        1 => (path(), 0..0o7777u32).prop_map(|(path, mode)| Call::Chmod(path, mode)),
        1 => (path(), prop::option::of(b'a'..=b'z')).prop_map(|(path, value)| Call::Xattr(path, value)),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        20 => call().prop_map(Step::Call),
        2 => Just(Step::Cycle),
        2 => (prop::collection::vec(call(), 1..8), any::<bool>()).prop_map(|(calls, fails)| Step::Slow(calls, fails)),
        1 => Just(Step::Again),
        1 => Just(Step::Delegation),
    ]
}

/// Below itself, or one the other's: the kernel sees to that before it calls.
fn is_kernels(call: &Call) -> bool {
    let starts = |one: &[String], other: &[String]| one != other && (one.starts_with(other) || other.starts_with(one));
    matches!(call, Call::Rename(from, to, _) if starts(from, to))
}

struct Both {
    memory: Arc<Memory>,
    paths: Paths,
    oracle: Oracle,
}

impl Both {
    async fn new() -> Self {
        let memory = Arc::new(Memory::new());
        let core = Core::new(memory.clone(), memory.clone(), Usage::default(), false);
        core.delegate(Usage::default()).await;
        Self { memory, paths: Paths(core), oracle: Oracle::new() }
    }

    async fn call(&self, call: &Call) {
        if is_kernels(call) {
            return;
        }
        let (ours, theirs) = (self.paths.call(call).await, self.oracle.call(call));
        assert_eq!(ours, theirs, "{call:?}");
    }

    async fn check(&self) {
        let (mut ours, mut theirs) = (self.paths.picture().await, self.oracle.picture());
        ours.sort();
        theirs.sort();
        assert_eq!(ours, theirs);
    }

    /// A fresh mount of what is stored shows the same.
    async fn check_stored(&self) {
        assert_eq!(self.memory.faults(), Vec::<String>::new());
        let core = Core::new(self.memory.clone(), self.memory.clone(), Usage::default(), true);
        core.delegate(Usage::default()).await;
        let fresh = Paths(core).picture().await;
        let (mut fresh, mut theirs) = (fresh, self.oracle.picture());
        fresh.sort();
        theirs.sort();
        assert_eq!(fresh, theirs);
    }

    async fn step(&mut self, step: &Step) {
        match step {
            Step::Call(call) => self.call(call).await,
            Step::Cycle => {
                assert!(self.paths.0.cycle().await);
                self.check_stored().await;
            }
            Step::Slow(calls, fails) if self.paths.0.is_delegated() => self.slow(calls, *fails).await,
            Step::Slow(calls, _) => {
                for call in calls {
                    self.call(call).await;
                }
            }
            Step::Again => {
                assert!(self.paths.0.cycle().await);
                let core = Core::new(self.memory.clone(), self.memory.clone(), Usage::default(), false);
                core.delegate(Usage::default()).await;
                self.paths = Paths(core);
                self.check().await;
            }
            Step::Delegation if self.paths.0.is_delegated() => {
                self.paths.0.recall().await;
                self.check_stored().await;
            }
            Step::Delegation => self.paths.0.delegate(Usage::default()).await,
        }
    }

    async fn slow(&self, calls: &[Call], fails: bool) {
        self.memory.is_held.store(true, Ordering::SeqCst);
        let core = self.paths.0.clone();
        let cycle = tokio::spawn(async move { core.cycle().await });
        while self.memory.waiting.load(Ordering::SeqCst) == 0 && !cycle.is_finished() {
            tokio::task::yield_now().await;
        }
        let is_under_way = !cycle.is_finished();
        for call in calls {
            self.call(call).await;
        }
        if fails && is_under_way {
            self.memory.answers.lock().unwrap().push((false, NamespaceError::Quota));
        }
        self.memory.is_held.store(false, Ordering::SeqCst);
        assert_eq!(cycle.await.unwrap(), !(fails && is_under_way));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, max_shrink_iters: 400, ..ProptestConfig::default() })]
    #[test]
    fn calls_answer_as_they_do_on_this_machine(steps in prop::collection::vec(step(), 1..60)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut both = Both::new().await;
            for step in &steps {
                both.step(step).await;
            }
            both.check().await;
            assert!(both.paths.0.cycle().await);
            both.check_stored().await;
        });
    }
}
