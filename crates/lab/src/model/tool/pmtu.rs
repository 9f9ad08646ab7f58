//! tracepath of iputils: the path MTU, and where on the path it shrinks.

use super::{
    DestinationKind, IP, NUMERIC, OptionKind, OptionSpec, Options, Place, Plan, Tool, argv, nothing_to_check,
    push_pair, wall_ms,
};
use crate::model::destination::Destination;

pub(super) const TOOL: Tool = Tool {
    name: "pmtu",
    aliases: &["tracepath"],
    program: "tracepath",
    summary: "The largest packet that fits the path to a host",
    probe: &["tracepath", "-V"],
    destination: DestinationKind::Host,
    options: &[HOPS, PORT, NUMERIC, IP],
    bare: None,
    has_far_end: false,
    safe_to_repeat: true,
    check: nothing_to_check,
    plan,
};

/// A silent hop is asked three times, a second each.
const SECONDS_A_HOP: u64 = 3;

const HOPS: OptionSpec = OptionSpec {
    name: "max-hops",
    flags: &["-m", "--max-hops"],
    kind: OptionKind::Integer { min: 1, max: 32, default: Some(30), unit: "hops" },
    summary: "Hops after which to give up",
    requires: None,
    excludes: &[],
};
const PORT: OptionSpec = OptionSpec {
    name: "port",
    flags: &["-p", "--port"],
    kind: OptionKind::Integer { min: 1, max: 65535, default: None, unit: "port" },
    summary: "Destination port of the first probe",
    requires: None,
    excludes: &[],
};

fn plan(options: &Options, _: &Destination, place: &Place) -> Plan {
    let hops = options.integer("max-hops");
    let mut argv = argv(&["tracepath"]);
    push_pair(&mut argv, "-m", hops);
    if let Some(port) = options.given("port") {
        push_pair(&mut argv, "-p", port);
    }
    if options.flag("numeric") {
        argv.push("-n".into());
    }
    argv.push(place.address.clone());
    Plan { argv, wall_ms: wall_ms((hops * SECONDS_A_HOP) as f64 + 20.0) }
}
