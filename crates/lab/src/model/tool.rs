//! The network tools a learner may run. A tool is data (its options with their caps, for the form, the help and the
//! checks) and one function that turns checked options into argv; a new tool is one file below and one line in `TOOLS`.

mod arguments;
mod dns;
mod http;
mod iperf3;
mod mtr;
mod options;
mod ping;
mod pmtu;
mod tls;
mod traceroute;

#[cfg(test)]
mod tests;

use serde::Serialize;

use crate::model::destination::Destination;
use crate::model::refusal::Refusal;

pub(crate) use arguments::{arguments_of, arguments_parse};
pub use iperf3::is_far_end_ready;
pub(crate) use iperf3::server_argv;
pub use options::Options;

static TOOLS: [Tool; 8] =
    [ping::TOOL, traceroute::TOOL, mtr::TOOL, iperf3::TOOL, dns::TOOL, http::TOOL, tls::TOOL, pmtu::TOOL];

/// Every tool, in the order pages show them.
pub fn tools() -> &'static [Tool] {
    &TOOLS
}

/// The tool of that name, or that goes by that name elsewhere (`dig`, `curl`, `tracepath`, `iperf`).
pub fn tool(name: &str) -> Option<&'static Tool> {
    TOOLS.iter().find(|tool| tool.name == name || tool.aliases.contains(&name))
}

/// A network tool as learners see it, over a program that nodes have.
#[derive(Debug, Serialize)]
pub struct Tool {
    /// What a learner types.
    pub name: &'static str,
    /// Other names it is found by.
    pub aliases: &'static [&'static str],
    /// The program that runs on the node.
    pub program: &'static str,
    /// One English line; pages use the catalog key `tool-NAME`.
    pub summary: &'static str,
    /// The argv that prints the program's version.
    #[serde(skip)]
    pub probe: &'static [&'static str],
    /// What it is pointed at.
    pub destination: DestinationKind,
    /// Its options, in the order of the form and of the command line.
    pub options: &'static [OptionSpec],
    /// The option, a choice, whose value may also stand as a bare word (`dns example.org MX`).
    #[serde(skip)]
    pub(crate) bare: Option<&'static str>,
    /// Whether a destination that is a node has to run a server for it.
    #[serde(skip)]
    pub(crate) has_far_end: bool,
    /// Whether a lost run may be tried again without asking.
    pub safe_to_repeat: bool,
    /// What the options can't say one by one: sums, durations, how they fit the destination.
    #[serde(skip)]
    pub(crate) check: fn(&Options, &Destination) -> Result<(), Refusal>,
    /// argv and wall time for checked options.
    #[serde(skip)]
    pub(crate) plan: fn(&Options, &Destination, &Place) -> Plan,
}

impl PartialEq for Tool {
    /// Names are unique.
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Tool {
    /// The option of that name.
    pub fn option(&self, name: &str) -> Option<&'static OptionSpec> {
        self.options.iter().find(|spec| spec.name == name)
    }

    /// A destination that this tool would take, for sentences.
    pub fn example(&self) -> &'static str {
        match self.destination {
            DestinationKind::Host => "example.org",
            DestinationKind::HostPort => "example.org:443",
            DestinationKind::Url => "https://example.org/",
            DestinationKind::Name => "example.org",
        }
    }
}

/// What a tool is pointed at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum DestinationKind {
    /// A host name, an address, or a node's name.
    Host,
    /// The same, and a port may follow after a colon.
    HostPort,
    /// A URL of scheme http or https.
    Url,
    /// A domain name that is asked about (or an address whose name is asked for); it is not contacted.
    Name,
}

/// One option of a tool.
#[derive(Debug, Serialize)]
pub struct OptionSpec {
    /// Its name in the API and in the form; `--NAME` is always among the flags unless the kind has switches.
    pub name: &'static str,
    /// What may be typed, the one shown first. A flag of two words (`-M do`) is typed as two arguments; `@` takes
    /// its value attached.
    pub flags: &'static [&'static str],
    /// What value it takes.
    pub kind: OptionKind,
    /// One English line; pages use the catalog key `option-TOOL-NAME`.
    pub summary: &'static str,
    /// What must be set for it to mean something.
    pub requires: Option<Requirement>,
    /// Options that can't be given together with it.
    pub excludes: &'static [&'static str],
}

