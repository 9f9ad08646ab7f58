//! Tests of `bucket`, against a service of other make in this process.

use std::sync::Arc;

use mojette::checksum;

use super::*;
use crate::store::engine::NewUnit;
use crate::store::keeping::Keeping as _;
use crate::store::read::Read;
use crate::store::record::{PIECE_BYTES, UnitCode, UnitKey};
use crate::testing::provider::{Mood, Provider, blocking, cared, gateway, impatient};

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

async fn put(bucket: &Arc<Bucket>, stripes: std::ops::Range<u64>, bytes: usize) -> Result<(), StoreError> {
    blocking(bucket, move |bucket| bucket.put(stripes.map(|stripe| unit(stripe, bytes)).collect(), 5)).await
}

async fn sync(bucket: &Arc<Bucket>) -> Result<(), StoreError> {
    blocking(bucket, |bucket| bucket.sync(bucket.boot_id())).await
}

async fn get(bucket: &Arc<Bucket>, stripe: u64, offset: u32, length: u32) -> Result<Read, StoreError> {
    blocking(bucket, move |bucket| Ok(bucket.get(&[(key(stripe), offset, length)], 8 << 20)?.remove(0))).await
}

async fn whole(bucket: &Arc<Bucket>, stripe: u64) -> Option<Vec<u8>> {
    match get(bucket, stripe, 0, 0).await.unwrap() {
        Read::Piece { data, code, .. } => {
            assert_eq!(code, CODE);
            Some(data)
        }
        Read::Not => None,
        Read::Damaged => panic!("unit {stripe} is damaged"),
    }
}

async fn open(provider: &Provider) -> Arc<Bucket> {
    let bucket = provider.gateway("files");
    cared(&bucket).await;
    bucket.is_working().unwrap();
    bucket
}

