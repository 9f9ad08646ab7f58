//! dig: what a domain name server answers. The name asked about is not contacted; the resolver is, when one is given.

use super::{
    DestinationKind, IP, OptionKind, OptionSpec, Options, Place, Plan, Requirement, Tool, argv, push_pair, wall_ms,
};
use crate::model::destination::{Destination, Host};
use crate::model::refusal::Refusal;

pub(super) const TOOL: Tool = Tool {
    name: "dns",
    aliases: &["dig"],
    program: "dig",
    summary: "What a domain name server answers about a name",
    probe: &["dig", "-v"],
    destination: DestinationKind::Name,
    options: &[TYPE, RESOLVER, PORT, TCP, SHORT, IP],
    bare: Some("type"),
    has_far_end: false,
    safe_to_repeat: true,
    check,
    plan,
};

const TYPE: OptionSpec = OptionSpec {
    name: "type",
    flags: &["-t", "--type"],
    kind: OptionKind::Choice {
        values: &["A", "AAAA", "ANY", "CAA", "CNAME", "DNSKEY", "DS", "HTTPS", "MX", "NS", "PTR", "SOA", "SRV", "TXT"],
        default: None,
        switches: &[],
    },
    summary: "Record type to ask for; left out, A for a name and PTR for an address",
    requires: None,
    excludes: &[],
};
const RESOLVER: OptionSpec = OptionSpec {
    name: "resolver",
    flags: &["@", "--resolver"],
    kind: OptionKind::Address,
    summary: "Server to ask; left out, the node's own",
    requires: None,
    excludes: &[],
};
const PORT: OptionSpec = OptionSpec {
    name: "port",
    flags: &["-p", "--port"],
    kind: OptionKind::Integer { min: 1, max: 65535, default: Some(53), unit: "port" },
    summary: "Port of the server",
    requires: Some(Requirement { option: "resolver", values: &[] }),
    excludes: &[],
};
const TCP: OptionSpec = OptionSpec {
    name: "tcp",
    flags: &["+tcp", "--tcp"],
    kind: OptionKind::Flag,
    summary: "Ask over TCP instead of UDP",
    requires: None,
    excludes: &[],
};
const SHORT: OptionSpec = OptionSpec {
    name: "short",
    flags: &["+short", "--short"],
    kind: OptionKind::Flag,
    summary: "Print the answer only",
    requires: None,
    excludes: &[],
};

fn check(options: &Options, destination: &Destination) -> Result<(), Refusal> {
    match (destination.host(), options.choice("type")) {
        (Host::Address(address), Some(kind)) if kind != "PTR" => {
            Err(Refusal::TypeForAddress { address: address.to_string().into(), kind: kind.to_string().into() })
        }
        (Host::Address(_) | Host::Name(_), _) => Ok(()),
    }
}

fn plan(options: &Options, destination: &Destination, place: &Place) -> Plan {
    // -r: no .digrc; without cookies an old server answers too.
    let mut argv = argv(&["dig", "-r", "+tries=2", "+time=5"]);
    if options.flag("tcp") {
        argv.push("+tcp".into());
    }
    if options.flag("short") {
        argv.push("+short".into());
    }
    match destination.host() {
        Host::Address(address) => push_pair(&mut argv, "-x", address),
        Host::Name(name) => {
            push_pair(&mut argv, "-t", options.choice("type").unwrap_or("A"));
            push_pair(&mut argv, "-q", name);
        }
    }
    if options.host("resolver").is_some() {
        push_pair(&mut argv, "-p", options.integer("port"));
        argv.push(format!("@{}", place.address));
    } else if let Some(version) = options.choice("ip") {
        argv.push(format!("-{version}"));
    }
    Plan { argv, wall_ms: wall_ms(30.0) }
}
