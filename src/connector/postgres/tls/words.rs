//! TLS errors in our words, with what to do about them.

use std::io;

use jiff::Timestamp;
use rustls::pki_types::UnixTime;
use rustls::{AlertDescription, CertificateError, Error};

/// Returns a TLS error in one line; None if the error is not about TLS.
pub fn words(error: &postgres::Error) -> Option<String> {
    let mut cause = std::error::Error::source(error)?;
    loop {
        if let Some(error) = cause.downcast_ref::<Error>() {
            return Some(of_error(error));
        }
        let wrapped = cause
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref);
        cause = match wrapped {
            Some(inner) => inner,
            None => cause.source()?,
        };
    }
}

fn of_error(error: &Error) -> String {
    match error {
        Error::InvalidCertificate(error) => of_certificate(error),
        Error::AlertReceived(alert) => of_alert(*alert),
        Error::PeerIncompatible(_) => {
            "the server's TLS is too old, or has no cipher in common with ours; TLS 1.2 or later is needed".to_owned()
        }
        Error::InvalidMessage(_) => "the server's answer is not TLS".to_owned(),
        other => format!("TLS failed: {other}"),
    }
}

fn of_certificate(error: &CertificateError) -> String {
    match error {
        CertificateError::UnknownIssuer => "the server's certificate is signed by an unknown authority; give its CA's file: sslrootcert=FILE or PGSSLROOTCERT".to_owned(),
        CertificateError::NotValidForNameContext {
            expected,
            presented,
        } => {
            let names = match presented.is_empty() {
                true => "no host".to_owned(),
                false => format!("'{}'", presented.join("', '")),
            };
            format!(
                "the server's certificate is for {names}, not for '{}'; connect by the name that it is for, or check its authority alone: sslmode=verify-ca",
                expected.to_str()
            )
        }
        CertificateError::ExpiredContext { not_after, .. } => format!(
            "the server's certificate expired at {}; renew it on the server",
            shown(*not_after)
        ),
        CertificateError::NotValidYetContext { not_before, .. } => format!(
            "the server's certificate is not valid before {}; check this machine's clock, or renew the certificate",
            shown(*not_before)
        ),
        CertificateError::BadSignature => "the server's certificate was not signed by the authority that it names; its CA's file is another one of the same name: correct sslrootcert or PGSSLROOTCERT".to_owned(),
        other => format!("the server's certificate is not accepted: {other}; make a new one (X.509 version 3, RSA of 2048 bits or more, or ECDSA)"),
    }
}

/// Words for the alert with which a server ends TLS.
fn of_alert(alert: AlertDescription) -> String {
    match alert {
        AlertDescription::CertificateRequired => {
            "the server asks for a client certificate; give sslcert=FILE and sslkey=FILE".to_owned()
        }
        AlertDescription::UnknownCA
        | AlertDescription::BadCertificate
        | AlertDescription::UnsupportedCertificate
        | AlertDescription::CertificateUnknown
        | AlertDescription::DecryptError => {
            "the server does not accept the client certificate; give one that an authority of the server has signed: sslcert=FILE and sslkey=FILE".to_owned()
        }
        AlertDescription::CertificateExpired => {
            "the client certificate has expired; renew it: sslcert=FILE".to_owned()
        }
        AlertDescription::CertificateRevoked => {
            "the client certificate is revoked; give another one: sslcert=FILE".to_owned()
        }
        AlertDescription::ProtocolVersion | AlertDescription::HandshakeFailure => {
            "the server has no version or cipher of TLS in common with ours; TLS 1.2 or later is needed".to_owned()
        }
        other => format!("the server has ended TLS: {other:?}"),
    }
}

fn shown(time: UnixTime) -> String {
    let seconds = i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
    Timestamp::from_second(seconds)
        .map_or_else(|_| "a far time".to_owned(), |time| time.to_string())
}
