//! Tests of `store`: what a directory of units keeps, refuses and survives.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use mojette::checksum;
use proptest::prelude::*;
use tempfile::TempDir;

use super::*;

mod served;

const CODE: UnitCode = UnitCode { data: 4, parity: 2, element_bytes: 8, block_bytes: 262_144 };

fn key(stripe: u64) -> UnitKey {
    UnitKey { volume: 1, stripe, index: 0 }
}

fn bytes_of(stripe: u64, bytes: usize) -> Vec<u8> {
    (0..bytes as u64).map(|n| (n.wrapping_mul(stripe + 7) % 251) as u8).collect()
}

fn unit(stripe: u64, bytes: usize) -> NewUnit {
    let data = bytes_of(stripe, bytes);
    let sums = data.chunks(PIECE_BYTES).map(checksum).collect();
    NewUnit { key: key(stripe), code: CODE, data: data.into(), sums }
}

fn put(store: &Store, stripes: impl IntoIterator<Item = u64>, bytes: usize) {
    store.put(stripes.into_iter().map(|stripe| unit(stripe, bytes)).collect(), 5).unwrap();
}

fn delete(store: &Store, stripes: impl IntoIterator<Item = u64>) {
    let units: Vec<_> = stripes.into_iter().map(|stripe| (key(stripe), None)).collect();
    store.delete(&units, 0).unwrap();
}

fn whole(store: &Store, stripe: u64) -> Option<Vec<u8>> {
    match store.get(&key(stripe), 0, 0).unwrap() {
        Read::Piece { data, .. } => Some(data),
        Read::Not => None,
        Read::Damaged => panic!("unit {stripe} is damaged"),
    }
}

fn open(dir: &Path) -> Store {
    Store::open(dir, Some(1 << 40)).unwrap()
}

fn fresh() -> (TempDir, Store) {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    (dir, store)
}

fn files(dir: &Path, extension: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir.join("segments")).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = entries.filter(|path| path.extension().is_some_and(|e| e == extension)).collect();
    files.sort();
    files
}

fn flip(path: &Path, at: u64) {
    let file = File::options().read(true).write(true).open(path).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).unwrap();
    file.write_all_at(&[byte[0] ^ 0x10], at).unwrap();
}

#[test]
fn units_are_there_after_a_restart_under_another_boot_id() {
    let (dir, store) = fresh();
    let (uuid, boot_id) = (store.uuid(), store.boot_id().to_owned());
    put(&store, 0..20, 5000);
    store.sync(Some(&boot_id)).unwrap();
    store.number_set(17).unwrap();
    let used = store.stat().unwrap().used_bytes;
    drop(store);
    let store = open(dir.path());
    assert_eq!((store.uuid(), store.number()), (uuid, Some(17)));
    assert!(matches!(store.sync(Some(&boot_id)), Err(StoreError::OtherBoot)));
    for stripe in 0..20 {
        assert_eq!(whole(&store, stripe).unwrap(), bytes_of(stripe, 5000));
    }
    let stat = store.stat().unwrap();
    assert_eq!((stat.units, stat.used_bytes), (20, used));
}

#[test]
fn a_range_is_read_with_its_sums_and_a_crooked_one_is_refused() {
    let (_dir, store) = fresh();
    put(&store, [1], 10_000);
    let data = bytes_of(1, 10_000);
    for (offset, length, end) in [(0, 4096, 4096), (4096, 4096, 8192), (4096, 0, 10_000), (8192, 1808, 10_000)] {
        let Read::Piece { data: read, sums, code, unit_bytes } = store.get(&key(1), offset, length).unwrap() else {
            panic!("{offset} {length}");
        };
        let wanted = &data[offset as usize..end];
        assert_eq!((read.as_slice(), code, unit_bytes), (wanted, CODE, 10_000));
        assert_eq!(sums, wanted.chunks(PIECE_BYTES).map(checksum).collect::<Vec<_>>());
    }
    for (offset, length) in [(1, 4096), (0, 100), (8192, 4096), (12_288, 0), (4096, u32::MAX)] {
        assert!(matches!(store.get(&key(1), offset, length), Err(StoreError::Invalid(_))), "{offset} {length}");
    }
}

