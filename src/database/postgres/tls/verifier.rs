//! Whether a server's certificate is to be trusted, by libpq's rules.
//!
//! They differ from those of browsers: a server may show the very certificate that is in the file
//! of authorities, and a certificate without alternative names is for its common name. Who has the
//! certificate's key is checked in every mode, since channel binding rests on it.

use std::path::Path;
use std::sync::Arc;

use anyhow::bail;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{
    WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
    verify_tls13_signature_with_raw_key,
};
use rustls::pki_types::{CertificateDer, ServerName, SubjectPublicKeyInfoDer, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use x509_cert::Certificate;
use x509_cert::der::asn1::{PrintableStringRef, TeletexStringRef, Utf8StringRef};
use x509_cert::der::oid::db::rfc4519::CN;
use x509_cert::der::{Decode, Encode};
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

use super::files;

/// The authorities that may sign.
#[derive(Debug)]
pub struct Trusted {
    roots: Arc<RootCertStore>,
    certificates: Vec<CertificateDer<'static>>,
}

impl Trusted {
    /// Those in a PEM file.
    ///
    /// # Errors
    /// It holds none.
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

    /// Those of the system: its administrator may add to them, which a list inside the program
    /// would not know of.
    ///
    /// # Errors
    /// There are none.
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

/// Verifies servers' certificates.
#[derive(Debug)]
pub struct Verifier {
    /// Who may have signed them. `None`: anyone.
    pub trusted: Option<Trusted>,
    /// Whether the certificate has to be the host's.
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
        let certificate = read(shown)?;
        let is_own_issuer =
            certificate.tbs_certificate.issuer == certificate.tbs_certificate.subject;
        match trusted.certificates.contains(shown) {
            true => verify_dates(&certificate, now),
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
                verify_host(shown, host)?;
            }
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        if ParsedCertificate::try_from(certificate).is_ok() {
            return verify_tls13_signature(message, certificate, signature, &self.algorithms);
        }
        // Certificates of X.509's first version, as older OpenSSL makes them: the key is all that
        // is needed.
        let key = read(certificate)?.tbs_certificate.subject_public_key_info;
        let key = key.to_der().map_err(|_| CertificateError::BadEncoding)?;
        let key = SubjectPublicKeyInfoDer::from(key);
        verify_tls13_signature_with_raw_key(message, &key, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

fn read(certificate: &CertificateDer<'_>) -> Result<Certificate, Error> {
    Certificate::from_der(certificate).map_err(|_| CertificateError::BadEncoding.into())
}

fn verify_dates(certificate: &Certificate, now: UnixTime) -> Result<(), Error> {
    let validity = certificate.tbs_certificate.validity;
    let not_before = UnixTime::since_unix_epoch(validity.not_before.to_unix_duration());
    let not_after = UnixTime::since_unix_epoch(validity.not_after.to_unix_duration());
    if now < not_before {
        let time = now;
        return Err(CertificateError::NotValidYetContext { time, not_before }.into());
    }
    if now > not_after {
        let time = now;
        return Err(CertificateError::ExpiredContext { time, not_after }.into());
    }
    Ok(())
}

fn verify_host(shown: &CertificateDer<'_>, host: &ServerName<'_>) -> Result<(), Error> {
    let parsed = ParsedCertificate::try_from(shown);
    if parsed.is_ok_and(|parsed| verify_server_name(&parsed, host).is_ok()) {
        return Ok(());
    }
    let names = Names::of(&read(shown)?);
    let written = host.to_str();
    match names.common.iter().any(|name| is_match(name, &written)) && names.alternative.is_empty() {
        true => Ok(()),
        false => Err(CertificateError::NotValidForNameContext {
            expected: host.to_owned(),
            presented: match names.alternative.is_empty() {
                true => names.common,
                false => names.alternative,
            },
        }
        .into()),
    }
}

/// The names that a certificate is for.
struct Names {
    /// DNS names and IP addresses.
    alternative: Vec<String>,
    /// What counts if there are none of these.
    common: Vec<String>,
}

impl Names {
    fn of(certificate: &Certificate) -> Self {
        let subject = &certificate.tbs_certificate;
        let alternative = subject.get::<SubjectAltName>().ok().flatten();
        let alternative = alternative.map_or_else(Vec::new, |(_, names)| names.0);
        let attributes = subject.subject.0.iter().flat_map(|part| part.0.iter());
        let common = attributes.filter(|part| part.oid == CN).filter_map(|part| {
            let value = &part.value;
            let text = value.decode_as::<Utf8StringRef<'_>>();
            let text = text.map(|text| text.as_str().to_owned());
            text.or_else(|_| Ok(value.decode_as::<PrintableStringRef<'_>>()?.to_string()))
                .or_else(|_: x509_cert::der::Error| {
                    Ok::<_, x509_cert::der::Error>(
                        value.decode_as::<TeletexStringRef<'_>>()?.to_string(),
                    )
                })
                .ok()
        });
        Names {
            alternative: alternative.iter().filter_map(spelled).collect(),
            common: common.collect(),
        }
    }
}

/// A DNS name or an IP address.
fn spelled(name: &GeneralName) -> Option<String> {
    match name {
        GeneralName::DnsName(name) => Some(name.to_string()),
        GeneralName::IpAddress(address) => {
            let bytes = address.as_bytes();
            let four = <[u8; 4]>::try_from(bytes).map(|four| std::net::IpAddr::from(four));
            let any = four.or_else(|_| <[u8; 16]>::try_from(bytes).map(std::net::IpAddr::from));
            any.ok().map(|address| address.to_string())
        }
        _ => None,
    }
}

/// Whether a common name is the host's; `*.` stands for one first part.
fn is_match(name: &str, host: &str) -> bool {
    let is_same = name.eq_ignore_ascii_case(host);
    let rest = name.strip_prefix("*.").zip(host.split_once('.'));
    is_same
        || rest.is_some_and(|(name, (first, host))| {
            !first.is_empty() && name.contains('.') && name.eq_ignore_ascii_case(host)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_names_may_have_a_first_part_that_is_any() {
        for (name, host, expected) in [
            ("db.example.com", "DB.example.com", true),
            ("*.example.com", "db.example.com", true),
            ("*.example.com", "example.com", false),
            ("*.example.com", "a.db.example.com", false),
            ("*.com", "example.com", false),
            ("*", "db", false),
            ("192.0.2.1", "192.0.2.1", true),
        ] {
            assert_eq!(is_match(name, host), expected, "{name} {host}");
        }
    }
}
