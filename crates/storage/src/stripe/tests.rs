//! Tests of `stripe`, against stores that lie, hang, fill up and die when told.

pub(super) mod fake;

use std::sync::Mutex;

use fake::{Fake, Mood, is_elsewhere, volume};

use super::reading::DamageKind;
use super::*;
use crate::model::stripe::Layout;

fn content(bytes: usize, seed: u32) -> Bytes {
    let mut state = seed.wrapping_mul(2_654_435_761) | 1;
    (0..bytes)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        })
        .collect()
}

fn synced_units(fakes: &[Fake]) -> usize {
    fakes.iter().map(|fake| fake.state().synced.len()).sum()
}

const SIZES: [usize; 9] = [1, 4095, 4096, 4097, 16_384, 65_537, 200_000, 262_143, 262_144];

#[tokio::test]
async fn what_is_written_is_read_when_any_m_stores_are_gone() {
    for layout in 0..3 {
        let units = Layout::try_from(layout).unwrap().units();
        let (stripes, fakes) = volume(layout, units).await;
        let written: Vec<_> = SIZES.iter().map(|bytes| content(*bytes, *bytes as u32)).collect();
        let mut all = Vec::new();
        for (id, data) in (1..).zip(&written) {
            all.push(stripes.write(id, data.clone()).await.unwrap());
        }
        assert_eq!(stripes.sync().await.unwrap(), []);
        for first in (0..units).step_by(1 << layout) {
            let gone: Vec<_> = (0..1 << layout).map(|step| (first + step * 2 + step / 3) % units).collect();
            gone.iter().for_each(|fake| fakes[*fake].mood_set(Mood::Refusing));
            for (stripe, data) in all.iter().zip(&written) {
                let bytes = data.len() as u32;
                let some = bytes / 3..bytes - bytes / 5;
                assert_eq!(stripes.read(stripe, 0..bytes).await.unwrap(), data, "layout {layout}, {bytes} bytes");
                let part = stripes.read(stripe, some.clone()).await.unwrap();
                assert_eq!(
                    part,
                    data[some.start as usize..some.end as usize],
                    "layout {layout}, {bytes} bytes, {some:?}"
                );
            }
            gone.iter().for_each(|fake| fakes[*fake].mood_set(Mood::Well));
        }
    }
}

#[tokio::test]
async fn a_healthy_read_asks_only_the_stores_that_hold_the_range() {
    let (stripes, fakes) = volume(1, 6).await;
    let data = content(SPAN_BYTES, 1);
    let stripe = stripes.write(1, data.clone()).await.unwrap();
    stripes.sync().await.unwrap();
    assert_eq!(stripes.read(&stripe, 70_000..70_010).await.unwrap(), data[70_000..70_010]);
    let asked: Vec<_> = (1..).zip(&fakes).filter(|(_, fake)| fake.state().gets > 0).map(|(id, _)| id).collect();
    assert_eq!(asked, [stripe.stores[1]]);
}

#[tokio::test]
async fn tls_is_left_within_a_machine_and_kept_with_others() {
    let (stripes, fakes) = volume(1, 6).await;
    stripes.write(1, content(SPAN_BYTES, 1)).await.unwrap();
    stripes.sync().await.unwrap();
    for (id, fake) in (1..).zip(&fakes) {
        assert_eq!(fake.state().left_tls, [!is_elsewhere(id)], "store {id}");
    }
}

#[tokio::test]
async fn tls_is_kept_where_somebody_is_in_between() {
    let (stripes, fakes) = volume(1, 6).await;
    let relay = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut addresses: Vec<_> = fakes.iter().map(|fake| fake.address.clone()).collect();
    let store = addresses[0].addresses.pop().unwrap();
    addresses[0].addresses = vec![relay.local_addr().unwrap().to_string()];
    tokio::spawn(async move {
        let (mut client, _) = relay.accept().await.unwrap();
        let mut store = tokio::net::TcpStream::connect(store).await.unwrap();
        tokio::io::copy_bidirectional(&mut client, &mut store).await
    });
    stripes.stores_set(addresses);
    stripes.write(1, content(SPAN_BYTES, 1)).await.unwrap();
    stripes.sync().await.unwrap();
    assert!(!is_elsewhere(1));
    assert_eq!(fakes[0].state().left_tls, [false]);
}

#[tokio::test]
async fn stores_that_lie_are_found_out_and_told() {
    for (mood, what) in [(Mood::WrongBytes, DamageKind::Damaged), (Mood::AnothersUnit, DamageKind::Damaged)] {
        let (stripes, fakes) = volume(1, 6).await;
        let told = Arc::new(Mutex::new(Vec::new()));
        let teller = told.clone();
        stripes.on_damage(Box::new(move |damage| teller.lock().unwrap().push(damage)));
        let data = content(SPAN_BYTES, 2);
        let stripe = stripes.write(1, data.clone()).await.unwrap();
        // Stripes whose units are turned through all places: the store has something else to answer with.
        for id in 2..=7 {
            stripes.write(id, content(SPAN_BYTES, 3)).await.unwrap();
        }
        stripes.sync().await.unwrap();
        let liar = stripe.stores[0];
        fakes[liar as usize - 1].mood_set(mood);
        assert_eq!(stripes.read(&stripe, 0..SPAN_BYTES as u32).await.unwrap(), data, "{mood:?}");
        let damage = Damage { stripe: 1, store: liar, index: 0, what };
        assert_eq!(*told.lock().unwrap(), [damage], "{mood:?}");
    }
}

