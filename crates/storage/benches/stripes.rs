//! Stripes through eight stores of this process, over TLS on loopback: written and made safe, read whole, and read 4 KiB at
//! a time. Prints the median of five rounds.

use std::time::Instant;

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use storage::model::stripe::{SPAN_BYTES, Stripe};
use storage::stripe::{Credentials, StoreAddress, Stripes};
use storage::testing::TestStores;

type Failure = Box<dyn std::error::Error + Send + Sync>;

const STRIPES: usize = 1_024;
const SMALL_READS: usize = 5_000;
const TOGETHER: usize = 64;
const ROUNDS: usize = 5;

fn main() -> Result<(), Failure> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(async {
        let stores = TestStores::start(8, 64 << 30).await;
        let stripes = volume(&stores);
        let (mut written, mut read, mut small) = (Vec::new(), Vec::new(), Vec::new());
        for round in 0..ROUNDS {
            let begun = Instant::now();
            let all = write(&stripes, round).await?;
            written.push(mib() / begun.elapsed().as_secs_f64());
            let begun = Instant::now();
            read_whole(&stripes, &all).await?;
            read.push(mib() / begun.elapsed().as_secs_f64());
            let begun = Instant::now();
            read_small(&stripes, &all).await?;
            small.push(begun.elapsed().as_secs_f64() * 1e6 / SMALL_READS as f64);
        }
        println!("layout 1, eight stores; median of {ROUNDS} rounds");
        println!("  write and sync   {:7.0} MiB/s", median(written));
        println!("  read             {:7.0} MiB/s", median(read));
        println!("  read of 4 KiB    {:7.0} µs", median(small));
        Ok(())
    })
}

fn volume(stores: &TestStores) -> Stripes {
    let (pair_pem, ca_pem) = stores.credentials("volume-1");
    let stripes = Stripes::new(1, 4, 2, Credentials { pair_pem, ca_pem });
    let address = |number: u64| StoreAddress {
        id: number as i64,
        node: TestStores::node(number),
        addresses: vec![stores.address(number)],
        free_bytes: 64 << 30,
        domain: number.to_string(),
        is_writable: true,
        is_up: true,
    };
    stripes.stores_set((1..=8).map(address).collect());
    stripes
}

async fn write(stripes: &Stripes, round: usize) -> Result<Vec<Stripe>, Failure> {
    let content = Bytes::from((0..SPAN_BYTES).map(|n| (n * 31 % 251) as u8).collect::<Vec<u8>>());
    let first = (round * STRIPES) as i64;
    let writes = (first..first + STRIPES as i64).map(|id| stripes.write(id + 1, content.clone()));
    let all = stream::iter(writes).buffered(TOGETHER).try_collect().await?;
    stripes.sync().await?;
    Ok(all)
}

async fn read_whole(stripes: &Stripes, all: &[Stripe]) -> Result<(), Failure> {
    let reads = all.iter().map(|stripe| stripes.read(stripe, 0..SPAN_BYTES as u32));
    stream::iter(reads).buffered(8).try_for_each(|_| async { Ok(()) }).await?;
    Ok(())
}

/// One after the other, as a program reads that waits for each.
async fn read_small(stripes: &Stripes, all: &[Stripe]) -> Result<(), Failure> {
    for n in 0..SMALL_READS {
        let start = (n * 7 % (SPAN_BYTES / 4096) * 4096) as u32;
        stripes.read(&all[n * 13 % all.len()], start..start + 4096).await?;
    }
    Ok(())
}

fn mib() -> f64 {
    ((STRIPES * SPAN_BYTES) >> 20) as f64
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
