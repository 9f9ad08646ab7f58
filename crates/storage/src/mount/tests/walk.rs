//! Who goes through a directory file by file is served many files at a time, and who jumps about is not.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::faults::{another, mounted, path};
use super::memory::{Memory, ROOT};
use super::oracle::{Call, Paths};
use crate::model::inode::Ino;
use crate::model::name::Name;
use crate::mount::core::Aim;
use crate::mount::tree::{Filled, Miss};

const FILES: usize = 300;
const BYTES: usize = 5_000;

async fn look(paths: &Paths, parent: Ino, name: &str) -> Ino {
    let name = Name::try_from(name.to_owned()).unwrap();
    let found = paths.0.run(Aim::Look, |tree| Ok(tree.lookup(parent, &name)?.map(|inode| inode.ino))).await;
    found.unwrap().unwrap()
}

/// Reads a file as the kernel would ask for it.
async fn read(paths: &Paths, ino: Ino) -> Vec<u8> {
    paths.0.read_neighbours(ino).await;
    let parts = paths.0.run(Aim::Look, |tree| tree.read(ino, 0, BYTES)).await.unwrap();
    paths.0.gather(parts, true).await.unwrap().to_vec()
}

/// Many small files, stored, and a mount that knows nothing of them yet; and one that has made them.
async fn files() -> (Arc<Memory>, Paths, Paths) {
    let (memory, made) = mounted().await;
    for n in 0..FILES {
        made.call(&Call::Create(path(&format!("f{n:03}")))).await.unwrap();
        made.call(&Call::Write(path(&format!("f{n:03}")), 0, BYTES, n as u8)).await.unwrap();
    }
    assert!(made.0.cycle().await);
    let fresh = another(&memory).await;
    (memory, made, fresh)
}

#[tokio::test]
async fn small_files_are_read_many_at_a_time_in_order() {
    let (memory, made, fresh) = files().await;
    for n in 0..FILES {
        let ino = look(&fresh, ROOT, &format!("f{n:03}")).await;
        assert_eq!(read(&fresh, ino).await, read(&made, ino).await, "file {n}");
    }
    let reads = memory.reads.load(Ordering::SeqCst);
    assert!(reads < 12, "{reads} reads for {FILES} files");
}

#[tokio::test]
async fn small_files_are_read_alone_out_of_order() {
    let (memory, _, fresh) = files().await;
    for n in (0..FILES).step_by(3).rev() {
        let ino = look(&fresh, ROOT, &format!("f{n:03}")).await;
        read(&fresh, ino).await;
    }
    assert_eq!(memory.reads.load(Ordering::SeqCst), FILES / 3);
}

#[tokio::test]
async fn what_was_written_here_stands_above_what_is_read_with_its_neighbours() {
    let (_, made, fresh) = files().await;
    fresh.call(&Call::Write(path("f005"), 0, BYTES, 99)).await.unwrap();
    fresh.call(&Call::Unlink(path("f006"))).await.unwrap();
    for n in (0..FILES).filter(|n| *n != 6) {
        let ino = look(&fresh, ROOT, &format!("f{n:03}")).await;
        let is_same = read(&fresh, ino).await == read(&made, ino).await;
        assert_eq!(is_same, n != 5, "file {n}");
    }
}

#[tokio::test]
async fn directories_are_listed_many_at_a_time() {
    let (memory, made) = mounted().await;
    for n in 0..100 {
        made.call(&Call::Mkdir(path(&format!("d{n:02}")))).await.unwrap();
        made.call(&Call::Create(path(&format!("d{n:02}/file")))).await.unwrap();
    }
    assert!(made.0.cycle().await);
    let fresh = another(&memory).await;
    memory.listings.store(0, Ordering::SeqCst);
    for n in 0..100 {
        let directory = look(&fresh, ROOT, &format!("d{n:02}")).await;
        let page = fresh.0.page(directory, None).await.unwrap();
        assert_eq!(page.items.iter().map(|item| item.name.as_str()).collect::<Vec<_>>(), ["file"]);
    }
    let listings = memory.listings.load(Ordering::SeqCst);
    assert!(listings <= 3, "{listings} lists of 100 directories");
    assert_eq!(fresh.picture().await, made.picture().await);
}

#[tokio::test]
async fn names_that_are_not_there_are_forgotten_when_they_are_many() {
    let (memory, made) = mounted().await;
    for name in ["kept", "removed"] {
        made.call(&Call::Create(path(name))).await.unwrap();
    }
    assert!(made.0.cycle().await);
    let fresh = another(&memory).await;
    let absent = async |name: &str| {
        let name = Name::try_from(name.to_owned()).unwrap();
        let is_there = fresh.0.run(Aim::Look, |tree| Ok(tree.lookup(ROOT, &name)?.is_some())).await.unwrap();
        assert!(!is_there, "{name}");
    };
    look(&fresh, ROOT, "kept").await;
    // Removed and not stored yet: the store would still say that it is there.
    fresh.call(&Call::Unlink(path("removed"))).await.unwrap();
    let many = fresh.0.run(Aim::Look, |tree| {
        let mut count = 0;
        while !tree.has_names_gone() {
            let name = Name::try_from(format!("never-{count}")).unwrap();
            tree.fill(&Miss::Entry(ROOT, name), Filled::Entry(None), tree.drops());
            count += 1;
            assert!(count < 20_000, "they are counted");
        }
        tree.shrink();
        assert!(!tree.has_names_gone());
        Ok(count)
    });
    assert!(many.await.unwrap() > 10_000);
    absent("removed").await;
    absent("never-1").await;
    look(&fresh, ROOT, "kept").await;
    fresh.call(&Call::Create(path("never-2"))).await.unwrap();
    assert!(fresh.0.cycle().await);
    assert_eq!(another(&memory).await.picture().await.len(), 2);
    assert!(memory.faults().is_empty());
}