#[tokio::test]
async fn a_store_that_never_answers_is_made_up_for() {
    let (stripes, fakes) = volume(1, 7).await;
    let data = content(SPAN_BYTES, 4);
    let stripe = stripes.write(1, data.clone()).await.unwrap();
    stripes.sync().await.unwrap();
    let silent = stripe.stores[1];
    fakes[silent as usize - 1].mood_set(Mood::Silent);
    let begun = std::time::Instant::now();
    for _ in 0..4 {
        assert_eq!(stripes.read(&stripe, 0..SPAN_BYTES as u32).await.unwrap(), data);
    }
    assert!(begun.elapsed().as_secs() < 5, "it was waited for: {:?}", begun.elapsed());
    assert!(stripes.inner.stores.is_suspect(silent));
    let next = stripes.write(2, data.clone()).await.unwrap();
    assert!(!next.stores.contains(&silent));
}

#[tokio::test]
async fn a_store_that_came_back_elsewhere_is_no_longer_passed_over() {
    let (stripes, fakes) = volume(1, 6).await;
    let id = fakes[0].address.id;
    stripes.inner.stores.suspect(id);
    let mut addresses: Vec<_> = fakes.iter().map(|fake| fake.address.clone()).collect();
    addresses[0].addresses.reverse();
    stripes.stores_set(addresses);
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(20);
    while stripes.inner.stores.is_suspect(id) {
        assert!(tokio::time::Instant::now() < deadline, "it answers at its new address");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn too_few_units_say_how_many_answered() {
    let (stripes, fakes) = volume(1, 6).await;
    let stripe = stripes.write(1, content(100_000, 5)).await.unwrap();
    fakes[..3].iter().for_each(Fake::kill);
    fakes[..3].iter().for_each(|fake| fake.mood_set(Mood::Refusing));
    let error = stripes.read(&stripe, 0..100_000).await.unwrap_err();
    assert_eq!(error.to_string(), "stripe 1: 3 of 6 units can be read, 4 are needed");
}

#[tokio::test]
async fn a_store_that_fails_is_replaced_by_a_spare() {
    for mood in [Mood::Refusing, Mood::Full, Mood::Silent] {
        let (stripes, fakes) = volume(1, 8).await;
        fakes[3].mood_set(mood);
        let data = content(SPAN_BYTES, 6);
        let mut all = Vec::new();
        for id in 1..=8 {
            all.push(stripes.write(id, data.clone()).await.unwrap());
        }
        assert!(all.iter().all(|stripe| !stripe.stores.contains(&4)), "{mood:?}");
        stripes.sync().await.unwrap();
        assert_eq!(synced_units(&fakes), 8 * 6, "{mood:?}");
    }
}

#[tokio::test]
async fn full_stores_say_so_and_too_few_say_how_many() {
    let (stripes, fakes) = volume(1, 6).await;
    fakes.iter().for_each(|fake| fake.mood_set(Mood::Full));
    assert!(matches!(stripes.write(1, content(9, 7)).await.unwrap_err(), WriteError::Full));
    let (stripes, _fakes) = volume(1, 5).await;
    let error = stripes.write(1, content(9000, 7)).await.unwrap_err();
    assert_eq!(error.to_string(), "5 stores take data now; 6 are needed");
    assert!(matches!(stripes.write(1, Bytes::new()).await.unwrap_err(), WriteError::Length(0)));
}

#[tokio::test]
async fn what_a_store_forgot_before_the_sync_is_put_again() {
    let (stripes, fakes) = volume(1, 6).await;
    let data = content(SPAN_BYTES, 8);
    let stripe = stripes.write(1, data.clone()).await.unwrap();
    fakes[2].restart();
    assert_eq!(stripes.sync().await.unwrap(), [], "it is where it was");
    assert_eq!(synced_units(&fakes), 6);
    fakes.iter().for_each(Fake::restart);
    assert_eq!(stripes.read(&stripe, 0..SPAN_BYTES as u32).await.unwrap(), data);
}

#[tokio::test]
async fn a_store_that_dies_before_the_sync_is_replaced_and_told() {
    let (stripes, fakes) = volume(1, 7).await;
    let data = content(SPAN_BYTES, 9);
    let stripe = stripes.write(1, data.clone()).await.unwrap();
    let dead = stripe.stores[0];
    fakes[dead as usize - 1].mood_set(Mood::Silent);
    let moved = stripes.sync().await.unwrap();
    let [moved] = moved.as_slice() else { panic!("{moved:?}") };
    assert_eq!((moved.id, &moved.stores[1..]), (1, &stripe.stores[1..]));
    assert!(!moved.stores.contains(&dead));
    assert_eq!(stripes.now_at(stripe), *moved);
    assert_eq!(stripes.sync().await.unwrap(), [], "told once");
    assert_eq!(stripes.read(moved, 0..SPAN_BYTES as u32).await.unwrap(), data);
}

#[tokio::test]
async fn nothing_is_forgotten_while_no_store_can_make_it_safe() {
    let (stripes, fakes) = volume(1, 6).await;
    stripes.write(1, content(SPAN_BYTES, 10)).await.unwrap();
    fakes[0].mood_set(Mood::Refusing);
    fakes[0].restart();
    stripes.sync().await.unwrap_err();
    fakes[0].mood_set(Mood::Well);
    stripes.sync().await.unwrap();
    assert_eq!(synced_units(&fakes), 6);
}

#[tokio::test]
async fn more_than_the_window_is_synced_on_the_way() {
    let (stripes, fakes) = volume(0, 3).await;
    let data = content(SPAN_BYTES, 11);
    for id in 1..=400 {
        stripes.write(id, data.clone()).await.unwrap();
    }
    let kept: usize = fakes.iter().map(|fake| fake.state().unsynced.len()).sum();
    assert!(kept * SPAN_BYTES / 2 <= 64 << 20, "{kept} units are unsynced");
    stripes.sync().await.unwrap();
    assert_eq!(synced_units(&fakes), 1200);
}

#[tokio::test]
async fn units_of_writes_at_the_same_time_travel_together() {
    let (stripes, fakes) = volume(1, 6).await;
    let writes = (1..=300).map(|id| stripes.write(id, content(1000, id as u32)));
    futures::future::try_join_all(writes).await.unwrap();
    stripes.sync().await.unwrap();
    assert_eq!(synced_units(&fakes), 900);
    let requests: usize = fakes.iter().map(|fake| fake.state().puts).sum();
    assert!(requests < 450, "{requests} requests for 900 units");
}

#[tokio::test]
async fn repair_brings_lost_and_damaged_units_back() {
    let (stripes, fakes) = volume(1, 7).await;
    let data = content(SPAN_BYTES, 12);
    let stripe = stripes.write(1, data.clone()).await.unwrap();
    stripes.sync().await.unwrap();
    let (lost, damaged) = (stripe.stores[1], stripe.stores[4]);
    fakes[lost as usize - 1].kill();
    fakes[lost as usize - 1].mood_set(Mood::Silent);
    let key = (7, 1, 4);
    let unit = fakes[damaged as usize - 1].state().synced.remove(&key).unwrap();
    stripes.inner.stores.suspect(lost);
    let repaired = stripes.repair(&stripe, &[1, 4]).await.unwrap();
    assert_eq!(stripes.sync().await.unwrap(), []);
    assert!(!repaired.stores.contains(&lost));
    let home = repaired.stores[4] as usize - 1;
    assert_eq!(fakes[home].state().synced.get(&key), Some(&unit));
    for others in 0..6 {
        let gone = repaired.stores[others] as usize - 1;
        fakes[gone].mood_set(Mood::Refusing);
        assert_eq!(stripes.read(&repaired, 0..SPAN_BYTES as u32).await.unwrap(), data);
        fakes[gone].mood_set(Mood::Well);
    }
}

#[tokio::test]
async fn repair_mends_what_it_has_stores_for_and_puts_no_two_units_on_one() {
    let (stripes, fakes) = volume(1, 6).await;
    let stripe = stripes.write(1, content(SPAN_BYTES, 14)).await.unwrap();
    stripes.sync().await.unwrap();
    // Both are lost; the store of the one is gone, and the other's can take it again.
    let (gone, wiped) = (stripe.stores[0], stripe.stores[1]);
    let listed = fakes.iter().map(|fake| StoreAddress { is_up: fake.address.id != gone, ..fake.address.clone() });
    stripes.stores_set(listed.collect());
    fakes[gone as usize - 1].mood_set(Mood::Refusing);
    fakes[wiped as usize - 1].state().synced.remove(&(7, 1, 1)).unwrap();
    for lost in [[0, 1], [1, 0]] {
        assert_eq!(stripes.targets(&stripe.stores, &lost).unwrap(), [(1, wiped)]);
    }
    let repaired = stripes.repair(&stripe, &[0, 1]).await.unwrap();
    assert_eq!(stripes.sync().await.unwrap(), []);
    assert_eq!(repaired.stores, stripe.stores);
    assert!(fakes[wiped as usize - 1].state().synced.contains_key(&(7, 1, 1)));
    let lack = stripes.targets(&stripe.stores, &[0]).unwrap_err();
    assert!(matches!(lack, WriteError::TooFewStores { need: 6, have: 5 }), "{lack}");
}
