//! The servers that an address names, one by one: each may have its own password and need for TLS.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::net::IpAddr;

use postgres::Config;
use postgres::config::{Host, LoadBalanceHosts};

use crate::connector::postgres::system;

/// The directory for Unix sockets in PostgreSQL's packages.
pub const SOCKETS: &str = "/var/run/postgresql";

/// The default port.
const PORT: u16 = 5432;

/// One server, at one address.
#[derive(Clone)]
pub struct Server {
    /// Everything that the driver needs.
    pub config: Config,
    /// The host as it was written.
    pub host: Host,
    /// The port.
    pub port: u16,
}

/// Returns the servers of `config` in the order of attempts: a host with several addresses occurs once for each. If
/// the system's tools cannot resolve a name, the driver resolves it itself.
pub fn servers(config: &Config) -> Vec<Server> {
    let (hosts, addresses) = (config.get_hosts(), config.get_hostaddrs());
    let ports = config.get_ports();
    let mut places: Vec<usize> = (0..hosts.len().max(addresses.len())).collect();
    if config.get_load_balance_hosts() == LoadBalanceHosts::Random {
        let random = RandomState::new();
        places.sort_by_cached_key(|place| random.hash_one(place));
    }
    let of_place = |place: usize| {
        let address = addresses.get(place).copied();
        let host = match (hosts.get(place), address) {
            (Some(host), _) => host.clone(),
            (None, Some(address)) => Host::Tcp(address.to_string()),
            (None, None) => return vec![],
        };
        let port = ports.get(place).or(ports.first()).copied().unwrap_or(PORT);
        let known = match (&host, address) {
            (_, Some(address)) => vec![address],
            (Host::Tcp(name), None) => system::addresses(name),
            (Host::Unix(_), None) => vec![],
        };
        let server = |address: Option<IpAddr>| Server {
            config: narrowed(config, &host, address, port),
            host: host.clone(),
            port,
        };
        match known.is_empty() {
            true => vec![server(None)],
            false => known.into_iter().map(Some).map(server).collect(),
        }
    };
    places.into_iter().flat_map(of_place).collect()
}

/// Returns `config` with only this server; the driver cannot remove hosts from a configuration.
fn narrowed(config: &Config, host: &Host, address: Option<IpAddr>, port: u16) -> Config {
    let mut one = Config::new();
    match host {
        Host::Tcp(name) => one.host(name),
        Host::Unix(directory) => one.host_path(directory),
    };
    if let Some(address) = address {
        one.hostaddr(address);
    }
    one.port(port);
    if let Some(user) = config.get_user() {
        one.user(user);
    }
    if let Some(password) = config.get_password() {
        one.password(password);
    }
    if let Some(database) = config.get_dbname() {
        one.dbname(database);
    }
    if let Some(options) = config.get_options() {
        one.options(options);
    }
    if let Some(name) = config.get_application_name() {
        one.application_name(name);
    }
    if let Some(timeout) = config.get_connect_timeout() {
        one.connect_timeout(*timeout);
    }
    if let Some(timeout) = config.get_tcp_user_timeout() {
        one.tcp_user_timeout(*timeout);
    }
    if let Some(interval) = config.get_keepalives_interval() {
        one.keepalives_interval(interval);
    }
    if let Some(retries) = config.get_keepalives_retries() {
        one.keepalives_retries(retries);
    }
    one.keepalives(config.get_keepalives());
    one.keepalives_idle(config.get_keepalives_idle());
    one.ssl_mode(config.get_ssl_mode());
    one.ssl_negotiation(config.get_ssl_negotiation());
    one.channel_binding(config.get_channel_binding());
    one.target_session_attrs(config.get_target_session_attrs());
    one
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(url: &str) -> Vec<Server> {
        servers(&url.parse().expect("an address"))
    }

    #[test]
    fn a_host_is_reached_by_each_of_its_addresses() {
        let known = system::addresses("localhost");
        let servers = found("postgresql://localhost/d");
        let reached: Vec<_> = servers
            .iter()
            .flat_map(|server| server.config.get_hostaddrs())
            .collect();
        assert_eq!(reached, known.iter().collect::<Vec<_>>());
    }

    #[test]
    fn each_of_several_hosts_is_a_server() {
        let servers =
            found("postgresql://192.0.2.1:1,%2Fvar%2Frun:2/d?host=nowhere.invalid&port=3");
        let of = |server: &Server| (server.host.clone(), server.port);
        assert_eq!(
            servers.iter().map(of).collect::<Vec<_>>(),
            [
                (Host::Tcp("192.0.2.1".into()), 1),
                (Host::Unix("/var/run".into()), 2),
                (Host::Tcp("nowhere.invalid".into()), 3),
            ]
        );
        let is_known = |server: &Server| !server.config.get_hostaddrs().is_empty();
        assert_eq!(
            servers.iter().map(is_known).collect::<Vec<_>>(),
            [true, false, false]
        );
    }

    #[test]
    fn a_server_has_all_that_the_address_says() {
        let url = "postgresql://u:p@192.0.2.1/d?options=-ca&connect_timeout=3&tcp_user_timeout=4\
                   &keepalives=0&keepalives_idle=5&keepalives_interval=6&keepalives_retries=7\
                   &sslnegotiation=direct&channel_binding=require&sslmode=require\
                   &target_session_attrs=read-only&application_name=a&hostaddr=192.0.2.1&port=5432";
        let url = url.replace("&port=5432", "");
        let whole: Config = url.parse().expect("an address");
        let servers = servers(&whole);
        assert_eq!(format!("{:?}", servers[0].config), format!("{whole:?}"));
    }

    #[test]
    fn hosts_may_be_addresses_alone() {
        let servers = found("postgresql:///d?hostaddr=192.0.2.1,192.0.2.2");
        assert_eq!(servers[1].host, Host::Tcp("192.0.2.2".into()));
    }

    #[test]
    fn the_order_may_be_random() {
        let url = "postgresql://192.0.2.1,192.0.2.2/d?load_balance_hosts=random";
        let first = |_| found(url).swap_remove(0).host;
        let firsts: Vec<_> = (0..64).map(first).collect();
        assert!(firsts.iter().any(|host| *host != firsts[0]));
    }
}
