//! Words that nobody guesses, for addresses and passwords.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// 256 random bits as 43 characters of base64url: what opens something to whoever has it.
pub(crate) fn token() -> String {
    URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>())
}

/// 128 random bits as 32 hexadecimal digits: short enough to be read on a page, and without a sign that clients trip
/// over.
pub(crate) fn word() -> String {
    format!("{:032x}", rand::random::<u128>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_are_the_same_and_columns_hold_them() {
        assert!(token() != token() && word() != word());
        assert_eq!((token().len(), word().len()), (43, 32));
    }
}
