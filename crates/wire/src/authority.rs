//! The private certificate authority: it signs the control plane's own certificate and one for each node.
//!
//! The authority and the server certificates carry no end date: agents trust this one authority by its fingerprint
//! and nothing else, so a date would only be a way to lose every node at once. A node's certificate does end.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, date_time_ymd,
};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use sha2::{Digest, Sha256};
use x509_parser::prelude::{FromDer, GeneralName};

/// The name that every server certificate carries and every agent dials by, whatever the address.
pub const SERVER_NAME: &str = "control.amphi.internal";

/// How far a node's clock may lag behind the control plane's: certificates are valid from this much earlier.
const CLOCK_SKEW: Duration = Duration::from_secs(3600);

/// What can go wrong with keys and certificates.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    /// A file of the authority could not be read or written.
    #[error("reading or writing {path}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// `ca.pem` is there without its `ca.key`, so nothing can be signed and a new authority would lock every node out.
    #[error("{certificate} has no key {key} beside it")]
    KeyMissing {
        /// The certificate file.
        certificate: PathBuf,
        /// The missing key file.
        key: PathBuf,
    },
    /// A key or certificate could not be made or signed.
    #[error("making {what}")]
    Sign {
        /// What was being made.
        what: &'static str,
        /// Why.
        #[source]
        source: rcgen::Error,
    },
    /// The text is no certificate signing request, or its own signature is wrong.
    #[error("the certificate request is not valid")]
    Request(#[source] rcgen::Error),
    /// The bytes are no certificate that this authority could have made.
    #[error("the certificate is not valid: {0}")]
    Certificate(&'static str),
}

/// SHA-256 of a certificate's DER, written as 64 hex digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// Of the DER bytes of a certificate.
    pub fn of_der(der: &[u8]) -> Self {
        Self(Sha256::digest(der).into())
    }

    /// Of the first certificate in a PEM text.
    ///
    /// # Errors
    /// `Certificate` when there is none.
    pub fn of_pem(pem: &str) -> Result<Self, AuthorityError> {
        Ok(Self::of_der(&first_certificate(pem)?))
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// The text is not 64 hex digits.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("a fingerprint is 64 hexadecimal digits")]
pub struct NotAFingerprint;

impl FromStr for Fingerprint {
    type Err = NotAFingerprint;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // openssl writes capitals with a colon between every two digits.
        let text = text.replace(':', "");
        if text.len() != 64 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(NotAFingerprint);
        }
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
            let pair = std::str::from_utf8(pair).map_err(|_| NotAFingerprint)?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_| NotAFingerprint)?;
        }
        Ok(Self(bytes))
    }
}

/// A certificate and its private key, both PEM. `Debug` hides the key.
pub struct KeyPairPem {
    /// The certificate, followed by the authority's.
    pub certificate_pem: String,
    /// The private key, PKCS #8.
    pub key_pem: String,
}

impl fmt::Debug for KeyPairPem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyPairPem").field("certificate_pem", &self.certificate_pem).finish_non_exhaustive()
    }
}

/// A new private key and the request to certify it, both PEM. `Debug` hides the key.
pub struct KeyRequest {
    /// The private key, PKCS #8; it stays where it was made.
    pub key_pem: String,
    /// The certificate signing request.
    pub csr_pem: String,
}

impl fmt::Debug for KeyRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyRequest").field("csr_pem", &self.csr_pem).finish_non_exhaustive()
    }
}

impl KeyRequest {
    /// Makes a new ECDSA P-256 key and a request that names nothing: the authority decides the name.
    ///
    /// # Errors
    /// `Sign` when the system gives no randomness.
    pub fn generate() -> Result<Self, AuthorityError> {
        let sign = |source| AuthorityError::Sign { what: "a certificate request", source };
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(sign)?;
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        let csr_pem = params.serialize_request(&key).and_then(|csr| csr.pem()).map_err(sign)?;
        Ok(Self { key_pem: key.serialize_pem(), csr_pem })
    }
}

/// The certificate that TLS has verified, DER. The listener puts it into the extensions of every request of its
/// connection; a request without one comes from a caller that showed none.
#[derive(Clone, Debug)]
pub struct PeerCertificate(pub Vec<u8>);

/// The authority, with its private key in memory.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate_pem: String,
    fingerprint: Fingerprint,
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authority").field("fingerprint", &self.fingerprint.to_string()).finish_non_exhaustive()
    }
}

