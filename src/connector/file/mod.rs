//! Files, which appear complete or not at all, and standard output.

mod append;
pub mod sidecar;
mod turn;

use std::path::Path;

use anyhow::{Context, bail};

use crate::bytes::Dialect;
use crate::record::{Block, Header};
use crate::stream::{AsideFile, Flow, Output};
use crate::trust::{Checkpoint, committing, stage};
use sidecar::{Exchange, Identity, Standing};

use crate::connector::file::append::Old;
use crate::format::write::form::Form;
use crate::format::write::{Format, csv, jsonl, table};
use crate::load::{Committed, LastStep, Mode, Parcel, Ready, Start, Target, Types};

/// Returns the form of a format. `width` is the number of columns of the terminal that the text is for.
fn form(format: Format, dialect: Dialect, width: Option<usize>) -> Box<dyn Form> {
    match format {
        Format::Csv => Box::new(csv::Csv::new(dialect.delimiter, dialect.delimiter)),
        Format::Tsv => Box::new(csv::Csv::new(dialect.delimiter, b'\t')),
        Format::Jsonl => Box::new(jsonl::Json::lines()),
        Format::Json => Box::new(jsonl::Json::array()),
        Format::Markdown => Box::new(table::TableWriter::markdown()),
        Format::Table => Box::new(table::TableWriter::drawn(width)),
    }
}

/// Returns how a format writes its header in files that can be appended to; None if it has no header.
fn headed(format: Format, dialect: Dialect) -> Option<Dialect> {
    match format {
        Format::Csv => Some(dialect),
        Format::Tsv => Some(Dialect::delimited(b'\t')),
        _ => None,
    }
}

/// A target that is standard output or a file.
pub struct Text {
    form: Box<dyn Form>,
    /// How the header line is written; None if the format has none.
    headed: Option<Dialect>,
    /// In append mode, the file that records are appended to; the inner None means that it does not exist.
    continued: Option<Option<Old>>,
    place: Destination,
    name: String,
    mode: Mode,
    header: Option<Header>,
    inserted: u64,
}

enum Destination {
    Standard(Output),
    File(AsideFile),
}

impl Text {
    /// Creates a target on standard output.
    pub fn standard(format: Format, dialect: Dialect, width: Option<usize>) -> Self {
        Text {
            form: form(format, dialect, width),
            headed: None,
            continued: None,
            place: Destination::Standard(Output::standard()),
            name: "-".to_owned(),
            mode: Mode::Replace,
            header: None,
            inserted: 0,
        }
    }

    /// Creates a target for a file, which appears complete or not at all.
    ///
    /// # Errors
    /// The file cannot be written; it exists and `mode` is to create it; it would be replaced although checkpoints
    /// other than that of `flow` refer to it.
    pub fn file(
        path: &Path,
        (format, dialect): (Format, Dialect),
        mode: Mode,
        flow: Option<&str>,
    ) -> anyhow::Result<Self> {
        let name = path.display().to_string();
        let aside = AsideFile::create(path)?;
        if mode != Mode::Append {
            sidecar::check_new(path, flow)?;
        }
        if mode == Mode::Create && !aside.is_new() {
            bail!("'{name}' is there already (--mode create)");
        }
        let continued = match mode {
            Mode::Append if aside.is_renamed() => Some(Old::open(aside.path())?),
            _ => None,
        };
        Ok(Text {
            form: form(format, dialect, None),
            headed: headed(format, dialect),
            continued,
            place: Destination::File(aside),
            name,
            mode,
            header: None,
            inserted: 0,
        })
    }

    fn write_bytes(&mut self, bytes: &[u8]) -> anyhow::Result<Flow> {
        match bytes {
            [] => Ok(Flow::More),
            _ => self.place.output().write(bytes),
        }
    }
}

impl Destination {
    fn output(&mut self) -> &mut Output {
        match self {
            Destination::Standard(output) => output,
            Destination::File(aside) => aside.output(),
        }
    }
}

impl Target for Text {
    fn meet(&mut self, header: &Header) -> anyhow::Result<Types> {
        self.header = Some(header.clone());
        if let (Some(Some(old)), Some(dialect)) = (&self.continued, self.headed)
            && !old.is_empty()
        {
            old.refuse_others(header, dialect)?;
        }
        Ok(Types::Known)
    }

    fn begin(&mut self, _: Start<'_>) -> anyhow::Result<Ready> {
        let header = self.header.take().context("no header was met")?;
        match &self.continued {
            Some(Some(old)) if !old.is_empty() => stage::during("copying the old records", || {
                old.copy(self.headed, self.place.output())
            })?,
            _ => {
                let mut bytes = Vec::new();
                self.form.begin(&header, &mut bytes);
                // If the reader has gone, the first block will show it.
                self.write_bytes(&bytes)?;
            }
        }
        Ok(Ready {
            encoder: self.form.encoder(&header),
            notices: Vec::new(),
        })
    }

    fn write(&mut self, block: &Block, parcel: &mut Parcel) -> anyhow::Result<Flow> {
        self.inserted += parcel.made.records;
        self.form.write(block, parcel, self.place.output())
    }

    fn commit(
        mut self: Box<Self>,
        checkpoint: Option<&Checkpoint>,
        last: &mut LastStep<'_>,
    ) -> anyhow::Result<Committed> {
        let mut bytes = Vec::new();
        self.form.end(&mut bytes);
        self.write_bytes(&bytes)?;
        let mode = match self.place {
            Destination::Standard(_) => None,
            Destination::File(mut aside) => {
                let is_new = aside.is_new();
                let continued = self.continued.map(|old| old.map(|old| old.standing));
                stage::enter("flushing to disk");
                aside.settle()?;
                last()?;
                stage::enter("committing");
                put(
                    aside,
                    &self.name,
                    self.mode,
                    continued,
                    checkpoint,
                    self.inserted,
                )?;
                Some(if is_new { Mode::Create } else { self.mode })
            }
        };
        Ok(Committed {
            mode,
            target: self.name,
            table: None,
            inserted: self.inserted,
            ..Committed::default()
        })
    }
}

/// Moves the file into place, together with the checkpoint of its new records.
fn put(
    aside: AsideFile,
    name: &str,
    mode: Mode,
    continued: Option<Option<Standing>>,
    checkpoint: Option<&Checkpoint>,
    records: u64,
) -> anyhow::Result<()> {
    let path = aside.path().to_owned();
    let is_renamed = aside.is_renamed();
    let temporary = aside.temporary_path().to_owned();
    let keep = || match (is_renamed, mode) {
        (true, Mode::Create) => committing(|| aside.keep_new()),
        (true, _) => committing(|| aside.keep()),
        // The records are already at their destination, so there is nothing to commit.
        (false, _) => aside.keep(),
    };
    match (is_renamed, checkpoint, continued) {
        (_, None, None) | (false, None, _) => keep(),
        (false, Some(_), _) => bail!("'{name}' is no regular file, and keeps no checkpoint"),
        (true, checkpoint, continued) => {
            let metadata =
                std::fs::metadata(&temporary).with_context(|| format!("cannot write '{name}'"))?;
            let exchange = Exchange {
                path: &path,
                shown: Path::new(name),
                continued,
                new: Identity::of(&metadata),
                records,
            };
            exchange.commit(checkpoint, keep)
        }
    }
}
