//! Secrets that never show in a log, and how those of sessions and tokens are made and stored.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rand::RngExt as _;
use sha2::{Digest as _, Sha256};

/// What every API token starts with, so that scanners for leaked secrets can know ours.
pub const TOKEN_PREFIX: &str = "amphi_";

/// A value whose `Debug` shows nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret<T>(T);

impl<T> Secret<T> {
    /// Wraps `value`.
    pub fn new(value: T) -> Self {
        Self(value)
    }

    /// The value itself; call it where it is used, not to keep it.
    pub fn expose(&self) -> &T {
        &self.0
    }
}

impl<T> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// 32 random bytes as base64url, 43 characters.
pub(crate) fn random_secret() -> String {
    URL_SAFE_NO_PAD.encode(rand::rng().random::<[u8; 32]>())
}

/// A new API token.
pub(crate) fn random_token() -> Secret<String> {
    Secret::new(format!("{TOKEN_PREFIX}{}", random_secret()))
}

/// A password for one use: four groups of five letters and digits without look-alikes, 98 bits.
pub(crate) fn random_password() -> Secret<String> {
    const LETTERS: &[u8; 30] = b"abcdefghjkmnpqrstuvwxyz2345678";
    let mut rng = rand::rng();
    let mut text = String::with_capacity(23);
    for at in 0..20 {
        if at > 0 && at % 5 == 0 {
            text.push('-');
        }
        text.push(char::from(LETTERS[rng.random_range(0..LETTERS.len())]));
    }
    Secret::new(text)
}

/// How a session's or token's secret is stored: SHA-256 in hex. The secrets are 256 random bits, so that a slow hash
/// would protect nothing more.
pub(crate) fn secret_hash(secret: &str) -> String {
    hex(&Sha256::digest(secret.as_bytes()))
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_differ_and_stay_out_of_debug() {
        let token = random_token();
        assert!(token.expose().starts_with(TOKEN_PREFIX) && token.expose().len() == 49);
        assert_ne!(token, random_token());
        assert!(!format!("{token:?}").contains(token.expose().as_str()));
        assert_eq!(random_password().expose().len(), 23);
        assert_eq!(secret_hash(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    }
}
