//! Files, which appear whole or not at all, and standard output.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use tempfile::NamedTempFile;

use crate::record::{Block, Dialect, Header};
use crate::stream::{Flow, Output};

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
    output: Output,
    aside: Option<Aside>,
    name: String,
    header: Option<Header>,
    inserted: u64,
}

impl Text {
    /// On standard output.
    pub fn standard(format: Format, dialect: Dialect, width: Option<usize>) -> Self {
        Text {
            form: form(format, dialect, width),
            output: Output::standard(),
            aside: None,
            name: "-".to_owned(),
            header: None,
            inserted: 0,
        }
    }

    /// In a file, written aside and renamed at the end. What is no regular file (a device, a
    /// named pipe) is written as it is.
    pub fn file(path: &Path, format: Format, dialect: Dialect, mode: Mode) -> anyhow::Result<Self> {
        let name = path.display().to_string();
        let aside = Aside::beside(path, mode)?;
        let file = match &aside {
            Some(aside) => aside.file.as_file().try_clone(),
            None => File::options().write(true).open(path),
        }
        .with_context(|| format!("cannot write '{name}'"))?;
        Ok(Text {
            form: form(format, dialect, None),
            output: Output::file(file, &name),
            aside,
            name,
            header: None,
            inserted: 0,
        })
    }

    fn write_bytes(&mut self, bytes: &[u8]) -> anyhow::Result<Flow> {
        match bytes {
            [] => Ok(Flow::More),
            _ => self.output.write(bytes),
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
        self.form.write(block, parcel, &mut self.output)
    }

    fn commit(mut self: Box<Self>) -> anyhow::Result<Committed> {
        let mut bytes = Vec::new();
        self.form.end(&mut bytes);
        self.write_bytes(&bytes)?;
        let mode = match self.aside.take() {
            Some(aside) => Some(aside.rename()?),
            None => None,
        };
        Ok(Committed {
            mode,
            target: self.name.clone(),
            table: None,
            inserted: self.inserted,
            updated: 0,
        })
    }
}

/// A file that is not there yet: it has a name of its own in the target's directory until all of
/// it is on the disk.
pub struct Aside {
    file: NamedTempFile,
    path: PathBuf,
    mode: Mode,
    replaces: bool,
}

impl Aside {
    /// Opens one beside `path`, and follows a link that stands there. None where `path` is no
    /// regular file.
    ///
    /// # Errors
    /// The directory cannot be written; the file is there and must not be, or may not be written.
    pub fn beside(path: &Path, mode: Mode) -> anyhow::Result<Option<Self>> {
        let name = path.display();
        let path = match fs::canonicalize(path) {
            Ok(real) => real,
            Err(error) if error.kind() == io::ErrorKind::NotFound => path.to_owned(),
            Err(error) => return Err(error).with_context(|| format!("cannot write '{name}'")),
        };
        let old = match fs::metadata(&path) {
            Ok(metadata) if metadata.is_dir() => bail!("'{name}' is a directory"),
            Ok(metadata) if is_channel(&metadata) => return Ok(None),
            Ok(metadata) => Some(metadata),
            Err(_) => None,
        };
        if old.is_some() {
            if mode == Mode::Create {
                bail!("'{name}' is there already (--mode create)");
            }
            // Renaming asks only the directory; whoever protected the file meant the content.
            File::options()
                .append(true)
                .open(&path)
                .with_context(|| format!("cannot write '{name}'"))?;
        }
        let file = tempfile::Builder::new()
            .prefix(".load-")
            .permissions(fs::Permissions::from_mode(0o666))
            .tempfile_in(directory(&path))
            .map_err(|error| match error.raw_os_error() {
                // Not with the name of a file that the user never asked for.
                Some(number) => io::Error::from_raw_os_error(number),
                None => error,
            })
            .with_context(|| format!("cannot write '{name}'"))?;
        if let Some(old) = &old {
            file.as_file()
                .set_permissions(old.permissions())
                .with_context(|| format!("cannot write '{name}'"))?;
        }
        Ok(Some(Aside {
            file,
            path,
            mode,
            replaces: old.is_some(),
        }))
    }

    /// The path at which it stands for now.
    pub fn path(&self) -> &Path {
        self.file.path()
    }

    /// Puts it in its place, once it is on the disk.
    pub fn rename(mut self) -> anyhow::Result<Mode> {
        let name = self.path.display().to_string();
        self.file
            .flush()
            .and_then(|()| self.file.as_file().sync_all())
            .with_context(|| format!("cannot write '{name}'"))?;
        let persisted = if self.mode == Mode::Create {
            self.file.persist_noclobber(&self.path)
        } else {
            self.file.persist(&self.path)
        };
        if let Err(failed) = persisted {
            if failed.error.kind() == io::ErrorKind::AlreadyExists {
                bail!("'{name}' appeared while the records were read");
            }
            return Err(failed.error).with_context(|| format!("cannot write '{name}'"));
        }
        // The name is on the disk with its directory; where that cannot be synced, it follows.
        if let Ok(directory) = File::open(directory(&self.path)) {
            let _ = directory.sync_all();
        }
        Ok(if self.replaces {
            Mode::Replace
        } else {
            Mode::Create
        })
    }
}

fn directory(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

fn is_channel(metadata: &fs::Metadata) -> bool {
    let kind = metadata.file_type();
    kind.is_char_device() || kind.is_block_device() || kind.is_fifo() || kind.is_socket()
}
