//! The join token: one line that an operator pastes on a new node, `amphi1.<secret>.<fingerprint>`.
//!
//! The control plane keeps only the secret's hash. The secret has 256 random bits, so a plain SHA-256 is enough; the
//! fingerprint lets the node know the right authority without asking anybody it would have to trust first.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use crate::authority::Fingerprint;

const PREFIX: &str = "amphi1";
const SECRET_BYTES: usize = 32;

/// A right to enrol. `Display` shows it whole, `Debug` hides the secret.
#[derive(Clone, PartialEq, Eq)]
pub struct JoinToken {
    /// 32 random bytes, base64url without padding.
    pub secret: String,
    /// The authority that the control plane must show.
    pub ca: Fingerprint,
}

/// Why a text is no join token, or none could be made.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// The text has another form.
    #[error("a join token looks like amphi1.SECRET.FINGERPRINT; copy the whole line that `amphi node token` printed")]
    Malformed,
    /// The system gave no randomness.
    #[error("the system gives no random numbers")]
    NoRandomness,
}

impl JoinToken {
    /// A token that nobody has seen yet, for the authority `ca`.
    ///
    /// # Errors
    /// `NoRandomness` when the system's source fails.
    pub fn generate(ca: Fingerprint) -> Result<Self, TokenError> {
        let mut bytes = [0; SECRET_BYTES];
        let random = rustls::crypto::ring::default_provider().secure_random;
        random.fill(&mut bytes).map_err(|_| TokenError::NoRandomness)?;
        Ok(Self { secret: URL_SAFE_NO_PAD.encode(bytes), ca })
    }

    /// SHA-256 of the secret's text, 64 hex digits: what is stored and looked up.
    pub fn secret_hash(&self) -> String {
        Sha256::digest(&self.secret).iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl fmt::Display for JoinToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}.{}.{}", self.secret, self.ca)
    }
}

impl fmt::Debug for JoinToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinToken").field("ca", &self.ca.to_string()).finish_non_exhaustive()
    }
}

impl FromStr for JoinToken {
    type Err = TokenError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = text.trim().split('.');
        let (Some(PREFIX), Some(secret), Some(ca), None) = (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(TokenError::Malformed);
        };
        let decoded = URL_SAFE_NO_PAD.decode(secret).map_err(|_| TokenError::Malformed)?;
        if decoded.len() != SECRET_BYTES {
            return Err(TokenError::Malformed);
        }
        let ca = ca.parse().map_err(|_| TokenError::Malformed)?;
        Ok(Self { secret: secret.to_owned(), ca })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token() -> JoinToken {
        JoinToken::generate(Fingerprint::of_der(b"authority")).unwrap()
    }

    #[test]
    fn the_text_reads_back_and_each_is_new() {
        let token = token();
        assert_eq!(format!(" {token}\n").parse::<JoinToken>().unwrap(), token);
        assert_ne!(token.secret, self::token().secret);
    }

    #[test]
    fn other_texts_are_refused() {
        let good = token().to_string();
        let mut cases = vec![String::new(), "amphi1".into(), good.replace("amphi1", "amphi2"), format!("{good}.x")];
        cases.push(good[..good.len() - 1].to_owned());
        cases.push(format!("{}é", &good[..good.len() - 2]));
        cases.push(format!("amphi1.c2hvcnQ.{}", token().ca));
        for text in cases {
            assert_eq!(text.parse::<JoinToken>(), Err(TokenError::Malformed), "{text}");
        }
    }

    #[test]
    fn the_secret_stays_out_of_debug_and_the_hash_is_sha256() {
        let token = token();
        assert!(!format!("{token:?}").contains(&token.secret));
        let known = JoinToken { secret: "abc".into(), ca: token.ca };
        assert_eq!(known.secret_hash(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
}
