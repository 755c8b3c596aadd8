//! Flags of incremental loads.

use std::fs::File;
use std::num::NonZeroU8;
use std::os::fd::AsFd;
use std::os::unix::fs::FileTypeExt;
use std::path::PathBuf;

use clap::Args;

use super::Usage;
use crate::checkpoint::Resume;
use crate::connector::sql::ByKey;
use crate::connector::stores::Address;
use crate::connector::target::Address as TargetAddress;
use crate::files::{Encoding, expanded, expanded_to_resume};
use crate::format::write::Format;
use crate::load::{Claim, Mode};
use crate::record::List;
use crate::resume::Following;
use crate::stream::Summary;
use crate::trust::{ends, rejects};
use crate::verb::extract::Reading;

/// The flags of a source that is read on.
#[derive(Args, Clone, Debug)]
pub struct ResumeFlags {
    /// Read on from where the last load of NAME into TARGET ended (see load --resume-name)
    #[arg(long, value_name = "TARGET#NAME")]
    resume: Option<Address>,

    /// With --resume: go on if what was read before is gone; with --resume-by, if all keys are smaller
    #[arg(long, requires = "resume")]
    accept_gap: bool,

    /// With --resume: take a last line without a newline as finished
    #[arg(long, requires = "resume")]
    accept_unfinished: bool,

    /// The exit code of an empty run.
    #[command(flatten)]
    pub empty: EmptyFlag,
}

/// What an empty run is.
#[derive(Args, Clone, Copy, Debug)]
pub struct EmptyFlag {
    /// Exit with CODE (1 to 255) where no record came; it is a clean end all the same
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
    /// Has rejects added to those of earlier runs, if the source is read on; comes first.
    pub fn begin(&self) {
        if self.resume.is_some() {
            rejects::resume();
        }
    }

    /// Asks the target, where the flag is given.
    ///
    /// # Errors
    /// The new position would reach nobody; the target cannot be asked.
    fn ask(&self) -> anyhow::Result<Option<Resume>> {
        let Some(address) = &self.resume else {
            return Ok(None);
        };
        refuse_no_reader()?;
        address.resume().map(Some)
    }

    /// How a database is read on by its column `by`, where that is asked.
    ///
    /// # Errors
    /// A wrong usage: one says nothing without the other; what is for files. The target cannot be
    /// asked.
    pub fn growing<'b>(&self, by: Option<&'b str>) -> anyhow::Result<Option<ByKey<'b>>> {
        if self.accept_unfinished {
            return Err(Usage::error(
                "--accept-unfinished says nothing about a database",
            ));
        }
        match (by, &self.resume) {
            (None, Some(_)) => Err(Usage::error(
                "--resume: a database is read on by a key; give --resume-by COLUMN",
            )),
            (Some(by), Some(_)) => Ok(self.ask()?.map(|resume| ByKey {
                resume,
                by,
                accept_gap: self.accept_gap,
            })),
            (_, None) => Ok(None),
        }
    }

    /// The files that are read.
    ///
    /// # Errors
    /// One does not exist; with --resume, standard input is a wrong usage.
    pub fn expanded(&self, sources: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
        let is_standard = |path: &PathBuf| path.as_os_str() == "-";
        match &self.resume {
            None => expanded(sources),
            Some(_) if sources.is_empty() || sources.iter().any(is_standard) => Err(Usage::error(
                "--resume reads files; standard input has no place to go on from",
            )),
            Some(_) => expanded_to_resume(sources),
        }
    }

    /// How the files are read on, where that is asked.
    ///
    /// # Errors
    /// A wrong usage: the format cannot be read on. The target cannot be asked.
    pub fn following(
        &self,
        sources: &[PathBuf],
        (reading, encoding): (&Reading, &Encoding),
        list: Option<&List<'_>>,
    ) -> anyhow::Result<Option<Following>> {
        let Some(address) = &self.resume else {
            return Ok(None);
        };
        let are_named = list.is_some_and(|list| list.names.is_some());
        let wrong = match reading {
            _ if !encoding.is_utf8() => Some(
                "--resume counts the bytes of UTF-8; convert what has another --encoding before it is read on",
            ),
            Reading::Csv { sniff: true, .. } => Some(
                "--sniff may guess otherwise in every run; with --resume, give --delimiter or --no-header",
            ),
            Reading::Csv {
                lenient: Some(_), ..
            } => Some(
                "--resume goes on behind the last whole record of strict CSV; it does not go with --ragged pad, --header-lines or a --delimiter of several characters",
            ),
            Reading::Units(reader) if reader.refuses_resume().is_some() => reader.refuses_resume(),
            Reading::Units(reader) if reader.is_keyed() && !are_named => Some(
                "with --resume, name the columns with -c: every run must have the same, and the first records of each may have others",
            ),
            _ => None,
        };
        if let Some(wrong) = wrong {
            return Err(Usage::error(wrong));
        }
        refuse_no_reader()?;
        Ok(Some(Following {
            resume: address.resume()?,
            sources: sources.to_vec(),
            accept_gap: self.accept_gap,
            accept_unfinished: self.accept_unfinished,
        }))
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
    /// As [`ResumeFlags::begin`].
    pub fn begin(&self) {
        if self.resume_name.is_some() {
            rejects::resume();
        }
    }

    /// The flow whose checkpoint is committed.
    pub fn flow(&self) -> Option<&str> {
        self.resume_name.as_deref()
    }

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
