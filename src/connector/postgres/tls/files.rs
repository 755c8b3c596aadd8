//! Reads certificate files.

use std::fs;
use std::path::Path;

use anyhow::{anyhow, bail};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

/// Reads a file.
///
/// # Errors
/// The file cannot be read.
pub fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    fs::read(path).map_err(|error| {
        let error = error.to_string();
        let why = error.split(" (os error").next().unwrap_or_default();
        anyhow!("cannot read '{}': {}", path.display(), why.to_lowercase())
    })
}

/// Returns the certificates of a PEM file, at least one.
///
/// # Errors
/// The file cannot be read, is damaged, or holds no certificate.
pub fn certificates(path: &Path) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    let text = read(path)?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    match found {
        Ok(found) if found.is_empty() => bail!(
            "'{}' holds no certificate; a PEM file is expected, with -----BEGIN CERTIFICATE-----",
            path.display()
        ),
        Ok(found) => Ok(found),
        Err(_) => bail!(
            "'{}' is damaged: a certificate in it is not whole PEM",
            path.display()
        ),
    }
}
