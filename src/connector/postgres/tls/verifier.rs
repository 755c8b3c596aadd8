//! Verifies a server's certificate by libpq's rules.
//!
//! They differ from those of browsers: a server may show a certificate that is itself in the file of authorities,
//! and a certificate without alternative names is valid for its common name. That the server has the certificate's
//! private key is verified in every mode, because channel binding relies on it.

use std::path::Path;
use std::sync::Arc;

use anyhow::bail;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::crypto::{
    WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
    verify_tls13_signature_with_raw_key,
};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

use crate::connector::postgres::tls::{certificate, files};

/// The trusted authorities.
#[derive(Debug)]
pub struct Trusted {
    roots: Arc<RootCertStore>,
    certificates: Vec<CertificateDer<'static>>,
}

impl Trusted {
    /// Reads the authorities in a PEM file.
    ///
    /// # Errors
    /// The file holds no usable certificate.
    pub fn of_file(path: &Path) -> anyhow::Result<Self> {
        let certificates = files::certificates(path)?;
        let mut roots = RootCertStore::empty();
        for certificate in &certificates {
            if roots.add(certificate.clone()).is_err() {
                bail!("a certificate in '{}' is damaged", path.display());
            }
        }
        Ok(Trusted {
            roots: Arc::new(roots),
            certificates,
        })
    }

    /// Reads the system's authorities: its administrator may add to them, which a list built into the program would
    /// miss.
    ///
    /// # Errors
    /// The system has none.
    pub fn of_system() -> anyhow::Result<Self> {
        let found = rustls_native_certs::load_native_certs().certs;
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(found);
        if roots.is_empty() {
            bail!(
                "the system has no list of trusted authorities (on Debian: apt-get install ca-certificates); or give the file of the server's: sslrootcert=FILE"
            );
        }
        Ok(Trusted {
            roots: Arc::new(roots),
            certificates: vec![],
        })
    }
}

/// Verifies the certificates of servers.
#[derive(Debug)]
pub struct Verifier {
    /// Which authorities may have signed them. `None`: any.
    pub trusted: Option<Trusted>,
    /// Whether the certificate must be for the host.
    pub is_host_checked: bool,
    /// How signatures are verified.
    pub algorithms: WebPkiSupportedAlgorithms,
}

impl Verifier {
    fn verify_chain(
        &self,
        trusted: &Trusted,
        shown: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), Error> {
        let certificate = certificate::read(shown)?;
        let is_own_issuer =
            certificate.tbs_certificate.issuer == certificate.tbs_certificate.subject;
        match trusted.certificates.contains(shown) {
            true => certificate::verify_dates(&certificate, now),
            false if is_own_issuer => Err(CertificateError::UnknownIssuer.into()),
            false => verify_server_cert_signed_by_trust_anchor(
                &ParsedCertificate::try_from(shown)?,
                &trusted.roots,
                others,
                now,
                self.algorithms.all,
            ),
        }
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        shown: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        host: &ServerName<'_>,
        _: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if let Some(trusted) = &self.trusted {
            self.verify_chain(trusted, shown, others, now)?;
            if self.is_host_checked {
                certificate::verify_host(shown, host)?;
            }
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        shown: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, shown, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        shown: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        if ParsedCertificate::try_from(shown).is_ok() {
            return verify_tls13_signature(message, shown, signature, &self.algorithms);
        }
        // Version 1 certificates, as older OpenSSL creates them: only the key is needed.
        let key = certificate::key(shown)?;
        verify_tls13_signature_with_raw_key(message, &key, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
