//! A throw-away authority and a web server's certificate under it, made by openssl. Not the product's own authority:
//! learners look at this one, and nobody outside the demo is to trust it.

use std::fs;
use std::net::Ipv4Addr;
use std::path::Path;

use anyhow::Context;

use crate::up::topology::run;

const AUTHORITY: &str = "\
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
";

/// Files for `openssl s_server`, and what has to be trusted.
#[derive(Debug)]
pub(super) struct Certificate {
    pub(super) authority_pem: String,
    pub(super) certificate: String,
    pub(super) key: String,
}

/// Writes both certificates, valid for 30 days, to `dir`.
pub(super) async fn make(dir: &Path, name: &str, address: Ipv4Addr) -> anyhow::Result<Certificate> {
    let file = |name: &str| dir.join(name).display().to_string();
    let (authority, authority_key) = (file("authority.pem"), file("authority.key"));
    let (certificate, key) = (file("web.pem"), file("web.key"));
    request(dir, "Demo authority", AUTHORITY, &["-out", &authority, "-keyout", &authority_key]).await?;
    let extensions = format!(
        "basicConstraints = critical, CA:FALSE\n\
         extendedKeyUsage = serverAuth\n\
         subjectAltName = DNS:{name}, IP:{address}\n\
         authorityKeyIdentifier = keyid\n"
    );
    let signed = ["-CA", &authority, "-CAkey", &authority_key, "-out", &certificate, "-keyout", &key];
    request(dir, name, &extensions, &signed).await?;
    let authority_pem = fs::read_to_string(&authority).with_context(|| format!("reading {authority}"))?;
    Ok(Certificate { authority_pem, certificate, key })
}

/// `openssl req -x509` with a configuration of its own, so that the system's has no say.
async fn request(dir: &Path, common_name: &str, extensions: &str, rest: &[&str]) -> anyhow::Result<()> {
    let path = dir.join("openssl.cnf");
    let text = format!(
        "[req]\nprompt = no\ndistinguished_name = name\nx509_extensions = extensions\n\
         [name]\nO = Amphi demo\nCN = {common_name}\n[extensions]\n{extensions}"
    );
    fs::write(&path, text).with_context(|| format!("writing {}", path.display()))?;
    let config = path.display().to_string();
    let fixed = ["openssl", "req", "-x509", "-config", &config, "-days", "30", "-nodes"];
    let key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"];
    run(&[&fixed[..], &key, rest].concat(), "").await
}
