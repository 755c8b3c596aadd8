//! Flags of incremental loads.

use std::fs::File;
use std::num::NonZeroU8;
use std::os::fd::AsFd;
use std::os::unix::fs::FileTypeExt;

use clap::Args;

use super::Usage;
use crate::database::checkpoints::Address;
use crate::source::resume::Resume;
use crate::stream::Summary;
use crate::target::{Address as TargetAddress, Claim, Format, Mode};
use crate::trust::ends;

/// The flags of a source that is read on.
#[derive(Args, Clone, Debug)]
pub struct ResumeFlags {
    /// Read on from where the last load of NAME into TARGET ended; 'load --resume-name NAME' commits
    #[arg(long, value_name = "TARGET#NAME")]
    resume: Option<Address>,

    /// With --resume: go on where what was read before is not found any more, as after a rotation
    #[arg(long, requires = "resume")]
    pub accept_gap: bool,

    /// The exit code of an empty run.
    #[command(flatten)]
    pub empty: EmptyFlag,
}

/// What an empty run is.
#[derive(Args, Clone, Copy, Debug)]
pub struct EmptyFlag {
    /// Exit with CODE (1 to 255) where no record came, which is a clean end all the same
    #[arg(long, value_name = "CODE")]
    exit_if_empty: Option<NonZeroU8>,
}

impl EmptyFlag {
    /// The same summary, with the exit code that it asks for.
    pub fn judge(self, summary: Summary) -> Summary {
        Summary {
            exit_code: match summary.records_in {
                0 => self.exit_if_empty.map_or(0, NonZeroU8::get),
                _ => 0,
            },
            ..summary
        }
    }
}

impl ResumeFlags {
    /// Asks the target, where the flag is given.
    ///
    /// # Errors
    /// The new position would reach nobody; the target cannot be asked.
    pub fn ask(&self) -> anyhow::Result<Option<Resume>> {
        let Some(address) = &self.resume else {
            return Ok(None);
        };
        refuse_no_reader()?;
        Resume::ask(address).map(Some)
    }

    /// Whether the flag is given.
    pub fn is_asked(&self) -> bool {
        self.resume.is_some()
    }
}

/// The new position travels beside a pipe. On a terminal or another device one only looks.
fn refuse_no_reader() -> anyhow::Result<()> {
    let is_device = || {
        let output = File::from(std::io::stdout().as_fd().try_clone_to_owned()?);
        Ok::<_, std::io::Error>(output.metadata()?.file_type().is_char_device())
    };
    if ends::has_note() || is_device().unwrap_or_default() {
        return Ok(());
    }
    Err(Usage::error(
        "--resume: what is read goes through a pipe to 'load --resume-name', which commits how far it came; standard output is no such pipe",
    ))
}

/// The flags of a load whose records come from a source that is read on.
#[derive(Args, Clone, Debug)]
pub struct CommitFlags {
    /// Commit how far 'extract --resume TARGET#NAME' read, in the same transaction as the records
    #[arg(long, value_name = "NAME")]
    resume_name: Option<String>,

    /// The exit code of an empty run.
    #[command(flatten)]
    pub empty: EmptyFlag,
}

impl CommitFlags {
    /// The checkpoint that is committed into a target of this address.
    pub fn claim(&self, address: &TargetAddress) -> Claim<'_> {
        match (address, &self.resume_name) {
            (TargetAddress::Standard { .. }, _) => Claim::Whatever,
            (_, None) => Claim::Nothing,
            (_, Some(name)) => Claim::Named(name),
        }
    }

    /// The mode of a load to this address: `asked`, else its default.
    ///
    /// # Errors
    /// A wrong usage: the target does not know the mode, or checkpoints do not go with it.
    pub fn mode(&self, address: &TargetAddress, asked: Option<Mode>) -> anyhow::Result<Mode> {
        let wrong = |message: String| Err(Usage::error(message));
        let default = match (address.is_database(), &self.resume_name) {
            (true, _) | (_, Some(_)) => Mode::Append,
            (false, None) => Mode::Replace,
        };
        let mode = asked.unwrap_or(default);
        match (address, mode, &self.resume_name) {
            (TargetAddress::Standard { .. }, ..) if asked.is_some() => {
                wrong("standard output has no --mode".to_owned())
            }
            (TargetAddress::Standard { .. }, _, Some(_)) => {
                wrong("standard output keeps no checkpoint: --resume-name is for tables and files".to_owned())
            }
            (TargetAddress::File { .. }, Mode::Upsert, _) => {
                wrong("a file has no keys: --mode create, replace or append".to_owned())
            }
            (TargetAddress::File { format, .. }, Mode::Append, _)
                if !matches!(format, Format::Csv | Format::Tsv | Format::Jsonl) =>
            {
                wrong("records are appended to csv, tsv and jsonl files alone; others are written whole: --mode replace".to_owned())
            }
            (address, Mode::Replace, Some(name)) if address.is_database() => wrong(format!(
                "--mode replace would drop what earlier loads of '{name}' have brought; with --resume-name, append or upsert"
            )),
            _ => Ok(mode),
        }
    }
}
