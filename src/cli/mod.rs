//! Flags that all programs share, and the one `main`: parse, run, report, exit.

mod clash;
mod csv;
mod forget;
mod formats;
mod hyphen;
mod listing;
mod memory;
mod quantity;
mod query;
mod resume;
mod terminal;
mod watch;

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::{Args, Parser, ValueEnum};

use crate::bytes::Dialect;
use crate::record::Header;
use crate::runner::Exited;
use crate::stream::{Framing, Input, Output, Settings, Summary};
use crate::sys::{ready, standard};
use crate::trust::figures::{self, Course};
use crate::trust::{Carried, Ends, Policy, Tolerance, Unclean, ends, is_committed, stage};

pub use crate::verb::Usage;
pub use csv::CsvFlags;
pub use forget::ForgetFlag;
pub use formats::FormatFlags;
pub use listing::{aggregates, sequences};
pub use memory::MemoryFlag;
pub use quantity::{bytes, duration, duration_or_none};
pub use query::{QueryFlags, Sources};
pub use resume::{CommitFlags, EmptyFlag, ResumeFlags};
pub use terminal::{Progress, terminal_width};
pub use watch::Watch;

/// A program: its flags are its fields, its help their comments.
pub trait Tool: Parser {
    /// Whether standard output is a stream of records, whose failure must be seen in it.
    const WRITES_STREAM: bool = true;

    /// Whether it can do nothing without the expression of its [`Program`], where it has one.
    const NEEDS_EXPRESSION: bool = true;

    /// Whether the user may begin its expression with a hyphen, as in `order -price`.
    const TAKES_HYPHEN: bool = false;

    /// What its language can call beside the functions of one record, as `--functions` lists it.
    fn more_functions() -> String {
        String::new()
    }

    /// Does the work; what is returned is told to the user on standard error.
    fn run(self) -> anyhow::Result<Summary>;
}

/// The flags of every program that reads the stream.
#[derive(Args, Clone, Debug)]
pub struct Shared {
    /// Field delimiter of input and output: one byte, or 'tab'
    #[arg(short, long, value_name = "CHAR", value_parser = delimiter, default_value = ",", hide_default_value = true)]
    pub delimiter: u8,

    #[command(flatten)]
    running: Running,
}

/// The flags of every program that works on records, wherever they come from.
#[derive(Args, Clone, Debug)]
pub struct Running {
    /// Threads to use at most [default: the number of cores]
    #[arg(short = 'j', long, value_name = "N", value_parser = threads)]
    pub threads: Option<NonZeroUsize>,

    #[command(flatten)]
    rejects: RejectFlags,

    #[command(flatten)]
    ends: EndFlags,
}

/// What happens where the program before has failed.
#[derive(Args, Clone, Debug)]
pub struct EndFlags {
    /// Take the end of input as it comes, also where the program before has failed
    #[arg(long)]
    accept_unclean: bool,
}

impl EndFlags {
    /// The same in the library's terms.
    pub fn ends(&self) -> Ends {
        match self.accept_unclean {
            true => Ends::Accepted,
            false => Ends::Judged,
        }
    }
}

/// What a bad record does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum OnError {
    /// End the run
    #[default]
    Fail,
    /// Drop the record and count it
    Skip,
}

/// What happens to bad records.
#[derive(Args, Clone, Debug)]
pub struct RejectFlags {
    /// What a bad record does: 'fail' ends the run, 'skip' drops it and counts it
    #[arg(
        long,
        value_name = "WHAT",
        value_enum,
        default_value_t,
        hide_default_value = true,
        hide_possible_values = true
    )]
    on_error: OnError,

    /// Write bad records to FILE, with the reason, source and line of each; incremental loads add to it
    #[arg(long, value_name = "FILE", value_parser = rejects_file)]
    rejects: Option<PathBuf>,

    /// Fail when more bad records than this are set aside: a number, or a share such as 0.1%
    #[arg(long, value_name = "N|P%")]
    max_rejects: Option<Tolerance>,
}

impl RejectFlags {
    fn policy(&self) -> Policy {
        Policy {
            skip: self.on_error == OnError::Skip,
            file: self.rejects.clone(),
            tolerance: self.max_rejects,
            earlier: None,
        }
    }
}

impl Shared {
    /// As [`Running::refuse_clashes`].
    pub fn refuse_clashes(
        &self,
        read: &[PathBuf],
        other: Option<(&str, &Path)>,
    ) -> anyhow::Result<()> {
        self.running.refuse_clashes(read, other)
    }

