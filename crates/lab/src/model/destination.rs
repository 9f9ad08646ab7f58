//! Where an experiment goes: host names, addresses, ports and URLs as learners type them, refused early and with a reason.
//! The text kept is a normal form (lower case, ASCII, no trailing dot), so that what pages show is what is contacted.

mod rules;
#[cfg(test)]
mod tests;

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use url::Url;

use super::refusal::{Refusal, quotable};
use super::tool::{DestinationKind, Options, Tool};

pub use rules::DestinationRules;

/// Longest host name (RFC 1035, section 2.3.4), and thus longest address.
const HOST_LIMIT: usize = 253;
/// Room for brackets and a port around it.
const ENDPOINT_LIMIT: usize = HOST_LIMIT + 8;
const URL_LIMIT: usize = 2000;
const LABEL_LIMIT: usize = 63;

/// A machine, or a name that is asked about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Host {
    /// A host name in its ASCII form, lower case; it may be a node's name.
    Name(String),
    /// An address.
    Address(IpAddr),
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Address(address) => address.fmt(f),
        }
    }
}

impl Host {
    /// Reads a host name (also with letters of other scripts) or an address, no port.
    /// Errors: everything that is neither, or could be taken for something else.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        characters_check(text, "example.org")?;
        Self::read(text, false)
    }

    /// `text` has passed `characters_check`.
    fn read(text: &str, underscore: bool) -> Result<Self, Refusal> {
        if text.contains('%') {
            return Err(Refusal::AddressZone { address: quotable(text) });
        }
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Self::Address(address));
        }
        if text.contains([':', '[', ']']) {
            return Err(Refusal::AddressInvalid { address: quotable(text) });
        }
        name_read(text, underscore).map(Self::Name)
    }
}

/// A checked destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    text: String,
    host: Host,
    port: Option<u16>,
}

impl Destination {
    /// Reads what a learner typed as this tool's destination.
    pub fn parse(tool: &Tool, text: &str) -> Result<Self, Refusal> {
        if text.is_empty() {
            return Err(Refusal::DestinationMissing { tool: tool.name.into(), example: tool.example().into() });
        }
        match tool.destination {
            DestinationKind::Url => Self::url_parse(text, tool.example()),
            DestinationKind::HostPort => Self::endpoint_parse(text, tool.example(), false),
            DestinationKind::Host => Self::endpoint_parse(text, tool.example(), false)?.without_port(tool),
            DestinationKind::Name if text == "." => {
                Ok(Self { text: ".".into(), host: Host::Name(".".into()), port: None })
            }
            DestinationKind::Name => Self::endpoint_parse(text, tool.example(), true)?.without_port(tool),
        }
    }

    /// The normal form of what was typed.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The host in it.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// The port in it; a URL always has one.
    pub fn port(&self) -> Option<u16> {
        self.port
    }

    /// The port in it, or that of the option `port`.
    pub(crate) fn port_or(&self, options: &Options) -> Option<u16> {
        self.port.or_else(|| options.integer_given("port").and_then(|port| u16::try_from(port).ok()))
    }

    /// Refuses a port both here and as an option.
    pub(crate) fn one_port(&self, options: &Options) -> Result<(), Refusal> {
        match self.port.filter(|_| options.given("port").is_some()) {
            Some(port) => Err(Refusal::PortTwice { port: port.to_string().into() }),
            None => Ok(()),
        }
    }

    fn without_port(self, tool: &Tool) -> Result<Self, Refusal> {
        match self.port {
            Some(port) => Err(Refusal::PortNotTaken {
                tool: tool.name.into(),
                port: port.to_string().into(),
                host: self.host.to_string().into(),
            }),
            None => Ok(self),
        }
    }

    /// `host`, `host:port`, `address`, `[address]`, `[address]:port`.
    fn endpoint_parse(text: &str, example: &str, underscore: bool) -> Result<Self, Refusal> {
        length_check(text, ENDPOINT_LIMIT)?;
        characters_check(text, example)?;
        let (host, port) = endpoint_split(text)?;
        let host = Host::read(host, underscore)?;
        let port = port.map(port_parse).transpose()?;
        let text = match (&host, port) {
            (host, None) => host.to_string(),
            (Host::Address(IpAddr::V6(address)), Some(port)) => format!("[{address}]:{port}"),
            (host, Some(port)) => format!("{host}:{port}"),
        };
        Ok(Self { text, host, port })
    }

