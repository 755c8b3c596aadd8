//! The certificate by which a server knows us, and its private key.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use anyhow::bail;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::files;
use crate::database::postgres::options::{Mode, Options};

/// A certificate, those that link it to an authority, and its key.
pub struct Identity {
    /// The certificates, our own first.
    pub chain: Vec<CertificateDer<'static>>,
    /// The key of the first.
    pub key: PrivateKeyDer<'static>,
    /// The key's file, for errors.
    pub shown: String,
}

/// Reads it, if there is one.
///
/// # Errors
/// A file that is named does not exist; it holds something else; others have access to the key.
pub fn read(options: &Options) -> anyhow::Result<Option<Identity>> {
    let Some(certificate) = &options.certificate else {
        return Ok(None);
    };
    let shown = certificate.path.display();
    if !certificate.path.exists() {
        if certificate.is_named && options.mode >= Mode::Require {
            bail!("the certificate '{shown}' does not exist; correct sslcert or PGSSLCERT");
        }
        return Ok(None);
    }
    let chain = files::certificates(&certificate.path)?;
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
    Ok(Some(Identity {
        chain,
        key: private_key(key)?,
        shown: key.display().to_string(),
    }))
}

/// Holds that nobody else has access to a key; one of root may be read by a group.
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

/// A key in PEM or DER.
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