impl Authority {
    /// Reads `dir/ca.pem` and `dir/ca.key`, or makes both (the key with mode 0600). Blocking; safe when several
    /// processes open the same new directory at once.
    ///
    /// # Errors
    /// `File`, `KeyMissing`, or `Sign` when what is stored can't be used.
    pub fn open_or_create(dir: &Path) -> Result<Self, AuthorityError> {
        let lock_path = dir.join("ca.lock");
        fs::create_dir_all(dir).map_err(|source| AuthorityError::File { path: dir.to_path_buf(), source })?;
        let lock = File::create(&lock_path).and_then(|file| file.lock().map(|()| file));
        let _lock = lock.map_err(|source| AuthorityError::File { path: lock_path, source })?;
        let (certificate, key) = (dir.join("ca.pem"), dir.join("ca.key"));
        match (certificate.exists(), key.exists()) {
            (true, true) => Self::read(&certificate, &key),
            (true, false) => Err(AuthorityError::KeyMissing { certificate, key }),
            // A key without a certificate is what a crash between the two writes leaves: nothing was signed with it.
            (false, _) => Self::create(&certificate, &key),
        }
    }

    fn read(certificate: &Path, key: &Path) -> Result<Self, AuthorityError> {
        let read = |path: &Path| {
            fs::read_to_string(path).map_err(|source| AuthorityError::File { path: path.to_path_buf(), source })
        };
        let key = KeyPair::from_pem(&read(key)?)
            .map_err(|source| AuthorityError::Sign { what: "use of the authority's key", source })?;
        Self::with_key(read(certificate)?, key)
    }

    fn create(certificate: &Path, key_path: &Path) -> Result<Self, AuthorityError> {
        let sign = |source| AuthorityError::Sign { what: "the authority", source };
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(sign)?;
        let mut params = CertificateParams::default();
        params.distinguished_name = name("Amphi authority");
        // Only nodes and the control plane below it, never another authority.
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
        let pem = params.self_signed(&key).map_err(sign)?.pem();
        write_whole(key_path, 0o600, &key.serialize_pem())?;
        write_whole(certificate, 0o644, &pem)?;
        Self::with_key(pem, key)
    }

    fn with_key(certificate_pem: String, key: KeyPair) -> Result<Self, AuthorityError> {
        let fingerprint = Fingerprint::of_pem(&certificate_pem)?;
        let issuer = Issuer::from_ca_cert_pem(&certificate_pem, key)
            .map_err(|source| AuthorityError::Sign { what: "use of the authority's certificate", source })?;
        Ok(Self { issuer, certificate_pem, fingerprint })
    }

    /// The authority's certificate: the only root that agents trust. Public.
    pub fn certificate_pem(&self) -> &str {
        &self.certificate_pem
    }

    /// What join tokens carry.
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// A new key and certificate for a control plane that is reached by `names` (host names or IP addresses) and,
    /// by agents, as [`SERVER_NAME`]. Cheap enough to call at every start.
    ///
    /// # Errors
    /// `Sign` when a name is neither a DNS name nor an address.
    pub fn server_certificate(&self, names: &[String]) -> Result<KeyPairPem, AuthorityError> {
        let sign = |source| AuthorityError::Sign { what: "the server certificate", source };
        let mut all = names.to_vec();
        all.push(SERVER_NAME.to_owned());
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(sign)?;
        let mut params = CertificateParams::new(all).map_err(sign)?;
        params.distinguished_name = name(SERVER_NAME);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        let certificate = params.signed_by(&key, &self.issuer).map_err(sign)?.pem();
        Ok(KeyPairPem { certificate_pem: certificate + &self.certificate_pem, key_pem: key.serialize_pem() })
    }