    fn url_parse(text: &str, example: &str) -> Result<Self, Refusal> {
        length_check(text, URL_LIMIT)?;
        url_characters_check(text, example)?;
        let invalid = || Refusal::UrlInvalid { url: quotable(text) };
        let (scheme, rest) = text.split_once("://").ok_or_else(invalid)?;
        if !scheme.eq_ignore_ascii_case("http") && !scheme.eq_ignore_ascii_case("https") {
            return Err(invalid());
        }
        let authority = &rest[..rest.find(['/', '?', '#']).unwrap_or(rest.len())];
        if let Some((_, host)) = authority.rsplit_once('@') {
            return Err(Refusal::UrlUser { host: quotable(host) });
        }
        if authority.is_empty() {
            return Err(invalid());
        }
        // Read by the same rules as every other destination; a URL parser alone would take 0x7f.1 for 127.0.0.1.
        let endpoint = Self::endpoint_parse(authority, example, false)?;
        let mut url = Url::parse(text).map_err(|_| invalid())?;
        url.set_fragment(None);
        let is_same = match (url.host(), &endpoint.host) {
            (Some(url::Host::Ipv4(a)), Host::Address(IpAddr::V4(b))) => a == *b,
            (Some(url::Host::Ipv6(a)), Host::Address(IpAddr::V6(b))) => a == *b,
            (Some(url::Host::Domain(a)), Host::Name(b)) => a.trim_end_matches('.') == b,
            (_, _) => false,
        };
        if !is_same {
            return Err(invalid());
        }
        // The trailing dot of a host would make curl's pin miss it.
        url.set_host(Some(&bracketed(&endpoint.host))).map_err(|_| invalid())?;
        let port = url.port_or_known_default();
        // Braces are encoded, so that the URL can't hold a placeholder of ours.
        let text = url.as_str().replace('{', "%7B").replace('}', "%7D");
        Ok(Self { text, host: endpoint.host, port })
    }
}

/// A host as it stands before a colon.
pub(crate) fn bracketed(host: &Host) -> String {
    match host {
        Host::Address(IpAddr::V6(address)) => format!("[{address}]"),
        Host::Address(IpAddr::V4(_)) | Host::Name(_) => host.to_string(),
    }
}

fn length_check(text: &str, limit: usize) -> Result<(), Refusal> {
    match text.chars().count() {
        length if length > limit => {
            Err(Refusal::DestinationTooLong { length: length.to_string().into(), limit: limit.to_string().into() })
        }
        _ => Ok(()),
    }
}

/// Lets through letters and digits of any script and what names and addresses are joined by.
fn characters_check(text: &str, example: &str) -> Result<(), Refusal> {
    let is_fine = |c: char| match c {
        '-' | '.' | '_' | ':' | '[' | ']' | '%' => true,
        c => c.is_ascii_alphanumeric() || (!c.is_ascii() && !c.is_whitespace() && !c.is_control()),
    };
    if let Some(character) = text.chars().find(|c| !is_fine(*c)) {
        return Err(Refusal::DestinationCharacter { character: shown(character).into(), example: example.into() });
    }
    match text.starts_with('-') {
        true => Err(Refusal::DestinationDash { destination: quotable(text) }),
        false => Ok(()),
    }
}

/// A URL may hold more, but nothing that a shell acts on, except `&` between the parts of its query.
fn url_characters_check(text: &str, example: &str) -> Result<(), Refusal> {
    let query = text.find('?').unwrap_or(text.len());
    let is_fine = |place: usize, c: char| match c {
        '&' => place > query,
        ';' | '|' | '`' | '$' | '<' | '>' | '"' | '\'' | '\\' => false,
        c => !c.is_whitespace() && !c.is_control(),
    };
    if let Some((_, character)) = text.char_indices().find(|(place, c)| !is_fine(*place, *c)) {
        return Err(Refusal::DestinationCharacter { character: shown(character).into(), example: example.into() });
    }
    match text.starts_with('-') {
        true => Err(Refusal::DestinationDash { destination: quotable(text) }),
        false => Ok(()),
    }
}

