//! What goes wrong below: no answer, no room, somebody else.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use nix::errno::Errno;
use tokio_util::sync::CancellationToken;

use super::memory::{Memory, ROOT};
use super::oracle::{BY, Call, Paths};
use crate::model::inode::{Ino, Kind};
use crate::model::name::Name;
use crate::mount::core::{Aim, Core};
use crate::mount::tree::Make;
use crate::namespace::{Namespace, NamespaceError, Usage};

pub(super) async fn mounted() -> (Arc<Memory>, Paths) {
    let memory = Arc::new(Memory::new());
    (memory.clone(), another(&memory).await)
}

pub(super) async fn another(memory: &Arc<Memory>) -> Paths {
    let usage = memory.usage().await.unwrap();
    let core = Core::new(memory.clone(), memory.clone(), usage, false);
    core.delegate(usage).await;
    Paths(core)
}

pub(super) fn path(text: &str) -> Vec<String> {
    text.split('/').map(str::to_owned).collect()
}

fn no_answer() -> NamespaceError {
    NamespaceError::Unavailable("no answer".into())
}

pub(super) async fn make(paths: &Paths, name: &str) -> Ino {
    let make = Make { kind: Kind::File, mode: 0o644, target: None, device: 0 };
    let name = Name::try_from(name.to_owned()).unwrap();
    paths.0.run(Aim::Change, |tree| tree.make(&BY, ROOT, &name, &make)).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_change_without_an_answer_is_stored_once() {
    for was_done in [true, false] {
        let (memory, paths) = mounted().await;
        paths.call(&Call::Create(path("a"))).await.unwrap();
        memory.answers.lock().unwrap().extend([(was_done, no_answer()), (false, no_answer())]);
        assert!(paths.0.cycle().await);
        assert_eq!(memory.applies.load(Ordering::SeqCst), if was_done { 2 } else { 3 });
        assert_eq!(another(&memory).await.picture().await, ["/a file 644 1 0 14695981039346656037 None"]);
        paths.call(&Call::Write(path("a"), 0, 10, 1)).await.unwrap();
        assert!(paths.0.cycle().await);
        assert_eq!(another(&memory).await.picture().await, paths.picture().await);
    }
}

#[tokio::test(start_paused = true)]
async fn what_somebody_else_stored_meanwhile_is_not_taken_for_ones_own() {
    let (memory, paths) = mounted().await;
    make(&paths, "a").await;
    assert!(paths.0.cycle().await);
    let applies = memory.applies.load(Ordering::SeqCst);
    paths.call(&Call::Unlink(path("a"))).await.unwrap();
    memory.answers.lock().unwrap().push((false, no_answer()));
    let somebody = async {
        while memory.applies.load(Ordering::SeqCst) == applies {
            tokio::task::yield_now().await;
        }
        let mut stored = memory.stored.lock().unwrap();
        let root = stored.inodes.get_mut(&ROOT).unwrap();
        (root.version, root.mtime_ns) = (root.version + 1, root.mtime_ns + 5);
    };
    let (_, ()) = tokio::join!(paths.0.cycle(), somebody);
    assert_eq!(memory.stored.lock().unwrap().entries.len(), 1, "the name was never removed");
    assert_eq!(paths.0.failure(ROOT, 0).map(|(_, errno)| errno), Some(Errno::EIO), "and that is said");
}

#[tokio::test(start_paused = true)]
async fn what_was_put_before_a_long_outage_is_put_again_unless_it_was_stored() {
    for was_done in [true, false] {
        let memory = Arc::new(Memory::new());
        memory.is_collecting.store(true, Ordering::SeqCst);
        let usage = memory.usage().await.unwrap();
        let mut core = Core::new(memory.clone(), memory.clone(), usage, false);
        // So every outage is a long one.
        Arc::get_mut(&mut core).unwrap().placed_for = Duration::ZERO;
        core.delegate(usage).await;
        let paths = Paths(core);
        paths.call(&Call::Create(path("a"))).await.unwrap();
        paths.call(&Call::Write(path("a"), 0, 300_000, 1)).await.unwrap();
        memory.answers.lock().unwrap().push((was_done, no_answer()));
        assert!(paths.0.cycle().await);
        assert_eq!(memory.applies.load(Ordering::SeqCst), if was_done { 1 } else { 2 });
        assert_eq!(another(&memory).await.picture().await, paths.picture().await);
    }
}

#[tokio::test(start_paused = true)]
async fn a_full_store_is_told_once_and_what_was_written_comes_through_later() {
    let (memory, paths) = mounted().await;
    let ino = make(&paths, "a").await;
    paths.call(&Call::Write(path("a"), 0, 10, 1)).await.unwrap();
    memory.is_full.store(true, Ordering::SeqCst);
    assert!(!paths.0.cycle().await);
    let (event, errno) = paths.0.failure(ino, 0).unwrap();
    assert_eq!((errno, paths.0.failure(ino, event)), (Errno::ENOSPC, None));
    assert!(another(&memory).await.picture().await.is_empty());
    assert_eq!(paths.0.failure_seen(ino), event - 1, "who opens it now is told, as it is not stored");
    memory.is_full.store(false, Ordering::SeqCst);
    assert!(paths.0.cycle().await);
    assert_eq!(paths.0.failure(ino, 0), None, "whoever reads it finds it whole");
    assert_eq!(another(&memory).await.picture().await, paths.picture().await);
}

#[tokio::test(start_paused = true)]
async fn stores_that_are_away_for_a_moment_are_waited_for() {
    let (memory, paths) = mounted().await;
    let ino = make(&paths, "a").await;
    for (lacking, told) in [(5, None), (1_000, Some(Errno::EIO))] {
        paths.call(&Call::Write(path("a"), 0, 10, 1)).await.unwrap();
        memory.lacking.store(lacking, Ordering::SeqCst);
        assert_eq!(paths.0.cycle().await, told.is_none());
        assert_eq!(paths.0.failure(ino, 0).map(|(_, errno)| errno), told);
    }
}

#[tokio::test(start_paused = true)]
async fn a_mount_that_can_store_nothing_gives_the_name_space_back_all_the_same() {
    let (memory, paths) = mounted().await;
    let ino = make(&paths, "a").await;
    paths.call(&Call::Write(path("a"), 0, 10, 1)).await.unwrap();
    memory.is_full.store(true, Ordering::SeqCst);
    paths.0.recall().await;
    assert!(!paths.0.is_delegated());
    assert_eq!(paths.0.failure(ino, 0).unwrap().1, Errno::ENOSPC);
    assert!(paths.picture().await.is_empty());
}

#[tokio::test]
async fn the_quota_is_kept_before_anything_is_sent() {
    let (memory, _) = mounted().await;
    memory.bytes_hard.store(10_000, Ordering::SeqCst);
    let paths = another(&memory).await;
    paths.call(&Call::Create(path("a"))).await.unwrap();
    paths.call(&Call::Write(path("a"), 0, 9_000, 1)).await.unwrap();
    assert_eq!(paths.call(&Call::Write(path("a"), 9_000, 1_001, 1)).await, Err(Errno::EDQUOT));
    // What is there already may be written again, and what was cut off leaves room.
    paths.call(&Call::Write(path("a"), 0, 10_000, 2)).await.unwrap();
    paths.call(&Call::Truncate(path("a"), 100)).await.unwrap();
    paths.call(&Call::Write(path("a"), 100, 9_900, 3)).await.unwrap();
    assert!(paths.0.cycle().await);
    assert_eq!(paths.0.usage().bytes, 10_000);
    assert_eq!(paths.call(&Call::Write(path("a"), 10_000, 1, 1)).await, Err(Errno::EDQUOT));
}

#[tokio::test]
async fn what_somebody_else_took_over_is_lost_and_said() {
    let (memory, paths) = mounted().await;
    let ino = make(&paths, "a").await;
    memory.answers.lock().unwrap().push((false, NamespaceError::Stale));
    assert!(paths.0.cycle().await);
    assert_eq!(paths.0.failure(ino, 0).unwrap().1, Errno::EIO);
    assert!(!paths.0.is_delegated());
    assert!(paths.picture().await.is_empty());
}

#[tokio::test]
async fn a_loss_that_nobody_was_told_of_is_told_to_who_opens_next() {
    let (memory, paths) = mounted().await;
    make(&paths, "a").await;
    assert!(paths.0.cycle().await);
    let before = paths.0.failure_seen(ROOT);
    paths.call(&Call::Unlink(path("a"))).await.unwrap();
    memory.answers.lock().unwrap().push((false, NamespaceError::Stale));
    assert!(paths.0.cycle().await);
    // As by open, fsync of the directory once the name was removed.
    let seen = paths.0.failure_seen(ROOT);
    let (event, errno) = paths.0.failure(ROOT, seen).unwrap();
    assert_eq!((errno, paths.0.failure(ROOT, event)), (Errno::EIO, None));
    paths.0.failure_told(ROOT, event);
    let next = paths.0.failure_seen(ROOT);
    assert_eq!(paths.0.failure(ROOT, next), None, "one was told");
    assert!(paths.0.failure(ROOT, before).is_some(), "who had it open is told as well");

    // Also when what is written next can't be stored at once.
    let paths = another(&memory).await;
    let usage = memory.usage().await.unwrap();
    paths.call(&Call::Create(path("b"))).await.unwrap();
    memory.answers.lock().unwrap().push((false, NamespaceError::Stale));
    assert!(paths.0.cycle().await);
    paths.0.delegate(usage).await;
    paths.call(&Call::Create(path("b"))).await.unwrap();
    paths.call(&Call::Write(path("b"), 0, 10, 1)).await.unwrap();
    memory.is_full.store(true, Ordering::SeqCst);
    assert!(!paths.0.cycle().await);
    memory.is_full.store(false, Ordering::SeqCst);
    assert!(paths.0.cycle().await);
    assert!(paths.0.failure(ROOT, 0).is_some(), "what was lost stays lost");
}

#[tokio::test]
async fn two_mounts_without_delegation_see_each_other() {
    let (memory, one) = mounted().await;
    one.0.recall().await;
    let two = Paths(Core::new(memory.clone(), memory.clone(), Usage::default(), false));
    one.call(&Call::Mkdir(path("d"))).await.unwrap();
    let creates = (0..20).map(|n| {
        let paths = if n % 2 == 0 { one.clone() } else { two.clone() };
        async move {
            paths.call(&Call::Create(path(&format!("d/{n}")))).await.unwrap();
            paths.call(&Call::Write(path(&format!("d/{n}")), 0, 5_000, n)).await.unwrap();
        }
    });
    futures::future::join_all(creates).await;
    assert_eq!(one.picture().await.len(), 21);
    assert_eq!(one.picture().await, two.picture().await);
    let (ours, theirs) = (Call::Write(path("d/0"), 0, 400_000, 1), Call::Write(path("d/0"), 0, 400_000, 2));
    let (ours, theirs) = futures::future::join(one.call(&ours), two.call(&theirs)).await;
    assert_eq!((ours, theirs), (Ok(()), Ok(())));
    assert_eq!(one.picture().await, two.picture().await);
    assert_eq!(memory.faults(), Vec::<String>::new());
}

#[tokio::test]
async fn a_file_that_is_open_outlives_its_name() {
    for is_delegated in [true, false] {
        let (memory, paths) = mounted().await;
        let ino = make(&paths, "a").await;
        if !is_delegated {
            paths.0.recall().await;
        }
        paths.0.opened(ino);
        paths.call(&Call::Write(path("a"), 0, 10, 1)).await.unwrap();
        paths.call(&Call::Unlink(path("a"))).await.unwrap();
        assert!(paths.0.cycle().await);
        assert_eq!(paths.read(ino, 0, 100).await.unwrap(), super::oracle::bytes(1, 10));
        assert!(paths.0.closed(ino));
        paths.0.run(Aim::Less, |tree| tree.reap(ino)).await.unwrap();
        assert!(paths.0.cycle().await);
        assert_eq!(memory.faults(), Vec::<String>::new());
        assert_eq!(memory.stored.lock().unwrap().inodes.len(), 1);
    }
}

#[tokio::test]
async fn a_file_made_and_removed_between_two_cycles_leaves_no_trace() {
    let (memory, paths) = mounted().await;
    assert!(paths.0.cycle().await);
    paths.call(&Call::Mkdir(path("d"))).await.unwrap();
    paths.call(&Call::Create(path("d/a"))).await.unwrap();
    paths.call(&Call::Write(path("d/a"), 0, 10, 1)).await.unwrap();
    paths.call(&Call::Unlink(path("d/a"))).await.unwrap();
    paths.call(&Call::Rmdir(path("d"))).await.unwrap();
    assert!(paths.0.cycle().await);
    assert_eq!(memory.stored.lock().unwrap().inodes.len(), 1);
    assert_eq!(memory.faults(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn syncs_that_come_together_share_their_cycles() {
    let (memory, paths) = mounted().await;
    let shutdown = CancellationToken::new();
    let cycles = tokio::spawn({
        let (core, shutdown) = (paths.0.clone(), shutdown.clone());
        async move { core.run_cycles(&shutdown).await }
    });
    // The first cycle is kept until all have something to be stored.
    memory.is_held.store(true, Ordering::SeqCst);
    let written = Arc::new(AtomicUsize::new(0));
    let writes: Vec<_> = (0..50u8)
        .map(|n| {
            let (paths, written) = (paths.clone(), written.clone());
            tokio::spawn(async move {
                let ino = make(&paths, &format!("f{n}")).await;
                paths.call(&Call::Write(path(&format!("f{n}")), 0, 100, n)).await.unwrap();
                written.fetch_add(1, Ordering::SeqCst);
                paths.0.sync().await;
                assert_eq!(paths.0.failure(ino, 0), None);
                ino
            })
        })
        .collect();
    while written.load(Ordering::SeqCst) < 50 {
        tokio::task::yield_now().await;
    }
    memory.is_held.store(false, Ordering::SeqCst);
    let inos = futures::future::join_all(writes).await;
    let stored = memory.stored.lock().unwrap().clone();
    assert!(inos.into_iter().all(|ino| stored.stripes.contains_key(&(ino.unwrap(), 0))));
    assert!(memory.applies.load(Ordering::SeqCst) < 5);
    shutdown.cancel();
    tokio::time::timeout(Duration::from_secs(5), cycles).await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_was_moved_since_it_was_looked_up_is_found_again() {
    let (memory, paths) = mounted().await;
    paths.call(&Call::Create(path("a"))).await.unwrap();
    paths.call(&Call::Write(path("a"), 0, 300_000, 1)).await.unwrap();
    assert!(paths.0.cycle().await);
    let picture = another(&memory).await.picture().await;
    memory.is_moved.store(true, Ordering::SeqCst);
    assert_eq!(another(&memory).await.picture().await, picture);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_waits_for_a_session_does_not_keep_it_from_being_prolonged() {
    let memory = Arc::new(Memory::new());
    let usage = memory.usage().await.unwrap();
    let paths = Paths(Core::new(memory.clone(), memory.clone(), usage, false));
    memory.answers.lock().unwrap().extend((0..1_000).map(|_| (false, no_answer())));
    let create = Call::Create(path("a"));
    let mut call = std::pin::pin!(paths.call(&create));
    tokio::select! {
        biased;
        done = &mut call => panic!("it got no answer: {done:?}"),
        // As whoever prolongs the session does.
        () = paths.0.delegate(usage) => {}
    }
    assert!(!paths.0.is_delegated(), "the call may yet read and store on its own");
    memory.answers.lock().unwrap().clear();
    call.await.unwrap();
    paths.0.delegate(usage).await;
    assert!(paths.0.is_delegated());
}
