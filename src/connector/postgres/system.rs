//! What the system knows by name: addresses of hosts, the current user and the home directory.
//!
//! This calls the system's own tools, `getent` and `id`. For such lookups, the C library loads whatever the machine
//! is configured for (files, DNS, mDNS, a user directory); a statically linked C library would load modules that
//! were built for another one.

use std::net::IpAddr;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// Returns the addresses of a host in the system's order of preference.
pub fn addresses(host: &str) -> Vec<IpAddr> {
    if let Ok(address) = host.parse() {
        return vec![address];
    }
    let lines = said("getent", &["ahosts", host]).unwrap_or_default();
    let mut addresses = vec![];
    for line in lines.lines() {
        // One line for each type of socket.
        let address = line.split_whitespace().next().map(str::parse);
        if let Some(Ok(address)) = address
            && !addresses.contains(&address)
        {
            addresses.push(address);
        }
    }
    addresses
}

/// Returns the name of the user whose privileges the program has.
pub fn user() -> Option<String> {
    let name = said("id", &["-un"])?;
    Some(name.trim_end().to_owned()).filter(|name| !name.is_empty())
}

/// Returns the user's home directory: HOME, or what the system has for the user.
pub fn home() -> Option<PathBuf> {
    let by_variable = std::env::var_os("HOME").filter(|home| !home.is_empty());
    let home = by_variable.map(PathBuf::from).or_else(|| {
        let line = said("getent", &["passwd", said("id", &["-u"])?.trim_end()])?;
        line.split(':').nth(5).map(PathBuf::from)
    });
    home.filter(|home| !home.as_os_str().is_empty())
}

/// Returns the output of a system tool, if the tool exists and succeeds.
fn said(tool: &str, arguments: &[&str]) -> Option<String> {
    let mut command = Command::new(tool);
    command.args(arguments);
    command.stdin(Stdio::null()).stderr(Stdio::null());
    let output = command.output().ok()?;
    let text = output.status.success().then_some(output.stdout)?;
    String::from_utf8(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_have_addresses() {
        let known = addresses("localhost");
        assert!(!known.is_empty() && known.iter().all(IpAddr::is_loopback));
        assert_eq!(addresses("192.0.2.1"), [IpAddr::from([192, 0, 2, 1])]);
        for unknown in ["nowhere.invalid", "-h"] {
            assert!(addresses(unknown).is_empty());
        }
    }

    #[test]
    fn the_user_is_who_runs_the_program() {
        let is_root = crate::sys::process::user() == 0;
        assert_eq!(user().as_deref() == Some("root"), is_root);
    }
}
