//! mtr in report mode: loss and delay of every hop over several rounds.

use super::{
    DestinationKind, IP, NUMERIC, OptionKind, OptionSpec, Options, Place, Plan, Requirement, Switch, Tool, argv,
    nothing_to_check, push_pair, wall_ms,
};
use crate::model::destination::Destination;

pub(super) const TOOL: Tool = Tool {
    name: "mtr",
    aliases: &[],
    program: "mtr",
    summary: "Loss and delay of every hop on the way to a host",
    probe: &["mtr", "-v"],
    destination: DestinationKind::Host,
    options: &[COUNT, METHOD, PORT, HOPS, NUMERIC, IP],
    bare: None,
    has_far_end: false,
    safe_to_repeat: true,
    check: nothing_to_check,
    plan,
};

const COUNT: OptionSpec = OptionSpec {
    name: "count",
    flags: &["-c", "--count", "--report-cycles"],
    kind: OptionKind::Integer { min: 1, max: 50, default: Some(10), unit: "packets" },
    summary: "Rounds, one packet to each hop in each",
    requires: None,
    excludes: &[],
};
const METHOD: OptionSpec = OptionSpec {
    name: "method",
    flags: &["--method"],
    kind: OptionKind::Choice {
        values: &["icmp", "udp", "tcp"],
        default: Some("icmp"),
        switches: &[
            Switch { flag: "--icmp", value: "icmp" },
            Switch { flag: "--udp", value: "udp" },
            Switch { flag: "--tcp", value: "tcp" },
            Switch { flag: "-u", value: "udp" },
            Switch { flag: "-T", value: "tcp" },
        ],
    },
    summary: "What the probes are made of",
    requires: None,
    excludes: &[],
};
const PORT: OptionSpec = OptionSpec {
    name: "port",
    flags: &["-P", "--port"],
    kind: OptionKind::Integer { min: 1, max: 65535, default: None, unit: "port" },
    summary: "Destination port of every probe",
    requires: Some(Requirement { option: "method", values: &["udp", "tcp"] }),
    excludes: &[],
};
const HOPS: OptionSpec = OptionSpec {
    name: "max-hops",
    flags: &["-m", "--max-hops", "--max-ttl"],
    kind: OptionKind::Integer { min: 1, max: 64, default: Some(30), unit: "hops" },
    summary: "Hops after which to give up",
    requires: None,
    excludes: &[],
};

fn plan(options: &Options, _: &Destination, place: &Place) -> Plan {
    let count = options.integer("count");
    let mut argv = argv(&["mtr", "--report", "--report-wide"]);
    push_pair(&mut argv, "-c", count);
    push_pair(&mut argv, "-m", options.integer("max-hops"));
    match options.choice("method") {
        Some("udp") => argv.push("--udp".into()),
        Some("tcp") => argv.push("--tcp".into()),
        Some(_) | None => {}
    }
    if let Some(port) = options.given("port") {
        push_pair(&mut argv, "-P", port);
    }
    if options.flag("numeric") {
        argv.push("-n".into());
    }
    argv.push(place.address.clone());
    // A round takes a second; then come its grace time (5 s), probes kept open (10 s) and name look-ups.
    Plan { argv, wall_ms: wall_ms(count as f64 + 30.0) }
}