/// A character in quotes when one can see it, else its code point.
fn shown(character: char) -> String {
    let is_visible = character.is_ascii_graphic() || (!character.is_ascii() && character.escape_debug().len() == 1);
    match is_visible {
        true => format!("\"{character}\""),
        false => format!("U+{:04X}", u32::from(character)),
    }
}

fn endpoint_split(text: &str) -> Result<(&str, Option<&str>), Refusal> {
    let invalid = || Refusal::AddressInvalid { address: quotable(text) };
    if let Some(rest) = text.strip_prefix('[') {
        let (address, after) = rest.split_once(']').ok_or_else(invalid)?;
        if !address.contains('%') && address.parse::<Ipv6Addr>().is_err() {
            return Err(invalid());
        }
        return match (after, after.strip_prefix(':')) {
            ("", _) => Ok((address, None)),
            (_, Some(port)) => Ok((address, Some(port))),
            (_, None) => Err(invalid()),
        };
    }
    match text.split_once(':') {
        Some((host, port)) if !port.contains(':') => Ok((host, Some(port))),
        Some(_) | None => Ok((text, None)),
    }
}

fn port_parse(text: &str) -> Result<u16, Refusal> {
    let port = text.parse::<u16>().ok().filter(|port| *port > 0 && text.bytes().all(|byte| byte.is_ascii_digit()));
    port.ok_or_else(|| Refusal::PortInvalid { port: quotable(text) })
}

/// A host name in its ASCII form. Source: RFC 1123 section 2.1, UTS #46 for other scripts.
fn name_read(text: &str, underscore: bool) -> Result<String, Refusal> {
    if let Some(character) = look_alike(text) {
        return Err(Refusal::NameLookAlike { name: quotable(text), character: shown(character).into() });
    }
    let invalid = || Refusal::NameInvalid { name: quotable(text) };
    let name = idna::domain_to_ascii(text).map_err(|_| invalid())?;
    let name = name.strip_suffix('.').unwrap_or(&name);
    let is_label = |label: &str| {
        (1..=LABEL_LIMIT).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || (underscore && byte == b'_'))
    };
    if name.len() > HOST_LIMIT || !name.split('.').all(is_label) {
        return Err(invalid());
    }
    if ends_in_number(name) {
        return Err(Refusal::AddressForm { address: quotable(text) });
    }
    Ok(name.to_string())
}

/// Programs read such names as IPv4 addresses: 2130706433, 127.1, 0x7f.0.0.1 (WHATWG URL, "ends in a number").
fn ends_in_number(name: &str) -> bool {
    let last = name.rsplit('.').next().unwrap_or(name);
    let hex = last.strip_prefix("0x").is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
    hex || last.bytes().all(|byte| byte.is_ascii_digit()) || name.parse::<Ipv4Addr>().is_ok()
}

/// A character that would be turned into an ASCII one (fullwidth digits, the Kelvin sign), or into nothing, or that
/// stands for a Latin letter in a Latin word (Cyrillic а in "аpple").
fn look_alike(text: &str) -> Option<char> {
    let becomes_ascii = |c: char| match idna::domain_to_ascii(&c.to_string()) {
        Ok(ascii) => !ascii.starts_with("xn--"),
        // A mark that only stands after a letter, say; the whole name decides.
        Err(_) => false,
    };
    let foreign = |c: char| matches!(u32::from(c), 0x370..=0x3ff | 0x400..=0x52f | 0x530..=0x58f | 0x13a0..=0x13ff);
    let in_label = |label: &str| {
        let is_latin = label.chars().any(|c| c.is_ascii_alphabetic());
        label.chars().find(|c| !c.is_ascii() && (becomes_ascii(*c) || (is_latin && foreign(*c))))
    };
    text.split('.').find_map(in_label)
}
