//! What stands for TLS in programs that are built without it.

use anyhow::bail;
use postgres::tls::{MakeTlsConnect, NoTlsError, NoTlsStream};
use postgres::{NoTls, Socket};

use crate::connector::postgres::options::{Mode, Options};

/// Never there.
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

    /// For one more attempt.
    pub fn for_attempt(&self) -> Self {
        self.clone()
    }

    /// Whether the last attempt came to TLS.
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

/// Nothing is said of TLS here.
pub fn words(_: &postgres::Error) -> Option<String> {
    None
}