    /// The same in the driver's terms, for a program that reads these files.
    pub fn settings(&self, files: &[PathBuf]) -> Settings {
        let dialect = Dialect::delimited(self.delimiter);
        self.running.settings(dialect, files)
    }
}

impl Running {
    /// Refuses to write rejects, or `other` with the name of who writes it, where `read` or the
    /// other is.
    pub fn refuse_clashes(
        &self,
        read: &[PathBuf],
        other: Option<(&str, &Path)>,
    ) -> anyhow::Result<()> {
        let rejects = self.rejects.rejects.as_deref();
        let rejects = rejects.map(|path| ("--rejects", path));
        let written: Vec<_> = other.into_iter().chain(rejects).collect();
        clash::refuse(read, &written)?;
        self.rejects.policy().probe()
    }

    /// The same in the driver's terms, for an input of this dialect from these files.
    pub fn settings(&self, dialect: Dialect, files: &[PathBuf]) -> Settings {
        Settings {
            threads: (self.threads).map_or_else(|| cores(files), NonZeroUsize::get),
            dialect,
            policy: self.rejects.policy(),
            ends: self.ends.ends(),
        }
    }
}

fn rejects_file(text: &str) -> Result<PathBuf, String> {
    match text {
        "-" => Err("rejects go to a file, not to standard output".to_owned()),
        _ => Ok(PathBuf::from(text)),
    }
}

fn threads(text: &str) -> Result<NonZeroUsize, String> {
    const MOST: usize = 1024;
    text.parse()
        .ok()
        .filter(|threads: &NonZeroUsize| threads.get() <= MOST)
        .ok_or_else(|| format!("the number of threads is from 1 to {MOST}"))
}

/// The number of cores, or 1 where these files are work for no more: asking for the number costs a short run
/// a good part of its time.
fn cores(files: &[PathBuf]) -> usize {
    match are_small(files) {
        true => 1,
        false => std::thread::available_parallelism().map_or(1, NonZeroUsize::get),
    }
}

/// Whether there are files, and all of them hold a few bytes.
fn are_small(files: &[PathBuf]) -> bool {
    /// Bytes that one thread has read before another is there.
    const SMALL: u64 = 64 * 1024;
    let bytes = files.iter().map(|path| match std::fs::metadata(path) {
        Ok(metadata) if metadata.is_file() => metadata.len(),
        _ => SMALL,
    });
    !files.is_empty() && bytes.fold(0, u64::saturating_add) < SMALL
}

/// `--set NAME=VALUE`, for programs with an expression.
#[derive(Args, Clone, Debug)]
pub struct Sets {
    /// Give the expression a value, read there as :NAME (may be repeated)
    #[arg(long, value_name = "NAME=VALUE", value_parser = setting)]
    set: Vec<(String, String)>,
}

fn setting(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("give NAME=VALUE".to_owned()),
    }
}

/// An expression and the files it works on.
#[derive(Args, Clone, Debug)]
pub struct Program {
    /// The expression, in single quotes (--functions lists what it can call)
    #[arg(value_name = "EXPR", index = 1)]
    expression: Option<String>,

    /// Files to read instead of standard input ('-' is standard input)
    #[arg(value_name = "FILE", index = 2)]
    files: Vec<PathBuf>,

    /// Read the expression from FILE
    #[arg(short = 'f', long, value_name = "FILE")]
    file: Option<PathBuf>,

    #[command(flatten)]
    sets: Sets,
}

impl Program {
    /// The expression's text.
    pub fn text(&self) -> anyhow::Result<String> {
        match &self.file {
            Some(path) => {
                let text = std::fs::read_to_string(path).with_context(|| {
                    format!("cannot read the expression from '{}'", path.display())
                })?;
                // Some editors begin every file with a byte order mark.
                let start = if text.starts_with('\u{FEFF}') { 3 } else { 0 };
                Ok(text[start..].to_owned())
            }
            None => Ok(self.expression.clone().unwrap_or_default()),
        }
    }

    /// Opens the first file, or standard input, and reads the header.
    pub fn open(&self, settings: &Settings) -> anyhow::Result<(Input, Header)> {
        let rejects = settings.policy.file.as_deref();
        let written: Vec<_> = rejects
            .map(|path| ("--rejects", path))
            .into_iter()
            .collect();
        clash::refuse(&self.files(), &written)?;
        settings.policy.probe()?;
        let mut input =
            Input::files(&self.files(), Framing::Records(settings.dialect)).judging(settings.ends);
        let header = input.header()?;
        Ok((input, header))
    }

