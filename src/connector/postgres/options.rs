//! The options for TLS and the password file, from an address and the environment, as libpq reads them.
//!
//! The driver supports few of libpq's options, so ours are removed from the address before the driver parses it.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use anyhow::bail;
use percent_encoding::percent_decode_str;
use postgres::config::ChannelBinding;

/// The options that are removed from an address.
const OWN: [&str; 6] = [
    "sslmode",
    "sslrootcert",
    "sslcert",
    "sslkey",
    "passfile",
    "channel_binding",
];

/// How much TLS a connection needs, from least to most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mode {
    /// No TLS.
    Disable,
    /// TLS if the server refuses a connection without it.
    Allow,
    /// TLS if the server has it.
    Prefer,
    /// TLS; the certificate is verified only if a file of trusted authorities exists.
    Require,
    /// TLS, and a certificate that a trusted authority has signed.
    VerifyCa,
    /// Like `VerifyCa`, and the certificate must be for the host.
    VerifyFull,
}

/// The modes by their libpq names.
const MODES: [(&str, Mode); 6] = [
    ("disable", Mode::Disable),
    ("allow", Mode::Allow),
    ("prefer", Mode::Prefer),
    ("require", Mode::Require),
    ("verify-ca", Mode::VerifyCa),
    ("verify-full", Mode::VerifyFull),
];

impl Mode {
    /// Returns its libpq name.
    pub fn name(self) -> &'static str {
        let found = MODES.iter().find(|(_, mode)| *mode == self);
        found.map_or("", |(name, _)| name)
    }
}

/// The values of `channel_binding`.
const BINDINGS: [(&str, ChannelBinding); 3] = [
    ("disable", ChannelBinding::Disable),
    ("prefer", ChannelBinding::Prefer),
    ("require", ChannelBinding::Require),
];

/// A file that is named explicitly, or its default location.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Its path.
    pub path: PathBuf,
    /// Whether the address or a variable names it.
    pub is_named: bool,
}

/// Which authorities are trusted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Roots {
    /// Those of the system.
    System,
    /// Those in a file. `None`: no file is named, and no home directory is known.
    File(Option<Source>),
}

/// The options for TLS and the password file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// How much TLS is needed.
    pub mode: Mode,
    /// Which authorities may sign the server's certificate.
    pub roots: Roots,
    /// The client certificate.
    pub certificate: Option<Source>,
    /// Its private key.
    pub key: Option<Source>,
    /// The password file.
    pub passwords: Option<PathBuf>,
    /// Whether the password must be bound to the TLS connection.
    pub channel_binding: ChannelBinding,
}

/// An address, separated from the options that the driver does not support.
pub struct Address {
    /// The address for the driver.
    pub rest: String,
    own: HashMap<&'static str, String>,
}

impl Address {
    /// Removes our options from an address. If one is repeated, the last one counts.
    pub fn new(url: &str) -> Self {
        let (place, options) = split(url);
        let mut own = HashMap::new();
        let mut rest = vec![];
        for option in options.into_iter().flat_map(|options| options.split('&')) {
            let (name, value) = option.split_once('=').unwrap_or((option, ""));
            let name = percent_decode_str(name).decode_utf8_lossy();
            match OWN.iter().find(|known| **known == name) {
                Some(known) => {
                    let value = percent_decode_str(value).decode_utf8_lossy();
                    own.insert(*known, value.into_owned());
                }
                None => rest.push(option),
            }
        }
        let rest = match rest.is_empty() {
            true => place.to_owned(),
            false => format!("{place}?{}", rest.join("&")),
        };
        Address { rest, own }
    }

    /// Returns the options, completed from the environment; default files are below `home`.
    ///
    /// # Errors
    /// A value is not one that libpq knows.
    pub fn options(
        &self,
        variable: impl Fn(&str) -> Option<String>,
        home: Option<&Path>,
    ) -> anyhow::Result<Options> {
        // The value and, for errors, where it comes from.
        let value = |option: &'static str, name: &'static str| {
            let own = self.own.get(option).filter(|value| !value.is_empty());
            let own = own.map(|value| (option, value.clone()));
            own.or_else(|| variable(name).map(|value| (name, value)))
        };
        let source = |option, name, usual: &str| match value(option, name) {
            Some((_, path)) => Some(Source {
                path: path.into(),
                is_named: true,
            }),
            None => home.map(|home| Source {
                path: home.join(".postgresql").join(usual),
                is_named: false,
            }),
        };
        let roots = match source("sslrootcert", "PGSSLROOTCERT", "root.crt") {
            Some(file) if file.is_named && file.path == Path::new("system") => Roots::System,
            file => Roots::File(file),
        };
        let mode = value("sslmode", "PGSSLMODE");
        let passwords = value("passfile", "PGPASSFILE").map(|(_, path)| path.into());
        let channel_binding = match value("channel_binding", "PGCHANNELBINDING") {
            Some((place, name)) => one_of(&BINDINGS, place, &name)?,
            None => ChannelBinding::Prefer,
        };
        Ok(Options {
            mode: mode_of(mode, &roots)?,
            roots,
            certificate: source("sslcert", "PGSSLCERT", "postgresql.crt"),
            key: source("sslkey", "PGSSLKEY", "postgresql.key"),
            passwords: passwords.or_else(|| home.map(|home| home.join(".pgpass"))),
            channel_binding,
        })
    }
}

