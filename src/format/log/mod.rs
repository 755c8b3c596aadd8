//! Access logs of web servers: the Common Log Format, and the Combined one with two more fields.
//!
//! `host ident user [time] "method path protocol" status bytes "referrer" "agent"`, as Apache's `mod_log_config`
//! and nginx write it. A `-` is null. Times become ISO 8601. A request that cannot be split into its parts is kept
//! whole in `path`. Escapes (`\"`, `\x16`) stay as they are written.
//!
//! The host may be a list, as proxies write it (`10.0.0.1, ::1`), and a user's name may contain spaces. A user's
//! name that begins or ends with a lone `-` is a sign of another format with more fields, and is refused.

mod quick;

use crate::record::Fault;
use crate::stream::{Convert, Summary};

use crate::format::entry::{Format, Read};
use crate::format::picked::{Picked, shown};
use crate::format::read::{Asked, Reader, Way};
pub use quick::Times;

/// The access logs' entries in the table of formats.
pub const FORMATS: &[Format] = &[
    Format {
        name: "common",
        aliases: &[],
        endings: &[],
        flags: &[],
        takes_names: false,
        read: Read::Units(|_| Ok(Box::new(AccessFormat::Common))),
    },
    Format {
        name: "combined",
        aliases: &[],
        endings: &[],
        flags: &[],
        takes_names: false,
        read: Read::Units(|_| Ok(Box::new(AccessFormat::Combined))),
    },
];

impl Reader for AccessFormat {
    fn run(self: Box<Self>, asked: &Asked<'_>, way: Way<'_>) -> anyhow::Result<Summary> {
        let names = self.columns().iter().map(|name| (*name).to_owned());
        let log = |picked| AccessLog {
            format: *self,
            picked,
        };
        asked.lines(names.collect(), log, way)
    }
}

/// The columns of a combined log; a common one has all but the last two.
const COLUMNS: [&str; 11] = [
    "host", "ident", "user", "time", "method", "path", "protocol", "status", "bytes", "referrer",
    "agent",
];

/// One of the two formats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccessFormat {
    /// Without referrer and agent.
    Common,
    /// With referrer and agent.
    Combined,
}

impl AccessFormat {
    /// Returns the names of its columns.
    pub fn columns(self) -> &'static [&'static str] {
        match self {
            AccessFormat::Common => &COLUMNS[..9],
            AccessFormat::Combined => &COLUMNS,
        }
    }

    fn name(self) -> &'static str {
        match self {
            AccessFormat::Common => "common",
            AccessFormat::Combined => "combined",
        }
    }
}

/// Converts the lines of an access log to records.
pub struct AccessLog {
    /// The format of the lines.
    pub format: AccessFormat,
    /// The columns to write, as places in [`AccessFormat::columns`].
    pub picked: Picked,
}

impl Convert for AccessLog {
    type Scratch = Times;

    fn scratch(&self) -> Times {
        Times::default()
    }

    #[inline]
    fn usual(&self, times: &mut Times, bytes: &[u8], out: &mut Vec<u8>) -> Option<usize> {
        self.quick(times, bytes, out)
    }

    fn unit(&self, _: &mut Times, line: &[u8], out: &mut Vec<u8>) -> Result<usize, Fault> {
        let mut time = [0; TIME];
        let fields = self.fields(line, &mut time)?;
        let time = match time.ends_with(b"+00:00") {
            true => {
                time[UTC] = b'Z';
                &time[..=UTC]
            }
            false => &time[..],
        };
        let without_dash = |place: usize| match (place, fields[place]) {
            (3, _) => time,
            (_, b"-") => b"",
            (_, text) => text,
        };
        self.picked.write(without_dash, out);
        Ok(line.len())
    }
}

impl AccessLog {
    /// Returns the fields of a line; writes the time to `time`.
    fn fields<'l>(
        &self,
        line: &'l [u8],
        time: &mut [u8; TIME],
    ) -> Result<[&'l [u8]; COLUMNS.len()], Fault> {
        let wrong = |part: &str| {
            let format = self.format.name();
            Fault::new(format!(
                "not a {format} log line, at {part}: {}",
                shown(line)
            ))
        };
        let mut rest = Rest(line);
        let mut fields = [&b""[..]; COLUMNS.len()];
        fields[0] = rest.host().ok_or_else(|| wrong("its host"))?;
        fields[1] = rest.until(b' ').ok_or_else(|| wrong("its ident"))?;
        fields[2] = rest.user().ok_or_else(|| wrong("its user"))?;
        if fields[2].starts_with(b"- ") || fields[2].ends_with(b" -") {
            return Err(wrong(
                "its user: a field too many (other formats: --pattern)",
            ));
        }
        rest.time()
            .and_then(|text| iso_time(text, time))
            .ok_or_else(|| wrong("its time"))?;
        let request = rest.quoted().ok_or_else(|| wrong("its request"))?;
        [fields[4], fields[5], fields[6]] = request_parts(request);
        fields[7] = rest.number().ok_or_else(|| wrong("its status"))?;
        fields[8] = rest.number().ok_or_else(|| wrong("its bytes"))?;
        if self.format == AccessFormat::Combined {
            fields[9] = rest.quoted().ok_or_else(|| wrong("its referrer"))?;
            fields[10] = rest.quoted().ok_or_else(|| wrong("its agent"))?;
        }
        match rest.0.trim_ascii() {
            b"" => Ok(fields),
            _ => Err(wrong("what follows (other formats: --pattern)")),
        }
    }
}

