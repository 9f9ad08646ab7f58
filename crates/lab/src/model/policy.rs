//! What an operator allows: quotas of an account, caps of the testbed, destinations that are refused.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The lab's policy. Stored whole; read by every replica.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Policy {
    /// Jobs that one account may have waiting. Teachers and above are not counted.
    pub account_waiting_max: u32,
    /// Jobs that one account may submit within an hour. Teachers and above are not counted.
    pub account_hourly_max: u32,
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
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            account_waiting_max: 50,
            account_hourly_max: 500,
            in_flight_max: 256,
            starts_per_minute_max: 6_000,
            waiting_max_s: 1_800,
            refused_networks: Vec::new(),
            refused_names: Vec::new(),
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
            ("in_flight_max", self.in_flight_max, 1_000_000),
            ("starts_per_minute_max", self.starts_per_minute_max, 10_000_000),
            ("waiting_max_s", self.waiting_max_s, 7 * 86_400),
        ];
        for (field, value, max) in ranges {
            if value == 0 || value > max {
                return Err(PolicyRefusal::Range { field, value, max });
            }
        }
        for (field, count) in
            [("refused_networks", self.refused_networks.len()), ("refused_names", self.refused_names.len())]
        {
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