#[test]
fn wrong_bytes_are_refused_and_a_name_has_one_content() {
    let (_dir, store) = fresh();
    let wrong = NewUnit { sums: vec![1], ..unit(1, 100) };
    assert!(matches!(store.put(vec![wrong], 0), Err(StoreError::Invalid(_))));
    let fewer = NewUnit { sums: vec![], ..unit(1, 100) };
    assert!(matches!(store.put(vec![fewer], 0), Err(StoreError::Invalid(_))));
    let none = NewUnit { data: bytes::Bytes::new(), sums: vec![], ..unit(1, 1) };
    assert!(matches!(store.put(vec![none], 0), Err(StoreError::Invalid(_))));
    assert_eq!(store.stat().unwrap().units, 0);

    put(&store, [1, 1], 100);
    put(&store, [1], 100);
    let used = store.stat().unwrap().used_bytes;
    for other in [unit(2, 100), unit(1, 99), unit(1, 5000)] {
        let other = NewUnit { key: key(1), ..other };
        assert!(matches!(store.put(vec![other], 0), Err(StoreError::Conflict(_))));
    }
    assert_eq!(store.stat().unwrap().used_bytes, used);
    assert_eq!(whole(&store, 1).unwrap(), bytes_of(1, 100));
}

#[test]
fn a_full_store_says_so_and_takes_again_what_was_freed() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), Some(1 << 20)).unwrap();
    let mut stored = 0;
    let free = loop {
        match store.put(vec![unit(stored, 60_000)], 0) {
            Ok(()) => stored += 1,
            Err(StoreError::Full { free }) => break free,
            Err(other) => panic!("{other}"),
        }
    };
    assert_eq!(stored, (1 << 20) / 60_184);
    assert_eq!(store.stat().unwrap().free_bytes, free);
    assert!(free < 60_184);
    delete(&store, [0, 1, 99]);
    put(&store, [100], 60_000);
    assert_eq!((whole(&store, 0), whole(&store, 99)), (None, None));
    drop(store);
    let store = Store::open(dir.path(), Some(1 << 20)).unwrap();
    assert_eq!(whole(&store, 0), None, "what was deleted came back");
    assert_eq!(store.stat().unwrap().units, stored - 1);
}

#[test]
fn damage_is_found_by_readers_and_scrubs_and_mended_by_a_put() {
    let (dir, store) = fresh();
    put(&store, 0..5, 9000);
    store.sync(None).unwrap();
    let record = 64 + 9000 + 3 * 8;
    flip(&files(dir.path(), "seg")[0], 2 * record + 64 + 5000);
    assert_eq!(store.get(&key(2), 4096, 4096).unwrap(), Read::Damaged);
    assert!(matches!(store.get(&key(2), 0, 4096).unwrap(), Read::Piece { .. }), "the first piece is whole");
    let verified = store.verify(None, 20_000).unwrap();
    assert_eq!((verified.damaged, verified.last, verified.is_end), (vec![key(2)], Some(key(2)), false));
    let verified = store.verify(verified.last, u64::MAX).unwrap();
    assert_eq!((verified.damaged, verified.bytes, verified.is_end), (vec![], 18_000, true));
    put(&store, [2], 9000);
    assert_eq!(whole(&store, 2).unwrap(), bytes_of(2, 9000));
    drop(store);
    assert_eq!(whole(&open(dir.path()), 2).unwrap(), bytes_of(2, 9000), "the damaged record came back");
}

