//! TLS to a real PostgreSQL, and `.pgpass`: who is trusted, who is not and in which words, and that all
//! programs go the same way.

#![cfg(feature = "tls")]

mod harness;

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::Duration;

use harness::{Run, bash, tool};
use postgres::{Client, NoTls};
use tempfile::TempDir;

/// Makes two authorities and what they sign. `ca` gives certificates of any dates.
const CERTIFICATES: &str = r#"
set -e
exec 2>log
key=(-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes)
for name in ca other; do
    openssl req -x509 "${key[@]}" -keyout $name.key -out $name.crt -subj /CN=$name -days 30
done
sign() { openssl x509 -req -in $1.csr -CA ca.crt -CAkey ca.key -CAcreateserial -out $1.crt -days 30 "${@:2}"; }
localhost() { echo subjectAltName=DNS:localhost; }
openssl req -newkey rsa:2048 -nodes -keyout right.key -out right.csr -subj /CN=any
sign right -extfile <(localhost)
for name in common first expired future; do
    openssl req "${key[@]}" -keyout $name.key -out $name.csr -subj /CN=localhost
done
sign common -extfile <(echo basicConstraints=CA:FALSE)
# What OpenSSL 3.0 makes without extensions is of X.509's first version.
sign first
printf '%s\n' '[ca]' default_ca=own '[own]' new_certs_dir=. database=index serial=serial default_md=sha256 \
    policy=any unique_subject=no '[any]' commonName=supplied >ca.conf
: >index
echo 0A >serial
dated() {
    openssl ca -batch -notext -config ca.conf -cert ca.crt -keyfile ca.key -in $1.csr -out $1.crt \
        -startdate $2 -enddate $3 -extfile <(localhost)
}
dated expired 20200101000000Z 20210203040506Z
dated future 20490102030405Z 20500101000000Z
openssl req -x509 "${key[@]}" -keyout itself.key -out itself.crt -subj /CN=localhost -days 30
openssl req "${key[@]}" -keyout client.key -out client.csr -subj /CN=certified
sign client
openssl pkey -in client.key -aes256 -passout pass:x -out locked.key
openssl pkey -in client.key -outform DER -out client.der
chmod 600 *.key *.der
"#;

/// Who may come how.
const RULES: &str = "\
local     all all       trust
hostssl   all certified 127.0.0.1/32 cert
hostssl   all secured   127.0.0.1/32 trust
hostnossl all plain     127.0.0.1/32 trust
host      all tls       127.0.0.1/32 scram-sha-256
";

/// A server that listens on 127.0.0.1, and certificates.
struct Server {
    _process: Child,
    client: Client,
    port: String,
    sockets: PathBuf,
    data: PathBuf,
    certificates: TempDir,
}

impl Server {
    fn start() -> Self {
        let certificates = TempDir::new().expect("a directory");
        let made = Command::new("bash")
            .args(["-c", CERTIFICATES])
            .current_dir(&certificates)
            .status();
        let log = fs::read_to_string(certificates.path().join("log")).unwrap_or_default();
        assert!(made.is_ok_and(|made| made.success()), "openssl: {log}");
        let (process, address) = harness::postgres_server(&["--tcp"]);
        let mut client = Client::connect(&address, NoTls).expect("the server answers");
        let mut show = |name: &str| -> String {
            let row = client.query_one(&format!("SHOW {name}"), &[]);
            row.expect("a setting").get(0)
        };
        let data = PathBuf::from(show("data_directory"));
        let (port, sockets) = (show("port"), show("unix_socket_directories").into());
        fs::write(data.join("pg_hba.conf"), RULES).expect("the rules are written");
        for statement in [
            r"CREATE ROLE tls SUPERUSER LOGIN PASSWORD 's:e\cret'",
            "CREATE ROLE certified LOGIN",
            "CREATE ROLE secured LOGIN",
            "CREATE ROLE plain LOGIN",
            "CREATE DATABASE shop",
            "ALTER SYSTEM SET ssl_ca_file = 'ca.crt'",
            "ALTER SYSTEM SET ssl_cert_file = 'tls.crt'",
            "ALTER SYSTEM SET ssl_key_file = 'tls.key'",
        ] {
            client.batch_execute(statement).expect("good SQL");
        }
        let mut server = Server {
            _process: process,
            client,
            port,
            sockets,
            data,
            certificates,
        };
        server.put("ca.crt", "ca.crt");
        server.show("right");
        server
    }

