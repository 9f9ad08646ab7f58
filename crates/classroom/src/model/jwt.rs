//! JSON Web Tokens by a shared secret, as BigBlueButton's scripts sign what they tell. Source: RFC 7515, RFC 7519.
//!
//! Two HMACs are all that is needed; the library for it (`jsonwebtoken`) brings RSA and three families of curves along.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac as _};
use serde_json::{Value, json};
use sha2::{Sha256, Sha512};

/// The hash that signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hash {
    Hs256,
    Hs512,
}

impl Hash {
    fn as_str(self) -> &'static str {
        match self {
            Self::Hs256 => "HS256",
            Self::Hs512 => "HS512",
        }
    }

    fn sum(self, secret: &str, text: &str) -> Vec<u8> {
        const ANY: &str = "a key may have any length";
        match self {
            Self::Hs256 => {
                let mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect(ANY);
                mac.chain_update(text).finalize().into_bytes().to_vec()
            }
            Self::Hs512 => {
                let mac = Hmac::<Sha512>::new_from_slice(secret.as_bytes()).expect(ANY);
                mac.chain_update(text).finalize().into_bytes().to_vec()
            }
        }
    }
}

/// A token with these claims.
pub(crate) fn sign(hash: Hash, claims: &Value, secret: &str) -> String {
    let header = json!({ "alg": hash.as_str(), "typ": "JWT" });
    let text = format!("{}.{}", URL_SAFE_NO_PAD.encode(header.to_string()), URL_SAFE_NO_PAD.encode(claims.to_string()));
    let sum = URL_SAFE_NO_PAD.encode(hash.sum(secret, &text));
    format!("{text}.{sum}")
}

/// Whether a token was signed by this hash with this secret, and is not over.
pub(crate) fn is_signed(token: &str, hash: Hash, secret: &str, now_ms: i64) -> bool {
    use subtle::ConstantTimeEq as _;
    let Some((text, sum)) = token.rsplit_once('.') else { return false };
    let Some((header, claims)) = text.split_once('.') else { return false };
    let read = |part: &str| serde_json::from_slice::<Value>(&URL_SAFE_NO_PAD.decode(part).ok()?).ok();
    let (Some(header), Some(claims), Ok(sum)) = (read(header), read(claims), URL_SAFE_NO_PAD.decode(sum)) else {
        return false;
    };
    let is_over = claims["exp"].as_i64().is_some_and(|end| end <= now_ms / 1_000);
    header["alg"] == hash.as_str() && !is_over && hash.sum(secret, text).ct_eq(&sum).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_example_of_the_standard() {
        // https://jwt.io, HS256 with the secret "your-256-bit-secret"; the order of claims is that of the text.
        let token = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.\
            eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9lIiwiaWF0IjoxNTE2MjM5MDIyfQ.\
            SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c";
        assert!(is_signed(token, Hash::Hs256, "your-256-bit-secret", 0));
        assert!(!is_signed(token, Hash::Hs256, "another", 0));
    }

    #[test]
    fn only_the_right_hash_secret_and_time_hold() {
        for hash in [Hash::Hs256, Hash::Hs512] {
            let token = sign(hash, &json!({ "exp": 100 }), "s");
            assert!(is_signed(&token, hash, "s", 99_999));
            assert!(!is_signed(&token, hash, "s", 100_000), "it is over");
            let other = if hash == Hash::Hs256 { Hash::Hs512 } else { Hash::Hs256 };
            assert!(!is_signed(&token, other, "s", 0));
        }
        let none = format!("{}.{}.", URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#), URL_SAFE_NO_PAD.encode("{}"));
        for token in ["", ".", "..", "a.b.c", &none] {
            assert!(!is_signed(token, Hash::Hs512, "s", 0), "{token}");
        }
    }
}
