//! Stands in for TLS in programs that are built without it.

use anyhow::bail;
use postgres::tls::{MakeTlsConnect, NoTlsError, NoTlsStream};
use postgres::{NoTls, Socket};

use crate::connector::postgres::options::{Mode, Options};

/// Never created.
#[derive(Clone)]
pub struct Connector(NoTls);

impl Connector {
    /// # Errors
    /// TLS is demanded.
    pub fn new(options: &Options) -> anyhow::Result<Option<Self>> {
        if options.mode >= Mode::Require {
            bail!(
                "this program was built without TLS, which sslmode={} demands; build it with the feature 'tls'",
                options.mode.name()
            );
        }
        Ok(None)
    }

    /// Returns a connector for one more attempt.
    pub fn for_attempt(&self) -> Self {
        self.clone()
    }

    /// Returns whether the last attempt reached the TLS handshake.
    pub fn is_used(&self) -> bool {
        false
    }
}

impl MakeTlsConnect<Socket> for Connector {
    type Stream = NoTlsStream;
    type TlsConnect = NoTls;
    type Error = NoTlsError;

    fn make_tls_connect(&mut self, _: &str) -> Result<NoTls, NoTlsError> {
        Ok(self.0)
    }
}

/// Returns None: no error is about TLS here.
pub fn words(_: &postgres::Error) -> Option<String> {
    None
}