/// The rest of a line, without the space before it.
struct Rest<'l>(&'l [u8]);

impl<'l> Rest<'l> {
    /// Takes the text before the byte, and the byte.
    fn until(&mut self, byte: u8) -> Option<&'l [u8]> {
        let end = memchr::memchr(byte, self.0)?;
        let taken = &self.0[..end];
        self.0 = &self.0[end + 1..];
        (end > 0).then_some(taken)
    }

    /// Takes a host, or a list of hosts: a space next to a comma does not end it.
    fn host(&mut self) -> Option<&'l [u8]> {
        let mut end = memchr::memchr(b' ', self.0).filter(|end| *end > 0)?;
        while self.0[end - 1] == b',' || self.0.get(end + 1) == Some(&b',') {
            let next = &self.0[end + 1..];
            end += 1 + memchr::memchr(b' ', next).filter(|length| *length > 0)?;
        }
        let host = &self.0[..end];
        self.0 = &self.0[end + 1..];
        Some(host)
    }

    /// Takes a user's name, which may contain spaces and brackets; it ends at the first bracket that a time
    /// follows.
    fn user(&mut self) -> Option<&'l [u8]> {
        let is_time = |at: &usize| {
            let text = self.0.get(at + 1..at + 28);
            text.is_some_and(|text| text[26] == b']' && text[2] == b'/' && text[6] == b'/')
        };
        let brackets = || memchr::memchr_iter(b'[', self.0);
        let end = brackets().find(is_time).or_else(|| brackets().next())?;
        let user = &self.0[..end];
        self.0 = &self.0[end + 1..];
        match user {
            b"" => None,
            _ => user.strip_suffix(b" "),
        }
    }

    fn time(&mut self) -> Option<&'l [u8]> {
        let time = self.until(b']')?;
        self.space()?;
        Some(time)
    }

    fn space(&mut self) -> Option<()> {
        self.0 = match self.0 {
            [] => self.0,
            [b' ', rest @ ..] => rest,
            _ => return None,
        };
        Some(())
    }

    /// Takes the content of quotes, in which a backslash escapes the next byte. Only a quote before a space or the
    /// end closes it: some servers do not escape inner quotes.
    fn quoted(&mut self) -> Option<&'l [u8]> {
        let inner = self.0.strip_prefix(b"\"")?;
        let mut at = 0;
        loop {
            at += memchr::memchr2(b'"', b'\\', inner.get(at..)?)?;
            at += match (inner[at], inner.get(at + 1)) {
                (b'"', None | Some(b' ')) => break,
                (b'"', Some(_)) => 1,
                _ => 2,
            };
        }
        self.0 = &inner[at + 1..];
        self.space()?;
        Some(&inner[..at])
    }

    /// Takes digits, or `-`.
    fn number(&mut self) -> Option<&'l [u8]> {
        let end = memchr::memchr(b' ', self.0).unwrap_or(self.0.len());
        let (taken, rest) = self.0.split_at(end);
        self.0 = rest;
        self.space()?;
        let is_number = !taken.is_empty() && taken.iter().all(u8::is_ascii_digit);
        (is_number || taken == b"-").then_some(taken)
    }
}

/// Returns method, path and protocol. The protocol may be missing (HTTP/0.9), and the path may contain spaces.
fn request_parts(request: &[u8]) -> [&[u8]; 3] {
    let whole = [&b""[..], request, b""];
    let Some(end) = memchr::memchr(b' ', request) else {
        return whole;
    };
    let (method, path) = (&request[..end], &request[end + 1..]);
    if end == 0
        || !method
            .iter()
            .all(|byte| byte.is_ascii_uppercase() || *byte == b'-')
    {
        return whole;
    }
    match memchr::memrchr(b' ', path) {
        Some(end) if path[end + 1..].starts_with(b"HTTP/") => {
            [method, &path[..end], &path[end + 1..]]
        }
        None if !path.is_empty() => [method, path, b""],
        _ => whole,
    }
}

