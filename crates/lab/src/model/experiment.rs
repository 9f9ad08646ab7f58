//! An experiment: a tool, its checked options and a checked destination, and what a node has to start for it.
//! The stored form is read through the same checks as a learner's request, so nothing unchecked reaches a node.

#[cfg(test)]
mod tests;

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::command_line::quoted;
use super::destination::{Destination, Host, bracketed};
use super::refusal::{Refusal, quotable};
use super::tool::{DestinationKind, Options, Place, Tool, arguments_of, arguments_parse, server_argv, tool, tools};

pub use super::tool::is_far_end_ready;

/// Most bytes of output, stdout and stderr together.
pub const OUTPUT_BYTES: u64 = 1 << 20;
/// How long the far end of a measurement outlives the near one, ms: it starts before it.
const FAR_END_EXTRA_MS: u64 = 20_000;
/// The stored form's version.
const VERSION: u32 = 1;

/// A tool with checked options and a checked destination.
#[derive(Debug, Clone, PartialEq)]
pub struct Experiment {
    tool: &'static Tool,
    options: Options,
    destination: Destination,
}

/// What is known about the destination before the start; nothing, unless it is a node.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Target {
    /// The node's address.
    pub address: Option<IpAddr>,
    /// The port booked for the far end.
    pub port: Option<u16>,
}

/// What a node starts. "{address}" (and "{address_url}", with IPv6 in brackets) in `argv` stand for the address that
/// the node finds for `destination`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// Program and arguments; never through a shell.
    pub argv: Vec<String>,
    /// Longest run time, ms.
    pub wall_ms: u64,
    /// Most output, bytes.
    pub output_bytes: u64,
    /// The host the node looks up and checks before it starts; it is to be checked also where `argv` has no placeholder.
    pub destination: Option<Lookup>,
}

/// A host for the node to look up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lookup {
    /// A name or an address.
    pub host: String,
    /// Which addresses will do.
    pub family: Family,
}

/// An IP version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// Either.
    Any,
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

/// The other half of a measurement between two nodes; it runs on the destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FarEnd {
    wall_ms: u64,
}

impl FarEnd {
    /// What the destination node starts, to serve one client on `port`.
    pub fn command(&self, port: u16) -> Command {
        Command { argv: server_argv(port), wall_ms: self.wall_ms, output_bytes: OUTPUT_BYTES, destination: None }
    }
}

