//! The link between an agent and the control plane, cut while a run goes on.

use std::time::Duration;

use testkit::amphi::Relay;

use crate::site::{Site, assert_whole_at_once};

/// Half of it the agent speaks into the void, half of it nobody answers at all.
const CUT: Duration = Duration::from_secs(2);

#[tokio::test]
async fn a_cut_link_is_resumed() {
    let mut site = Site::start(0).await;
    let relay = Relay::start(site.serve.address()).await.unwrap();
    site.join("node-a", &format!("http://{}", relay.address())).await;
    site.is_up("node-a").await;
    let id = site.ping("cut", 25).await;
    site.prints(&id, 3).await;
    relay.hold();
    tokio::time::sleep(CUT / 2).await;
    relay.cut();
    tokio::time::sleep(CUT / 2).await;
    relay.mend();
    assert_whole_at_once(&site, &id, 25).await;
    assert!(relay.broken() >= 2, "the stream was broken once and could not be had back at least once");
}