    /// Signs the key of `csr_pem` as the node `node_id`, valid for `valid` from `now_ms` (epoch milliseconds): it dials
    /// the control plane with it, and serves as [`node_server_name`]. Everything else that the request asks for is ignored.
    ///
    /// # Errors
    /// `Request` when the text is no request or isn't signed with its own key.
    pub fn node_certificate(
        &self,
        csr_pem: &str,
        node_id: &str,
        valid: Duration,
        now_ms: i64,
    ) -> Result<String, AuthorityError> {
        let what = "a node's certificate";
        let mut params = CertificateParams::new(vec![node_server_name(node_id)])
            .map_err(|source| AuthorityError::Sign { what, source })?;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth, ExtendedKeyUsagePurpose::ServerAuth];
        self.sign(params, csr_pem, node_id, valid, now_ms, what)
    }

    /// Signs the key of `csr_pem` as a client that is known by `common_name`, valid for `valid` from `now_ms` (epoch
    /// milliseconds).
    ///
    /// # Errors
    /// As [`Self::node_certificate`].
    pub fn client_certificate(
        &self,
        csr_pem: &str,
        common_name: &str,
        valid: Duration,
        now_ms: i64,
    ) -> Result<String, AuthorityError> {
        let mut params = CertificateParams::default();
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        self.sign(params, csr_pem, common_name, valid, now_ms, "a client's certificate")
    }

    fn sign(
        &self,
        mut params: CertificateParams,
        csr_pem: &str,
        common_name: &str,
        valid: Duration,
        now_ms: i64,
        what: &'static str,
    ) -> Result<String, AuthorityError> {
        let request = CertificateSigningRequestParams::from_pem(csr_pem).map_err(AuthorityError::Request)?;
        let now = date_time_ymd(1970, 1, 1) + Duration::from_millis(u64::try_from(now_ms).unwrap_or(0));
        params.distinguished_name = name(common_name);
        params.not_before = now - CLOCK_SKEW;
        params.not_after = now + valid;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.use_authority_key_identifier_extension = true;
        let certificate = params
            .signed_by(&request.public_key, &self.issuer)
            .map_err(|source| AuthorityError::Sign { what, source })?;
        Ok(certificate.pem())
    }
}

/// The node id (common name) in the DER of a peer certificate. Says nothing about who signed it: call it only with a
/// certificate that TLS has verified.
///
/// # Errors
/// `Certificate` when the bytes are no certificate or it doesn't have exactly one common name.
pub fn node_id_of(der: &[u8]) -> Result<String, AuthorityError> {
    let certificate = parse(der)?;
    let mut names = certificate.subject().iter_common_name();
    match (names.next(), names.next()) {
        (Some(name), None) => {
            Ok(name.as_str().map_err(|_| AuthorityError::Certificate("its name is not text"))?.to_owned())
        }
        _ => Err(AuthorityError::Certificate("it does not have exactly one common name")),
    }
}

/// [`node_id_of`] the first certificate in `pem`.
///
/// # Errors
/// As there, and `Certificate` when there is none.
pub fn node_id_of_pem(pem: &str) -> Result<String, AuthorityError> {
    node_id_of(&first_certificate(pem)?)
}

/// The name by which clients of a node's stores dial it, whatever the address.
pub fn node_server_name(node_id: &str) -> String {
    format!("{node_id}.node.amphi.internal")
}

/// Whether the first certificate in `pem` is good for serving as [`node_server_name`]: those of the first version were not.
pub fn is_node_server(pem: &str, node_id: &str) -> bool {
    let wanted = node_server_name(node_id);
    let Ok(der) = first_certificate(pem) else { return false };
    let Ok(certificate) = parse(&der) else { return false };
    let Ok(Some(names)) = certificate.subject_alternative_name() else { return false };
    names.value.general_names.iter().any(|name| matches!(name, GeneralName::DNSName(name) if *name == wanted))
}

/// End of the validity of the first certificate in `pem`, epoch milliseconds.
///
/// # Errors
/// `Certificate` when there is none.
pub fn expires_ms(pem: &str) -> Result<i64, AuthorityError> {
    Ok(parse(&first_certificate(pem)?)?.validity().not_after.timestamp().saturating_mul(1000))
}

fn first_certificate(pem: &str) -> Result<CertificateDer<'static>, AuthorityError> {
    CertificateDer::from_pem_slice(pem.as_bytes())
        .map_err(|_| AuthorityError::Certificate("the text holds no PEM certificate"))
}

fn parse(der: &[u8]) -> Result<x509_parser::certificate::X509Certificate<'_>, AuthorityError> {
    let (_, certificate) = x509_parser::certificate::X509Certificate::from_der(der)
        .map_err(|_| AuthorityError::Certificate("the bytes are no X.509 certificate"))?;
    Ok(certificate)
}

fn name(common: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, common);
    name
}

/// Writes beside and renames, so that a crash leaves the old file or the new one, whole.
fn write_whole(path: &Path, mode: u32, text: &str) -> Result<(), AuthorityError> {
    let new = path.with_extension("new");
    let write = || -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(mode).open(&new)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&new, path)
    };
    write().map_err(|source| AuthorityError::File { path: path.to_path_buf(), source })
}

#[cfg(test)]
mod tests;