/// Why a stored experiment can't be read.
#[derive(Debug, thiserror::Error)]
pub enum StoredError {
    /// Not the shape of a stored experiment.
    #[error("reading a stored experiment")]
    Shape(#[from] serde_json::Error),
    /// Written by a newer program.
    #[error("the stored experiment has version {0}, and this program reads up to {VERSION}")]
    Version(u32),
    /// It would not be accepted today.
    #[error("the stored experiment breaks a rule")]
    Refused(#[from] Refusal),
}

#[derive(Serialize, Deserialize)]
struct Stored {
    version: u32,
    tool: String,
    options: Map<String, Value>,
    destination: String,
}

impl Experiment {
    /// Reads a tool's command line, without the tool's name: `["-c", "3", "example.org"]`.
    pub fn from_args(name: &str, args: &[String]) -> Result<Self, Refusal> {
        let tool = tool_find(name)?;
        let parsed = arguments_parse(tool, args)?;
        Self::new(tool, parsed.options, parsed.destination.as_deref().unwrap_or_default())
    }

    /// Reads the API's form: option names and their values.
    pub fn from_options(name: &str, options: &Map<String, Value>, destination: &str) -> Result<Self, Refusal> {
        let tool = tool_find(name)?;
        Self::new(tool, Options::from_json(tool, options)?, destination)
    }

    fn new(tool: &'static Tool, options: Options, destination: &str) -> Result<Self, Refusal> {
        options.check()?;
        let destination = Destination::parse(tool, destination)?;
        (tool.check)(&options, &destination)?;
        let experiment = Self { tool, options, destination };
        match (experiment.contacted(), experiment.family()) {
            (Some(Host::Address(IpAddr::V6(address))), Family::V4) => {
                Err(Refusal::FamilyMismatch { address: address.to_string().into(), version: "4".into() })
            }
            (Some(Host::Address(IpAddr::V4(address))), Family::V6) => {
                Err(Refusal::FamilyMismatch { address: address.to_string().into(), version: "6".into() })
            }
            (_, _) => Ok(experiment),
        }
    }

    /// The tool.
    pub fn tool(&self) -> &'static Tool {
        self.tool
    }

    /// The options that were given, in the API's form.
    pub fn options(&self) -> Map<String, Value> {
        self.options.to_json()
    }

    /// The destination, in its normal form.
    pub fn destination(&self) -> &str {
        self.destination.text()
    }

    /// The name or address that packets go to: the destination's, or for `dns` the resolver's; `None`: the node's own
    /// resolver. This is what rules are about, and what may be a node's name.
    pub fn host(&self) -> Option<String> {
        self.contacted().map(Host::to_string)
    }

    fn contacted(&self) -> Option<&Host> {
        match self.tool.destination {
            DestinationKind::Name => self.options.host("resolver"),
            DestinationKind::Host | DestinationKind::HostPort | DestinationKind::Url => Some(self.destination.host()),
        }
    }

    /// The IP version asked for.
    pub fn family(&self) -> Family {
        match self.options.choice("ip") {
            Some("4") => Family::V4,
            Some("6") => Family::V6,
            Some(_) | None => Family::Any,
        }
    }

    /// As one would type it, quoted for a shell where it has to be.
    pub fn command_line(&self) -> String {
        let words = std::iter::once(self.tool.name.to_string()).chain(self.args());
        words.map(|word| quoted(&word)).collect::<Vec<_>>().join(" ")
    }

    /// The arguments one would type; `from_args` reads them back to the same experiment.
    pub fn args(&self) -> Vec<String> {
        let mut args = arguments_of(self.tool, &self.options);
        args.push(self.destination.text().to_string());
        args
    }

    /// What a node starts. With a target's address, that stands in `argv` and nothing is left to look up.
    pub fn start(&self, target: &Target) -> Command {
        let place = match target.address {
            Some(address) => {
                Place { address: address.to_string(), bracketed: bracketed(&Host::Address(address)), port: target.port }
            }
            None => Place { address: "{address}".into(), bracketed: "{address_url}".into(), port: target.port },
        };
        let plan = (self.tool.plan)(&self.options, &self.destination, &place);
        let lookup = |host: &Host| Lookup { host: host.to_string(), family: self.family() };
        let destination = match target.address {
            Some(_) => None,
            None => self.contacted().map(lookup),
        };
        Command { argv: plan.argv, wall_ms: plan.wall_ms, output_bytes: OUTPUT_BYTES, destination }
    }

    /// The far end to start first when the destination is a node; `None` for tools without one, and when a port is
    /// given, since then a server runs there already.
    pub fn far_end(&self) -> Option<FarEnd> {
        let has_port = self.destination.port_or(&self.options).is_some();
        let is_name = matches!(self.destination.host(), Host::Name(_));
        (self.tool.has_far_end && is_name && !has_port)
            .then(|| FarEnd { wall_ms: self.start(&Target::default()).wall_ms + FAR_END_EXTRA_MS })
    }

    /// The stored form.
    pub fn to_json(&self) -> String {
        let stored = Stored {
            version: VERSION,
            tool: self.tool.name.into(),
            options: self.options(),
            destination: self.destination().into(),
        };
        serde_json::to_string(&stored).expect("text, numbers and maps with text keys always become JSON")
    }

    /// Reads the stored form.
    pub fn from_json(text: &str) -> Result<Self, StoredError> {
        let stored: Stored = serde_json::from_str(text)?;
        match stored.version {
            VERSION => Ok(Self::from_options(&stored.tool, &stored.options, &stored.destination)?),
            version => Err(StoredError::Version(version)),
        }
    }
}

fn tool_find(name: &str) -> Result<&'static Tool, Refusal> {
    tool(name).ok_or_else(|| Refusal::ToolUnknown {
        tool: quotable(name),
        tools: tools().iter().map(|tool| tool.name).collect::<Vec<_>>().join(", ").into(),
    })
}
