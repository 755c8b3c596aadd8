//! The password file, `.pgpass`, as libpq reads it: lines of `host:port:database:user:password`, of which the first
//! match counts. `*` matches anything, and `\` escapes the next character.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// What a password is looked up for.
#[derive(Clone, Copy, Debug)]
pub struct Access<'a> {
    /// The host as it was written; `localhost` for a Unix socket in the default directory.
    pub host: &'a str,
    /// The port.
    pub port: u16,
    /// The database.
    pub database: &'a str,
    /// The user.
    pub user: &'a str,
}

/// The result of a lookup.
#[derive(Debug, PartialEq, Eq)]
pub enum PasswordEntry {
    /// A password.
    Password(Vec<u8>),
    /// No such file, or no matching line, exists.
    Nothing,
    /// The file is not used; says why, and what to do about it.
    Ignored(String),
}

/// Looks up a password.
pub fn find(path: &Path, access: Access<'_>) -> PasswordEntry {
    let Ok(metadata) = fs::metadata(path) else {
        return PasswordEntry::Nothing;
    };
    let shown = path.display();
    if !metadata.is_file() {
        return PasswordEntry::Ignored(format!("the password file '{shown}' is not a plain file"));
    }
    if metadata.permissions().mode() & 0o077 != 0 {
        return PasswordEntry::Ignored(format!(
            "the password file '{shown}' is not used, because others have access to it; run chmod 600 '{shown}'"
        ));
    }
    match fs::read(path) {
        Ok(text) => match lookup(&text, access) {
            Some(password) => PasswordEntry::Password(password),
            None => PasswordEntry::Nothing,
        },
        Err(_) => PasswordEntry::Ignored(format!("the password file '{shown}' cannot be read")),
    }
}

/// Returns the password of the first line that matches.
fn lookup(text: &[u8], access: Access<'_>) -> Option<Vec<u8>> {
    let port = access.port.to_string();
    let wanted = [access.host, &port, access.database, access.user];
    text.split(|byte| *byte == b'\n').find_map(|line| {
        let end = line.iter().rposition(|byte| *byte != b'\r')? + 1;
        let line = &line[..end];
        if line.starts_with(b"#") {
            return None;
        }
        let mut rest = line;
        for field in wanted {
            rest = matched(rest, field.as_bytes())?;
        }
        Some(unescaped(rest))
    })
}

/// Returns what follows the first field of a line, if that is `wanted` or `*`.
fn matched<'l>(line: &'l [u8], wanted: &[u8]) -> Option<&'l [u8]> {
    if let Some(rest) = line.strip_prefix(b"*:") {
        return Some(rest);
    }
    let mut wanted = wanted.iter();
    let mut bytes = line.iter();
    loop {
        let literal = match bytes.next()? {
            b':' if wanted.len() == 0 => return Some(bytes.as_slice()),
            b'\\' => bytes.next()?,
            byte => byte,
        };
        if wanted.next() != Some(literal) {
            return None;
        }
    }
}

/// Returns the password up to the next `:`, without its escapes.
fn unescaped(text: &[u8]) -> Vec<u8> {
    let mut password = vec![];
    let mut bytes = text.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b':' => break,
            b'\\' => password.push(*bytes.next().unwrap_or(byte)),
            _ => password.push(*byte),
        }
    }
    password
}

/// Returns the host name for a Unix socket's directory in the password file.
pub fn socket_host(directory: &Path) -> PathBuf {
    match directory == Path::new(crate::connector::postgres::servers::SOCKETS) {
        true => "localhost".into(),
        false => directory.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn password(text: &str) -> Option<String> {
        let access = Access {
            host: "db:1",
            port: 5433,
            database: "sh\\op",
            user: "etl",
        };
        lookup(text.as_bytes(), access).map(|found| String::from_utf8(found).unwrap())
    }

    #[test]
    fn every_field_has_to_match() {
        for (line, expected) in [
            (r"db\:1:5433:sh\\op:etl:secret", Some("secret")),
            ("*:*:*:*:secret\r\n", Some("secret")),
            ("*:*:*:etl:", Some("")),
            (r"*:*:*:*:a\:b\\c:d", Some(r"a:b\c")),
            (r"*:*:*:*:a\", Some(r"a\")),
            ("# *:*:*:*:x\n*:*:*:*:y", Some("y")),
            ("#*:*:*:*:x", None),
            (
                "other:*:*:*:x\n*:*:*:etl:first\n*:*:*:*:later",
                Some("first"),
            ),
            // A colon in the host need not be escaped, as in IPv6 addresses.
            (r"db:1:5433:sh\\op:etl:x", Some("x")),
            (r"*:5432:*:*:x", None),
            (r"*:*:shop:*:x", None),
            (r"*:*:*:et:x", None),
            (r"*:*:*:etls:x", None),
            (r"*:*:*:e*:x", None),
            ("*:*:*:etl", None),
            ("", None),
        ] {
            assert_eq!(password(line).as_deref(), expected, "{line}");
        }
    }

    #[test]
    fn sockets_in_the_usual_directory_are_localhost() {
        let host = |directory: &str| socket_host(Path::new(directory));
        assert_eq!(host("/var/run/postgresql"), Path::new("localhost"));
        assert_eq!(host("/tmp/x"), Path::new("/tmp/x"));
    }
}
