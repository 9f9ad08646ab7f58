//! What an operator allows: quotas of an account, caps of the testbed, destinations that are refused.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::language::Limits;

/// The lab's policy. Stored whole; read by every replica.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Policy {
    /// Jobs that one account may have waiting. Teachers and above are not counted.
    pub account_waiting_max: u32,
    /// Jobs that one account may submit within an hour, a batch counting as one. Teachers and above are not counted.
    pub account_hourly_max: u32,
    /// Elements of batches that one account may have waiting, and may submit within an hour. Teachers and above are not counted.
    pub account_elements_max: u32,
    /// Runs on the testbed at the same time, over all nodes.
    pub in_flight_max: u32,
    /// Runs that the testbed is asked to start within a minute.
    pub starts_per_minute_max: u32,
    /// A job that waited this long, in seconds, ends as "too busy".
    pub waiting_max_s: u32,
    /// Networks that nobody may aim at, as CIDR.
    pub refused_networks: Vec<String>,
    /// Names that nobody may aim at: exact or `*.example.org`.
    pub refused_names: Vec<String>,
    /// Caps on learners' programs; a language may ask for less.
    pub programs: ProgramCaps,
    /// Other caps for some courses, by the id of the tenant.
    pub courses: BTreeMap<String, ProgramCaps>,
}

/// Most that one program may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ProgramCaps {
    /// CPU time of all its processes, seconds.
    pub cpu_s: u32,
    /// Time from its start, seconds.
    pub wall_s: u32,
    /// Memory of all its processes, MiB.
    pub memory_mib: u32,
    /// Processes and threads at the same time.
    pub processes: u32,
    /// One file that it writes, MiB.
    pub file_mib: u32,
    /// What it prints, KiB.
    pub output_kib: u32,
    /// Whether it may use its node's network; otherwise it has none.
    pub network: bool,
}

impl Default for ProgramCaps {
    fn default() -> Self {
        Self {
            cpu_s: 60,
            wall_s: 900,
            memory_mib: 1_024,
            processes: 256,
            file_mib: 64,
            output_kib: 1_024,
            network: false,
        }
    }
}

impl ProgramCaps {
    /// The same as limits of a step.
    pub fn limits(&self) -> Limits {
        Limits {
            cpu_ms: u64::from(self.cpu_s) * 1_000,
            wall_ms: u64::from(self.wall_s) * 1_000,
            memory_bytes: u64::from(self.memory_mib) << 20,
            processes: self.processes,
            file_bytes: u64::from(self.file_mib) << 20,
            output_bytes: u64::from(self.output_kib) << 10,
            ..Limits::UNCAPPED
        }
    }

    fn check(&self) -> Result<(), PolicyRefusal> {
        let ranges = [
            ("programs.cpu_s", self.cpu_s, 86_400),
            ("programs.wall_s", self.wall_s, 86_400),
            ("programs.memory_mib", self.memory_mib, 1_048_576),
            ("programs.processes", self.processes, 65_536),
            ("programs.file_mib", self.file_mib, 65_536),
            ("programs.output_kib", self.output_kib, 1_024),
        ];
        in_range(&ranges)
    }
}

/// Errors: the first value that is zero or above its bound.
fn in_range(ranges: &[(&'static str, u32, u32)]) -> Result<(), PolicyRefusal> {
    let wrong = ranges.iter().find(|(_, value, max)| *value == 0 || value > max);
    wrong.map_or(Ok(()), |&(field, value, max)| Err(PolicyRefusal::Range { field, value, max }))
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            account_waiting_max: 50,
            account_hourly_max: 500,
            account_elements_max: 10_000,
            in_flight_max: 256,
            starts_per_minute_max: 600_000,
            waiting_max_s: 1_800,
            refused_networks: Vec::new(),
            refused_names: Vec::new(),
            programs: ProgramCaps::default(),
            courses: BTreeMap::new(),
        }
    }
}