    /// Gives a file to the server.
    fn put(&self, from: &str, to: &str) {
        let to = self.data.join(to);
        let owner = fs::metadata(&self.data).expect("a directory");
        fs::copy(self.path(from), &to).expect("a copy");
        fs::set_permissions(&to, fs::Permissions::from_mode(0o600)).expect("our file");
        chown(&to, Some(owner.uid()), Some(owner.gid())).expect("our file");
    }

    /// Has the server show this certificate from now on.
    fn show(&mut self, name: &str) {
        self.put(&format!("{name}.crt"), "tls.crt");
        self.put(&format!("{name}.key"), "tls.key");
        self.reload("on");
    }

    /// Has the server read its files again. Whoever connects then is told the time of it.
    fn reload(&mut self, ssl: &str) {
        let url = format!(
            "postgresql://postgres@{}:{}/postgres",
            self.sockets.display().to_string().replace('/', "%2F"),
            self.port
        );
        let loaded = || {
            let mut client = Client::connect(&url, NoTls).expect("the server answers");
            let row = client.query_one("SELECT pg_conf_load_time()::text", &[]);
            row.expect("good SQL").get::<_, String>(0)
        };
        let before = loaded();
        let set = format!("ALTER SYSTEM SET ssl = {ssl}");
        self.client.batch_execute(&set).expect("good SQL");
        self.client
            .batch_execute("SELECT pg_reload_conf()")
            .expect("good SQL");
        while loaded() == before {
            thread::sleep(Duration::from_millis(5));
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.certificates.path().join(name)
    }

    /// An address; `{}` in the options is the directory of certificates.
    fn url(&self, user: &str, host: &str, options: &str) -> String {
        let directory = self.certificates.path().display().to_string();
        let options = options.replace("{}", &directory);
        let port = &self.port;
        format!("postgresql://{user}@{host}:{port}/postgres?hostaddr=127.0.0.1&{options}")
    }

    /// Asks the server whether a connection has TLS, in an environment of its own.
    fn ask(&self, url: &str, variables: &[(&str, &str)]) -> Run {
        let query = "select ssl from pg_stat_ssl where pid = pg_backend_pid()";
        let program = tool("extract").args([url, "--query", query]);
        let home = self.path("");
        let usual = [("HOME", home.to_str().expect("text")), ("PGPASSWORD", "")];
        let variables = usual.iter().chain(variables);
        variables
            .fold(program, |program, (name, value)| program.env(name, value))
            .run()
    }

    /// Holds that user `secured` comes in with these options.
    #[track_caller]
    fn accepts(&self, host: &str, options: &str) {
        let run = self.ask(&self.url("secured", host, options), &[]);
        assert_eq!(run.quiet_text(), "ssl\ntrue\n", "{options}");
    }

    /// Holds that he does not.
    #[track_caller]
    fn refuses(&self, host: &str, options: &str, words: &[&str]) {
        let run = self.ask(&self.url("secured", host, options), &[]);
        run.refused("extract", 1, words);
        assert_eq!(run.err().lines().count(), 1, "{}", run.err());
    }
}

/// The server; the tests take turns, for each sets its certificate.
fn server(certificate: &str) -> MutexGuard<'static, Server> {
    static SERVER: OnceLock<Mutex<Server>> = OnceLock::new();
    let server = SERVER.get_or_init(|| Mutex::new(Server::start()));
    let mut server = server.lock().unwrap_or_else(PoisonError::into_inner);
    server.show(certificate);
    server
}

const FULL: &str = "sslmode=verify-full&sslrootcert={}/ca.crt";
const UNKNOWN: &str =
    "signed by an unknown authority; give its CA's file: sslrootcert=FILE or PGSSLROOTCERT";