    /// The files to read; none is standard input; with `-f` there is no expression before them.
    pub fn files(&self) -> Vec<PathBuf> {
        let first = self
            .file
            .as_ref()
            .and(self.expression.as_ref())
            .map(PathBuf::from);
        first
            .into_iter()
            .chain(self.files.iter().cloned())
            .collect()
    }

    /// `--set` values by name; a later one replaces an earlier one.
    pub fn settings(&self) -> BTreeMap<String, String> {
        self.sets.set.iter().cloned().collect()
    }
}

/// Reads a delimiter: one byte, or a name for one that is hard to type.
pub fn delimiter(text: &str) -> Result<u8, String> {
    match text.as_bytes() {
        [byte] if !matches!(byte, b'"' | b'\n' | b'\r') => Ok(*byte),
        b"tab" | b"\\t" => Ok(b'\t'),
        b"space" => Ok(b' '),
        b"comma" => Ok(b','),
        b"semicolon" => Ok(b';'),
        b"pipe" => Ok(b'|'),
        _ => Err("the delimiter is one byte that is no quote or line end, or 'tab'".to_owned()),
    }
}

/// Reads one byte that ends no line.
pub fn one_byte(text: &str) -> Result<u8, String> {
    match text.as_bytes() {
        [byte] if !matches!(byte, b'\n' | b'\r') => Ok(*byte),
        _ => Err("give one byte".to_owned()),
    }
}

/// Every program's `main`.
pub fn main<T: Tool>() -> ExitCode {
    let command = T::command()
        .version(env!("CARGO_PKG_VERSION"))
        .arg(asking(
            "man",
            "Print the manual page (view it with: man -l -)",
        ))
        .arg(
            clap::Arg::new("completions")
                .long("completions")
                .value_name("SHELL")
                .value_parser(clap::value_parser!(clap_complete::Shell))
                .exclusive(true)
                .help("Print completions for bash, zsh, fish, elvish or powershell"),
        );
    let name = command.get_name().to_owned();
    ends::begin(&name, T::WRITES_STREAM);
    if let Err(error) = figures::begin(&name) {
        say(&name, &told(&error));
    }
    let has_language = command
        .get_arguments()
        .any(|arg| arg.get_id() == "expression");
    let mut command = match has_language {
        true => command
            .arg(asking("functions", "List the functions that EXPR can call"))
            .mut_arg("expression", |arg| match T::NEEDS_EXPRESSION {
                true => arg.required_unless_present("file"),
                false => arg,
            }),
        false => command,
    };
    let arguments = std::env::args_os().collect();
    let arguments = match T::TAKES_HYPHEN {
        true => hyphen::keys_apart(&command, arguments),
        false => arguments,
    };
    let matches = match command.try_get_matches_from_mut(arguments) {
        Ok(matches) => matches,
        Err(mut error) => {
            // No argument of ours is ever meant to be '-- --flag'.
            if error.kind() == clap::error::ErrorKind::UnknownArgument {
                error.remove(clap::error::ContextKind::Suggested);
            }
            return wrong_call(&name, &error);
        }
    };
    if let Some(shell) = matches.get_one::<clap_complete::Shell>("completions") {
        let mut text = Vec::new();
        clap_complete::generate(*shell, &mut command, name.clone(), &mut text);
        return print(&name, &text);
    }
    if has_language && matches.get_flag("functions") {
        return print(&name, listing::of_functions(T::more_functions()).as_bytes());
    }
    if matches.get_flag("man") {
        let mut text = Vec::new();
        return match clap_mangen::Man::new(command).render(&mut text) {
            Ok(()) => print(&name, &text),
            Err(error) => fail(&name, &error.into()),
        };
    }
    terminal::announce(&command, &matches);
    let tool = match T::from_arg_matches(&matches) {
        Ok(tool) => tool,
        Err(error) => return wrong_call(&name, &error),
    };
    match require_output().and_then(|()| tool.run()) {
        Ok(summary) => {
            for notice in stage::take_notices() {
                say(&name, &notice);
            }
            if !summary.notices.is_empty() {
                say(&name, &summary.notices.join("\n  "));
            }
            let mut carried = summary.carried;
            carried.add_rejected(summary.set_aside.count);
            succeed(&name, &carried, summary.exit_code)
        }
        Err(error) => fail(&name, &error),
    }
}