/// Length of `2000-10-10T13:55:36-07:00`.
const TIME: usize = 25;

/// Where the UTC offset begins; an offset of zero is written as `Z`.
const UTC: usize = 19;

/// Converts `10/Oct/2000:13:55:36 -0700` to ISO 8601.
fn iso_time(text: &[u8], out: &mut [u8; TIME]) -> Option<()> {
    const MONTHS: &[u8; 36] = b"JanFebMarAprMayJunJulAugSepOctNovDec";
    let text: &[u8; 26] = text.try_into().ok()?;
    let shape = b"00/aaa/0000:00:00:00 +0000";
    for (&byte, &kind) in text.iter().zip(shape) {
        let fits = match kind {
            b'0' => byte.is_ascii_digit(),
            b'a' => byte.is_ascii_alphabetic(),
            b'+' => matches!(byte, b'+' | b'-'),
            other => byte == other,
        };
        if !fits {
            return None;
        }
    }
    let two = |at: usize| (text[at] - b'0') * 10 + (text[at + 1] - b'0');
    let month = MONTHS.chunks(3).position(|name| *name == text[3..6])? as u8 + 1;
    let (century, year) = (two(7), two(9));
    let is_leap = if year == 0 { century } else { year }.is_multiple_of(4);
    let days = match month {
        2 => 28 + u8::from(is_leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    let in_range = (1..=days).contains(&two(0))
        && two(12) < 24
        && two(15) < 60
        && two(18) <= 60
        && two(22) < 24
        && two(24) < 60;
    if !in_range {
        return None;
    }
    out[..4].copy_from_slice(&text[7..11]);
    out[4..8].copy_from_slice(&[b'-', b'0' + month / 10, b'0' + month % 10, b'-']);
    out[8..10].copy_from_slice(&text[..2]);
    out[10] = b'T';
    out[11..19].copy_from_slice(&text[12..20]);
    out[19..22].copy_from_slice(&text[21..24]);
    out[22] = b':';
    out[23..].copy_from_slice(&text[24..]);
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(crate) fn converted(format: AccessFormat, line: &str) -> Result<String, String> {
        let log = AccessLog {
            format,
            picked: Picked {
                picks: (0..format.columns().len()).collect(),
                nulls: Vec::new(),
            },
        };
        let mut out = Vec::new();
        log.unit(&mut log.scratch(), line.as_bytes(), &mut out)
            .map_err(|fault| fault.to_string())?;
        Ok(String::from_utf8(out).unwrap())
    }

    #[test]
    fn lines_of_both_formats() {
        let line = r#"127.0.0.1 - frank [10/Oct/2000:13:55:36 -0700] "GET /apache_pb.gif HTTP/1.0" 200 2326"#;
        assert_eq!(
            converted(AccessFormat::Common, line).unwrap(),
            "127.0.0.1,,frank,2000-10-10T13:55:36-07:00,GET,/apache_pb.gif,HTTP/1.0,200,2326\n"
        );
        let more = format!("{line} \"-\" \"Mozilla/4.08 [en] (\\\"Win98\\\", I ;Nav)\"");
        assert_eq!(
            converted(AccessFormat::Combined, &more).unwrap(),
            "127.0.0.1,,frank,2000-10-10T13:55:36-07:00,GET,/apache_pb.gif,HTTP/1.0,200,2326,,\
             \"Mozilla/4.08 [en] (\\\"\"Win98\\\"\", I ;Nav)\"\n"
        );
        assert!(
            converted(AccessFormat::Common, &more)
                .unwrap_err()
                .contains("what follows")
        );
        assert!(
            converted(AccessFormat::Combined, line)
                .unwrap_err()
                .contains("its referrer")
        );
    }

    #[test]
    fn days_are_those_of_the_calendar() {
        for (day, is_there) in [
            ("31/Jan/2024", true),
            ("31/Feb/2024", false),
            ("29/Feb/2024", true),
            ("29/Feb/2023", false),
            ("29/Feb/1900", false),
            ("29/Feb/2000", true),
            ("31/Apr/2024", false),
            ("00/Apr/2024", false),
        ] {
            let line = format!("a - - [{day}:00:00:00 +0000] \"GET /\" 200 1");
            let found = converted(AccessFormat::Common, &line);
            assert_eq!(found.is_ok(), is_there, "{day}");
        }
    }

    #[test]
    fn requests_of_all_kinds() {
        for (request, parts) in [
            ("GET / HTTP/1.1", "GET,/,HTTP/1.1"),
            ("GET /a b,c HTTP/2.0", "GET,\"/a b,c\",HTTP/2.0"),
            ("GET /", "GET,/,"),
            ("-", ",,"),
            ("", ",,"),
            ("\\x16\\x03\\x01", ",\\x16\\x03\\x01,"),
            ("hello there", ",hello there,"),
            ("M-SEARCH * HTTP/1.1", "M-SEARCH,*,HTTP/1.1"),
        ] {
            let line = format!("::1 - a b [01/Jan/2024:00:00:00 +0000] \"{request}\" 400 -");
            assert_eq!(
                converted(AccessFormat::Common, &line).unwrap(),
                format!("::1,,a b,2024-01-01T00:00:00Z,{parts},400,\n")
            );
        }
    }

    #[test]
    fn hosts_and_users_of_all_kinds() {
        for (before, fields) in [
            (
                "65.0.0.8, ::ffff:1.2.3.4 - -",
                "\"65.0.0.8, ::ffff:1.2.3.4\",,",
            ),
            ("a, b, c id frank", "\"a, b, c\",id,frank"),
            ("a , b - -", "\"a , b\",,"),
            ("a,b - -", "\"a,b\",,"),
            (
                "unknown, 10.0.0.1 - john doe",
                "\"unknown, 10.0.0.1\",,john doe",
            ),
            ("[2001:db8::1]:443 - -", "[2001:db8::1]:443,,"),
            ("10.0.0.1:8080 - x@y.org", "10.0.0.1:8080,,x@y.org"),
            ("a - doe, john", "a,,\"doe, john\""),
            ("a - fr[ank", "a,,fr[ank"),
            ("a - [x]", "a,,[x]"),
            ("a - ", "a,,"),
            ("a - -x-", "a,,-x-"),
        ] {
            let line = format!("{before} [01/Jan/2024:00:00:00 +0000] \"GET /\" 400 -");
            assert_eq!(
                converted(AccessFormat::Common, &line).unwrap(),
                format!("{fields},2024-01-01T00:00:00Z,GET,/,,400,\n")
            );
        }
        for (before, part) in [
            ("a, - -", "its user"),
            ("a,  b - -", "its host"),
            ("a -", "its user"),
            ("shop.org:80 10.0.0.1 - -", "its user: a field too many"),
            ("shop.org:80 10.0.0.1 - frank", "its user: a field too many"),
            ("10.0.0.1 - frank -", "its user: a field too many"),
        ] {
            let line = format!("{before} [01/Jan/2024:00:00:00 +0000] \"GET /\" 400 -");
            let fault = converted(AccessFormat::Common, &line).unwrap_err();
            let start = format!("not a common log line, at {part}");
            assert!(fault.starts_with(&start), "{before}: {fault}");
        }
    }

    #[test]
    fn a_quote_that_was_not_escaped_ends_nothing() {
        let line = r#"a - - [01/Jan/2024:00:00:00 +0000] "GET /x" y HTTP/1.1" 200 1 "-" "a""#;
        assert!(converted(AccessFormat::Combined, line).is_err());
        let line = r#"a - - [01/Jan/2024:00:00:00 +0000] "GET /x"y HTTP/1.1" 200 1 "-" "a b"c""#;
        assert_eq!(
            converted(AccessFormat::Combined, line).unwrap(),
            "a,,,2024-01-01T00:00:00Z,GET,\"/x\"\"y\",HTTP/1.1,200,1,,\"a b\"\"c\"\n"
        );
    }

    #[test]
    fn other_lines_are_faults() {
        for (line, part) in [
            ("", "its host"),
            ("hello", "its host"),
            (
                "a - - [10/Okt/2000:13:55:36 -0700] \"GET /\" 200 1",
                "its time",
            ),
            (
                "a - - [10/Oct/2000:24:55:36 -0700] \"GET /\" 200 1",
                "its time",
            ),
            (
                "a - - [10/Oct/2000:13:55:36 -0700] \"GET / 200 1",
                "its request",
            ),
            (
                "a - - [10/Oct/2000:13:55:36 -0700] \"GET /\\",
                "its request",
            ),
            (
                "a - - [10/Oct/2000:13:55:36 -0700] \"GET /\" OK 1",
                "its status",
            ),
            (
                "a - - [10/Oct/2000:13:55:36 -0700] \"GET /\" 200",
                "its bytes",
            ),
        ] {
            let fault = converted(AccessFormat::Common, line).unwrap_err();
            assert!(
                fault.starts_with(&format!("not a common log line, at {part}: ")),
                "{fault}"
            );
        }
    }
}
