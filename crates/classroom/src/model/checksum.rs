//! Checksums of calls: hash(name of the call + query without its checksum + secret), over the bytes as they came.
//!
//! Which hash it is tells its length, so that a client needs no setting (BigBlueButton's API documentation, "Usage").

use sha1::Sha1;
use sha2::{Digest, Sha256, Sha384, Sha512};
use subtle::ConstantTimeEq as _;

/// A hash that calls may be signed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Algorithm {
    Sha1,
    Sha256,
    Sha384,
    Sha512,
}

impl Algorithm {
    /// Every one, the weakest first.
    pub(crate) const ALL: [Self; 4] = [Self::Sha1, Self::Sha256, Self::Sha384, Self::Sha512];

    /// The hash whose hexadecimal text has this length.
    fn of_length(hex_digits: usize) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.hex_digits() == hex_digits)
    }

    fn hex_digits(self) -> usize {
        match self {
            Self::Sha1 => 40,
            Self::Sha256 => 64,
            Self::Sha384 => 96,
            Self::Sha512 => 128,
        }
    }
}

impl std::str::FromStr for Algorithm {
    type Err = UnknownAlgorithm;
    fn from_str(word: &str) -> Result<Self, UnknownAlgorithm> {
        match word.to_ascii_lowercase().replace('-', "").as_str() {
            "sha1" => Ok(Self::Sha1),
            "sha256" => Ok(Self::Sha256),
            "sha384" => Ok(Self::Sha384),
            "sha512" => Ok(Self::Sha512),
            _ => Err(UnknownAlgorithm(word.to_owned())),
        }
    }
}

/// A word that names no hash.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is none of sha1, sha256, sha384, sha512")]
pub struct UnknownAlgorithm(String);

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The checksum as lower-case hexadecimal.
pub(crate) fn checksum(algorithm: Algorithm, parts: &[&[u8]]) -> String {
    fn of<D: Digest>(parts: &[&[u8]]) -> String {
        let mut digest = D::new();
        parts.iter().for_each(|part| digest.update(part));
        hex(&digest.finalize())
    }
    match algorithm {
        Algorithm::Sha1 => of::<Sha1>(parts),
        Algorithm::Sha256 => of::<Sha256>(parts),
        Algorithm::Sha384 => of::<Sha384>(parts),
        Algorithm::Sha512 => of::<Sha512>(parts),
    }
}

/// Whether `given` is the checksum of `parts` by one of the `allowed` hashes. Takes the same time wherever it differs.
pub(crate) fn is_checksum(given: &str, allowed: &[Algorithm], parts: &[&[u8]]) -> bool {
    let Some((secret, signed)) = parts.split_last() else { return false };
    Signed::new(given, allowed, signed).is_some_and(|signed| signed.is_by(secret))
}

/// A checksum that was given, and what it is over but for the secret: hashed once, however many secrets it is tried with.
pub(crate) struct Signed {
    given: String,
    begun: Begun,
}

#[derive(Clone)]
enum Begun {
    Sha1(Sha1),
    Sha256(Sha256),
    Sha384(Sha384),
    Sha512(Sha512),
}

impl Signed {
    /// `None`: no `allowed` hash is as long as what was given.
    pub(crate) fn new(given: &str, allowed: &[Algorithm], parts: &[&[u8]]) -> Option<Self> {
        let algorithm = Algorithm::of_length(given.len()).filter(|algorithm| allowed.contains(algorithm))?;
        let mut begun = match algorithm {
            Algorithm::Sha1 => Begun::Sha1(Sha1::new()),
            Algorithm::Sha256 => Begun::Sha256(Sha256::new()),
            Algorithm::Sha384 => Begun::Sha384(Sha384::new()),
            Algorithm::Sha512 => Begun::Sha512(Sha512::new()),
        };
        parts.iter().for_each(|part| begun.update(part));
        Some(Self { given: given.to_ascii_lowercase(), begun })
    }

    /// Whether it was made with this secret. Takes the same time wherever it differs.
    pub(crate) fn is_by(&self, secret: &[u8]) -> bool {
        let mut begun = self.begun.clone();
        begun.update(secret);
        begun.end().as_bytes().ct_eq(self.given.as_bytes()).into()
    }
}

impl Begun {
    fn update(&mut self, part: &[u8]) {
        match self {
            Self::Sha1(hash) => hash.update(part),
            Self::Sha256(hash) => hash.update(part),
            Self::Sha384(hash) => hash.update(part),
            Self::Sha512(hash) => hash.update(part),
        }
    }

    fn end(self) -> String {
        match self {
            Self::Sha1(hash) => hex(&hash.finalize()),
            Self::Sha256(hash) => hex(&hash.finalize()),
            Self::Sha384(hash) => hex(&hash.finalize()),
            Self::Sha512(hash) => hex(&hash.finalize()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_names_its_hash() {
        let parts: [&[u8]; 3] = [b"create", b"meetingID=a", b"secret"];
        for algorithm in Algorithm::ALL {
            let sum = checksum(algorithm, &parts);
            assert_eq!(sum.len(), algorithm.hex_digits());
            assert!(is_checksum(&sum, &Algorithm::ALL, &parts));
            assert!(is_checksum(&sum.to_uppercase(), &Algorithm::ALL, &parts));
            assert!(!is_checksum(&sum, &[], &parts), "one that is not allowed");
            assert!(!is_checksum(&sum, &Algorithm::ALL, &[b"create", b"meetingID=b", b"secret"]));
            assert!(!is_checksum(&sum[1..], &Algorithm::ALL, &parts));
        }
        assert!(!is_checksum("", &Algorithm::ALL, &parts));
    }

    #[test]
    fn it_is_the_one_that_the_documentation_shows() {
        // The example of https://docs.bigbluebutton.org/development/api/#usage
        let query = b"name=Test+Meeting&meetingID=abc123&attendeePW=111222&moderatorPW=333444";
        let sum = checksum(Algorithm::Sha1, &[b"create", query, b"639259d4-9dd8-4b25-bf01-95f9567eaf4b"]);
        assert_eq!(sum, "1fcbb0c4fc1f039f73aa6d697d2db9ba7f803f17");
    }
}
