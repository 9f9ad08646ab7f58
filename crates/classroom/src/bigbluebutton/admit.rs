//! Whose a call is: who has the secret that its checksum was made with.

use std::sync::Arc;

use crate::Classroom;
use crate::directory::TenantEntry;
use crate::model::checksum::Signed;
use crate::model::parameters::checksum_cut;

/// A call that is signed.
pub(super) struct Admitted {
    pub(super) tenant: Arc<TenantEntry>,
    /// What was signed: the query, or the form in the body, without the checksum.
    pub(super) signed: String,
}

impl Classroom {
    /// The tenant that signed a call to `host`. The checksum is over `raw`, as it came. `None`: nobody did.
    pub(super) fn admit(&self, host: &str, call: &str, raw: &str) -> Option<Admitted> {
        let (given, signed) = checksum_cut(raw);
        let sum = Signed::new(given?, self.algorithms(), &[call.as_bytes(), signed.as_bytes()])?;
        let entries = self.directory().entries();
        let mut signer = None;
        // All are tried, so that how long it takes does not tell whose secret it was.
        for entry in entries.candidates(host) {
            if entry.secrets.iter().any(|secret| sum.is_by(secret.secret.expose().as_bytes())) {
                signer = Some(entry.clone());
            }
        }
        signer.map(|tenant| Admitted { tenant, signed })
    }
}