#[test]
fn the_authority_and_the_host_are_verified() {
    let server = server("right");
    server.accepts("localhost", FULL);
    server.accepts("LocalHost", FULL);
    let wrong = "is for 'localhost', not for 'db.test'; connect by the name";
    server.refuses("db.test", FULL, &[wrong, "sslmode=verify-ca"]);
    server.refuses("127.0.0.1", FULL, &["not for '127.0.0.1'"]);
    let other = "sslrootcert={}/other.crt&sslmode=";
    for mode in ["verify-full", "verify-ca", "require"] {
        server.refuses("localhost", &format!("{other}{mode}"), &[UNKNOWN]);
    }
    for mode in ["verify-ca", "require"] {
        server.accepts(
            "db.test",
            &format!("sslrootcert={{}}/ca.crt&sslmode={mode}"),
        );
    }
}

#[test]
fn without_a_root_file_require_verifies_nothing() {
    for certificate in ["right", "itself", "expired", "first"] {
        let server = server(certificate);
        for mode in ["require", "prefer", "allow"] {
            server.accepts("db.test", &format!("sslmode={mode}"));
        }
    }
}

#[test]
fn the_time_of_a_certificate_is_verified() {
    let expired = server("expired");
    expired.refuses(
        "localhost",
        FULL,
        &["expired at 2021-02-03T04:05:06Z; renew it"],
    );
    drop(expired);
    let future = server("future");
    let words = "not valid before 2049-01-02T03:04:05Z; check this machine's clock";
    future.refuses("localhost", FULL, &[words]);
}

#[test]
fn certificates_of_older_habits_are_understood() {
    let common = server("common");
    common.accepts("localhost", FULL);
    common.refuses("db.test", FULL, &["is for 'localhost', not for 'db.test'"]);
    drop(common);
    let itself = server("itself");
    itself.accepts("localhost", "sslmode=verify-full&sslrootcert={}/itself.crt");
    itself.refuses("localhost", FULL, &[UNKNOWN]);
    drop(itself);
    server("first").refuses("localhost", FULL, &["not accepted", "X.509 version 3"]);
}

#[test]
fn files_that_are_missing_or_hold_something_else_are_told() {
    let server = server("right");
    let none = ["/none.crt' does not exist", "sslrootcert=FILE"];
    for mode in ["require", "verify-ca", "verify-full"] {
        let options = format!("sslmode={mode}&sslrootcert={{}}/none.crt");
        server.refuses("localhost", &options, &none);
    }
    server.accepts("localhost", "sslmode=prefer&sslrootcert={}/none.crt");
    let usual = [".postgresql/root.crt' does not exist", "sslrootcert=system"];
    server.refuses("localhost", "sslmode=verify-full", &usual);
    let options = "sslmode=require&sslrootcert={}/ca.key";
    server.refuses("localhost", options, &["ca.key' holds no certificate"]);
    fs::write(server.path("half.crt"), "-----BEGIN CERTIFICATE-----\nMII").expect("written");
    let options = "sslmode=require&sslrootcert={}/half.crt";
    server.refuses("localhost", options, &["half.crt' "]);
    let options = "sslmode=verify-ca&sslrootcert=system";
    server.refuses("localhost", options, &["too weak", "verify-full"]);
    server.refuses(
        "localhost",
        "sslmode=on",
        &["'on' is not one of disable, allow"],
    );
}

#[test]
fn the_systems_authorities_are_those_of_openssl() {
    let server = server("right");
    let url = server.url("secured", "localhost", "sslrootcert=system");
    let file = server.path("ca.crt");
    let with = |file: &Path| server.ask(&url, &[("SSL_CERT_FILE", file.to_str().expect("text"))]);
    assert_eq!(with(&file).quiet_text(), "ssl\ntrue\n");
    with(&server.path("other.crt")).refused("extract", 1, &[UNKNOWN]);
    let url = server.url("secured", "db.test", "sslrootcert=system");
    let run = server.ask(&url, &[("SSL_CERT_FILE", file.to_str().expect("text"))]);
    run.refused("extract", 1, &["not for 'db.test'"]);
}

