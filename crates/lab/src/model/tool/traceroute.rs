//! traceroute ("modern traceroute for Linux"): the path, hop by hop.

use super::{
    DestinationKind, IP, NUMERIC, OptionKind, OptionSpec, Options, Place, Plan, Requirement, Switch, Tool, argv,
    nothing_to_check, push_pair, wall_ms,
};
use crate::model::destination::Destination;

pub(super) const TOOL: Tool = Tool {
    name: "traceroute",
    aliases: &[],
    program: "traceroute",
    summary: "The routers on the way to a host",
    probe: &["traceroute", "-V"],
    destination: DestinationKind::Host,
    options: &[METHOD, HOPS, PROBES, WAIT, PORT, DONT_FRAGMENT, NUMERIC, IP],
    bare: None,
    has_far_end: false,
    safe_to_repeat: true,
    check: nothing_to_check,
    plan,
};

/// Probes that the program has under way at the same time unless told otherwise (traceroute(8), `-N`).
const PROBES_AT_ONCE: u64 = 16;

const METHOD: OptionSpec = OptionSpec {
    name: "method",
    flags: &["-M", "--method"],
    kind: OptionKind::Choice {
        values: &["udp", "icmp", "tcp"],
        default: Some("udp"),
        switches: &[
            Switch { flag: "-U", value: "udp" },
            Switch { flag: "-I", value: "icmp" },
            Switch { flag: "-T", value: "tcp" },
            Switch { flag: "--udp", value: "udp" },
            Switch { flag: "--icmp", value: "icmp" },
            Switch { flag: "--tcp", value: "tcp" },
        ],
    },
    summary: "What the probes are made of",
    requires: None,
    excludes: &[],
};
const HOPS: OptionSpec = OptionSpec {
    name: "max-hops",
    flags: &["-m", "--max-hops"],
    kind: OptionKind::Integer { min: 1, max: 64, default: Some(30), unit: "hops" },
    summary: "Hops after which to give up",
    requires: None,
    excludes: &[],
};
const PROBES: OptionSpec = OptionSpec {
    name: "probes",
    flags: &["-q", "--probes", "--queries"],
    kind: OptionKind::Integer { min: 1, max: 5, default: Some(3), unit: "packets" },
    summary: "Probes sent to each hop",
    requires: None,
    excludes: &[],
};
const WAIT: OptionSpec = OptionSpec {
    name: "wait",
    flags: &["-w", "--wait"],
    kind: OptionKind::Decimal { min: 0.2, max: 5.0, default: Some(5.0), unit: "s" },
    summary: "How long to wait for an answer",
    requires: None,
    excludes: &[],
};
const PORT: OptionSpec = OptionSpec {
    name: "port",
    flags: &["-p", "--port"],
    kind: OptionKind::Integer { min: 1, max: 65535, default: None, unit: "port" },
    summary: "Destination port of every probe",
    requires: Some(Requirement { option: "method", values: &["udp", "tcp"] }),
    excludes: &[],
};
const DONT_FRAGMENT: OptionSpec = OptionSpec {
    name: "dont-fragment",
    flags: &["-F", "--dont-fragment"],
    kind: OptionKind::Flag,
    summary: "Forbid routers to cut packets into fragments",
    requires: None,
    excludes: &[],
};

fn plan(options: &Options, _: &Destination, place: &Place) -> Plan {
    let (hops, probes, wait) = (options.integer("max-hops"), options.integer("probes"), options.decimal("wait"));
    let mut argv = argv(&["traceroute"]);
    match options.choice("method") {
        Some("icmp") => argv.push("-I".into()),
        Some("tcp") => argv.push("-T".into()),
        // Without a port the program's own default, a port that grows with each probe, passes more firewalls than -U's 53.
        Some(_) | None if options.given("port").is_some() => argv.push("-U".into()),
        Some(_) | None => {}
    }
    push_pair(&mut argv, "-m", hops);
    push_pair(&mut argv, "-q", probes);
    push_pair(&mut argv, "-w", wait);
    if let Some(port) = options.given("port") {
        push_pair(&mut argv, "-p", port);
    }
    if options.flag("dont-fragment") {
        argv.push("-F".into());
    }
    if options.flag("numeric") {
        argv.push("-n".into());
    }
    argv.push(place.address.clone());
    let rounds = (hops * probes).div_ceil(PROBES_AT_ONCE);
    Plan { argv, wall_ms: wall_ms(rounds as f64 * wait + 20.0) }
}
