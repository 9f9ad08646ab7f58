//! Languages are found where programs run.

use wire::proto::from_agent::Message;
use wire::proto::{Probe, Tools};

use crate::control::DEADLINE;
use crate::session::Session;
use crate::site::Site;

fn probe(name: &str, argv: &[&str], is_contained: bool) -> Probe {
    Probe { name: name.to_owned(), argv: argv.iter().map(|&word| word.to_owned()).collect(), is_contained }
}

async fn next_tools(session: &mut Session) -> Tools {
    let reading = async {
        loop {
            if let Message::Tools(found) = session.recv().await {
                return found;
            }
        }
    };
    tokio::time::timeout(DEADLINE, reading).await.expect("the tools were never told")
}

fn names(found: &Tools) -> Vec<&str> {
    found.tools.iter().map(|tool| tool.name.as_str()).collect()
}

#[tokio::test]
async fn a_language_is_what_starts_in_a_room() {
    let site = Site::new().await;
    let outside = site.dir.path().join("outside");
    std::fs::write(&outside, "").unwrap();
    let is_outside = format!("test ! -e {} && echo contained 1.0", outside.display());
    let probes = vec![
        probe("tool", &["echo", "1.0"], false),
        probe("here", &["sh", "-c", &is_outside], true),
        probe("failing", &["sh", "-c", "echo 1.0; exit 1"], true),
        probe("missing", &["no-such-language"], true),
        probe("endless", &["yes"], true),
        probe("stderr", &["sh", "-c", "echo 2.0 >&2"], true),
    ];
    // Probes are answered once on each stream.
    let (mut site, _) = site.reconnected().await;
    site.session.welcome_with(2, probes, 5000).await;
    let tools = next_tools(&mut site.session).await;
    assert_eq!((names(&tools), tools.is_partial), (vec!["tool"], true), "tools wait for no language");
    let all = next_tools(&mut site.session).await;
    assert_eq!((names(&all), all.is_partial), (vec!["tool", "here", "stderr"], false));
    assert_eq!(all.tools[1].version, "contained 1.0");
    site.agent.stop().await;
}
