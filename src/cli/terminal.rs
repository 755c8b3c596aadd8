//! The terminal, where there is one: its width, and the progress of a long run.

use std::collections::VecDeque;
use std::io::{IsTerminal, Write};
use std::os::fd::RawFd;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::{ArgMatches, Command};

use crate::record::counted;
use crate::stream::before_standard_input;
use crate::sys::terminal;
use crate::trust::stage::{self, COUNTERS};

use super::quantity::{clock, sized};

/// The columns of the terminal that standard output is; none where it is none.
pub fn terminal_width() -> Option<usize> {
    match std::io::stdout().is_terminal() {
        true => Some(width_of(libc::STDOUT_FILENO)),
        false => None,
    }
}

/// The columns of a terminal.
fn width_of(descriptor: RawFd) -> usize {
    terminal::columns(descriptor).unwrap_or(80)
}

/// Has the user told, where standard input is a terminal, that it is read and what the first argument
/// was taken as: who forgot to name a file would wait for ever.
pub(super) fn announce(command: &Command, matches: &ArgMatches) {
    if std::io::stdin().is_terminal() {
        let name = command.get_name().to_owned();
        let message = reading_terminal(command, matches);
        before_standard_input(move || super::say(&name, &message));
    }
}

/// Arguments that come before the files.
const FIRST: [&str; 3] = ["expression", "table", "target"];

fn reading_terminal(command: &Command, matches: &ArgMatches) -> String {
    let mut message = "reading records from the terminal (end with Ctrl-D)".to_owned();
    let is_asked_for = ["files", "file"].iter().any(|id| {
        let paths = matches.try_get_many::<PathBuf>(id).ok().flatten();
        paths.is_some_and(|mut paths| paths.any(|path| path.as_os_str() == "-"))
    });
    if is_asked_for {
        return message;
    }
    let first = FIRST.iter().find_map(|id| {
        let given = matches.try_get_one::<String>(id).ok().flatten();
        given.map(|text| (id, text))
    });
    match first {
        Some((id, text)) => {
            let mut arguments = command.get_arguments().filter(|arg| arg.get_id() == id);
            let names = arguments.find_map(|arg| arg.get_value_names());
            let what = match names {
                Some([name]) if name == "KEYS" => "keys",
                _ => id,
            };
            let words: Vec<&str> = text.split_whitespace().collect();
            message.push_str(&format!(
                "; '{}' was taken as the {what}; name files after it",
                shortened(&words.join(" "))
            ));
        }
        None => message.push_str("; name files to read them instead"),
    }
    message
}

