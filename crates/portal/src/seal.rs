//! Secrets that have to be read again, such as the keys S3 requests are signed with: sealed by a key that is never in the
//! database, so that a copy of the database alone gives nothing away.
//!
//! XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03): its nonce of 24 bytes may be random, so that nothing has to be counted.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{Key, KeyInit as _, XChaCha20Poly1305, XNonce};
use rand::RngExt as _;

use crate::model::secret::{Secret, hex};
use crate::service::bootstrap::write_private;

/// The file that holds the key, as 64 hex digits.
pub const SEAL_FILE: &str = "seal.key";

const NONCE_BYTES: usize = 24;

/// Why something can't be sealed or opened.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// The key's file could not be read or written.
    #[error("reading or writing {path}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The file does not hold a key.
    #[error("{path} has to hold 64 hexadecimal digits")]
    Key {
        /// The file.
        path: PathBuf,
    },
    /// What is to be opened was sealed by another key or for another name, or is damaged.
    #[error("what is kept for {name} can't be opened: it was sealed by another seal.key, or is damaged")]
    Broken {
        /// What it was kept for.
        name: String,
    },
}

/// Seals and opens; a cheap handle.
#[derive(Clone)]
pub struct Seal(Arc<XChaCha20Poly1305>);

impl Seal {
    /// Reads the key in `dir`, or makes one for its owner's eyes alone. Replicas need the same file.
    ///
    /// # Errors
    /// `File`, `Key`.
    pub fn open_or_create(dir: &Path) -> Result<Self, SealError> {
        let path = dir.join(SEAL_FILE);
        let file = |source| SealError::File { path: path.clone(), source };
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let text = hex(&rand::rng().random::<[u8; 32]>());
                write_private(&path, &text).map_err(file)?;
                text
            }
            Err(error) => return Err(file(error)),
        };
        let key = key_from(text.trim()).ok_or(SealError::Key { path })?;
        Ok(Self(Arc::new(XChaCha20Poly1305::new(&Key::from(key)))))
    }

    /// Seals `secret` for `name`; only under that name it can be opened, so that nobody can exchange two rows.
    pub fn seal(&self, name: &str, secret: &str) -> String {
        let nonce: [u8; NONCE_BYTES] = rand::rng().random();
        let payload = Payload { msg: secret.as_bytes(), aad: name.as_bytes() };
        let sealed = self.0.encrypt(&XNonce::from(nonce), payload).expect("a secret is shorter than 256 GiB");
        STANDARD_NO_PAD.encode([nonce.as_slice(), &sealed].concat())
    }

    /// What was sealed for `name`.
    ///
    /// # Errors
    /// `Broken`.
    pub fn open(&self, name: &str, sealed: &str) -> Result<Secret<String>, SealError> {
        self.opened(name, sealed).map(Secret::new).ok_or_else(|| SealError::Broken { name: name.to_owned() })
    }

    fn opened(&self, name: &str, sealed: &str) -> Option<String> {
        let bytes = STANDARD_NO_PAD.decode(sealed).ok()?;
        let (nonce, sealed) = bytes.split_first_chunk::<NONCE_BYTES>()?;
        let secret = self.0.decrypt(&XNonce::from(*nonce), Payload { msg: sealed, aad: name.as_bytes() }).ok()?;
        String::from_utf8(secret).ok()
    }
}

fn key_from(text: &str) -> Option<[u8; 32]> {
    if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let mut key = [0; 32];
    for (byte, pair) in key.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(key)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn what_is_sealed_opens_under_its_name_and_key_alone() {
        let dir = tempfile::tempdir().unwrap();
        let sealed = Seal::open_or_create(dir.path()).unwrap().seal("AK1", "secret");
        let seal = Seal::open_or_create(dir.path()).unwrap();
        assert_eq!(seal.open("AK1", &sealed).unwrap().expose(), "secret");
        assert_ne!(seal.seal("AK1", "secret"), sealed, "the nonce is new each time");
        assert!(matches!(seal.open("AK2", &sealed), Err(SealError::Broken { .. })));
        assert!(matches!(seal.open("AK1", &sealed[1..]), Err(SealError::Broken { .. })));
        let other = tempfile::tempdir().unwrap();
        assert!(Seal::open_or_create(other.path()).unwrap().open("AK1", &sealed).is_err());
    }

    #[test]
    fn the_key_is_for_its_owner_alone_and_has_to_be_one() {
        let dir = tempfile::tempdir().unwrap();
        Seal::open_or_create(dir.path()).unwrap();
        let path = dir.path().join(SEAL_FILE);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        std::fs::write(&path, "abc").unwrap();
        assert!(matches!(Seal::open_or_create(dir.path()), Err(SealError::Key { .. })));
    }
}