#[test]
fn a_damaged_header_is_mended_from_memory() {
    let (dir, store) = fresh();
    put(&store, 0..3, 9000);
    let record = 64 + 9000 + 3 * 8;
    flip(&files(dir.path(), "seg")[0], record + 20);
    assert_eq!(whole(&store, 1).unwrap(), bytes_of(1, 9000));
    assert_eq!(store.verify(None, u64::MAX).unwrap().damaged, vec![]);
    drop(store);
    let store = open(dir.path());
    assert_eq!(whole(&store, 1).unwrap(), bytes_of(1, 9000));
    assert_eq!(store.stat().unwrap().units, 3);
}

#[test]
fn what_was_put_again_since_it_was_listed_is_not_deleted() {
    const HOURS: i64 = 7_600_000;
    let (dir, store) = fresh();
    let listed_ms = |store: &Store| store.list(1, None, 10)[0].2;
    put(&store, [1], 100);
    let before = listed_ms(&store);
    store.put(vec![unit(1, 100)], before + 1_000).unwrap();
    assert_eq!(listed_ms(&store), before, "a repeated request writes nothing");
    store.put(vec![unit(1, 100)], before + HOURS).unwrap();
    for store in [store, open_again(&dir)] {
        store.delete(&[(key(1), Some(before))], 0).unwrap();
        assert_eq!(whole(&store, 1).unwrap(), bytes_of(1, 100));
        store.delete(&[(key(1), Some(listed_ms(&store)))], 0).unwrap();
        assert_eq!(whole(&store, 1), None);
    }
}

#[test]
fn a_segment_that_can_not_all_be_read_goes_once_that_is_put_anew() {
    let (dir, store) = fresh();
    let count = filled(&store);
    store.care().unwrap();
    delete(&store, 0..40);
    let segment = files(dir.path(), "seg").remove(0);
    let is_in_first =
        |stripe: &u64| store.index(|index| index.get(&key(*stripe)).is_some_and(|entry| entry.segment == 0));
    let last = (0..count).rev().find(is_in_first).unwrap();
    // Nobody can read behind a file's end either.
    File::options().write(true).open(&segment).unwrap().set_len(segment.metadata().unwrap().len() - 4096).unwrap();
    while store.care().unwrap() {}
    assert!(segment.exists());
    for stripe in (40..count).filter(|stripe| *stripe != last) {
        assert_eq!(whole(&store, stripe).unwrap(), bytes_of(stripe, 1 << 20), "{stripe}");
    }
    assert_eq!(store.verify(None, u64::MAX).unwrap().damaged, vec![key(last)]);
    put(&store, [last], 1 << 20);
    while store.care().unwrap() {}
    assert!(!segment.exists());
    assert_eq!(whole(&store, last).unwrap(), bytes_of(last, 1 << 20));
}

#[test]
fn lists_go_on_where_they_ended_and_know_volumes() {
    let (_dir, store) = fresh();
    put(&store, 0..5, 100);
    let other = |volume| NewUnit { key: UnitKey { volume, ..key(9) }, ..unit(9, 100) };
    store.put(vec![other(0), other(2)], 8).unwrap();
    let first = store.list(1, None, 3);
    assert_eq!(first.iter().map(|(key, ..)| key.stripe).collect::<Vec<_>>(), [0, 1, 2]);
    assert_eq!((first[0].1, first[0].2), (100, 5));
    let rest = store.list(1, Some(first[2].0), 10);
    assert_eq!(rest.iter().map(|(key, ..)| key.stripe).collect::<Vec<_>>(), [3, 4]);
    assert_eq!(store.list(0, None, 10).len(), 7);
    assert_eq!(store.list(2, None, 10).len(), 1);
    assert_eq!(store.list(3, None, 10).len(), 0);
}

/// Fills a segment and a bit of the next one.
fn filled(store: &Store) -> u64 {
    let (bytes, count) = (1 << 20, 70);
    for stripe in 0..count {
        put(store, [stripe], bytes);
    }
    store.sync(None).unwrap();
    count
}