/// Returns the mode; `given` is where it comes from and its name.
fn mode_of(given: Option<(&str, String)>, roots: &Roots) -> anyhow::Result<Mode> {
    let is_system = *roots == Roots::System;
    let Some((place, name)) = given else {
        return Ok(match is_system {
            true => Mode::VerifyFull,
            false => Mode::Prefer,
        });
    };
    let mode = one_of(&MODES, place, &name)?;
    if is_system && mode < Mode::VerifyFull {
        bail!(
            "{place}={name} is too weak for sslrootcert=system, whose authorities sign for anyone; use sslmode=verify-full"
        );
    }
    Ok(mode)
}

/// Returns the value with this name; `place` is where the name comes from.
fn one_of<T: Copy>(known: &[(&str, T)], place: &str, name: &str) -> anyhow::Result<T> {
    match known.iter().find(|(known, _)| *known == name) {
        Some((_, value)) => Ok(*value),
        None => {
            let names: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
            bail!("{place}: '{name}' is not one of {}", names.join(", "))
        }
    }
}

/// Splits an address into the part before its options and the options, in the same way as the driver.
fn split(url: &str) -> (&str, Option<&str>) {
    let place = url.find('@').unwrap_or(0);
    match url[place..].find('?') {
        Some(at) => (&url[..place + at], Some(&url[place + at + 1..])),
        None => (url, None),
    }
}

/// Returns the address without passwords, for errors and receipts.
pub fn shown(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("postgresql", url));
    let (place, options) = match rest.split_once('?') {
        Some((place, options)) => (place, Some(options)),
        None => (rest, None),
    };
    // A password may contain an unescaped `@`, so the last one counts.
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
        .filter(|option| !is_secret(option) && !option.contains('@'))
        .collect();
    match kept.is_empty() {
        true => format!("{scheme}://{place}"),
        false => format!("{scheme}://{place}?{}", kept.join("&")),
    }
}

/// Returns whether an option contains a password, including `sslpassword`.
fn is_secret(option: &str) -> bool {
    let name = option.split('=').next().unwrap_or_default();
    percent_decode_str(name)
        .decode_utf8_lossy()
        .ends_with("password")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(url: &str, variables: &[(&str, &str)]) -> anyhow::Result<Options> {
        let variable = |name: &str| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        Address::new(url).options(variable, Some(Path::new("/home/u")))
    }

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
            (
                "postgres://u@h/d?sslkey=k&sslpassword=secret&p%61ssword=secret",
                "postgres://u@h/d?sslkey=k",
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
    fn what_the_driver_does_not_know_is_taken_out() {
        for (url, rest) in [
            ("postgresql://h/d", "postgresql://h/d"),
            ("postgresql://h/d?sslmode=verify-full", "postgresql://h/d"),
            (
                "postgresql://u:a?b@h/d?sslcert=c&options=-c%20a&sslkey=k",
                "postgresql://u:a?b@h/d?options=-c%20a",
            ),
            (
                "postgresql:///d?host=h&passfile=p",
                "postgresql:///d?host=h",
            ),
            ("postgresql://h?odd", "postgresql://h?odd"),
        ] {
            assert_eq!(Address::new(url).rest, rest);
        }
    }

    #[test]
    fn the_address_goes_before_the_variables_and_these_before_the_usual_files() {
        let variables = [("PGSSLMODE", "require"), ("PGSSLCERT", "/v.crt")];
        let found = options("postgresql://h/d?sslmode=verify-ca&sslcert=", &variables).unwrap();
        let source = |path: &str, is_named| {
            Some(Source {
                path: path.into(),
                is_named,
            })
        };
        assert_eq!(found.mode, Mode::VerifyCa);
        assert_eq!(found.certificate, source("/v.crt", true));
        assert_eq!(
            found.key,
            source("/home/u/.postgresql/postgresql.key", false)
        );
        let usual = source("/home/u/.postgresql/root.crt", false);
        assert_eq!(found.roots, Roots::File(usual));
        assert_eq!(found.passwords, Some("/home/u/.pgpass".into()));
        let found = options("postgresql://h/d?sslrootcert=a%20b.crt", &variables).unwrap();
        assert_eq!(found.mode, Mode::Require);
        assert_eq!(found.roots, Roots::File(source("a b.crt", true)));
        assert_eq!(options("postgresql://h/d", &[]).unwrap().mode, Mode::Prefer);
    }

    #[test]
    fn the_systems_authorities_need_the_hosts_name() {
        let found = options("postgresql://h/d?sslrootcert=system", &[]).unwrap();
        assert_eq!((found.mode, found.roots), (Mode::VerifyFull, Roots::System));
        let variables = [("PGSSLROOTCERT", "system"), ("PGSSLMODE", "verify-ca")];
        let error = options("postgresql://h/d", &variables).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("PGSSLMODE=verify-ca is too weak")
        );
        let error = options("postgresql://h/d?sslmode=on", &[]).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("sslmode: 'on' is not one of disable,")
        );
    }
}
