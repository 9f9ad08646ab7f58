//! ping of iputils: round-trip time and loss.

use super::{
    DestinationKind, IP, OptionKind, OptionSpec, Options, PLANNED_LIMIT_S, Place, Plan, Tool, argv, push_pair, wall_ms,
};
use crate::model::destination::Destination;
use crate::model::refusal::Refusal;

pub(super) const TOOL: Tool = Tool {
    name: "ping",
    aliases: &[],
    program: "ping",
    summary: "Round-trip time and loss to a host",
    probe: &["ping", "-V"],
    destination: DestinationKind::Host,
    options: &[COUNT, INTERVAL, SIZE, TIMEOUT, TTL, DONT_FRAGMENT, IP],
    bare: None,
    has_far_end: false,
    safe_to_repeat: true,
    check,
    plan,
};

const COUNT: OptionSpec = OptionSpec {
    name: "count",
    flags: &["-c", "--count"],
    kind: OptionKind::Integer { min: 1, max: 50, default: Some(4), unit: "packets" },
    summary: "Number of packets to send",
    requires: None,
    excludes: &[],
};
const INTERVAL: OptionSpec = OptionSpec {
    name: "interval",
    flags: &["-i", "--interval"],
    kind: OptionKind::Decimal { min: 0.2, max: 5.0, default: Some(1.0), unit: "s" },
    summary: "Time between two packets",
    requires: None,
    excludes: &[],
};
// Up to a jumbo frame, so that a learner can go past the usual 1,472 and see what "don't fragment" does.
const SIZE: OptionSpec = OptionSpec {
    name: "size",
    flags: &["-s", "--size"],
    kind: OptionKind::Integer { min: 0, max: 8972, default: Some(56), unit: "bytes" },
    summary: "Data bytes in each packet, without headers",
    requires: None,
    excludes: &[],
};
const TIMEOUT: OptionSpec = OptionSpec {
    name: "timeout",
    flags: &["-W", "--timeout"],
    kind: OptionKind::Decimal { min: 0.2, max: 10.0, default: Some(10.0), unit: "s" },
    summary: "How long to wait for the last answer",
    requires: None,
    excludes: &[],
};
const TTL: OptionSpec = OptionSpec {
    name: "ttl",
    flags: &["-t", "--ttl"],
    kind: OptionKind::Integer { min: 1, max: 255, default: Some(64), unit: "hops" },
    summary: "Time to live: routers a packet may cross",
    requires: None,
    excludes: &[],
};
const DONT_FRAGMENT: OptionSpec = OptionSpec {
    name: "dont-fragment",
    flags: &["-M do", "--dont-fragment", "-F"],
    kind: OptionKind::Flag,
    summary: "Forbid routers to cut packets into fragments",
    requires: None,
    excludes: &[],
};

/// Seconds from the first packet to the last.
fn sending_s(options: &Options) -> f64 {
    options.integer("count").saturating_sub(1) as f64 * options.decimal("interval")
}

fn check(options: &Options, _: &Destination) -> Result<(), Refusal> {
    let seconds = sending_s(options);
    if seconds > PLANNED_LIMIT_S as f64 {
        return Err(Refusal::TooLong {
            option: "interval".into(),
            seconds: seconds.to_string().into(),
            limit: PLANNED_LIMIT_S.to_string().into(),
        });
    }
    Ok(())
}

fn plan(options: &Options, _: &Destination, place: &Place) -> Plan {
    let mut argv = argv(&["ping", "-c"]);
    argv.push(options.integer("count").to_string());
    for (name, flag) in [("interval", "-i"), ("size", "-s"), ("timeout", "-W"), ("ttl", "-t")] {
        if let Some(value) = options.given(name) {
            push_pair(&mut argv, flag, value);
        }
    }
    if options.flag("dont-fragment") {
        push_pair(&mut argv, "-M", "do");
    }
    argv.push(place.address.clone());
    Plan { argv, wall_ms: wall_ms(sending_s(options) + options.decimal("timeout") + 5.0) }
}
