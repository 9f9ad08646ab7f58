//! Experiments that aim at a node by its name: what the operator forbids and the IP version asked for hold there too, at
//! the submission and again at the start.

use serde_json::{Value, json};
use wire::proto::Reason;

use crate::agent::{Agent, end};
use crate::plane::Plane;

/// The words behind each tool that has a host, aimed at `host`.
fn aimed_at(host: &str) -> Vec<(&'static str, Vec<String>)> {
    let url = format!("http://{host}/");
    let resolver = format!("@{host}");
    let cases: [(&'static str, &[&str]); 10] = [
        ("ping", &[host]),
        ("traceroute", &[host]),
        ("mtr", &[host]),
        ("pmtu", &[host]),
        ("http", &[&url]),
        ("tls", &[host]),
        ("tls", &[&format!("{host}:8443")]),
        ("dns", &[&resolver, "example.org"]),
        ("iperf3", &[host]),
        ("iperf3", &["-p", "5201", host]),
    ];
    cases.map(|(tool, words)| (tool, words.iter().map(ToString::to_string).collect())).into()
}

/// Each tool's refusal as code, field and message, all of which have to be alike; nothing is written.
async fn refusal(plane: &Plane, host: &str, version: Option<&str>) -> (String, Value, String) {
    let mut refusals = Vec::new();
    for (tool, mut args) in aimed_at(host) {
        args.splice(0..0, version.map(str::to_owned));
        let body = json!({ "tool": tool, "args": args, "node": "lab-a" });
        let reply = plane.call(&plane.admin, "POST", "/api/v1/jobs", body).await;
        assert_eq!(reply.status.as_u16(), 400, "{tool} {args:?}: {}", reply.text());
        let problem = reply.json();
        refusals.push((reply.problem(400), problem["field"].clone(), problem["message"].as_str().unwrap().to_owned()));
    }
    assert_eq!((plane.count("lab_job").await, plane.count("lab_run").await), (0, 0));
    refusals.dedup();
    assert_eq!(refusals.len(), 1, "{refusals:?}");
    refusals.remove(0)
}

async fn two(plane: &Plane) -> (Agent, Agent) {
    (Agent::join(plane, "lab-a", 1).await, Agent::join(plane, "lab-b", 1).await)
}

#[tokio::test]
async fn a_node_in_a_network_of_the_policy_is_refused_for_every_tool() {
    let plane = Plane::new().await;
    let (_a, b) = two(&plane).await;
    plane.policy(json!({ "refused_networks": ["192.0.2.0/24"] })).await;
    for host in ["lab-b", &b.id] {
        let (code, field, message) = refusal(&plane, host, None).await;
        assert_eq!((code.as_str(), field), ("address-refused", json!("destination")));
        assert!(message.starts_with("192.0.2.77 lies in 192.0.2.0/24,"), "{message}");
    }
}

#[tokio::test]
async fn a_node_of_a_name_of_the_policy_is_refused_for_every_tool() {
    let plane = Plane::new().await;
    let (_a, b) = two(&plane).await;
    plane.policy(json!({ "refused_names": ["lab-b"] })).await;
    for host in ["lab-b", &b.id] {
        let (code, field, message) = refusal(&plane, host, None).await;
        assert_eq!((code.as_str(), field), ("name-refused", json!("destination")));
        assert!(message.starts_with("lab-b falls under lab-b,"), "{message}");
    }
}

#[tokio::test]
async fn a_node_without_an_address_of_the_ip_version_is_refused_for_every_tool() {
    let plane = Plane::new().await;
    let (_a, mut b) = two(&plane).await;
    for (addresses, version) in [(["192.0.2.77"], "-6"), (["2001:db8::77"], "-4")] {
        b.readdress(&plane, &addresses).await;
        let (code, field, message) = refusal(&plane, "lab-b", Some(version)).await;
        assert_eq!((code.as_str(), field), ("node-family", json!("ip")));
        assert!(message.contains(&format!("lab-b has no IPv{} address", &version[1..])), "{message}");
    }
}

#[tokio::test]
async fn the_ip_version_chooses_among_the_addresses_of_a_node_for_every_tool() {
    let plane = Plane::new().await;
    let (mut a, mut b) = two(&plane).await;
    b.readdress(&plane, &["192.0.2.77", "2001:db8::77"]).await;
    for (version, address) in [("-4", "192.0.2.77"), ("-6", "2001:db8::77")] {
        for (tool, mut args) in aimed_at("lab-b") {
            args.insert(0, version.to_owned());
            let has_far_end = tool == "iperf3" && !args.contains(&"-p".to_owned());
            let id = plane.submit(json!({ "tool": tool, "args": args, "node": "lab-a" })).await;
            let far = if has_far_end { Some(b.start().await) } else { None };
            if let Some(far) = &far {
                b.started(far).await;
                b.output(far, 0, "Server listening on 20000 (test #1)\n").await;
            }
            let near = a.carry_out().await;
            assert!(near.argv.iter().any(|word| word.contains(address)), "{tool} {args:?}: {:?}", near.argv);
            if let Some(far) = &far {
                b.exited(far, 0).await;
            }
            plane.job_is(&id, "completed").await;
        }
    }
}

/// A node of `amphi up` may sit on an address that nobody else may be aimed at.
#[tokio::test]
async fn what_is_refused_always_does_not_keep_from_a_node() {
    let plane = Plane::new().await;
    let (mut a, mut b) = two(&plane).await;
    b.readdress(&plane, &["127.0.0.1"]).await;
    let id = plane.submit(json!({ "tool": "ping", "args": ["lab-b"], "node": "lab-a" })).await;
    let start = a.carry_out().await;
    assert_eq!(start.argv.last().map(String::as_str), Some("127.0.0.1"));
    plane.job_is(&id, "completed").await;
}

/// Takes lab-a's slot, submits, and frees the slot once `change` has been made; answers the job as it ends.
async fn changed_while_waiting(plane: &Plane, a: &mut Agent, args: Value, change: impl AsyncFnOnce()) -> Value {
    let _busy = plane.submit(crate::agent::ping_on("lab-a")).await;
    let start = a.start().await;
    let id = plane.submit(json!({ "tool": "ping", "args": args, "node": "lab-a" })).await;
    change().await;
    a.exited(&start, 0).await;
    let job = plane.job_is(&id, "error").await;
    a.is_idle().await;
    job
}

#[tokio::test]
async fn a_policy_that_came_after_the_submission_holds_at_the_start() {
    let plane = Plane::new().await;
    let (mut a, _b) = two(&plane).await;
    let change = async || plane.policy(json!({ "refused_networks": ["192.0.2.0/24"] })).await;
    let job = changed_while_waiting(&plane, &mut a, json!(["lab-b"]), change).await;
    assert_eq!(job["reason"], "forbidden");
    let why = job["reason_text"].as_str().unwrap();
    assert!(why.contains("192.0.2.77 lies in 192.0.2.0/24"), "{why}");
}

#[tokio::test]
async fn a_node_that_lost_its_address_of_the_ip_version_is_not_aimed_at_by_another() {
    let plane = Plane::new().await;
    let (mut a, mut b) = two(&plane).await;
    b.readdress(&plane, &["192.0.2.77", "2001:db8::77"]).await;
    let change = async || b.readdress(&plane, &["192.0.2.77"]).await;
    let job = changed_while_waiting(&plane, &mut a, json!(["-6", "lab-b"]), change).await;
    assert_eq!(job["reason"], "name-unknown");
    let why = job["reason_text"].as_str().unwrap();
    assert!(why.contains("lab-b has no IPv6 address"), "{why}");
}

#[tokio::test]
async fn a_far_end_that_may_not_be_aimed_at_any_more_is_stopped() {
    let plane = Plane::new().await;
    let (mut a, mut b) = two(&plane).await;
    let id = plane.submit(json!({ "tool": "iperf3", "args": ["lab-b"], "node": "lab-a" })).await;
    let far = b.start().await;
    plane.policy(json!({ "refused_names": ["lab-b"] })).await;
    b.started(&far).await;
    b.output(&far, 0, "Server listening on 20000 (test #1)\n").await;
    let job = plane.job_is(&id, "error").await;
    assert_eq!(job["reason"], "forbidden");
    assert_eq!(b.cancel().await, far.run_id);
    b.ended(end(&far, Reason::Cancelled)).await;
    a.is_idle().await;
}
