//! Experiments that are refused: each answer names what is wrong and what would be right, and nothing is written.

use serde_json::{Value, json};

use crate::agent::Agent;
use crate::plane::Plane;

/// Submits each body and lists status, code, field and message, one case a paragraph. Fails when anything was written.
async fn refusals(plane: &Plane, cases: &[(&str, Value)]) -> String {
    let mut table = String::new();
    for (case, body) in cases {
        let reply = plane.call(&plane.admin, "POST", "/api/v1/jobs", body.clone()).await;
        let code = reply.problem(reply.status.as_u16());
        let problem = reply.json();
        let field = problem["field"].as_str().unwrap_or("-");
        let message = problem["message"].as_str().unwrap();
        table += &format!("{case}\n  {} {code} at {field}\n  {message}\n", reply.status.as_u16());
    }
    assert_eq!((plane.count("lab_job").await, plane.count("lab_run").await), (0, 0));
    table
}

fn args(tool: &str, args: &[&str]) -> Value {
    json!({ "tool": tool, "args": args })
}

#[tokio::test]
async fn tools_and_options_are_checked() {
    let plane = Plane::new().await;
    let _agent = Agent::join(&plane, "lab-a", 1).await;
    let host = "192.0.2.1";
    let cases = [
        ("unknown tool", args("nmap", &[host])),
        ("unknown option", args("ping", &["--flood", host])),
        ("option of another tool", args("ping", &["--reverse", host])),
        (
            "option of another tool, by name",
            json!({ "tool": "dns", "options": { "count": 3 }, "destination": "example.org" }),
        ),
        ("count above the cap", args("ping", &["-c", "1000000", host])),
        ("count of nothing", args("ping", &["-c", "0", host])),
        ("negative count", args("ping", &["-c", "-1", host])),
        ("count that is no number", args("ping", &["-c", "3;id", host])),
        ("count without a value", args("ping", &[host, "-c"])),
        ("size above the cap", args("ping", &["-s", "65507", host])),
        ("count above the cap, by name", json!({ "tool": "ping", "options": { "count": 51 }, "destination": host })),
        ("count twice", args("ping", &["-c", "1", "-c", "2", host])),
        ("time above the cap", args("iperf3", &["-t", "3600", host])),
        ("no destination", args("ping", &["-c", "1"])),
        ("two destinations", args("ping", &[host, "192.0.2.2"])),
        ("neither args nor destination", json!({ "tool": "ping" })),
        ("both args and destination", json!({ "tool": "ping", "args": [host], "destination": host })),
    ];
    insta::assert_snapshot!("tools_and_options", refusals(&plane, &cases).await);
}

#[tokio::test]
async fn destinations_are_checked() {
    let plane = Plane::new().await;
    let _agent = Agent::join(&plane, "lab-a", 1).await;
    let long = "a".repeat(300);
    let long_name = vec!["a".repeat(60); 5].join(".");
    let cases = [
        ("semicolon", "192.0.2.1;id"),
        ("pipe", "192.0.2.1|id"),
        ("ampersand", "192.0.2.1&id"),
        ("backtick", "`id`"),
        ("command substitution", "$(id)"),
        ("newline", "192.0.2.1\nid"),
        ("NUL", "192.0.2.1\0"),
        ("space", "192.0.2.1 -f"),
        ("quote", "192.0.2.1'"),
        ("300 characters", &long),
        ("300 characters of labels", &long_name),
        ("Cyrillic letter", "ex\u{0430}mple.org"),
        ("full-width digits", "１92.0.2.1"),
        ("right-to-left override", "example\u{202e}gro"),
        ("leading zero", "192.0.02.1"),
        ("number for an address", "3221225985"),
        ("zone id", "fe80::1%eth0"),
        ("port where none is taken", "192.0.2.1:80"),
        ("URL where a host is wanted", "https://example.org/"),
    ];
    let by_name = cases.map(|(case, destination)| (case, json!({ "tool": "ping", "destination": destination })));
    let dashes = [
        ("leading hyphen, by name", json!({ "tool": "ping", "destination": "-f" })),
        ("leading hyphen, behind --", args("ping", &["--", "-f"])),
        ("URL of another scheme", args("http", &["file:///etc/passwd"])),
        ("URL with a password", args("http", &["https://ada:secret@example.org/"])),
    ];
    let table = refusals(&plane, &[by_name.as_slice(), &dashes].concat()).await;
    assert!(!table.contains('\0') && !table.contains('\u{202e}') && !table.contains("ada:secret"));
    insta::assert_snapshot!("destinations", table);
}

