//! A store as its clients see it: over TLS, by their certificates.

use std::time::Duration;

use storage::testing::TestStores;
use tonic::Code;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};
use wire::authority::node_server_name;
use wire::store::stores_client::StoresClient;
use wire::store::{
    Code as UnitCode, DeleteRequest, Found, GetRequest, ListRequest, PutRequest, Range, StatRequest, SyncRequest, Unit,
    UnitKey,
};

type Client = StoresClient<Channel>;

async fn client(stores: &TestStores, number: u64, name: &str) -> Client {
    let (pair, ca) = stores.credentials(name);
    dial(stores, number, Some(Identity::from_pem(&pair, &pair)), &ca).await.unwrap()
}

async fn dial(
    stores: &TestStores,
    number: u64,
    identity: Option<Identity>,
    ca: &str,
) -> Result<Client, tonic::transport::Error> {
    let mut tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(ca));
    tls = tls.domain_name(node_server_name(&TestStores::node(number)));
    if let Some(identity) = identity {
        tls = tls.identity(identity);
    }
    let endpoint = Endpoint::from_shared(format!("https://{}", stores.address(number)))?.tls_config(tls)?;
    Ok(StoresClient::new(endpoint.timeout(Duration::from_secs(10)).connect().await?))
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

fn get(volume: u64, stripe: u64) -> GetRequest {
    GetRequest { store: 1, ranges: vec![Range { key: Some(key(volume, stripe)), offset: 0, length: 0 }] }
}

#[tokio::test]
async fn what_was_synced_is_there_after_a_restart_and_the_rest_is_asked_for_again() {
    let mut stores = TestStores::start(1, 1 << 30).await;
    let mut volume = client(&stores, 1, "volume-7").await;
    let wanted = unit(7, 1, 70_000);
    let boot_id = volume.put(PutRequest { store: 1, units: vec![wanted.clone()] }).await.unwrap().into_inner().boot_id;
    volume.sync(SyncRequest { store: 1, boot_id: boot_id.clone() }).await.unwrap();
    stores.stop(1).await;
    stores.start_again(1).await;
    let mut volume = client(&stores, 1, "volume-7").await;
    let late = volume.sync(SyncRequest { store: 1, boot_id: boot_id.clone() }).await.unwrap_err();
    assert_eq!(late.code(), Code::Aborted);
    let piece = volume.get(get(7, 1)).await.unwrap().into_inner().pieces.remove(0);
    assert_eq!((piece.found(), &piece.data, &piece.sums), (Found::Ok, &wanted.data, &wanted.sums));
    assert_eq!((piece.unit_bytes, piece.code, piece.key), (70_000, wanted.code, wanted.key));
    assert_eq!(volume.get(get(7, 2)).await.unwrap().into_inner().pieces[0].found(), Found::Not);
    let again = volume.put(PutRequest { store: 1, units: vec![wanted] }).await.unwrap().into_inner();
    assert_ne!(again.boot_id, boot_id);
}

#[tokio::test]
async fn clients_touch_their_own_volume_and_do_nothing_else() {
    let stores = TestStores::start(1, 1 << 30).await;
    let mut seven = client(&stores, 1, "volume-7").await;
    let put = |volume| PutRequest { store: 1, units: vec![unit(volume, 1, 100)] };
    seven.put(put(7)).await.unwrap();
    assert_eq!(seven.put(put(8)).await.unwrap_err().code(), Code::PermissionDenied);
    assert_eq!(seven.get(get(8, 1)).await.unwrap_err().code(), Code::PermissionDenied);
    let delete = DeleteRequest { store: 1, keys: vec![key(7, 1)], put_ms: Vec::new() };
    assert_eq!(seven.delete(delete.clone()).await.unwrap_err().code(), Code::PermissionDenied);
    let list = ListRequest { store: 1, volume: 7, after: None, limit: 10 };
    assert_eq!(seven.list(list).await.unwrap_err().code(), Code::PermissionDenied);
    let mut node = client(&stores, 1, "node-2").await;
    assert_eq!(node.stat(StatRequest { store: 1 }).await.unwrap_err().code(), Code::PermissionDenied);

    let mut control = client(&stores, 1, "control").await;
    assert_eq!(control.list(list).await.unwrap().into_inner().units.len(), 1);
    control.delete(delete).await.unwrap();
    assert_eq!(control.stat(StatRequest { store: 1 }).await.unwrap().into_inner().units, 0);
    assert_eq!(control.stat(StatRequest { store: 2 }).await.unwrap_err().code(), Code::NotFound);
}

#[tokio::test]
async fn nobody_is_served_without_a_certificate_of_the_authority() {
    let stores = TestStores::start(1, 1 << 30).await;
    let (_, ca) = stores.credentials("control");
    let (stranger, _) = TestStores::start(0, 1).await.credentials("control");
    for identity in [None, Some(Identity::from_pem(&stranger, &stranger))] {
        // TLS 1.3 tells a client only once it speaks.
        let refused = match dial(&stores, 1, identity, &ca).await {
            Ok(mut client) => client.stat(StatRequest { store: 1 }).await.is_err(),
            Err(_) => true,
        };
        assert!(refused);
    }
}

#[tokio::test]
async fn wrong_bytes_other_bytes_and_too_many_are_refused_with_their_codes() {
    let stores = TestStores::start(1, 1 << 20).await;
    let mut control = client(&stores, 1, "control").await;
    let put = |unit| PutRequest { store: 1, units: vec![unit] };
    let wrong = Unit { sums: vec![7], ..unit(1, 1, 100) };
    assert_eq!(control.put(put(wrong)).await.unwrap_err().code(), Code::InvalidArgument);
    let nameless = Unit { key: None, ..unit(1, 1, 100) };
    assert_eq!(control.put(put(nameless)).await.unwrap_err().code(), Code::InvalidArgument);
    control.put(put(unit(1, 1, 100))).await.unwrap();
    let other = Unit { key: Some(key(1, 1)), ..unit(1, 2, 100) };
    assert_eq!(control.put(put(other)).await.unwrap_err().code(), Code::AlreadyExists);
    assert_eq!(control.put(put(unit(1, 3, 2 << 20))).await.unwrap_err().code(), Code::ResourceExhausted);
}

#[tokio::test]
async fn a_client_that_may_only_read_does_only_that() {
    let stores = TestStores::start(1, 1 << 30).await;
    let put = |stripe| PutRequest { store: 1, units: vec![unit(7, stripe, 100)] };
    client(&stores, 1, "volume-7").await.put(put(1)).await.unwrap();
    let mut reader = client(&stores, 1, "reader-7").await;
    assert_eq!(reader.get(get(7, 1)).await.unwrap().into_inner().pieces[0].found(), Found::Ok);
    assert_eq!(reader.get(get(8, 1)).await.unwrap_err().code(), Code::PermissionDenied);
    assert_eq!(reader.put(put(2)).await.unwrap_err().code(), Code::PermissionDenied);
    let sync = SyncRequest { store: 1, boot_id: String::new() };
    assert_eq!(reader.sync(sync).await.unwrap_err().code(), Code::PermissionDenied);
    assert_eq!(reader.stat(StatRequest { store: 1 }).await.unwrap_err().code(), Code::PermissionDenied);
}
