//! A store as its clients see it: over TLS, by their certificates.

use tokio::sync::watch;
use wire::store::{Code as UnitCode, Found, Range, Unit, UnitKey};

use crate::model::stripe::StoreId;
use crate::stripe::{Credentials, Link, LinkError, StoreAddress};
use crate::testing::TestStores;

fn client(stores: &TestStores, number: u64, name: &str) -> Link {
    let (pair_pem, ca_pem) = stores.credentials(name);
    link(stores, number, number as StoreId, Credentials { pair_pem, ca_pem })
}

fn link(stores: &TestStores, number: u64, id: StoreId, credentials: Credentials) -> Link {
    let address = StoreAddress {
        id,
        node: TestStores::node(number),
        addresses: vec![stores.address(number)],
        free_bytes: 1 << 30,
        domain: String::new(),
        is_writable: true,
        is_up: true,
    };
    Link::new(address, watch::Sender::new(credentials).subscribe())
}

/// What a store says when it refuses.
fn refusal<T: std::fmt::Debug>(result: Result<T, LinkError>) -> String {
    match result.unwrap_err() {
        LinkError::Refused(_, sentence) => sentence,
        other => panic!("{other:?}"),
    }
}

fn key(volume: u64, stripe: u64) -> UnitKey {
    UnitKey { volume, stripe, index: 2 }
}

fn unit(volume: u64, stripe: u64, bytes: usize) -> Unit {
    let data: Vec<u8> = (0..bytes).map(|n| (n as u64 * (stripe + 3) % 251) as u8).collect();
    let sums = data.chunks(4096).map(mojette::checksum).collect();
    let code = Some(UnitCode { data: 4, parity: 2, element_bytes: 8, block_bytes: 262_144 });
    Unit { key: Some(key(volume, stripe)), code, data: data.into(), sums }
}

fn range(volume: u64, stripe: u64) -> Vec<Range> {
    vec![Range { key: Some(key(volume, stripe)), offset: 0, length: 0 }]
}

const STAT: std::time::Duration = std::time::Duration::from_secs(10);

#[tokio::test]
async fn what_was_synced_is_there_after_a_restart_and_the_rest_is_asked_for_again() {
    let mut stores = TestStores::start(1, 1 << 30).await;
    let volume = client(&stores, 1, "volume-7");
    let wanted = unit(7, 1, 70_000);
    let boot_id = volume.put(vec![wanted.clone()]).await.unwrap();
    volume.sync(&boot_id).await.unwrap();
    stores.stop(1).await;
    stores.start_again(1).await;
    assert!(matches!(volume.sync(&boot_id).await, Err(LinkError::Restarted(1))));
    let piece = volume.get(range(7, 1)).await.unwrap().remove(0);
    assert_eq!((piece.found(), &piece.data, &piece.sums), (Found::Ok, &wanted.data, &wanted.sums));
    assert_eq!((piece.unit_bytes, piece.code, piece.key), (70_000, wanted.code, wanted.key));
    assert_eq!(volume.get(range(7, 2)).await.unwrap()[0].found(), Found::Not);
    assert_ne!(volume.put(vec![wanted]).await.unwrap(), boot_id);
}

#[tokio::test]
async fn clients_touch_their_own_volume_and_do_nothing_else() {
    let stores = TestStores::start(1, 1 << 30).await;
    let seven = client(&stores, 1, "volume-7");
    seven.put(vec![unit(7, 1, 100)]).await.unwrap();
    let others = "a client of volume 7 may not touch volume 8";
    assert_eq!(refusal(seven.put(vec![unit(8, 1, 100)]).await), others);
    assert_eq!(refusal(seven.get(range(8, 1)).await), others);
    let more = "only the control plane may do that";
    assert_eq!(refusal(seven.delete(vec![key(7, 1)]).await), more);
    assert_eq!(refusal(seven.list(7, None, 10).await), more);
    assert_eq!(refusal(seven.verify(None, 1).await), more);
    assert!(matches!(client(&stores, 1, "node-2").stat(STAT).await, Err(LinkError::Unreachable(..))));

    let control = client(&stores, 1, "control");
    assert_eq!(control.list(7, None, 10).await.unwrap().len(), 1);
    control.delete(vec![key(7, 1)]).await.unwrap();
    assert_eq!(control.stat(STAT).await.unwrap().units, 0);
    let (pair_pem, ca_pem) = stores.credentials("control");
    let none = link(&stores, 1, 2, Credentials { pair_pem, ca_pem });
    assert_eq!(refusal(none.stat(STAT).await), "this node has no store 2");
}

#[tokio::test]
async fn nobody_is_served_without_a_certificate_of_the_authority() {
    let stores = TestStores::start(1, 1 << 30).await;
    let (_, ca_pem) = stores.credentials("control");
    let (pair_pem, _) = TestStores::start(0, 1).await.credentials("control");
    let stranger = link(&stores, 1, 1, Credentials { pair_pem, ca_pem });
    assert!(matches!(stranger.stat(STAT).await, Err(LinkError::Unreachable(..))));
}

#[tokio::test]
async fn wrong_bytes_other_bytes_and_too_many_are_refused() {
    let stores = TestStores::start(1, 1 << 20).await;
    let control = client(&stores, 1, "control");
    let wrong = Unit { sums: vec![7], ..unit(1, 1, 100) };
    assert_eq!(refusal(control.put(vec![wrong]).await), "the bytes are not those of their checksums");
    let nameless = Unit { key: None, ..unit(1, 1, 100) };
    assert_eq!(refusal(control.put(vec![nameless]).await), "the unit's key is missing");
    control.put(vec![unit(1, 1, 100)]).await.unwrap();
    let other = Unit { key: Some(key(1, 1)), ..unit(1, 2, 100) };
    assert!(refusal(control.put(vec![other]).await).starts_with("there are other bytes under the name"));
    assert!(matches!(control.put(vec![unit(1, 3, 2 << 20)]).await, Err(LinkError::Full(1))));
}

#[tokio::test]
async fn a_client_that_may_only_read_does_only_that() {
    let stores = TestStores::start(1, 1 << 30).await;
    client(&stores, 1, "volume-7").put(vec![unit(7, 1, 100)]).await.unwrap();
    let reader = client(&stores, 1, "reader-7");
    assert_eq!(reader.get(range(7, 1)).await.unwrap()[0].found(), Found::Ok);
    assert_eq!(refusal(reader.get(range(8, 1)).await), "a client of volume 7 may not touch volume 8");
    let only = "this client of volume 7 may only read";
    assert_eq!(refusal(reader.put(vec![unit(7, 2, 100)]).await), only);
    assert_eq!(refusal(reader.sync("").await), only);
    assert_eq!(refusal(reader.stat(STAT).await), only);
}
