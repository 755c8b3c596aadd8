//! Connecting to a PostgreSQL server: the address, what the environment adds to it, and TLS.

use std::path::Path;
use std::time::Duration;

use anyhow::{anyhow, bail};
use postgres::config::{Host, SslMode};
use postgres::error::SqlState;
use postgres::{CancelToken, Client, Config, NoTls};

use crate::connector::postgres::options::{Address, Mode, Options, shown};
use crate::connector::postgres::password;
use crate::connector::postgres::password::{Access, PasswordEntry};
use crate::connector::postgres::servers::{SOCKETS, Server, servers};
use crate::connector::postgres::tls::Connector;
use crate::connector::postgres::{failure, system};
use crate::trust::ends;

/// How long to wait for a server to accept the connection.
const PATIENCE: Duration = Duration::from_secs(10);

/// Cancels what a connection's server is doing, over a connection that is secured in the same way.
pub struct Canceller(Option<Connector>);

impl Canceller {
    /// Asks the server to stop. A failure does not matter: nobody waits for the remaining records.
    pub fn cancel(&self, token: &CancelToken) {
        let _ = match &self.0 {
            Some(connector) => token.cancel_query(connector.clone()),
            None => token.cancel_query(NoTls),
        };
    }
}

/// Connects to `postgresql://[user[:password]@][host][:port][/database][?options]`. What the address leaves out
/// comes from libpq's variables (PGHOST, PGSSLMODE ...) and files (`.pgpass`, those in `~/.postgresql`); the user
/// defaults to the one who runs the program.
///
/// # Errors
/// The address is not understood; no server can be reached, is trusted, or accepts the connection.
pub fn connect(url: &str) -> anyhow::Result<Client> {
    Ok(open(url)?.0)
}

/// Connects like [`connect`], and also returns what cancels the connection's queries.
///
/// # Errors
/// The same as for [`connect`].
pub fn open(url: &str) -> anyhow::Result<(Client, Canceller)> {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let address = Address::new(url);
    let options = address.options(variable, system::home().as_deref());
    let options = options.map_err(|error| failed(url, &error.to_string()))?;
    let mut config: Config = address.rest.parse().map_err(|error: postgres::Error| {
        let cause = std::error::Error::source(&error).map(ToString::to_string);
        let cause =
            cause.unwrap_or_else(|| "postgresql://USER@HOST/DATABASE is expected".to_owned());
        anyhow!("the address '{}' is not understood: {cause}", shown(url))
    })?;
    complete(&mut config, variable)?;
    config.application_name(&ends::program());
    config.connect_timeout(PATIENCE);
    config.channel_binding(options.channel_binding);
    let mut connector = None;
    let mut refusal = Refusal::default();
    for server in servers(&config) {
        let needs_tls = options.mode != Mode::Disable && matches!(server.host, Host::Tcp(_));
        if needs_tls && connector.is_none() {
            let made = Connector::new(&options);
            connector = made.map_err(|error| failed(url, &error.to_string()))?;
        }
        let connector = connector.as_ref().filter(|_| needs_tls);
        match Door::new(server, &options).open(connector) {
            Ok(opened) => return Ok(opened),
            Err(other) => refusal = refusal.or(other),
        }
    }
    Err(failed(url, &refusal.words))
}

fn failed(url: &str, why: &str) -> anyhow::Error {
    anyhow!("cannot connect to '{}': {why}", shown(url))
}

/// Why a server could not be used.
#[derive(Default)]
struct Refusal {
    words: String,
    /// Whether a server was reached: it refused, or its certificate was not trusted.
    is_answer: bool,
}

impl Refusal {
    /// Returns the refusal to report: the one from a server that was reached, otherwise the later one.
    fn or(self, later: Self) -> Self {
        match self.is_answer && !later.is_answer {
            true => self,
            false => later,
        }
    }
}

/// A server, and what is needed to connect to it.
struct Door<'o> {
    server: Server,
    options: &'o Options,
    found: PasswordEntry,
}

impl<'o> Door<'o> {
    fn new(mut server: Server, options: &'o Options) -> Self {
        let has_password = |password: &[u8]| !password.is_empty();
        let found = match (server.config.get_password(), &options.passwords) {
            (Some(password), _) if has_password(password) => PasswordEntry::Nothing,
            (_, None) => PasswordEntry::Nothing,
            (_, Some(file)) => find(file, &server),
        };
        if let PasswordEntry::Password(password) = &found {
            server.config.password(password);
        }
        Door {
            server,
            options,
            found,
        }
    }

    /// Connects as `sslmode` demands. Without a connector, TLS is not used.
    fn open(self, connector: Option<&Connector>) -> Result<(Client, Canceller), Refusal> {
        let Some(connector) = connector else {
            return self.attempt(None, SslMode::Disable);
        };
        match self.options.mode {
            Mode::Disable => self.attempt(None, SslMode::Disable),
            Mode::Allow => {
                self.attempt(None, SslMode::Disable)
                    .or_else(|plain| match plain.is_answer {
                        true => self
                            .attempt(Some(connector), SslMode::Require)
                            .map_err(|secured| both(&secured, &plain)),
                        false => Err(plain),
                    })
            }
            Mode::Prefer => self
                .attempt(Some(connector), SslMode::Prefer)
                .or_else(|secured| match connector.is_used() {
                    true => self
                        .attempt(None, SslMode::Disable)
                        .map_err(|plain| both(&secured, &plain)),
                    false => Err(secured),
                }),
            Mode::Require | Mode::VerifyCa | Mode::VerifyFull => {
                self.attempt(Some(connector), SslMode::Require)
            }
        }
    }