#[test]
fn a_start_reads_the_sidecar_and_does_without_a_damaged_one() {
    let (dir, store) = fresh();
    let count = filled(&store);
    assert!(!store.care().unwrap());
    let stat = store.stat().unwrap();
    delete(&store, [3]);
    drop(store);
    let sidecar = files(dir.path(), "idx").pop().unwrap();
    let length = sidecar.metadata().unwrap().len();
    for damage in [None, Some(0), Some(100), Some(length - 1)] {
        damage.into_iter().for_each(|at| flip(&sidecar, at));
        let store = open(dir.path());
        assert_eq!(store.stat().unwrap().units, count - 1, "{damage:?}");
        assert_eq!(whole(&store, 2).unwrap(), bytes_of(2, 1 << 20));
        assert_eq!(whole(&store, 3), None);
        assert!(store.stat().unwrap().used_bytes < stat.used_bytes);
    }
    fs::remove_file(&sidecar).unwrap();
    let store = open(dir.path());
    store.care().unwrap();
    assert!(sidecar.exists(), "the sidecar was not written again");
    drop(store);
    // A header in the middle: what lies behind it is found.
    fs::remove_file(&sidecar).unwrap();
    flip(&files(dir.path(), "seg")[0], 64 + (1 << 20) + 256 * 8 + 20);
    let store = open(dir.path());
    assert_eq!((whole(&store, 1), store.stat().unwrap().units), (None, count - 2));
}

#[test]
fn what_is_hardly_used_is_compacted_and_stays_deleted() {
    let (dir, store) = fresh();
    let count = filled(&store);
    store.care().unwrap();
    delete(&store, 0..40);
    let before = files(dir.path(), "seg");
    while store.care().unwrap() {}
    assert!(!before[0].exists() && files(dir.path(), "idx").is_empty());
    for again in [store, open_again(&dir)] {
        for stripe in 0..count {
            assert_eq!(whole(&again, stripe).is_some(), stripe >= 40, "{stripe}");
        }
        assert_eq!(again.stat().unwrap().units, count - 40);
        drop(again);
    }
}

fn open_again(dir: &TempDir) -> Store {
    let copy = dir.path().join("copy");
    fs::create_dir_all(copy.join("segments")).unwrap();
    fs::copy(dir.path().join("store.json"), copy.join("store.json")).unwrap();
    for file in files(dir.path(), "seg") {
        fs::copy(&file, copy.join("segments").join(file.file_name().unwrap())).unwrap();
    }
    open(&copy)
}

#[test]
fn a_directory_has_one_store_at_a_time() {
    let (dir, _store) = fresh();
    assert!(matches!(Store::open(dir.path(), None), Err(StoreError::InUse(_))));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3))]

    #[test]
    fn a_torn_tail_is_cut_wherever_it_was_torn(sizes in prop::collection::vec(1..300_usize, 1..6), last in 1..600_usize) {
        let (dir, store) = fresh();
        for (stripe, bytes) in (0..).zip(&sizes) {
            put(&store, [stripe], *bytes);
        }
        let segment = files(dir.path(), "seg").pop().unwrap();
        let start = segment.metadata().unwrap().len();
        put(&store, [99], last);
        drop(store);
        let image = fs::read(&segment).unwrap();
        for end in start as usize..image.len() {
            fs::write(&segment, &image[..end]).unwrap();
            let store = open(dir.path());
            prop_assert_eq!(store.stat().unwrap().units, sizes.len() as u64, "cut at {}", end);
            prop_assert_eq!(whole(&store, 99), None);
            put(&store, [99], last);
            prop_assert_eq!(whole(&store, 99).unwrap(), bytes_of(99, last));
        }
        // The length was safe before the bytes were.
        for at in start as usize..image.len() - 8 {
            let mut torn = image.clone();
            torn[at..].fill(0);
            fs::write(&segment, &torn).unwrap();
            let store = open(dir.path());
            for (stripe, bytes) in (0..).zip(&sizes) {
                prop_assert_eq!(whole(&store, stripe).unwrap(), bytes_of(stripe, *bytes));
            }
        }
    }
}
