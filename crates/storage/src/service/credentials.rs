//! Certificates for who talks to stores.

use std::time::Duration;

use wire::authority::{AuthorityError, KeyRequest};

use crate::Storage;
use crate::store::{CONTROL_NAME, READER_PREFIX, VOLUME_PREFIX};

/// How long a client's holds; one that goes on has it certified anew. Nothing calls a certificate back: who may no longer
/// have one, as when another tenant's export came to the volume, uses the last one for so long and while a connection lasts.
const CLIENT_VALID: Duration = Duration::from_secs(1_800);
/// The control plane's own never leaves its memory, and is new at each start: it must only outlive the process.
const CONTROL_VALID: Duration = Duration::from_secs(3_650 * 86_400);

/// Certificate with key, and the authority; PEM. The control plane's own, made once for each start.
#[derive(Default)]
pub(crate) struct ControlPair(std::sync::OnceLock<String>);

impl Storage {
    /// Signs the key of a request for a client of a volume.
    ///
    /// # Errors
    /// `Request` when the text is no request.
    pub(crate) fn credentials_for(
        &self,
        volume: i64,
        may_write: bool,
        csr_pem: &str,
    ) -> Result<String, AuthorityError> {
        let prefix = if may_write { VOLUME_PREFIX } else { READER_PREFIX };
        self.certificate(&format!("{prefix}{volume}"), csr_pem, CLIENT_VALID)
    }

    /// The control plane's own certificate with its key, and the authority; PEM.
    ///
    /// # Errors
    /// `Sign` when the system gives no randomness.
    pub(crate) fn control_credentials(&self) -> Result<(String, String), AuthorityError> {
        let ca_pem = self.config().authority.certificate_pem().to_owned();
        if let Some(pair) = self.control_pair().0.get() {
            return Ok((pair.clone(), ca_pem));
        }
        let request = KeyRequest::generate()?;
        let pair = self.certificate(CONTROL_NAME, &request.csr_pem, CONTROL_VALID)? + &request.key_pem;
        Ok((self.control_pair().0.get_or_init(|| pair).clone(), ca_pem))
    }

    fn certificate(&self, name: &str, csr_pem: &str, valid: Duration) -> Result<String, AuthorityError> {
        self.config().authority.client_certificate(csr_pem, name, valid, self.db().clock().now_ms())
    }
}