/// The beginning of a text that is long.
fn shortened(text: &str) -> String {
    const MOST: usize = 60;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

/// How often the line is written anew.
const PACE: Duration = Duration::from_millis(200);

/// The rate is that of as many lines: two seconds.
const RECENT: usize = 10;

/// Shows on standard error how far a long run has come, where that is a terminal; else silent.
#[derive(Clone)]
pub struct Progress {
    is_wanted: bool,
    is_shown: bool,
    label: String,
    /// The bytes that are to come in all, where that is known.
    size: Option<u64>,
    start: Instant,
    next: Instant,
    /// What had come when, the oldest first.
    recent: VecDeque<(Instant, u64, u64)>,
}

impl Progress {
    /// For a run that starts now: nothing is shown in its first second.
    pub fn start() -> Self {
        Self::of(String::new(), None)
    }

    /// The same, with these words before the figures, for an input of this many bytes.
    pub fn of(label: String, size: Option<u64>) -> Self {
        let start = Instant::now();
        Progress {
            is_wanted: std::io::stderr().is_terminal(),
            is_shown: false,
            label,
            size,
            start,
            next: start + Duration::from_secs(1),
            recent: VecDeque::from([(start, 0, 0)]),
        }
    }

    /// Whether there is a terminal to show it on.
    pub fn is_wanted(&self) -> bool {
        self.is_wanted
    }

    /// So many records have come; shown five times a second at most.
    pub fn show(&mut self, records: u64) {
        self.show_line(|progress, now| progress.line(now, records));
    }

    /// The same while the program does what `phase` says. Bytes are told only of the reading.
    pub(super) fn show_phase(&mut self, phase: &str, records: u64) {
        self.show_line(|progress, now| match phase {
            "reading" => format!("{phase}: {}", progress.line(now, records)),
            _ => progress.records_line(phase, now, records),
        });
    }

    fn show_line(&mut self, line: impl FnOnce(&mut Self, Instant) -> String) {
        let now = Instant::now();
        if !self.is_wanted || now < self.next {
            return;
        }
        self.next = now + PACE;
        self.is_shown = true;
        let mut line = line(self, now);
        let letters = line.char_indices();
        if let Some((end, _)) = { letters }.nth(width_of(libc::STDERR_FILENO) - 1) {
            line.truncate(end);
        }
        self.write(&line);
    }

    /// Takes down how it stands: the time since the oldest entry, and what that says.
    fn note(&mut self, now: Instant, records: u64, bytes: u64) -> (Duration, u64, u64) {
        let (since, old_records, old_bytes) = self.recent[0];
        self.recent.push_back((now, records, bytes));
        if self.recent.len() > RECENT {
            self.recent.pop_front();
        }
        (now.duration_since(since), old_records, old_bytes)
    }

    fn records_line(&mut self, phase: &str, now: Instant, records: u64) -> String {
        let bytes = stage::read(&COUNTERS.bytes_in);
        let (recent, old_records, _) = self.note(now, records, bytes);
        let mut line = format!(
            "{phase}: {} in {}",
            counted(records as usize, "record"),
            clock(now.duration_since(self.start)),
        );
        if records > old_records {
            line.push_str(&format!(": {}", per_second(records - old_records, recent)));
        }
        line
    }

    /// How it stands: what has come, how fast it comes, and how long it may yet take.
    pub fn line(&mut self, now: Instant, records: u64) -> String {
        let bytes = stage::read(&COUNTERS.bytes_in);
        let (recent, old_records, old_bytes) = self.note(now, records, bytes);
        let time = now.duration_since(self.start);
        let mut line = format!(
            "{}{}, {} in {}: {}, {}/s",
            self.label,
            counted(records as usize, "record"),
            sized(bytes as f64),
            clock(time),
            per_second(records.saturating_sub(old_records), recent),
            sized(rate(bytes.saturating_sub(old_bytes), recent)),
        );
        if let Some(size) = self.size.filter(|size| (1..).contains(size)) {
            let share = (bytes as f64 / size as f64).min(1.0);
            line.push_str(&format!(", {:.0} %", (100.0 * share).floor()));
            if share > 0.0 {
                let left = time.as_secs_f64() * (1.0 - share) / share;
                let left = Duration::try_from_secs_f64(left.ceil()).unwrap_or(Duration::MAX);
                line.push_str(&format!(", {} left", clock(left)));
            }
        }
        line
    }

    /// What came in all, and how fast.
    pub fn summary(&self, records: u64) -> String {
        let bytes = stage::read(&COUNTERS.bytes_in);
        let time = self.start.elapsed();
        format!(
            "{}{}, {} in {}: {}, {}/s",
            self.label,
            counted(records as usize, "record"),
            sized(bytes as f64),
            match time.as_secs() {
                0..10 => format!("{:.2} s", time.as_secs_f64()),
                10..60 => format!("{:.1} s", time.as_secs_f64()),
                _ => clock(time),
            },
            per_second(records, time),
            sized(rate(bytes, time)),
        )
    }

    /// Leaves the line as it was.
    pub fn clear(&mut self) {
        if self.is_shown {
            self.write("");
        }
    }

    fn write(&self, text: &str) {
        // It is for the eye only: what cannot be shown is not missed.
        let _ = std::io::stderr().write_all(format!("\r\x1b[K{text}").as_bytes());
    }
}

fn rate(count: u64, time: Duration) -> f64 {
    count as f64 / time.as_secs_f64().max(1e-3)
}

fn per_second(records: u64, time: Duration) -> String {
    format!(
        "{}/s",
        counted(rate(records, time).round() as usize, "record")
    )
}
