//! The pure part: which examples there are, and how a result is printed.

use lab::model::experiment::Experiment;

use super::*;
use crate::up::targets::DnsTarget;

fn names(count: usize) -> Vec<String> {
    ["lab-a", "lab-b", "lab-c"][..count].iter().map(ToString::to_string).collect()
}

fn dns() -> DnsTarget {
    DnsTarget { resolver: "10.77.3.80".parse().unwrap(), port: 53, name: "web.lab".to_owned(), zone: "lab".to_owned() }
}

fn routed() -> Targets {
    let mut targets = Targets::none();
    targets.destination = "lab-c".to_owned();
    targets.is_routed = true;
    targets.http_url = Some("http://web.lab/".to_owned());
    targets.https_url = Some("https://web.lab/".to_owned());
    targets.tls = Some("web.lab:443".to_owned());
    targets.dns = Some(dns());
    targets
}

fn example() -> Example {
    Example::tool("Ping", "ping", &["lab-c"], "lab-a")
}

fn tool(body: &Value) -> &str {
    body["tool"].as_str().unwrap()
}

fn report(output: &str) -> Report {
    Report {
        command: "ping lab-c".to_owned(),
        is_from_earlier: false,
        output: output.to_owned(),
        end: "exit status 0".to_owned(),
        took_s: Some(2.04),
        is_well: true,
    }
}

#[test]
fn the_lab_takes_every_example_and_every_tool_is_shown() {
    for targets in [routed(), Targets::none()] {
        let examples = examples(&names(3), &targets);
        for Example { body, .. } in &examples {
            let args: Vec<String> = serde_json::from_value(body["args"].clone()).unwrap();
            Experiment::from_args(tool(body), &args).unwrap_or_else(|refusal| panic!("{body}: {refusal}"));
        }
        let mut titles: Vec<_> = examples.iter().map(|example| &example.name).collect();
        titles.sort();
        titles.dedup();
        assert_eq!(titles.len(), examples.len(), "names tell examples apart");
    }
    let examples = examples(&names(3), &routed());
    for tool in lab::model::tool::tools() {
        assert!(examples.iter().any(|example| example.body["tool"] == tool.name), "nothing shows {}", tool.name);
    }
}

#[test]
fn what_is_missing_is_left_out() {
    let tools = |nodes, targets: &Targets| -> Vec<_> {
        examples(&names(nodes), targets).iter().map(|example| tool(&example.body).to_owned()).collect()
    };
    assert_eq!(tools(1, &Targets::none()), ["ping", "traceroute", "pmtu"]);
    assert!(tools(2, &Targets::none()).ends_with(&["iperf3"; 3].map(str::to_owned)));
    assert!(tools(0, &routed()).is_empty());
}

#[test]
fn a_result_is_printed_with_its_end() {
    assert_eq!(
        shown(&example(), &Ok(report("PING\u{1b}[2J lab-c\n\n1 received\n"))),
        "\nPing (on lab-a)\n  $ ping lab-c\n    PING[2J lab-c\n    \n    1 received\n  exit status 0, 2.0 s\n"
    );
    let earlier = Report { is_from_earlier: true, ..report("") };
    assert!(shown(&example(), &Ok(earlier)).ends_with("  exit status 0, 2.0 s, from an earlier start\n"));
    let failure = shown(&example(), &Err(anyhow::anyhow!("no such node").context("submitting")));
    assert_eq!(failure, "\nPing (on lab-a)\n  failed: submitting: no such node\n");
}

#[test]
fn long_output_keeps_its_beginning_and_its_end() {
    let output: String = (0..100).map(|n| format!("line {n}\n")).collect();
    let text = indented(&output);
    let lines: Vec<_> = text.lines().map(str::trim).collect();
    assert_eq!(lines.len(), FIRST_LINES + 1 + LAST_LINES);
    assert_eq!((lines[0], lines[FIRST_LINES], *lines.last().unwrap()), ("line 0", "… 76 more lines …", "line 99"));
}