#[test]
fn a_server_without_tls_is_left_if_tls_is_demanded() {
    let mut server = server("right");
    let plain = server.ask(&server.url("plain", "localhost", ""), &[]);
    assert_eq!(plain.quiet_text(), "ssl\nfalse\n", "prefer falls back");
    let plain = server.ask(&server.url("plain", "localhost", "sslmode=require"), &[]);
    plain.refused("extract", 1, &["no pg_hba.conf entry", "SSL encryption"]);
    server.refuses("localhost", "sslmode=disable", &["no encryption"]);
    let unknown = server.ask(&server.url("nobody", "localhost", ""), &[]);
    unknown.refused(
        "extract",
        1,
        &["with TLS: no pg_hba.conf", "without TLS: no pg_hba.conf"],
    );
    server.reload("off");
    let words = [
        "does not speak TLS, which sslmode=require demands",
        "ssl = on",
    ];
    server.refuses("localhost", "sslmode=require", &words);
    let plain = server.ask(&server.url("plain", "localhost", "sslmode=prefer"), &[]);
    assert_eq!(plain.quiet_text(), "ssl\nfalse\n");
    let host = server.sockets.display().to_string().replace('/', "%2F");
    let url = format!(
        "postgresql://postgres@{host}:{}/postgres?{FULL}",
        server.port
    );
    assert_eq!(
        server.ask(&url, &[]).quiet_text(),
        "ssl\nfalse\n",
        "a Unix socket"
    );
}

#[test]
fn a_root_file_in_the_home_directory_is_used() {
    let server = server("right");
    let home = TempDir::new().expect("a directory");
    let directory = home.path().join(".postgresql");
    fs::create_dir(&directory).expect("a directory");
    let home = home.path().to_str().expect("text");
    let url = server.url("secured", "localhost", "sslmode=require");
    fs::copy(server.path("ca.crt"), directory.join("root.crt")).expect("a copy");
    assert_eq!(server.ask(&url, &[("HOME", home)]).code, 0);
    fs::copy(server.path("other.crt"), directory.join("root.crt")).expect("a copy");
    server
        .ask(&url, &[("HOME", home)])
        .refused("extract", 1, &[UNKNOWN]);
    for (from, to) in [
        ("client.crt", "postgresql.crt"),
        ("client.key", "postgresql.key"),
        ("ca.crt", "root.crt"),
    ] {
        fs::copy(server.path(from), directory.join(to)).expect("a copy");
    }
    let url = server.url("certified", "localhost", "sslmode=verify-full");
    assert_eq!(
        server.ask(&url, &[("HOME", home)]).quiet_text(),
        "ssl\ntrue\n"
    );
}

#[test]
fn variables_say_what_the_address_does_not() {
    let server = server("right");
    let other = server.path("other.crt").display().to_string();
    let ca = server.path("ca.crt").display().to_string();
    let url = server.url("secured", "localhost", "");
    let variables = [("PGSSLMODE", "verify-full"), ("PGSSLROOTCERT", ca.as_str())];
    assert_eq!(server.ask(&url, &variables).code, 0);
    let variables = [
        ("PGSSLMODE", "verify-full"),
        ("PGSSLROOTCERT", other.as_str()),
    ];
    server
        .ask(&url, &variables)
        .refused("extract", 1, &[UNKNOWN]);
    let url = server.url("secured", "localhost", "sslrootcert={}/ca.crt");
    assert_eq!(
        server.ask(&url, &variables).code,
        0,
        "the address goes first"
    );
    let url = server.url("secured", "localhost", "sslmode=require");
    let variables = [("PGSSLMODE", "disable")];
    assert_eq!(
        server.ask(&url, &variables).code,
        0,
        "the address goes first"
    );
    let url = server.url("secured", "localhost", "");
    let on = [("PGSSLMODE", "on")];
    server
        .ask(&url, &on)
        .refused("extract", 1, &["PGSSLMODE: 'on' is not one of"]);
    let (certificate, key) = (server.path("client.crt"), server.path("client.der"));
    let variables = [
        ("PGSSLCERT", certificate.to_str().expect("text")),
        ("PGSSLKEY", key.to_str().expect("text")),
    ];
    let url = server.url("certified", "localhost", "sslmode=require");
    assert_eq!(server.ask(&url, &variables).quiet_text(), "ssl\ntrue\n");
}

