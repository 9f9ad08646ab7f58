//! iperf3: throughput to a node, whose far end the control plane starts, or to a server that runs somewhere.

use super::{
    DestinationKind, IP, OptionKind, OptionSpec, Options, PLANNED_LIMIT_S, Place, Plan, Requirement, Switch, Tool,
    argv, push_pair, wall_ms,
};
use crate::model::destination::Destination;
use crate::model::refusal::Refusal;

pub(super) const TOOL: Tool = Tool {
    name: "iperf3",
    aliases: &["iperf"],
    program: "iperf3",
    summary: "Throughput between two nodes, or to an iperf3 server",
    probe: &["iperf3", "-v"],
    destination: DestinationKind::HostPort,
    options: &[TIME, BYTES, PARALLEL, METHOD, BITRATE, REVERSE, INTERVAL, PORT, IP],
    bare: None,
    has_far_end: true,
    // It fills the path; a second time is the learner's to decide.
    safe_to_repeat: false,
    check,
    plan,
};

const DEFAULT_PORT: u16 = 5201;
/// All UDP streams together, in bit/s.
const TOTAL_BITRATE: u64 = 100_000_000;
/// What TCP is trusted to reach when only bytes are given, in bit/s.
const SLOW_TCP: u64 = 100_000_000;

const TIME: OptionSpec = OptionSpec {
    name: "time",
    flags: &["-t", "--time"],
    kind: OptionKind::Integer { min: 1, max: 30, default: Some(10), unit: "s" },
    summary: "How long to send",
    requires: None,
    excludes: &["bytes"],
};
const BYTES: OptionSpec = OptionSpec {
    name: "bytes",
    flags: &["-n", "--bytes"],
    kind: OptionKind::Quantity { min: 1024, max: 1 << 30, default: None, unit: "bytes", thousand: 1024 },
    summary: "How much to send, instead of how long",
    requires: None,
    excludes: &["time"],
};
const PARALLEL: OptionSpec = OptionSpec {
    name: "parallel",
    flags: &["-P", "--parallel"],
    kind: OptionKind::Integer { min: 1, max: 8, default: Some(1), unit: "streams" },
    summary: "Streams at the same time",
    requires: None,
    excludes: &[],
};
const METHOD: OptionSpec = OptionSpec {
    name: "method",
    flags: &["--method"],
    kind: OptionKind::Choice {
        values: &["tcp", "udp"],
        default: Some("tcp"),
        switches: &[
            Switch { flag: "-u", value: "udp" },
            Switch { flag: "--udp", value: "udp" },
            Switch { flag: "--tcp", value: "tcp" },
        ],
    },
    summary: "TCP as fast as it goes, or UDP at a given bit rate",
    requires: None,
    excludes: &[],
};
const BITRATE: OptionSpec = OptionSpec {
    name: "bitrate",
    flags: &["-b", "--bitrate"],
    kind: OptionKind::Quantity {
        min: 64_000,
        max: TOTAL_BITRATE,
        default: Some(10_000_000),
        unit: "bit/s",
        thousand: 1000,
    },
    summary: "Bit rate of each UDP stream",
    requires: Some(Requirement { option: "method", values: &["udp"] }),
    excludes: &[],
};
const REVERSE: OptionSpec = OptionSpec {
    name: "reverse",
    flags: &["-R", "--reverse"],
    kind: OptionKind::Flag,
    summary: "The far end sends, the node receives",
    requires: None,
    excludes: &[],
};
const INTERVAL: OptionSpec = OptionSpec {
    name: "interval",
    flags: &["-i", "--interval"],
    kind: OptionKind::Decimal { min: 0.5, max: 10.0, default: Some(1.0), unit: "s" },
    summary: "Time between two lines of the report",
    requires: None,
    excludes: &[],
};
const PORT: OptionSpec = OptionSpec {
    name: "port",
    flags: &["-p", "--port"],
    kind: OptionKind::Integer { min: 1, max: 65535, default: None, unit: "port" },
    summary: "Port of a server that runs already; 5201 when left out",
    requires: None,
    excludes: &[],
};

fn is_udp(options: &Options) -> bool {
    options.choice("method") == Some("udp")
}

/// Seconds of sending; for TCP with a number of bytes, on a slow path.
fn sending_s(options: &Options) -> f64 {
    let Some(bytes) = options.integer_given("bytes") else { return options.integer("time") as f64 };
    let rate = if is_udp(options) { options.integer("bitrate") * options.integer("parallel") } else { SLOW_TCP };
    bytes as f64 * 8.0 / rate as f64
}

fn check(options: &Options, destination: &Destination) -> Result<(), Refusal> {
    destination.one_port(options)?;
    let (streams, bitrate) = (options.integer("parallel"), options.integer("bitrate"));
    if is_udp(options) && streams * bitrate > TOTAL_BITRATE {
        return Err(Refusal::TotalRate {
            streams: streams.to_string().into(),
            bitrate: bitrate.to_string().into(),
            limit: TOTAL_BITRATE.to_string().into(),
        });
    }
    let seconds = sending_s(options);
    if seconds > PLANNED_LIMIT_S as f64 {
        return Err(Refusal::TooLong {
            option: "bytes".into(),
            seconds: format!("{seconds:.0}").into(),
            limit: PLANNED_LIMIT_S.to_string().into(),
        });
    }
    Ok(())
}

fn plan(options: &Options, destination: &Destination, place: &Place) -> Plan {
    let port = place.port.or(destination.port_or(options)).unwrap_or(DEFAULT_PORT);
    let mut argv = argv(&["iperf3", "-c", &place.address]);
    push_pair(&mut argv, "-p", port);
    match options.given("bytes") {
        Some(bytes) => push_pair(&mut argv, "-n", bytes),
        None => push_pair(&mut argv, "-t", options.integer("time")),
    }
    if options.given("parallel").is_some() {
        push_pair(&mut argv, "-P", options.integer("parallel"));
    }
    if is_udp(options) {
        argv.push("-u".into());
        push_pair(&mut argv, "-b", options.integer("bitrate"));
    }
    if options.flag("reverse") {
        argv.push("-R".into());
    }
    push_pair(&mut argv, "-i", options.decimal("interval"));
    argv.push("--forceflush".into());
    push_pair(&mut argv, "--connect-timeout", 5000);
    Plan { argv, wall_ms: wall_ms(sending_s(options) + 20.0) }
}

/// The argv of the server at the far end: it serves one client and ends.
pub(crate) fn server_argv(port: u16) -> Vec<String> {
    argv(&["iperf3", "-s", "-1", "-p", &port.to_string(), "--forceflush"])
}

/// Whether a far end takes connections, from all that it has printed so far.
pub fn is_far_end_ready(output: &str) -> bool {
    output.contains("Server listening on")
}
