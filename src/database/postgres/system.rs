//! What the system knows by name: the addresses of hosts, and who the user is.
//!
//! Its own tools are asked, `getent` and `id`. To look these up, the C library loads whatever the
//! machine is set up with (files, DNS, mDNS, a directory of users); one that is linked into the
//! program would load parts that were made for another.

use std::net::IpAddr;
use std::process::{Command, Stdio};

use postgres::Config;
use postgres::config::Host;

/// The ways to reach the servers of `config`, to be tried in their order: one more for each further
/// address of a host. Where the system's tools cannot tell, the driver may look by itself.
pub fn resolved(config: Config) -> Vec<Config> {
    if !config.get_hostaddrs().is_empty() {
        return vec![config];
    }
    let of_host = |host: &Host| match host {
        Host::Tcp(name) => Some(addresses(name)).filter(|addresses| !addresses.is_empty()),
        Host::Unix(_) => None,
    };
    let known: Option<Vec<_>> = config.get_hosts().iter().map(of_host).collect();
    let Some(known) = known else {
        return vec![config];
    };
    let most = known.iter().map(Vec::len).max().unwrap_or(1);
    let nth = |place: usize| {
        let mut config = config.clone();
        for addresses in &known {
            config.hostaddr(addresses[place.min(addresses.len() - 1)]);
        }
        config
    };
    (0..most).map(nth).collect()
}

/// The addresses of a host in the order in which the system prefers them.
fn addresses(host: &str) -> Vec<IpAddr> {
    if let Ok(address) = host.parse() {
        return vec![address];
    }
    let lines = said("getent", &["ahosts", host]).unwrap_or_default();
    let mut addresses = vec![];
    for line in lines.lines() {
        // One line for each kind of socket.
        let address = line.split_whitespace().next().map(str::parse);
        if let Some(Ok(address)) = address
            && !addresses.contains(&address)
        {
            addresses.push(address);
        }
    }
    addresses
}

/// The name of the user whose rights the program has.
pub fn user() -> Option<String> {
    let name = said("id", &["-un"])?;
    Some(name.trim_end().to_owned()).filter(|name| !name.is_empty())
}

/// What a tool of the system writes, where it is there and ends well.
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

    fn config(url: &str) -> Config {
        url.parse().expect("an address")
    }

    #[test]
    fn a_host_is_reached_by_each_of_its_addresses() {
        let known = addresses("localhost");
        assert!(!known.is_empty() && known.iter().all(IpAddr::is_loopback));
        let ways = resolved(config("postgresql://localhost/d"));
        let reached: Vec<_> = ways.iter().flat_map(Config::get_hostaddrs).collect();
        assert_eq!(reached, known.iter().collect::<Vec<_>>());
    }

    #[test]
    fn each_of_several_hosts_has_an_address() {
        let ways = resolved(config("postgresql://192.0.2.1:1,localhost:2/d"));
        assert_eq!(ways.len(), addresses("localhost").len());
        for way in ways {
            let [first, second] = way.get_hostaddrs() else {
                panic!("{way:?}");
            };
            assert_eq!(first.to_string(), "192.0.2.1");
            assert!(second.is_loopback());
        }
    }

    #[test]
    fn what_is_not_known_is_left_to_the_driver() {
        for url in [
            "postgresql://nowhere.invalid/d",
            "postgresql://192.0.2.1,nowhere.invalid/d",
            "postgresql://%2Fvar%2Frun/d",
            "postgresql://-h/d",
        ] {
            let ways = resolved(config(url));
            assert_eq!(ways.len(), 1);
            assert!(ways[0].get_hostaddrs().is_empty());
        }
    }

    #[test]
    fn the_user_is_who_runs_the_program() {
        // SAFETY: asks the kernel, touches no memory.
        let is_root = unsafe { libc::geteuid() } == 0;
        assert_eq!(user().as_deref() == Some("root"), is_root);
    }
}
