//! Serves until interrupted; prints the URL and the secret, one a line.

use std::io;

use rehearsal::{Conference, ConferencePlan};

#[tokio::main]
async fn main() -> io::Result<()> {
    let conference = Conference::start(ConferencePlan::default()).await?;
    println!("{}\n{}", conference.url(), conference.secret());
    tokio::signal::ctrl_c().await
}