#[tokio::test]
async fn forbidden_networks_are_refused_by_address_and_by_name() {
    let plane = Plane::new().await;
    let _agent = Agent::join(&plane, "lab-a", 1).await;
    let refused =
        json!({ "refused_networks": ["198.51.100.0/24", "2001:db8:bad::/48"], "refused_names": ["*.bad.example"] });
    plane.policy(refused).await;
    let cases = [
        ("loopback", args("ping", &["127.0.0.1"])),
        ("loopback, IPv6", args("ping", &["::1"])),
        ("loopback inside IPv6", args("ping", &["::ffff:127.0.0.1"])),
        ("name of loopback", args("ping", &["localhost"])),
        ("name below that of loopback", args("ping", &["x.localhost"])),
        ("this machine", args("ping", &["0.0.0.0"])),
        ("link-local", args("ping", &["169.254.169.254"])),
        ("multicast", args("ping", &["224.0.0.1"])),
        ("network of the policy", args("traceroute", &["198.51.100.7"])),
        ("network of the policy, IPv6", args("traceroute", &["2001:db8:bad::7"])),
        ("network of the policy, in a URL", args("http", &["http://198.51.100.7/"])),
        ("network of the policy, with a port", args("tls", &["198.51.100.7:443"])),
        ("network of the policy, as resolver", args("dns", &["@198.51.100.7", "example.org"])),
        ("name of the policy", args("ping", &["www.bad.example"])),
    ];
    insta::assert_snapshot!("forbidden", refusals(&plane, &cases).await);
}

/// Here loopback is allowed, so that `localhost`, which every machine can look up, is refused for what it leads to alone.
#[tokio::test]
async fn a_name_that_leads_into_a_forbidden_network_is_refused() {
    let plane = Plane::with_loopback().await;
    let mut agent = Agent::join(&plane, "lab-a", 1).await;
    let localhost = || args("ping", &["localhost"]);
    let allowed = plane.submit(localhost()).await;
    agent.carry_out().await;
    plane.job_is(&allowed, "completed").await;
    plane.policy(json!({ "refused_networks": ["127.0.0.0/8", "::1/128"] })).await;
    let reply = plane.call(&plane.admin, "POST", "/api/v1/jobs", localhost()).await;
    assert_eq!((reply.problem(400).as_str(), &reply.json()["field"]), ("address-refused", &json!("destination")));
    let message = reply.json()["message"].as_str().unwrap().to_owned();
    assert!(message.contains("127.0.0.0/8") || message.contains("::1/128"), "{message}");
    assert_eq!(plane.count("lab_job").await, 1);
}

#[tokio::test]
async fn a_chosen_node_has_to_be_able_to_run_it() {
    let plane = Plane::new().await;
    let _out = Agent::join(&plane, "lab-out", 1).await;
    let _cordoned = Agent::join(&plane, "lab-cordoned", 1).await;
    let gone = Agent::join(&plane, "lab-gone", 1).await;
    let down = Agent::join(&plane, "lab-down", 1).await;
    let mut bare = Agent::join(&plane, "lab-bare", 1).await;
    let tools = vec![wire::proto::Tool { name: "dns".into(), version: "1".into() }];
    bare.send(wire::proto::from_agent::Message::Tools(wire::proto::Tools { tools, is_partial: false })).await;
    bare.settled().await;
    plane.node_change("lab-out", json!({ "state": "disabled" })).await;
    plane.node_change("lab-cordoned", json!({ "state": "cordoned" })).await;
    plane.call(&plane.admin, "DELETE", "/api/v1/nodes/lab-gone", Value::Null).await.expect(204);
    drop((gone, down));
    plane.clock.advance(std::time::Duration::from_secs(11));
    plane.node_is("lab-down", "down").await;
    bare.send(wire::proto::from_agent::Message::Heartbeat(wire::proto::Heartbeat::default())).await;
    plane.node_is("lab-bare", "up").await;
    let on = |node: &str| json!({ "tool": "ping", "args": ["192.0.2.1"], "node": node });
    let far = |node: &str| args("iperf3", &[node]);
    let cases = [
        ("unknown", on("lab-x")),
        ("gone", on("lab-gone")),
        ("down", on("lab-down")),
        ("cordoned", on("lab-cordoned")),
        ("disabled", on("lab-out")),
        ("without the tool", on("lab-bare")),
        ("hostile name", on("lab-a'; DROP TABLE lab_node; --")),
        ("labels that no node carries", json!({ "tool": "ping", "args": ["192.0.2.1"], "on": { "site": "mars" } })),
        ("a label too long", json!({ "tool": "ping", "args": ["192.0.2.1"], "on": { "site": "m".repeat(64) } })),
        ("far end down", far("lab-down")),
        ("far end disabled", far("lab-out")),
        ("far end without the tool", far("lab-bare")),
    ];
    insta::assert_snapshot!("nodes", refusals(&plane, &cases).await);
}
