//! Volumes on buckets of several providers, end to end: files, stripes, links, gateways, services.

use std::sync::Arc;
use std::time::Duration;

use super::health;
use crate::model::stripe::{Layout, SPAN_BYTES};
use crate::plane::{Plane, VOLUME, content};
use crate::store::Keeping;
use crate::testing::TestStores;
use crate::testing::provider::{Mood, Provider, cared, impatient};

/// A volume of layout 1 on two buckets of each provider; each has a gateway of its own.
async fn volume(providers: &[Provider]) -> Plane {
    let mut stores = TestStores::start(0, 0).await;
    for bucket in ["one", "two"] {
        for provider in providers {
            let offer = provider.offer(bucket);
            let open = move || {
                let bucket = impatient(offer.clone());
                async move {
                    cared(&bucket).await;
                    bucket as Arc<dyn Keeping>
                }
            };
            stores.add(Box::new(move || Box::pin(open()))).await;
        }
    }
    Plane::with(1, stores).await
}

async fn providers(count: usize) -> Vec<Provider> {
    let mut providers = Vec::new();
    for _ in 0..count {
        providers.push(Provider::start().await);
    }
    providers
}

fn objects(provider: &Provider) -> usize {
    provider.objects("one").len() + provider.objects("two").len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_volume_over_three_providers_outlives_any_one_of_them() {
    let providers = providers(3).await;
    let plane = volume(&providers).await;
    let (large, small) = (content(SPAN_BYTES * 5 + 70_001, 1), content(900, 2));
    plane.put("large", &large).await;
    plane.put("small", &small).await;
    for provider in &providers {
        // Of six stripes two units each, and of the copies of the small file one.
        assert_eq!(objects(provider), 13, "no provider has more than the others");
    }
    for provider in &providers {
        provider.mood_set(Mood::Refusing(503, "SlowDown"));
        assert_eq!(plane.get("large").await.unwrap(), large);
        assert_eq!(plane.get("small").await.unwrap(), small);
        provider.mood_set(Mood::Well);
    }
    plane.storage.scrub().await.unwrap();
    assert_eq!(health(&plane).await.repairs_waiting, 0, "nothing was damaged");
    assert_eq!(plane.units(), 39);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flipped_byte_and_a_lost_object_are_found_and_repaired() {
    let providers = providers(3).await;
    let plane = volume(&providers).await;
    let data = content(SPAN_BYTES * 2, 3);
    plane.put("f", &data).await;
    let flipped = &providers[0].objects("one")[0];
    let whole = std::fs::read(flipped).unwrap();
    let mut bytes = whole.clone();
    bytes[30_000] ^= 0x10;
    std::fs::write(flipped, bytes).unwrap();
    let lost = &providers[1].objects("two")[1];
    let gone = std::fs::read(lost).unwrap();
    std::fs::remove_file(lost).unwrap();
    plane.storage.scrub().await.unwrap();
    assert_eq!(health(&plane).await.repairs_waiting, 2);
    for _ in 0..3 {
        plane.storage.repairs_do().await.unwrap();
    }
    // The times in their headers differ.
    assert_eq!(std::fs::read(flipped).unwrap()[64..], whole[64..]);
    assert_eq!(std::fs::read(lost).unwrap()[64..], gone[64..]);
    plane.storage.scrub_ask(VOLUME).await.unwrap();
    plane.storage.scrub().await.unwrap();
    assert_eq!(health(&plane).await.repairs_waiting, 0);
    assert_eq!(plane.get("f").await.unwrap(), data);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writes_go_past_a_provider_that_fails() {
    for mood in [Mood::Refusing(503, "SlowDown"), Mood::Silent] {
        let providers = providers(4).await;
        let plane = volume(&providers).await;
        providers[2].mood_set(mood);
        let data = content(SPAN_BYTES * 3, 4);
        plane.put("f", &data).await;
        assert_eq!(objects(&providers[2]), 0, "{mood:?}");
        assert!(plane.units() >= 18, "{mood:?}");
        assert_eq!(plane.get("f").await.unwrap(), data, "{mood:?}");
        // With another one away there are too few, and that is said rather than half of it stored.
        providers[0].mood_set(Mood::Refusing(403, "AccessDenied"));
        let mut upload = plane.files.upload(&crate::plane::at("g")).await.unwrap();
        let pushed = upload.push(data.clone()).await;
        let failed = match pushed {
            Ok(()) => upload.finish().await.map(drop).unwrap_err(),
            Err(error) => error,
        };
        let told = portal::with_causes(&failed);
        assert!(told.contains("no store takes") || told.contains("stores take data"), "{mood:?}: {told}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_gateway_had_not_stored_when_it_was_killed_is_put_again() {
    let providers = providers(3).await;
    let mut plane = volume(&providers).await;
    let stripes = plane.storage.stripes(VOLUME, Layout::try_from(1).unwrap()).await.unwrap();
    let data = content(SPAN_BYTES, 5);
    let written = stripes.write(1_000, data.clone()).await.unwrap();
    assert_eq!(providers.iter().map(objects).sum::<usize>(), 0);
    for number in [1, 4] {
        plane.stores.stop(number).await;
        plane.stores.start_again(number).await;
    }
    plane.later(Duration::from_secs(1), &[]).await;
    let moved = stripes.sync().await.unwrap();
    let now = moved.into_iter().find(|stripe| stripe.id == written.id).unwrap_or(written);
    assert_eq!(providers.iter().map(objects).sum::<usize>(), 6, "all of it was acknowledged");
    assert_eq!(stripes.read(&now, 0..SPAN_BYTES as u32).await.unwrap(), data);
}