/// The value an option takes. Bounds are inclusive; the default is what the tool runs with when the option is left out.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
#[expect(missing_docs, reason = "min, max, default and unit mean the same in each kind and are explained above")]
pub enum OptionKind {
    /// On or off.
    Flag,
    /// A whole number.
    Integer { min: u64, max: u64, default: Option<u64>, unit: &'static str },
    /// A whole number that may be typed with K, M or G, each worth `thousand` of the one before.
    Quantity { min: u64, max: u64, default: Option<u64>, unit: &'static str, thousand: u64 },
    /// A number with decimals.
    Decimal { min: f64, max: f64, default: Option<f64>, unit: &'static str },
    /// One of some words; `switches` are flags that stand for a value each.
    Choice { values: &'static [&'static str], default: Option<&'static str>, switches: &'static [Switch] },
    /// A host name or address.
    Address,
}

/// A flag that stands for a value of a choice.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Switch {
    /// What is typed, such as `-T`.
    pub flag: &'static str,
    /// The value it stands for, such as `tcp`.
    pub value: &'static str,
}

/// Another option that must be set.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Requirement {
    /// That option's name.
    pub option: &'static str,
    /// The values it may have; none listed: it only has to be given.
    pub values: &'static [&'static str],
}

/// What a tool would start: `argv[0]` is the program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) argv: Vec<String>,
    pub(crate) wall_ms: u64,
}

/// How argv names the machine to contact: the node's placeholder, or an address known beforehand.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    /// The bare address.
    pub(crate) address: String,
    /// The address as it stands before a colon: IPv6 in brackets.
    pub(crate) bracketed: String,
    /// A port that the caller booked.
    pub(crate) port: Option<u16>,
}

/// Longest a run may take, in seconds.
pub(crate) const WALL_LIMIT_S: u64 = 120;
/// Longest an experiment may plan to take, in seconds; what is left up to the wall limit is for start, name look-ups and late answers.
const PLANNED_LIMIT_S: u64 = 100;

/// A wall limit from the seconds a tool needs in the worst case.
fn wall_ms(seconds: f64) -> u64 {
    // Bounded by the clamp, so that the cast keeps the value.
    (seconds.clamp(1.0, WALL_LIMIT_S as f64) * 1000.0) as u64
}

/// For tools whose options say all.
fn nothing_to_check(_: &Options, _: &Destination) -> Result<(), Refusal> {
    Ok(())
}

/// The beginning of an argv.
fn argv(words: &[&str]) -> Vec<String> {
    words.iter().map(ToString::to_string).collect()
}

/// Adds an argument and its value.
fn push_pair(argv: &mut Vec<String>, flag: &str, value: impl ToString) {
    argv.push(flag.to_string());
    argv.push(value.to_string());
}

/// Which IP version to use; every tool has it.
const IP: OptionSpec = OptionSpec {
    name: "ip",
    flags: &["--ip"],
    kind: OptionKind::Choice {
        values: &["4", "6"],
        default: None,
        switches: &[
            Switch { flag: "-4", value: "4" },
            Switch { flag: "-6", value: "6" },
            Switch { flag: "--ipv4", value: "4" },
            Switch { flag: "--ipv6", value: "6" },
        ],
    },
    summary: "IP version; left out, the first address found is used",
    requires: None,
    excludes: &[],
};

/// Addresses only; the tools that name hops have it.
const NUMERIC: OptionSpec = OptionSpec {
    name: "numeric",
    flags: &["-n", "--numeric", "--no-dns"],
    kind: OptionKind::Flag,
    summary: "Show addresses without looking up their names",
    requires: None,
    excludes: &[],
};
