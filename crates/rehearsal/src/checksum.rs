//! Checksums over calls: the hex digest of call name, raw parameters without the checksum, and secret.
//!
//! The parameters are cut as a string and never decoded, so that whatever encoding a client uses is what was signed.
//! Source: "API Security Model" of <https://docs.bigbluebutton.org/development/api/>.

use std::fmt::Write;

use sha1::Sha1;
use sha2::{Digest, Sha256, Sha384, Sha512};
use subtle::ConstantTimeEq;

/// The checksums there are, as BigBlueButton's configuration names them; told apart by their length.
pub const ALGORITHMS: [&str; 4] = ["sha1", "sha256", "sha384", "sha512"];

/// `parameters` (a query or a form) without its checksum, and the checksum.
pub(crate) fn split(parameters: &str) -> (String, Option<&str>) {
    let mut checksum = None;
    let mut rest = Vec::new();
    for part in parameters.split('&') {
        match part.strip_prefix("checksum=") {
            Some(value) => checksum = Some(value),
            None => rest.push(part),
        }
    }
    (rest.join("&"), checksum)
}

/// Whether `checksum` signs the call, with an algorithm out of `algorithms`.
pub(crate) fn is_right(algorithms: &[&str], call: &str, parameters: &str, secret: &str, checksum: &str) -> bool {
    let text = format!("{call}{parameters}{secret}");
    let (algorithm, right) = match checksum.len() {
        40 => ("sha1", hex::<Sha1>(&text)),
        64 => ("sha256", hex::<Sha256>(&text)),
        96 => ("sha384", hex::<Sha384>(&text)),
        128 => ("sha512", hex::<Sha512>(&text)),
        _ => return false,
    };
    algorithms.contains(&algorithm) && bool::from(checksum.to_ascii_lowercase().as_bytes().ct_eq(right.as_bytes()))
}

/// A text's digest in lower-case hex.
pub(crate) fn hex<D: Digest>(text: &str) -> String {
    let mut hex = String::new();
    for byte in D::digest(text.as_bytes()) {
        write!(hex, "{byte:02x}").expect("a string takes all that is written");
    }
    hex
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checksum_is_cut_wherever_it_stands() {
        for (query, rest) in [
            ("a=1&b=2&checksum=77", "a=1&b=2"),
            ("checksum=77&a=1", "a=1"),
            ("a=1&checksum=77&b=%20+", "a=1&b=%20+"),
            ("checksum=77", ""),
            ("&checksum=77", ""),
        ] {
            assert_eq!(split(query), (rest.to_owned(), Some("77")), "{query}");
        }
        assert_eq!(split("a=1"), ("a=1".to_owned(), None));
    }

    /// The example of BigBlueButton's documentation.
    #[test]
    fn the_documented_example_is_right() {
        let query = "name=Test+Meeting&meetingID=abc123&attendeePW=111222&moderatorPW=333444";
        let secret = "639259d4-9dd8-4b25-bf01-95f9567eaf4b";
        let checksum = "1fcbb0c4fc1f039f73aa6d697d2db9ba7f803f17";
        assert!(is_right(&ALGORITHMS, "create", query, secret, checksum));
        assert!(!is_right(&["sha256"], "create", query, secret, checksum));
        assert!(!is_right(&ALGORITHMS, "join", query, secret, checksum));
        assert!(!is_right(&ALGORITHMS, "create", query, secret, ""));
    }
}
