//! The content of a certificate: its key, its validity, and the names that it is for.

use std::net::IpAddr;

use rustls::client::verify_server_name;
use rustls::pki_types::{CertificateDer, ServerName, SubjectPublicKeyInfoDer, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, Error};
use x509_cert::Certificate;
use x509_cert::attr::AttributeValue;
use x509_cert::der::asn1::{PrintableStringRef, TeletexStringRef, Utf8StringRef};
use x509_cert::der::oid::db::rfc4519::CN;
use x509_cert::der::{Decode, Encode};
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

/// Parses a certificate of any version.
///
/// # Errors
/// The bytes are not a certificate.
pub fn read(certificate: &CertificateDer<'_>) -> Result<Certificate, Error> {
    Certificate::from_der(certificate).map_err(|_| CertificateError::BadEncoding.into())
}

/// Returns the public key of a certificate.
///
/// # Errors
/// The bytes are not a certificate.
pub fn key(certificate: &CertificateDer<'_>) -> Result<SubjectPublicKeyInfoDer<'static>, Error> {
    let key = read(certificate)?.tbs_certificate.subject_public_key_info;
    let key = key.to_der().map_err(|_| CertificateError::BadEncoding)?;
    Ok(SubjectPublicKeyInfoDer::from(key))
}

/// Checks that a certificate is valid now.
///
/// # Errors
/// It is not valid yet, or has expired.
pub fn verify_dates(certificate: &Certificate, now: UnixTime) -> Result<(), Error> {
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

/// Checks that a certificate is for the host.
///
/// # Errors
/// It is for other hosts.
pub fn verify_host(shown: &CertificateDer<'_>, host: &ServerName<'_>) -> Result<(), Error> {
    let parsed = ParsedCertificate::try_from(shown);
    if parsed.is_ok_and(|parsed| verify_server_name(&parsed, host).is_ok()) {
        return Ok(());
    }
    let names = Names::of(&read(shown)?)?;
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
    /// Common names; they count only if `alternative` is empty.
    common: Vec<String>,
}

impl Names {
    fn of(certificate: &Certificate) -> Result<Self, Error> {
        let subject = &certificate.tbs_certificate;
        let alternative = subject.get::<SubjectAltName>();
        let alternative = alternative.map_err(|_| CertificateError::BadEncoding)?;
        let alternative = alternative.map_or_else(Vec::new, |(_, names)| names.0);
        let attributes = subject.subject.0.iter().flat_map(|part| part.0.iter());
        let common = attributes.filter(|part| part.oid == CN);
        Ok(Names {
            alternative: alternative.iter().filter_map(spelled).collect(),
            common: common.filter_map(|part| text(&part.value)).collect(),
        })
    }
}

/// Returns a text in one of the encodings that certificates use.
fn text(value: &AttributeValue) -> Option<String> {
    let utf8 = value.decode_as::<Utf8StringRef<'_>>().ok();
    let printable = || value.decode_as::<PrintableStringRef<'_>>().ok();
    let teletex = || value.decode_as::<TeletexStringRef<'_>>().ok();
    let text = utf8.map(|text| text.as_str().to_owned());
    text.or_else(|| printable().map(|text| text.to_string()))
        .or_else(|| teletex().map(|text| text.to_string()))
}

/// Returns a DNS name or an IP address as text.
fn spelled(name: &GeneralName) -> Option<String> {
    match name {
        GeneralName::DnsName(name) => Some(name.to_string()),
        GeneralName::IpAddress(address) => {
            let bytes = address.as_bytes();
            let four = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
            let any = four.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from));
            any.ok().map(|address| address.to_string())
        }
        _ => None,
    }
}

/// Returns whether a common name matches the host; `*.` stands for exactly one label.
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
