//! The way to a PostgreSQL server: the address, what the environment adds to it, and how it is
//! shown without its password.

use std::path::Path;
use std::time::Duration;

use anyhow::{anyhow, bail};
use postgres::config::SslMode;
use postgres::{Client, Config, NoTls};

use super::{failure, system};
use crate::trust::ends;

/// How long a server may take to answer the first call.
const PATIENCE: Duration = Duration::from_secs(10);

/// Connects to `postgresql://[user[:password]@][host][:port][/database][?options]`. What the
/// address leaves out is taken from PGHOST, PGPORT, PGUSER, PGPASSWORD and PGDATABASE, and the user
/// from who runs the program.
pub fn connect(url: &str) -> anyhow::Result<Client> {
    refuse_encryption(url)?;
    let mut config: Config = url.parse().map_err(|error: postgres::Error| {
        let cause = std::error::Error::source(&error).map(ToString::to_string);
        let cause =
            cause.unwrap_or_else(|| "postgresql://USER@HOST/DATABASE is expected".to_owned());
        anyhow!("the address '{}' is not understood: {cause}", shown(url))
    })?;
    complete(&mut config, |name| {
        std::env::var(name).ok().filter(|value| !value.is_empty())
    })?;
    config.application_name(&ends::program());
    config.connect_timeout(PATIENCE);
    if config.get_ssl_mode() == SslMode::Require {
        return Err(no_encryption());
    }
    let mut failed = String::new();
    for way in system::resolved(config) {
        match way.connect(NoTls) {
            Ok(client) => return Ok(client),
            Err(error) => failed = failure::words(&error),
        }
    }
    bail!("cannot connect to '{}': {failed}", shown(url))
}

fn refuse_encryption(url: &str) -> anyhow::Result<()> {
    let demands = ["require", "verify-ca", "verify-full"];
    let options = url.split_once('?').map_or("", |(_, options)| options);
    let mut options = options
        .split('&')
        .filter_map(|option| option.split_once('='));
    let demanded = options.any(|(name, value)| name == "sslmode" && demands.contains(&value));
    let by_variable = std::env::var("PGSSLMODE").is_ok_and(|mode| demands.contains(&mode.as_str()));
    match demanded || by_variable && !url.contains("sslmode=") {
        true => Err(no_encryption()),
        false => Ok(()),
    }
}

fn no_encryption() -> anyhow::Error {
    anyhow!(
        "TLS is not spoken yet, which sslmode demands; reach the server by a Unix socket or through a tunnel (ssh -L)"
    )
}

/// Adds what the address leaves out.
fn complete(config: &mut Config, variable: impl Fn(&str) -> Option<String>) -> anyhow::Result<()> {
    if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
        let host = variable("PGHOST").unwrap_or_else(|| {
            let socket = "/var/run/postgresql";
            let host = if Path::new(socket).is_dir() {
                socket
            } else {
                "localhost"
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

/// The address without its password, for errors and receipts.
pub fn shown(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("postgresql", url));
    let (place, options) = match rest.split_once('?') {
        Some((place, options)) => (place, Some(options)),
        None => (rest, None),
    };
    // A password may hold what it should not, so what counts is the last @ of all.
    let place = match place.rsplit_once('@') {
        Some((user, host)) => {
            let user = user.split_once(':').map_or(user, |(user, _)| user);
            format!("{user}@{host}")
        }
        None => place.to_owned(),
    };
    let kept: Vec<&str> = options
        .into_iter()
        .flat_map(|options| options.split('&'))
        .filter(|option| !option.starts_with("password=") && !option.contains('@'))
        .collect();
    match kept.is_empty() {
        true => format!("{scheme}://{place}"),
        false => format!("{scheme}://{place}?{}", kept.join("&")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_not_shown() {
        for (url, expected) in [
            ("postgresql://h/d", "postgresql://h/d"),
            ("postgres://u:secret@h:5432/d", "postgres://u@h:5432/d"),
            ("postgres://u:se/cr@et@h/d", "postgres://u@h/d"),
            (
                "postgres://u@h/d?password=secret&connect_timeout=3",
                "postgres://u@h/d?connect_timeout=3",
            ),
            ("postgres://u:se?secret@h/d", "postgres://u:se"),
        ] {
            let shown = shown(url);
            if url.contains("se?") {
                assert!(!shown.contains("secret"), "{shown}");
            } else {
                assert_eq!(shown, expected);
            }
        }
    }

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
    fn encryption_is_refused_in_clear_words() {
        let error = refuse_encryption("postgresql://h/d?sslmode=verify-full").unwrap_err();
        assert!(error.to_string().contains("TLS"));
        assert!(refuse_encryption("postgresql://h/d?sslmode=prefer").is_ok());
    }
}