#[test]
fn a_client_certificate_is_shown() {
    let server = server("right");
    let ask = |certificate: &str, key: &str| {
        let options = format!("sslmode=require&sslcert={{}}/{certificate}&sslkey={{}}/{key}");
        server.ask(&server.url("certified", "localhost", &options), &[])
    };
    assert_eq!(ask("client.crt", "client.key").quiet_text(), "ssl\ntrue\n");
    ask("none.crt", "client.key").refused("extract", 1, &["none.crt' does not exist"]);
    ask("client.crt", "none.key").refused("extract", 1, &["none.key' of the", "does not exist"]);
    ask("client.crt", "right.key").refused("extract", 1, &["right.key' is not that of the"]);
    ask("client.crt", "ca.crt").refused("extract", 1, &["ca.crt'"]);
    ask("client.crt", "locked.key").refused("extract", 1, &["is encrypted", "openssl pkey"]);
    ask("other.crt", "other.key").refused(
        "extract",
        1,
        &["does not accept the client certificate"],
    );
    let none = server.url("certified", "localhost", "sslmode=require");
    server
        .ask(&none, &[])
        .refused("extract", 1, &["certificate"]);
    for (mode, is_good) in [(0o600, true), (0o400, true), (0o660, false), (0o604, false)] {
        let key = server.path("client.key");
        fs::set_permissions(&key, fs::Permissions::from_mode(mode)).expect("our file");
        let run = ask("client.crt", "client.key");
        match is_good {
            true => assert_eq!(run.code, 0, "{}", run.err()),
            false => run.refused("extract", 1, &["others have access", "chmod 600"]),
        }
    }
    let key = server.path("client.key");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o640)).expect("our file");
    let is_root = fs::metadata(&key).expect("a file").uid() == 0;
    assert_eq!(ask("client.crt", "client.key").code == 0, is_root);
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).expect("our file");
}

#[test]
fn a_password_is_bound_to_the_channel() {
    let server = server("right");
    let password = [("PGPASSWORD", r"s:e\cret")];
    let options = format!("{FULL}&channel_binding=require");
    let run = server.ask(&server.url("tls", "localhost", &options), &password);
    assert_eq!(run.quiet_text(), "ssl\ntrue\n");
    let options = "sslmode=disable&channel_binding=require";
    let run = server.ask(&server.url("tls", "localhost", options), &password);
    run.refused(
        "extract",
        1,
        &["channel binding", "channel_binding=require demands", "TLS"],
    );
    let run = server.ask(
        &server.url("secured", "localhost", "channel_binding=require"),
        &[],
    );
    run.refused("extract", 1, &["channel_binding=require demands"]);
    let run = server.ask(
        &server.url("tls", "localhost", FULL),
        &[("PGPASSWORD", "wrong")],
    );
    run.refused("extract", 1, &["password authentication failed"]);
    assert!(!run.err().contains("without TLS") && !run.err().contains("wrong"));
}

#[test]
fn passwords_come_from_the_password_file() {
    let server = server("right");
    let home = TempDir::new().expect("a directory");
    let file = home.path().join(".pgpass");
    let port = &server.port;
    let variables = [("HOME", home.path().to_str().expect("text"))];
    let url = server.url("tls", "localhost", FULL);
    let write = |line: &str, mode| {
        fs::write(&file, format!("# host:port:db:user:password\n{line}\n")).expect("written");
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).expect("our file");
    };
    server
        .ask(&url, &variables)
        .refused("extract", 1, &["asks for a password", "~/.pgpass"]);
    for (line, is_found) in [
        (format!(r"localhost:{port}:postgres:tls:s\:e\\cret"), true),
        (r"*:*:*:*:s\:e\\cret".to_owned(), true),
        (
            format!("127.0.0.1:{port}:postgres:tls:x\nlocalhost:{port}:*:tls:s\\:e\\\\cret"),
            true,
        ),
        (r"127.0.0.1:*:*:*:s\:e\\cret".to_owned(), false),
        (r"*:5432:*:*:s\:e\\cret".to_owned(), false),
        (r"*:*:shop:*:s\:e\\cret".to_owned(), false),
        (r"*:*:*:postgres:s\:e\\cret".to_owned(), false),
    ] {
        write(&line, 0o600);
        let run = server.ask(&url, &variables);
        match is_found {
            true => assert_eq!(run.quiet_text(), "ssl\ntrue\n", "{line}"),
            false => run.refused("extract", 1, &["asks for a password"]),
        }
    }
    write("*:*:*:*:hidden", 0o600);
    let run = server.ask(&url, &variables);
    run.refused(
        "extract",
        1,
        &[
            "authentication failed",
            "the password is from '",
            ".pgpass'",
        ],
    );
    assert!(!run.err().contains("hidden"));
    write(r"*:*:*:*:s\:e\\cret", 0o640);
    let words = [
        "asks for a password",
        "others have access to it; run chmod 600",
    ];
    server.ask(&url, &variables).refused("extract", 1, &words);
    let usual = ("HOME", "/nonexistent");
    let named = ("PGPASSFILE", file.to_str().expect("text"));
    write(r"*:*:*:*:s\:e\\cret", 0o400);
    assert_eq!(server.ask(&url, &[usual, named]).code, 0);
    let option = server.url("tls", "localhost", &format!("passfile={}", file.display()));
    let missing = ("PGPASSFILE", "/nonexistent");
    assert_eq!(
        server.ask(&option, &[usual, missing]).code,
        0,
        "the address goes first"
    );
    let run = server.ask(&url, &[variables[0], ("PGPASSWORD", "wrong")]);
    run.refused("extract", 1, &["password authentication failed"]);
}

