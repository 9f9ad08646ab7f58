//! Tests of `file`, on stores and a database in this process.

use std::time::Duration;

use super::*;
use crate::model::stripe::SPAN_BYTES;
use crate::plane::{Plane, at, content};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_are_put_read_replaced_and_removed() {
    let plane = Plane::new(1, 7).await;
    for bytes in [0, 1, 4_096, 262_144, 262_145, 3_000_000] {
        let data = content(bytes, bytes as u32);
        let inode = plane.put("a", &data).await;
        assert_eq!((inode.size, inode.nlink), (bytes as u64, 1));
        assert_eq!(plane.get("a").await.unwrap(), data, "{bytes} bytes");
    }
    let inode = plane.files.stat(&at("a")).await.unwrap();
    let data = content(3_000_000, 3_000_000);
    for range in [0..1, 262_143..262_146, 1_000_000..2_999_999, 2_999_999..9_999_999, 5_000_000..5_000_001] {
        let pieces: Vec<bytes::Bytes> =
            futures::TryStreamExt::try_collect(plane.files.read(&inode, range.clone())).await.unwrap();
        let end = (range.end as usize).min(data.len());
        assert_eq!(pieces.concat(), data[(range.start as usize).min(end)..end], "{range:?}");
    }
    plane.files.remove(&at("a"), false).await.unwrap();
    assert!(matches!(plane.get("a").await, Err(FileError::NotFound(_))));
    assert_eq!((plane.count("storage_entry").await, plane.count("storage_inode").await), (0, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_whose_directory_went_is_named_once_it_is_there_again() {
    let plane = Plane::new(1, 6).await;
    plane.files.directory_make(&at("d"), false).await.unwrap();
    let data = content(300_000, 1);
    let mut upload = plane.files.upload(&at("d/a")).await.unwrap();
    upload.push(data.clone()).await.unwrap();
    plane.files.remove(&at("d"), false).await.unwrap();
    upload.end().await.unwrap();
    assert!(matches!(upload.name_as(&Ending::PLAIN).await, Err(FileError::NotFound(_))));
    plane.files.directory_make(&at("d"), false).await.unwrap();
    assert_eq!(upload.name_as(&Ending::PLAIN).await.unwrap().size, 300_000);
    assert_eq!(plane.get("d/a").await.unwrap(), data);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_upload_waits_for_a_store_that_restarts() {
    let mut plane = Plane::new(1, 6).await;
    let (first, data) = (32 * SPAN_BYTES, content(34 * SPAN_BYTES + 5, 1));
    let mut upload = plane.files.upload(&at("large")).await.unwrap();
    upload.push(data.slice(..first)).await.unwrap();
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    while plane.units() < 32 * 6 {
        assert!(tokio::time::Instant::now() < deadline, "the writes that had begun don't end");
        tokio::task::yield_now().await;
    }
    plane.stores.stop(1).await;
    let mut begun = plane.files.upload(&at("begun")).await.unwrap();
    begun.push(data.slice(..SPAN_BYTES)).await.unwrap();
    let refused = begun.finish().await;
    assert!(matches!(refused, Err(FileError::Write(_))), "a short one is refused at once: {refused:?}");
    let mut rest = Box::pin(async {
        upload.push(data.slice(first..)).await?;
        upload.finish().await
    });
    let early = tokio::time::timeout(Duration::from_millis(500), &mut rest).await;
    assert!(early.is_err(), "it waits: {early:?}");
    plane.stores.start_again(1).await;
    rest.await.unwrap();
    assert_eq!(plane.get("large").await.unwrap(), data);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn directories_hold_their_names_and_counts() {
    let plane = Plane::new(0, 3).await;
    let files = &plane.files;
    files.directory_make(&at("a/b/c"), true).await.unwrap();
    files.directory_make(&at("a/b/c"), true).await.unwrap();
    assert!(matches!(files.directory_make(&at("a"), false).await, Err(FileError::Exists(_))));
    assert!(matches!(files.directory_make(&at("x/y"), false).await, Err(FileError::NotFound(_))));
    for name in ["a/2", "a/1", "a/é"] {
        plane.put(name, &content(10, 1)).await;
    }
    let names = |entries: Vec<Entry>| entries.into_iter().map(|entry| entry.name.to_string()).collect::<Vec<_>>();
    let first = files.list(&at("a"), None, 2).await.unwrap();
    let after = first[1].name.clone();
    assert_eq!(names(first), ["1", "2"]);
    assert_eq!(names(files.list(&at("a"), Some(&after), 9).await.unwrap()), ["b", "é"]);
    assert_eq!(files.stat(&at("a")).await.unwrap().nlink, 3);
    assert!(matches!(files.remove(&at("a"), false).await, Err(FileError::NotEmpty(_))));
    assert!(matches!(files.upload(&at("a")).await, Err(FileError::IsADirectory(_))));
    assert!(matches!(files.stat(&at("a/1/2")).await, Err(FileError::NotADirectory(_))));
    assert!(matches!(files.remove(&at(""), true).await, Err(FileError::Root)));
    for number in 0..30 {
        files.directory_make(&at(&format!("a/b/d{number}/e")), true).await.unwrap();
        plane.put(&format!("a/b/d{number}/f"), &content(10, 1)).await;
    }
    files.remove(&at("a"), true).await.unwrap();
    assert_eq!((plane.count("storage_entry").await, plane.count("storage_inode").await), (0, 1));
    assert_eq!(files.stat(&at("")).await.unwrap().nlink, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_change_and_copies_share_their_stripes() {
    let plane = Plane::new(0, 3).await;
    let files = &plane.files;
    let (one, two) = (content(700_000, 1), content(700_000, 2));
    plane.put("a", &one).await;
    plane.put("b", &two).await;
    files.directory_make(&at("d/e"), true).await.unwrap();
    let units = plane.units();
    files.copy(&at("a"), &at("d/copy")).await.unwrap();
    assert_eq!(plane.units(), units, "no data is moved");
    files.rename(&at("b"), &at("a")).await.unwrap();
    assert_eq!(plane.get("a").await.unwrap(), two);
    assert_eq!(plane.get("d/copy").await.unwrap(), one);
    assert!(matches!(files.rename(&at("d"), &at("d/e/f")).await, Err(FileError::IntoItself(_))));
    assert!(matches!(files.rename(&at("a"), &at("d")).await, Err(FileError::IsADirectory(_))));
    assert!(matches!(files.rename(&at("d"), &at("a")).await, Err(FileError::NotADirectory(_))));
    files.directory_make(&at("g"), false).await.unwrap();
    assert!(matches!(files.rename(&at("g"), &at("d")).await, Err(FileError::NotEmpty(_))));
    files.rename(&at("d"), &at("g/d")).await.unwrap();
    files.rename(&at("g/d/e"), &at("g/e")).await.unwrap();
    let nlink = async |path: &str| files.stat(&at(path)).await.unwrap().nlink;
    assert_eq!([nlink("").await, nlink("g").await, nlink("g/d").await], [3, 4, 2]);
    assert_eq!(plane.get("g/d/copy").await.unwrap(), one);
    plane.later(std::time::Duration::from_secs(600), &[]).await;
    plane.storage.collect().await.unwrap();
    assert_eq!(plane.get("g/d/copy").await.unwrap(), one, "what the copy has was not collected");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_at_two_paths_is_swapped_in_one_step() {
    let plane = Plane::new(0, 3).await;
    let files = &plane.files;
    let [one, two] = [content(700_000, 1), content(10, 2)].map(|bytes| bytes.to_vec());
    files.directory_make(&at("d/e"), true).await.unwrap();
    files.directory_make(&at("g"), false).await.unwrap();
    plane.put("d/e/a", &one.clone().into()).await;
    plane.put("g/a", &two.clone().into()).await;
    let looks = async {
        for _ in 0..20 {
            let found = plane.get("g/a").await.expect("the one or the other is there");
            assert!(found == one || found == two);
        }
    };
    let swaps = async {
        for _ in 0..5 {
            files.exchange(&at("d/e"), &at("g")).await.unwrap();
        }
    };
    futures::join!(looks, swaps);
    assert_eq!((plane.get("d/e/a").await.unwrap(), plane.get("g/a").await.unwrap()), (two.clone(), one.clone()));
    let nlink = async |path: &str| files.stat(&at(path)).await.unwrap().nlink;
    assert_eq!([nlink("").await, nlink("d").await, nlink("g").await], [4, 3, 2]);

    // A file for a directory, and two in one directory.
    files.exchange(&at("d/e"), &at("g/a")).await.unwrap();
    assert_eq!((plane.get("d/e").await.unwrap(), plane.get("g/a/a").await.unwrap()), (one.clone(), two.clone()));
    assert_eq!([nlink("d").await, nlink("g").await], [2, 3]);
    plane.put("b", &two.clone().into()).await;
    files.exchange(&at("b"), &at("d")).await.unwrap();
    assert_eq!((plane.get("d").await.unwrap(), plane.get("b/e").await.unwrap()), (two, one));
    assert_eq!(nlink("").await, 4);
    files.exchange(&at("b"), &at("b")).await.unwrap();
    assert!(matches!(files.exchange(&at("g"), &at("g/a")).await, Err(FileError::IntoItself(_))));
    assert!(matches!(files.exchange(&at("g/a"), &at("g")).await, Err(FileError::IntoItself(_))));
    assert!(matches!(files.exchange(&at("g"), &at("none")).await, Err(FileError::NotFound(_))));
    assert!(matches!(files.exchange(&at(""), &at("g")).await, Err(FileError::IntoItself(_) | FileError::Root)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_upload_into_one_directory_at_the_same_time() {
    let plane = Plane::new(0, 3).await;
    let names: Vec<String> = (0..24).map(|n| format!("f{n}")).collect();
    let data = content(5_000, 3);
    futures::future::join_all(names.iter().map(|name| plane.put(name, &data))).await;
    assert_eq!(plane.files.list(&at(""), None, 100).await.unwrap().len(), 24);
    let same = futures::future::join_all((0..8).map(|_| plane.put("same", &data))).await;
    assert_eq!(same.len(), 8);
    assert_eq!(plane.get("same").await.unwrap(), data);
}
