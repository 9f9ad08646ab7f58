//! openssl s_client: the certificate chain a server shows, who issued it, until when, and whether it is trusted.

use super::{DestinationKind, IP, OptionKind, OptionSpec, Options, Place, Plan, Tool, argv, push_pair, wall_ms};
use crate::model::destination::{Destination, Host};
use crate::model::refusal::Refusal;

pub(super) const TOOL: Tool = Tool {
    name: "tls",
    aliases: &[],
    program: "openssl",
    summary: "The certificate a server shows, and whether it is trusted",
    probe: &["openssl", "version"],
    destination: DestinationKind::HostPort,
    options: &[PORT, IP],
    bare: None,
    has_far_end: false,
    safe_to_repeat: true,
    check,
    plan,
};

const DEFAULT_PORT: u16 = 443;

const PORT: OptionSpec = OptionSpec {
    name: "port",
    flags: &["-p", "--port"],
    kind: OptionKind::Integer { min: 1, max: 65535, default: None, unit: "port" },
    summary: "Port of the server; 443 when left out",
    requires: None,
    excludes: &[],
};

fn check(options: &Options, destination: &Destination) -> Result<(), Refusal> {
    destination.one_port(options)
}

fn plan(options: &Options, destination: &Destination, place: &Place) -> Plan {
    let port = destination.port_or(options).unwrap_or(DEFAULT_PORT);
    let mut argv = argv(&["openssl", "s_client", "-connect"]);
    argv.push(format!("{}:{port}", place.bracketed));
    match destination.host() {
        Host::Name(name) => {
            push_pair(&mut argv, "-servername", name);
            push_pair(&mut argv, "-verify_hostname", name);
        }
        Host::Address(address) => {
            argv.push("-noservername".into());
            push_pair(&mut argv, "-verify_ip", address);
        }
    }
    // It ends with its input, which is empty. Connecting has no limit of its own but the system's.
    Plan { argv, wall_ms: wall_ms(30.0) }
}
