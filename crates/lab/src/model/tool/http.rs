//! curl as a stopwatch: when a web server is connected to, answers and is done. The node looks the name up before and
//! curl is pinned to that address, so that what was checked is what is contacted; name look-up is thus no part of the times.

use super::{
    DestinationKind, IP, OptionKind, OptionSpec, Options, Place, Plan, Switch, Tool, argv, nothing_to_check, push_pair,
    wall_ms,
};
use crate::model::destination::{Destination, Host};

pub(super) const TOOL: Tool = Tool {
    name: "http",
    aliases: &["curl"],
    program: "curl",
    summary: "How long a web server takes, step by step",
    probe: &["curl", "-V"],
    destination: DestinationKind::Url,
    options: &[METHOD, TIMEOUT, IP],
    bare: None,
    has_far_end: false,
    safe_to_repeat: true,
    check: nothing_to_check,
    plan,
};

const METHOD: OptionSpec = OptionSpec {
    name: "method",
    flags: &["-X", "--method"],
    kind: OptionKind::Choice {
        values: &["GET", "HEAD"],
        default: Some("GET"),
        switches: &[Switch { flag: "-I", value: "HEAD" }, Switch { flag: "--head", value: "HEAD" }],
    },
    summary: "GET fetches the page (and throws it away), HEAD its headers",
    requires: None,
    excludes: &[],
};
const TIMEOUT: OptionSpec = OptionSpec {
    name: "timeout",
    flags: &["-m", "--timeout", "--max-time"],
    kind: OptionKind::Integer { min: 1, max: 60, default: Some(30), unit: "s" },
    summary: "How long the whole may take",
    requires: None,
    excludes: &[],
};

/// Largest body that is fetched.
const BODY_BYTES: u64 = 64 << 20;

/// curl turns `\n` into a line's end and fills the names in.
const TABLE: &str = concat!(
    "connected to       %{remote_ip} port %{remote_port}\\n",
    "protocol           HTTP/%{http_version}\\n",
    "status             %{response_code}\\n",
    "TCP connected      %{time_connect} s\\n",
    "TLS ready          %{time_appconnect} s\\n",
    "request sent       %{time_pretransfer} s\\n",
    "first byte         %{time_starttransfer} s\\n",
    "done               %{time_total} s\\n",
    "header             %{size_header} bytes\\n",
    "body               %{size_download} bytes\\n",
    "speed              %{speed_download} bytes/s\\n",
);

fn plan(options: &Options, destination: &Destination, place: &Place) -> Plan {
    // -q first: no .curlrc. -g: brackets and braces in the URL are letters, not lists of URLs.
    let mut argv = argv(&["curl", "-q", "-g", "-sS", "--noproxy", "*", "--proto", "=http,https", "--max-redirs", "0"]);
    push_pair(&mut argv, "--max-time", options.integer("timeout"));
    push_pair(&mut argv, "--max-filesize", BODY_BYTES);
    if options.choice("method") == Some("HEAD") {
        argv.push("--head".into());
    }
    push_pair(&mut argv, "--dump-header", "-");
    push_pair(&mut argv, "--output", "/dev/null");
    push_pair(&mut argv, "--write-out", TABLE);
    if let (Host::Name(name), Some(port)) = (destination.host(), destination.port()) {
        push_pair(&mut argv, "--resolve", format!("{name}:{port}:{}", place.bracketed));
    }
    push_pair(&mut argv, "--url", destination.text());
    Plan { argv, wall_ms: wall_ms(options.integer("timeout") as f64 + 10.0) }
}