/// A policy value that makes no sense.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum PolicyRefusal {
    /// Not a CIDR.
    #[error("{0:?} is no network: write an address and a prefix length, such as 10.0.0.0/8 or 2001:db8::/32.")]
    Network(String),
    /// Not a name pattern.
    #[error("{0:?} is no name pattern: write a host name, or *. and a domain, such as *.example.org.")]
    Name(String),
    /// A cap of zero or absurdly large.
    #[error("{field} is {value}; it must be from 1 to {max}.")]
    Range {
        /// The field.
        field: &'static str,
        /// The value given.
        value: u32,
        /// The largest allowed.
        max: u32,
    },
    /// Too many entries.
    #[error("{field} has {count} entries; at most 1,000 are allowed.")]
    TooMany {
        /// The field.
        field: &'static str,
        /// Entries given.
        count: usize,
    },
}

impl PolicyRefusal {
    /// The field concerned.
    pub fn field(&self) -> &'static str {
        match self {
            Self::Network(_) => "refused_networks",
            Self::Name(_) => "refused_names",
            Self::Range { field, .. } | Self::TooMany { field, .. } => field,
        }
    }
}

impl Policy {
    /// Checks every value.
    pub fn check(&self) -> Result<(), PolicyRefusal> {
        let ranges = [
            ("account_waiting_max", self.account_waiting_max, 1_000_000),
            ("account_hourly_max", self.account_hourly_max, 10_000_000),
            ("account_elements_max", self.account_elements_max, 100_000_000),
            ("in_flight_max", self.in_flight_max, 1_000_000),
            ("starts_per_minute_max", self.starts_per_minute_max, 10_000_000),
            ("waiting_max_s", self.waiting_max_s, 7 * 86_400),
        ];
        in_range(&ranges)?;
        for caps in std::iter::once(&self.programs).chain(self.courses.values()) {
            caps.check()?;
        }
        let counts = [
            ("refused_networks", self.refused_networks.len()),
            ("refused_names", self.refused_names.len()),
            ("courses", self.courses.len()),
        ];
        for (field, count) in counts {
            if count > 1_000 {
                return Err(PolicyRefusal::TooMany { field, count });
            }
        }
        self.networks()?;
        match self.refused_names.iter().find(|name| !is_name_pattern(name)) {
            Some(name) => Err(PolicyRefusal::Name(name.clone())),
            None => Ok(()),
        }
    }

    /// What programs of a course may use.
    pub fn program_caps(&self, tenant: &str) -> ProgramCaps {
        self.courses.get(tenant).copied().unwrap_or(self.programs)
    }

    /// The refused networks, parsed.
    pub fn networks(&self) -> Result<Vec<ipnet::IpNet>, PolicyRefusal> {
        self.refused_networks
            .iter()
            .map(|text| text.parse().map_err(|_| PolicyRefusal::Network(text.clone())))
            .collect()
    }
}

fn is_name_pattern(text: &str) -> bool {
    let name = text.strip_prefix("*.").unwrap_or(text);
    !name.is_empty()
        && name.len() <= 253
        && name.split('.').all(|label| {
            !label.is_empty()
                && label.len() <= 63
                && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_allowed() {
        assert_eq!(Policy::default().check(), Ok(()));
    }

    #[test]
    fn wrong_values_are_named() {
        let network = Policy { refused_networks: vec!["10.0.0.0/33".into()], ..Policy::default() };
        assert_eq!(network.check().unwrap_err().field(), "refused_networks");
        let name = Policy { refused_names: vec!["*.exa mple".into()], ..Policy::default() };
        assert_eq!(name.check(), Err(PolicyRefusal::Name("*.exa mple".into())));
        let cap = Policy { in_flight_max: 0, ..Policy::default() };
        assert_eq!(cap.check(), Err(PolicyRefusal::Range { field: "in_flight_max", value: 0, max: 1_000_000 }));
    }
}
