//! The client certificate and its private key.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use anyhow::bail;
use rustls::crypto::ring;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use rustls::sign::{CertifiedKey, SingleCertAndKey};

use crate::connector::postgres::options::{Mode, Options};
use crate::connector::postgres::tls::{certificate, files};

/// Reads the certificate and its key, if a certificate is configured.
///
/// # Errors
/// A file that is named does not exist or holds something else; others have access to the key.
pub fn read(options: &Options) -> anyhow::Result<Option<SingleCertAndKey>> {
    let Some(own) = &options.certificate else {
        return Ok(None);
    };
    let shown = own.path.display();
    if !own.path.exists() {
        if own.is_named && options.mode >= Mode::Require {
            bail!("the certificate '{shown}' does not exist; correct sslcert or PGSSLCERT");
        }
        return Ok(None);
    }
    let chain = files::certificates(&own.path)?;
    let Some(key) = options.key.as_ref().map(|key| &key.path) else {
        bail!("the certificate '{shown}' needs its private key; give sslkey=FILE or PGSSLKEY");
    };
    if !key.exists() {
        bail!(
            "the private key '{}' of the certificate '{shown}' does not exist; give sslkey=FILE or PGSSLKEY",
            key.display()
        );
    }
    guard(key)?;
    let public = chain.first().map(certificate::key);
    let loaded = ring::default_provider()
        .key_provider
        .load_private_key(private_key(key)?);
    let Ok(loaded) = loaded else {
        bail!(
            "the private key '{}' cannot be used; one of RSA (2048 bits or more), ECDSA (P-256, P-384) or Ed25519 is expected",
            key.display()
        );
    };
    match public {
        Some(Ok(public)) if loaded.public_key().is_some_and(|key| key != public) => bail!(
            "the private key '{}' is not that of the certificate '{shown}'; correct sslcert or sslkey",
            key.display()
        ),
        Some(Ok(_)) => Ok(Some(CertifiedKey::new(chain, loaded).into())),
        _ => bail!("the certificate '{shown}' is damaged"),
    }
}

/// Checks that nobody else has access to a key; a group may read a key that root owns.
fn guard(path: &Path) -> anyhow::Result<()> {
    let shown = path.display();
    let Ok(metadata) = fs::metadata(path) else {
        bail!("cannot read '{shown}': permission denied");
    };
    if !metadata.is_file() {
        bail!("the private key '{shown}' is not a plain file");
    }
    let forbidden = if metadata.uid() == 0 { 0o037 } else { 0o077 };
    if metadata.mode() & forbidden != 0 {
        bail!("others have access to the private key '{shown}'; run chmod 600 '{shown}'");
    }
    Ok(())
}

/// Reads a private key in PEM or DER.
fn private_key(path: &Path) -> anyhow::Result<PrivateKeyDer<'static>> {
    let bytes = files::read(path)?;
    if let Ok(key) = PrivateKeyDer::from_pem_slice(&bytes) {
        return Ok(key);
    }
    let shown = path.display();
    let holds = |text: &[u8]| memchr::memmem::find(&bytes, text).is_some();
    if holds(b"ENCRYPTED") {
        bail!(
            "the private key '{shown}' is encrypted, which is not supported; decrypt it: openssl pkey -in '{shown}' -out NEW"
        );
    }
    match PrivateKeyDer::try_from(bytes.clone()) {
        Ok(key) => Ok(key),
        Err(_) => bail!("'{shown}' holds no private key; one in PEM or DER is expected"),
    }
}