fn why(result: Result<impl fmt::Debug, StoreError>) -> String {
    match result.unwrap_err() {
        StoreError::Unavailable(why) => why,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn units_are_there_after_a_sync_and_a_restart_and_only_then() {
    let provider = Provider::start().await;
    let bucket = open(&provider).await;
    put(&bucket, 0..20, 9_000).await.unwrap();
    assert_eq!(provider.objects("files").len(), 0, "they wait");
    assert_eq!(whole(&bucket, 3).await.unwrap(), bytes_of(3, 9_000));
    assert!(matches!(get(&bucket, 3, 4096, 4096).await.unwrap(), Read::Piece { .. }));
    sync(&bucket).await.unwrap();
    assert_eq!(provider.objects("files").len(), 20);
    put(&bucket, 20..30, 100).await.unwrap();
    let (boot_id, used) = (bucket.boot_id().to_owned(), bucket.stat().used_bytes);
    drop(bucket);

    let bucket = open(&provider).await;
    let old = blocking(&bucket, move |bucket| bucket.sync(&boot_id)).await;
    assert!(matches!(old, Err(StoreError::OtherBoot)));
    for stripe in 0..20 {
        assert_eq!(whole(&bucket, stripe).await.unwrap(), bytes_of(stripe, 9_000));
    }
    assert_eq!(whole(&bucket, 20).await, None, "it was never synced");
    let stat = bucket.stat();
    assert_eq!((stat.units, stat.used_bytes + 10 * (100 + 72), stat.capacity_bytes), (20, used, 1 << 30));
    let Read::Piece { data, sums, unit_bytes, .. } = get(&bucket, 7, 4096, 0).await.unwrap() else {
        panic!("no piece")
    };
    assert_eq!((data.as_slice(), unit_bytes), (&bytes_of(7, 9_000)[4096..], 9_000));
    assert_eq!(sums, data.chunks(PIECE_BYTES).map(checksum).collect::<Vec<_>>());
    assert!(matches!(get(&bucket, 7, 1, 0).await, Err(StoreError::Invalid(_))));
}

#[tokio::test]
async fn what_is_deleted_is_gone_from_the_bucket_and_what_was_put_since_stays() {
    let provider = Provider::start().await;
    let bucket = open(&provider).await;
    put(&bucket, 0..6, 5_000).await.unwrap();
    sync(&bucket).await.unwrap();
    let listed = bucket.list(1, Some(key(1)), 3).unwrap();
    assert_eq!(listed, [(key(2), 5_000, 5), (key(3), 5_000, 5), (key(4), 5_000, 5)]);
    assert_eq!(bucket.list(2, None, 3).unwrap(), []);
    let keys = vec![(key(0), None), (key(1), Some(5)), (key(2), Some(4)), (key(99), None)];
    blocking(&bucket, move |bucket| bucket.delete(&keys, 9)).await.unwrap();
    assert_eq!((provider.objects("files").len(), bucket.stat().units), (4, 4));
    assert_eq!(whole(&bucket, 1).await, None);
    assert!(whole(&bucket, 2).await.is_some());
}

#[tokio::test]
async fn what_is_put_again_while_its_old_one_is_deleted_stays() {
    let provider = Provider::start().await;
    let bucket = open(&provider).await;
    put(&bucket, 0..2, 5_000).await.unwrap();
    sync(&bucket).await.unwrap();
    provider.mood_set(Mood::Hesitant);
    let deleting = tokio::spawn({
        let bucket = Arc::clone(&bucket);
        async move { blocking(&bucket, |bucket| bucket.delete(&[(key(0), Some(5)), (key(1), Some(5))], 9)).await }
    });
    provider.hesitates().await;
    let later_ms = 5 + crate::store::engine::PUT_AGAIN_MS;
    blocking(&bucket, move |bucket| bucket.put(vec![unit(0, 5_000)], later_ms)).await.unwrap();
    provider.mood_set(Mood::Well);
    deleting.await.unwrap().unwrap();
    assert_eq!(provider.objects("files").len(), 0, "the old ones are gone");
    assert_eq!(whole(&bucket, 0).await.unwrap(), bytes_of(0, 5_000), "the newer one waits");
    assert_eq!(whole(&bucket, 1).await, None);
    sync(&bucket).await.unwrap();
    assert_eq!((provider.objects("files").len(), bucket.stat().units), (1, 1));
    drop(bucket);
    assert_eq!(whole(&open(&provider).await, 0).await.unwrap(), bytes_of(0, 5_000));
}

#[tokio::test]
async fn a_name_has_one_content_and_a_full_bucket_takes_nothing() {
    let provider = Provider::start().await;
    let offer = BucketOffer { size: 1 << 20, ..provider.offer("files") };
    let bucket = gateway(offer);
    cared(&bucket).await;
    put(&bucket, 1..2, 5_000).await.unwrap();
    put(&bucket, 1..2, 5_000).await.unwrap();
    sync(&bucket).await.unwrap();
    let puts = provider.puts();
    put(&bucket, 1..2, 5_000).await.unwrap();
    sync(&bucket).await.unwrap();
    assert_eq!(provider.puts(), puts, "it was there");
    let other = blocking(&bucket, |bucket| bucket.put(vec![NewUnit { key: key(1), ..unit(2, 5_000) }], 6)).await;
    assert!(matches!(other, Err(StoreError::Conflict(_))));
    let wrong = NewUnit { sums: vec![1], ..unit(3, 100) };
    assert!(matches!(blocking(&bucket, |bucket| bucket.put(vec![wrong], 6)).await, Err(StoreError::Invalid(_))));
    let Err(StoreError::Full { free }) = put(&bucket, 10..12, 600_000).await else { panic!("it is not full") };
    assert!(free < 1_200_000 && free > 1_000_000, "{free}");
}

#[tokio::test]
async fn damage_at_the_provider_is_found_and_mended_by_putting_again() {
    let provider = Provider::start().await;
    let bucket = open(&provider).await;
    put(&bucket, 0..40, 5_000).await.unwrap();
    sync(&bucket).await.unwrap();
    let objects = provider.objects("files");
    // One byte, of the data and of the header; cut short, to nothing, replaced by another's, gone.
    for (object, at) in [(0, 3_000), (1, 20)] {
        let mut bytes = std::fs::read(&objects[object]).unwrap();
        bytes[at] ^= 0x10;
        std::fs::write(&objects[object], bytes).unwrap();
    }
    std::fs::File::options().write(true).open(&objects[2]).unwrap().set_len(4_000).unwrap();
    std::fs::write(&objects[3], "").unwrap();
    std::fs::copy(&objects[9], &objects[4]).unwrap();
    std::fs::remove_file(&objects[5]).unwrap();
    let verified = blocking(&bucket, |bucket| bucket.verify(None, u64::MAX)).await.unwrap();
    assert_eq!((verified.damaged.len(), verified.bytes, verified.is_end), (6, 200_000, true));
    for damaged in verified.damaged.clone() {
        let stripe = damaged.stripe;
        let tail = get(&bucket, stripe, 4096, 0).await.unwrap();
        assert!(!matches!(&tail, Read::Piece { data, .. } if data[..] != bytes_of(stripe, 5_000)[4096..]), "{stripe}");
        put(&bucket, stripe..stripe + 1, 5_000).await.unwrap();
    }
    sync(&bucket).await.unwrap();
    let verified = blocking(&bucket, |bucket| bucket.verify(None, u64::MAX)).await.unwrap();
    assert_eq!(verified.damaged, []);
    for stripe in 0..40 {
        assert_eq!(whole(&bucket, stripe).await.unwrap(), bytes_of(stripe, 5_000));
    }
}

#[tokio::test]
async fn a_service_that_fails_is_told_of_and_loses_nothing() {
    let provider = Provider::start().await;
    let bucket = impatient(provider.offer("files"));
    cared(&bucket).await;
    let moods = [
        (Mood::Refusing(503, "SlowDown"), "is overloaded or out of order"),
        (Mood::Refusing(403, "AccessDenied"), "denies access to the bucket `files`"),
        (Mood::Refusing(403, "RequestTimeTooSkewed"), "set the clock"),
        (Mood::Refusing(404, "NoSuchBucket"), "has no bucket `files`"),
        (Mood::RefusingWrites(403, "QuotaExceeded"), "takes no more into the bucket `files`"),
        (Mood::Babbling, "does not answer as an S3 service does"),
        (Mood::Silent, "does not answer in time"),
        (Mood::Forgetful, "127.0.0.1"),
    ];
    for (stripe, (mood, words)) in (1..).zip(moods) {
        put(&bucket, stripe..stripe + 1, 5_000).await.unwrap();
        provider.mood_set(mood);
        let told = why(sync(&bucket).await);
        assert!(told.contains(words) && told.contains("127.0.0.1"), "{mood:?}: {told}");
        assert_eq!(why(bucket.is_working()), told, "it counts as away");
        assert_eq!(why(put(&bucket, 90..91, 10).await), told);
        cared(&bucket).await;
        assert!(bucket.is_working().is_err(), "{mood:?}: it is still so");
        provider.mood_set(Mood::Well);
        cared(&bucket).await;
        bucket.is_working().unwrap();
        sync(&bucket).await.unwrap();
    }
    drop(bucket);
    let bucket = open(&provider).await;
    for stripe in 1..9 {
        assert_eq!(whole(&bucket, stripe).await.unwrap(), bytes_of(stripe, 5_000));
    }
}

#[tokio::test]
async fn what_can_not_be_read_now_is_neither_damaged_nor_absent() {
    let provider = Provider::start().await;
    let bucket = impatient(provider.offer("files"));
    cared(&bucket).await;
    put(&bucket, 1..2, 9_000).await.unwrap();
    sync(&bucket).await.unwrap();
    for mood in [Mood::Refusing(503, "SlowDown"), Mood::Refusing(404, "NoSuchBucket"), Mood::Silent] {
        provider.mood_set(mood);
        assert!(matches!(get(&bucket, 1, 0, 0).await, Err(StoreError::Unavailable(_))), "{mood:?}");
        assert!(matches!(get(&bucket, 1, 0, 4096).await, Err(StoreError::Unavailable(_))), "{mood:?}");
        let verified = blocking(&bucket, |bucket| bucket.verify(None, u64::MAX)).await;
        assert!(matches!(verified, Err(StoreError::Unavailable(_))), "{mood:?}");
    }
    provider.mood_set(Mood::Well);
    assert_eq!(whole(&bucket, 1).await.unwrap(), bytes_of(1, 9_000));
    bucket.is_working().unwrap();
}

#[tokio::test]
async fn a_bucket_that_can_not_be_opened_says_why_until_it_can() {
    let provider = Provider::start().await;
    provider.mood_set(Mood::Refusing(404, "NoSuchBucket"));
    let bucket = provider.gateway("files");
    assert_eq!(why(bucket.is_working()), "the bucket is being listed");
    cared(&bucket).await;
    assert!(why(bucket.is_working()).contains("has no bucket `files`"));
    assert!(why(get(&bucket, 1, 0, 0).await).contains("has no bucket `files`"), "what it has is not known");
    assert!(why(sync(&bucket).await).contains("has no bucket `files`"));
    let denied = "SignatureDoesNotMatch";
    provider.mood_set(Mood::Refusing(403, denied));
    cared(&bucket).await;
    let told = why(bucket.is_working());
    assert!(told.contains("the secret of the key") && !told.contains("hush"), "{told}");
    provider.mood_set(Mood::Well);
    cared(&bucket).await;
    bucket.is_working().unwrap();

    let claim = provider.dir("files").join("amphi/store.json");
    for (text, words) in [("{}", "is not what an agent"), ("", "is not what an agent")] {
        std::fs::write(&claim, text).unwrap();
        let other = provider.gateway("files");
        cared(&other).await;
        assert!(why(other.is_working()).contains(words));
    }
    let foreign = Claim { version: VERSION, uuid: Uuid::nil(), gateway: String::new() };
    std::fs::write(&claim, serde_json::to_vec(&foreign).unwrap()).unwrap();
    let other = provider.gateway("files");
    cared(&other).await;
    assert!(why(other.is_working()).contains("another endpoint or name"));
}

#[tokio::test]
async fn of_two_gateways_the_later_one_has_the_bucket_and_knows_all_that_was_acknowledged() {
    let provider = Provider::start().await;
    let first = open(&provider).await;
    put(&first, 1..2, 5_000).await.unwrap();
    sync(&first).await.unwrap();
    put(&first, 2..3, 5_000).await.unwrap();
    let second = open(&provider).await;
    assert_eq!(first.uuid(), second.uuid());
    assert_eq!(why(sync(&first).await), "another agent serves this bucket now");
    assert!(!first.is_offered() && second.is_offered());
    cared(&first).await;
    assert!(first.is_working().is_err(), "it does not take it back");
    assert!(why(put(&first, 3..4, 10).await).contains("another agent"));
    assert_eq!(whole(&second, 1).await.unwrap(), bytes_of(1, 5_000));
    put(&second, 2..3, 5_000).await.unwrap();
    sync(&second).await.unwrap();
    assert_eq!(whole(&second, 2).await.unwrap(), bytes_of(2, 5_000));
}

#[tokio::test]
async fn a_list_of_many_pages_is_read_to_its_end_and_what_is_no_unit_is_left() {
    let provider = Provider::start().await;
    let bucket = open(&provider).await;
    // All in one part of the bucket, of which a page has 1,000.
    let units = (0..1_100).map(|n| unit(n * 16, 1)).collect();
    blocking(&bucket, move |bucket| bucket.put(units, 5)).await.unwrap();
    sync(&bucket).await.unwrap();
    let units = provider.dir("files").join("amphi/units/0");
    std::fs::write(units.join("notes.txt"), "mine").unwrap();
    std::fs::write(units.join("1-7-0_4-2-8-9"), "short").unwrap();
    drop(bucket);
    let bucket = open(&provider).await;
    assert_eq!(bucket.stat().units, 1_100);
    assert!(units.join("notes.txt").exists());
}
