//! Locks while the name space is delegated, is given back, is lost; beside another session that holds some.

use std::sync::Arc;

use nix::errno::Errno;

use super::faults::{make, mounted};
use super::memory::Memory;
use crate::model::inode::Ino;
use crate::model::lock::Held;
use crate::mount::core::{Against, Aim};
use crate::mount::locks::{Locker, Wish};
use crate::namespace::Usage;

fn wish(ino: Ino, owner: u64, first: u64, is_exclusive: Option<bool>) -> Wish {
    Wish { ino, locker: Locker { owner, handle: owner, pid: 7 }, first, last: first + 9, is_exclusive }
}

fn held(first: u64, is_exclusive: bool) -> Held {
    Held { first, last: first + 9, is_exclusive }
}

fn known(memory: &Memory, ino: Ino) -> Vec<Held> {
    memory.locks.lock().unwrap().get(&ino).cloned().unwrap_or_default()
}

#[tokio::test]
async fn who_is_alone_asks_nobody_and_tells_when_it_no_longer_is() {
    let (memory, paths) = mounted().await;
    let (core, ino) = (paths.0.clone(), make(&paths, "a").await);
    core.try_lock(&wish(ino, 1, 0, Some(true))).unwrap().unwrap();
    assert!(
        matches!(core.try_lock(&wish(ino, 2, 5, Some(false))), Some(Err(Against::Here(_, locker))) if locker.pid == 7)
    );
    assert!(known(&memory, ino).is_empty());
    core.recall().await;
    assert_eq!(known(&memory, ino), [held(0, true)]);
    assert!(core.try_lock(&wish(ino, 1, 100, Some(false))).is_none(), "others have to be asked");
    assert!(!core.lock(&wish(ino, 1, 100, Some(false))).await.unwrap().unwrap());
    assert_eq!(known(&memory, ino), [held(0, true), held(100, false)]);
    assert!(core.unlock_range(&wish(ino, 1, 0, None)));
    core.locks_tell(ino).await;
    assert_eq!(known(&memory, ino), [held(100, false)]);
    core.delegate(Usage::default()).await;
    assert!(!core.unlock(ino, |locker| locker.owner == 1), "nobody has to be told");
    core.recall().await;
    assert!(known(&memory, ino).is_empty());
}

#[tokio::test]
async fn what_another_mount_holds_is_waited_for() {
    let (memory, paths) = mounted().await;
    let (core, ino) = (paths.0.clone(), make(&paths, "a").await);
    core.recall().await;
    memory.others_locks.lock().unwrap().push((ino, held(0, false)));
    core.lock(&wish(ino, 1, 0, Some(false))).await.unwrap().unwrap();
    let upgrade = wish(ino, 1, 0, Some(true));
    assert!(matches!(core.lock(&upgrade).await.unwrap(), Err(Against::Elsewhere(found)) if found == held(0, false)));
    assert_eq!(known(&memory, ino), [held(0, false)], "what it had stays");
    let free = async { memory.others_locks.lock().unwrap().clear() };
    let (waited, ()) = tokio::join!(core.lock_elsewhere(&upgrade, true), free);
    assert_eq!(waited.unwrap(), None);
    core.lock(&upgrade).await.unwrap().unwrap();
    assert_eq!(known(&memory, ino), [held(0, true)]);
}

#[tokio::test]
async fn a_new_session_has_the_locks_that_nobody_else_got() {
    let (memory, paths): (Arc<Memory>, _) = mounted().await;
    let (core, kept, lost) = (paths.0.clone(), make(&paths, "a").await, make(&paths, "b").await);
    core.recall().await;
    for ino in [kept, lost] {
        core.lock(&wish(ino, 1, 0, Some(true))).await.unwrap().unwrap();
    }
    memory.locks.lock().unwrap().clear();
    memory.others_locks.lock().unwrap().push((lost, held(3, true)));
    let seen = core.failure_seen(lost);
    core.locks_unknown();
    core.locks_mend().await;
    assert_eq!((known(&memory, kept), known(&memory, lost)), (vec![held(0, true)], Vec::new()));
    assert_eq!(core.failure(lost, seen).map(|(_, errno)| errno), Some(Errno::EIO), "who held it is told");
    assert!(core.failure(kept, core.failure_seen(kept)).is_none());
    assert!(matches!(core.lock(&wish(lost, 1, 0, Some(true))).await.unwrap(), Err(Against::Elsewhere(_))));
}

#[tokio::test]
async fn what_the_kernel_got_before_the_name_space_was_given_to_this_mount_is_forgotten_once() {
    let (_memory, paths) = mounted().await;
    let (core, ino) = (paths.0.clone(), make(&paths, "a").await);
    core.recall().await;
    for _ in 0..2 {
        assert!(!core.run(Aim::Look, |tree| tree.freshen(ino)).await.unwrap());
    }
    core.delegate(Usage::default()).await;
    assert!(!core.run(Aim::Look, |tree| tree.freshen(ino)).await.unwrap(), "others wrote meanwhile");
    assert!(core.run(Aim::Look, |tree| tree.freshen(ino)).await.unwrap());
}