/// Whether `psql` comes in.
fn psql_comes_in(server: &Server, url: &str) -> bool {
    let output = Command::new("psql")
        .args([url, "-XAtwc", "select 1"])
        .env("HOME", server.path(""))
        .output()
        .expect("psql can be started");
    output.status.success()
}

#[test]
fn who_comes_in_is_who_comes_in_by_psql() {
    let mut wrong = Vec::new();
    for certificate in ["right", "common", "itself", "expired"] {
        let server = server(certificate);
        let users: &[&str] = match certificate {
            "right" => &["secured", "plain"],
            _ => &["secured"],
        };
        for mode in [
            "disable",
            "allow",
            "prefer",
            "require",
            "verify-ca",
            "verify-full",
        ] {
            for root in ["", "ca.crt", "other.crt", "itself.crt"] {
                for (user, host) in users
                    .iter()
                    .flat_map(|user| [(user, "localhost"), (user, "db.test")])
                {
                    let root = match root {
                        "" => String::new(),
                        name => format!("&sslrootcert={{}}/{name}"),
                    };
                    let url = server.url(user, host, &format!("sslmode={mode}{root}"));
                    let (ours, theirs) = (server.ask(&url, &[]), psql_comes_in(&server, &url));
                    if (ours.code == 0) != theirs {
                        wrong.push(format!("{certificate} {url}: {theirs}, {}", ours.err()));
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn all_programs_speak_tls() {
    let server = server("right");
    let options = format!("{FULL}&channel_binding=require");
    let url = server.url("tls", "localhost", &options);
    let url = url.replace("/postgres?", "/shop?");
    let place = TempDir::new().expect("a directory");
    fs::write(place.path().join("in.csv"), "id,name\n1,a\n2,b\n").expect("written");
    let line = r#"
        load "$URL#t" --key id <in.csv >receipt
        grep -c "$URL,t,create,2,2" receipt
        extract "$URL#t"
        printf 'id,n\n2,x\n' | lookup "$URL#t" --on id
        echo '{"a":1}' >log.jsonl
        for _ in 1 2; do
            extract log.jsonl -c a --resume "$URL#flow" | load "$URL#logs" --resume-name flow | tail -n 1 | cut -d, -f2-4
        done
        load "$URL" --forget flow
        extract "$URL" --query 'select generate_series(1, 300000000) as n' | head -n 2
    "#;
    let run = bash(line)
        .dir(place.path())
        .env("URL", &url)
        .env("PGPASSWORD", r"s:e\cret")
        .run();
    assert_eq!(run.code, 0, "{}", run.err());
    let expected = "1\nid,name\n1,a\n2,b\nid,n,name\n2,x,b\nlogs,create,1\nlogs,append,0\nn\n1\n";
    assert_eq!(run.out(), expected, "{}", run.err());
    let log = || fs::read_to_string(server.data.join("log")).expect("the server's log");
    let is_cancelled = |_| {
        thread::sleep(Duration::from_millis(50));
        log().contains("canceling statement due to user request")
    };
    assert!((0..100).any(is_cancelled), "the query was cancelled");
}