    fn attempt(
        &self,
        connector: Option<&Connector>,
        mode: SslMode,
    ) -> Result<(Client, Canceller), Refusal> {
        let mut config = self.server.config.clone();
        config.ssl_mode(mode);
        let client = match connector {
            Some(connector) => config.connect(connector.for_attempt()),
            None => config.connect(NoTls),
        };
        match client {
            Ok(client) => Ok((client, Canceller(connector.cloned()))),
            Err(error) => Err(Refusal {
                is_answer: error.as_db_error().is_some()
                    || connector.is_some_and(Connector::is_used)
                    || is_without_tls(&error),
                words: self.words(&error),
            }),
        }
    }

    /// Returns why the connection failed, and what to do about it.
    fn words(&self, error: &postgres::Error) -> String {
        if is_without_tls(error) {
            return format!(
                "the server does not speak TLS, which sslmode={} demands; turn TLS on in the server (ssl = on), or give sslmode=prefer if the network is trusted",
                self.options.mode.name()
            );
        }
        let words = failure::words(error);
        let is_wrong = error.code() == Some(&SqlState::INVALID_PASSWORD);
        match (&self.found, words.as_str()) {
            (PasswordEntry::Ignored(why), "password missing") => {
                format!("the server asks for a password; {why}")
            }
            (_, "password missing") => "the server asks for a password, and none is given; set PGPASSWORD, or write a line into ~/.pgpass".to_owned(),
            (_, "server did not use channel binding") => format!(
                "{words}, which channel_binding=require demands; it needs TLS and a password that the server keeps as scram-sha-256"
            ),
            (PasswordEntry::Ignored(why), _) if is_wrong => format!("{words}; {why}"),
            (PasswordEntry::Password(_), _) if is_wrong => {
                let file = self.options.passwords.as_deref().unwrap_or(Path::new(""));
                format!("{words} (the password is from '{}')", file.display())
            }
            _ => words,
        }
    }
}

/// Looks up a server's password in the password file.
fn find(file: &Path, server: &Server) -> PasswordEntry {
    let config = &server.config;
    let Some(user) = config.get_user() else {
        return PasswordEntry::Nothing;
    };
    let host = match &server.host {
        Host::Tcp(name) => name.into(),
        Host::Unix(directory) => password::socket_host(directory),
    };
    let access = Access {
        host: &host.to_string_lossy(),
        port: server.port,
        database: config.get_dbname().unwrap_or(user),
        user,
    };
    password::find(file, access)
}

/// Returns the refusal to report if the connection failed both with and without TLS.
fn both(secured: &Refusal, plain: &Refusal) -> Refusal {
    let words = match secured.words == plain.words {
        true => plain.words.clone(),
        false => format!("with TLS: {}; without TLS: {}", secured.words, plain.words),
    };
    Refusal {
        words,
        is_answer: true,
    }
}

/// Returns whether TLS was demanded of a server that does not support it.
fn is_without_tls(error: &postgres::Error) -> bool {
    std::error::Error::source(error)
        .is_some_and(|cause| cause.to_string() == "server does not support TLS")
}

/// Adds what the address leaves out, from the environment and defaults.
fn complete(config: &mut Config, variable: impl Fn(&str) -> Option<String>) -> anyhow::Result<()> {
    if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
        let host = variable("PGHOST").unwrap_or_else(|| {
            let host = match Path::new(SOCKETS).is_dir() {
                true => SOCKETS,
                false => "localhost",
            };
            host.to_owned()
        });
        config.host(&host);
        if let Some(port) = variable("PGPORT").filter(|_| config.get_ports().is_empty()) {
            match port.parse() {
                Ok(port) => config.port(port),
                Err(_) => bail!("PGPORT is '{port}', which is no port"),
            };
        }
    }
    if config.get_user().is_none()
        && let Some(user) = variable("PGUSER").or_else(system::user)
    {
        config.user(&user);
    }
    if let Some(password) = variable("PGPASSWORD").filter(|_| config.get_password().is_none()) {
        config.password(password);
    }
    if let Some(database) = variable("PGDATABASE").filter(|_| config.get_dbname().is_none()) {
        config.dbname(&database);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_completes_the_address() {
        let mut config: Config = "postgresql:///d".parse().unwrap();
        let variable = |name: &str| {
            let value = match name {
                "PGHOST" => "h",
                "PGPORT" => "77",
                "PGPASSWORD" => "p",
                "PGDATABASE" => "other",
                _ => return None,
            };
            Some(value.to_owned())
        };
        complete(&mut config, variable).unwrap();
        assert_eq!(config.get_ports(), [77]);
        assert_eq!(config.get_password(), Some(&b"p"[..]));
        assert_eq!(config.get_dbname(), Some("d"));
    }

    #[test]
    fn a_server_that_was_reached_is_told_of() {
        let refusal = |words: &str, is_answer| Refusal {
            words: words.to_owned(),
            is_answer,
        };
        let told = refusal("expired", true).or(refusal("connection refused", false));
        assert_eq!(told.words, "expired");
        let told = refusal("a", false).or(refusal("b", false));
        assert_eq!(told.words, "b");
    }
}
