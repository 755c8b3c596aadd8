//! TLS to a server: trusted authorities, the client certificate, and errors in our words.

mod certificate;
mod files;
mod identity;
mod verifier;
mod words;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use anyhow::bail;
use postgres::Socket;
use postgres::tls::{MakeTlsConnect, TlsConnect};
use rustls::ClientConfig;
use rustls::crypto::ring;
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::connector::postgres::options::{Mode, Options, Roots, Source};
use verifier::{Trusted, Verifier};
pub use words::words;

/// The ALPN name of the protocol inside TLS.
const PROTOCOL: &[u8] = b"postgresql";

/// Connects to servers with TLS.
#[derive(Clone)]
pub struct Connector {
    inner: MakeRustlsConnect,
    is_used: Arc<AtomicBool>,
}

impl Connector {
    /// Reads the certificates that the options name. Always returns a connector in programs that are built with
    /// TLS.
    ///
    /// # Errors
    /// A file is missing or holds something else, or others have access to the key.
    pub fn new(options: &Options) -> anyhow::Result<Option<Self>> {
        let verifier = Verifier {
            trusted: trusted(options)?,
            is_host_checked: options.mode == Mode::VerifyFull,
            algorithms: ring::default_provider().signature_verification_algorithms,
        };
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier));
        let mut config = match identity::read(options)? {
            Some(identity) => builder.with_client_cert_resolver(Arc::new(identity)),
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = vec![PROTOCOL.to_vec()];
        Ok(Some(Connector {
            inner: MakeRustlsConnect::new(config),
            is_used: Arc::default(),
        }))
    }

    /// Returns a connector for one more attempt.
    pub fn for_attempt(&self) -> Self {
        self.is_used.store(false, Relaxed);
        self.clone()
    }

    /// Returns whether the last attempt reached the TLS handshake, so that the server supports TLS.
    pub fn is_used(&self) -> bool {
        self.is_used.load(Relaxed)
    }
}

/// Returns the trusted authorities. `None`: the server's certificate is not verified.
fn trusted(options: &Options) -> anyhow::Result<Option<Trusted>> {
    let mode = options.mode;
    let file = match &options.roots {
        Roots::System => return Trusted::of_system().map(Some),
        Roots::File(file) => file.as_ref(),
    };
    let is_needed =
        |file: &Source| mode >= Mode::VerifyCa || file.is_named && mode >= Mode::Require;
    match file {
        Some(file) if file.path.exists() => Trusted::of_file(&file.path).map(Some),
        Some(file) if is_needed(file) => bail!(
            "'{}' does not exist, and sslmode={} needs the certificate of the server's authority; give its file: sslrootcert=FILE or PGSSLROOTCERT, or sslrootcert=system for the authorities that the system trusts",
            file.path.display(),
            mode.name()
        ),
        None if mode >= Mode::VerifyCa => bail!(
            "sslmode={} needs the certificate of the server's authority; give its file: sslrootcert=FILE or PGSSLROOTCERT",
            mode.name()
        ),
        _ => Ok(None),
    }
}

type Inner = MakeRustlsConnect;
type InnerConnect = <Inner as MakeTlsConnect<Socket>>::TlsConnect;

impl MakeTlsConnect<Socket> for Connector {
    type Stream = <Inner as MakeTlsConnect<Socket>>::Stream;
    type TlsConnect = Handshake;
    type Error = <Inner as MakeTlsConnect<Socket>>::Error;

    fn make_tls_connect(&mut self, host: &str) -> Result<Handshake, Self::Error> {
        Ok(Handshake {
            inner: MakeTlsConnect::<Socket>::make_tls_connect(&mut self.inner, host)?,
            is_used: Arc::clone(&self.is_used),
        })
    }
}

/// A pending handshake, for a server that supports TLS.
pub struct Handshake {
    inner: InnerConnect,
    is_used: Arc<AtomicBool>,
}

impl TlsConnect<Socket> for Handshake {
    type Stream = <InnerConnect as TlsConnect<Socket>>::Stream;
    type Error = <InnerConnect as TlsConnect<Socket>>::Error;
    type Future = <InnerConnect as TlsConnect<Socket>>::Future;

    fn connect(self, stream: Socket) -> Self::Future {
        self.is_used.store(true, Relaxed);
        self.inner.connect(stream)
    }
}