fn asking(name: &'static str, help: &'static str) -> clap::Arg {
    clap::Arg::new(name)
        .long(name)
        .action(clap::ArgAction::SetTrue)
        .exclusive(true)
        .help(help)
}

/// Prints clap's own words: help and version on standard output, a wrong call on standard error.
fn wrong_call(name: &str, error: &clap::Error) -> ExitCode {
    if !error.use_stderr() {
        return print(name, error.render().to_string().as_bytes());
    }
    let text = error.render().to_string();
    let text = text.strip_prefix("error: ").unwrap_or(&text).trim_end();
    say(name, text);
    ends::refuse(text);
    exit(Course::Failed, 2)
}

fn print(name: &str, text: &[u8]) -> ExitCode {
    figures::withdraw();
    match require_output().and_then(|()| Output::standard().write(text)) {
        Ok(_) => succeed(name, &Carried::default(), 0),
        Err(error) => fail(name, &error),
    }
}

/// Refuses to work where standard output is closed: what is written would be lost, and a load would be
/// committed that looks failed, so that a retry adds its records again.
fn require_output() -> anyhow::Result<()> {
    if standard::was_closed(libc::STDOUT_FILENO) {
        bail!("standard output is closed; send it to /dev/null if it is not wanted");
    }
    Ok(())
}

/// Ends well with this code, where the readers could be told so.
fn succeed(name: &str, carried: &Carried, code: u8) -> ExitCode {
    match ends::succeed(carried) {
        Ok(()) => exit(Course::Done, code),
        Err(error) => {
            say(name, &told(&error));
            match is_committed() {
                // Only the receipt is in doubt: a failure would have the work done again.
                true => exit(Course::Done, code),
                false => exit(Course::Failed, 1),
            }
        }
    }
}

fn fail(name: &str, error: &anyhow::Error) -> ExitCode {
    let message = told(error);
    let cause = error.downcast_ref::<Unclean>();
    // Said first: the readers may be slow to take the last of the output. A failure is said by the
    // program in which it happened and by the last one; those between have nothing to add.
    if !(cause.is_some_and(|cause| cause.is_told) && ends::writes_to_pipe()) {
        say(name, &message);
    }
    match error.is::<Usage>() {
        true => ends::refuse(&message),
        false => ends::fail(&message, cause),
    }
    let code = match error.downcast_ref::<Exited>() {
        Some(exited) => exited.code,
        None => 1 + u8::from(error.is::<Usage>()),
    };
    exit(Course::Failed, code)
}

/// The last word of all.
fn exit(course: Course, code: u8) -> ExitCode {
    figures::end(course, code.into());
    ExitCode::from(code)
}

/// An error with its causes in one line: `cannot open 'x.csv': no such file or directory`.
pub fn told(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for (place, cause) in error.chain().enumerate() {
        if place > 0 {
            text.push_str(": ");
        }
        text.push_str(&in_our_voice(cause));
    }
    text
}

/// The system's own words without its number, in lower case.
fn in_our_voice(cause: &(dyn std::error::Error + 'static)) -> String {
    let text = cause.to_string();
    let Some(error) = cause.downcast_ref::<std::io::Error>() else {
        return text;
    };
    let Some(number) = error.raw_os_error() else {
        return text;
    };
    let text = text
        .strip_suffix(&format!(" (os error {number})"))
        .unwrap_or(&text);
    let mut letters = text.chars();
    match letters.next() {
        Some(first) => first.to_lowercase().chain(letters).collect(),
        None => String::new(),
    }
}

/// Says something on standard error, in the voice of the program with this name. Control characters
/// that came with data are made visible: a header must not drive the terminal.
pub fn say(name: &str, message: &str) {
    let mut text = String::with_capacity(message.len() + name.len() + 3);
    text.push_str(name);
    text.push_str(": ");
    for letter in message.chars() {
        match letter {
            '\n' | '\t' => text.push(letter),
            control if control.is_control() => text.extend(control.escape_default()),
            letter => text.push(letter),
        }
    }
    text.push('\n');
    // If standard error is closed, nobody can be told.
    let _ = ready::write_all(libc::STDERR_FILENO, text.as_bytes());
}
