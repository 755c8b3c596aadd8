//! Files, which appear whole or not at all, and standard output.

use std::path::Path;

use anyhow::{Context, bail};

use crate::record::{Block, Dialect, Header};
use crate::stream::{AsideFile, Flow, Output};

use super::types::Found;
use super::{Committed, Encoder, Format, Mode, Parcel, Ready, Target, csv, jsonl, table};

/// How records become a text.
pub trait Form: Send {
    /// What stands before the first record.
    fn begin(&mut self, header: &Header, out: &mut Vec<u8>);

    /// Turns records into parcels.
    fn encoder(&self, header: &Header) -> Box<dyn Encoder>;

    /// Writes the next block's records.
    fn write(
        &mut self,
        block: &Block,
        parcel: &mut Parcel,
        output: &mut Output,
    ) -> anyhow::Result<Flow> {
        output.write_made(&block.bytes, &mut parcel.made)
    }

    /// What stands behind the last record.
    fn end(&mut self, out: &mut Vec<u8>);
}

/// The form of a format. `width`: the columns of the terminal that the text is for.
fn form(format: Format, dialect: Dialect, width: Option<usize>) -> Box<dyn Form> {
    match format {
        Format::Csv => Box::new(csv::Csv::new(dialect.delimiter, dialect.delimiter)),
        Format::Tsv => Box::new(csv::Csv::new(dialect.delimiter, b'\t')),
        Format::Jsonl => Box::new(jsonl::Json::lines()),
        Format::Json => Box::new(jsonl::Json::array()),
        Format::Markdown => Box::new(table::Table::markdown()),
        Format::Table => Box::new(table::Table::drawn(width)),
    }
}

/// A text on standard output or in a file.
pub struct Text {
    form: Box<dyn Form>,
    place: Place,
    name: String,
    mode: Mode,
    header: Option<Header>,
    inserted: u64,
}

enum Place {
    Standard(Output),
    File(AsideFile),
}

impl Text {
    /// On standard output.
    pub fn standard(format: Format, dialect: Dialect, width: Option<usize>) -> Self {
        Text {
            form: form(format, dialect, width),
            place: Place::Standard(Output::standard()),
            name: "-".to_owned(),
            mode: Mode::Replace,
            header: None,
            inserted: 0,
        }
    }

    /// In a file, which appears whole or not at all.
    ///
    /// # Errors
    /// It cannot be written; it is there already and `mode` is to create it.
    pub fn file(path: &Path, format: Format, dialect: Dialect, mode: Mode) -> anyhow::Result<Self> {
        let name = path.display().to_string();
        let aside = AsideFile::create(path)?;
        if mode == Mode::Create && !aside.is_new() {
            bail!("'{name}' is there already (--mode create)");
        }
        Ok(Text {
            form: form(format, dialect, None),
            place: Place::File(aside),
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

impl Place {
    fn output(&mut self) -> &mut Output {
        match self {
            Place::Standard(output) => output,
            Place::File(aside) => aside.output(),
        }
    }
}

impl Target for Text {
    fn meet(&mut self, header: &Header) -> anyhow::Result<bool> {
        self.header = Some(header.clone());
        Ok(false)
    }

    fn begin(&mut self, _found: Option<&[Found]>) -> anyhow::Result<Ready> {
        let header = self.header.take().context("no header was met")?;
        let mut bytes = Vec::new();
        self.form.begin(&header, &mut bytes);
        // A reader that has gone already will be noticed with the first block.
        self.write_bytes(&bytes)?;
        Ok(Ready {
            encoder: self.form.encoder(&header),
            notices: Vec::new(),
        })
    }

    fn write(&mut self, block: &Block, parcel: &mut Parcel) -> anyhow::Result<Flow> {
        self.inserted += parcel.made.records;
        self.form.write(block, parcel, self.place.output())
    }

    fn commit(mut self: Box<Self>) -> anyhow::Result<Committed> {
        let mut bytes = Vec::new();
        self.form.end(&mut bytes);
        self.write_bytes(&bytes)?;
        let mode = match self.place {
            Place::Standard(_) => None,
            Place::File(aside) => {
                let is_new = aside.is_new();
                match self.mode {
                    Mode::Create => aside.keep_new()?,
                    _ => aside.keep()?,
                }
                Some(if is_new { Mode::Create } else { Mode::Replace })
            }
        };
        Ok(Committed {
            mode,
            target: self.name,
            table: None,
            inserted: self.inserted,
            updated: 0,
        })
    }
}
