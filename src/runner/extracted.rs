//! Reads a lookup table through our own `extract`, so that every format it supports can be looked up in.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use anyhow::{Context, bail};

use crate::bytes::Dialect;
use crate::record::Header;
use crate::stream::{Framing, Input, Opener, Source};
use crate::trust::figures;

/// A table that is being read.
pub struct Extracted {
    /// Its records.
    pub input: Input,
    /// Its columns.
    pub header: Header,
    child: Child,
    name: String,
}

impl Extracted {
    /// Starts to read a table: a file, or a database table or query.
    ///
    /// # Errors
    /// `extract` cannot be run, or the table cannot be read.
    pub fn start(table: &str, query: Option<&str>) -> anyhow::Result<Self> {
        let mut command = Command::new(program());
        command
            .arg(table)
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        if let Some(query) = query {
            command.args(["--query", query]);
        }
        // It is part of this stage, not a stage of its own.
        command.env_remove(figures::DIRECTORY);
        let mut child = command.spawn().context("cannot run 'extract'")?;
        let stdout = child.stdout.take().context("'extract' has no output")?;
        let name: Arc<str> = Arc::from(format!("'{table}'"));
        let source = Source::inner(name, File::from(OwnedFd::from(stdout)));
        let opener: Opener = Box::new(move || Ok(source));
        let mut input = Input::new([opener], Framing::Records(Dialect::STREAM)).again();
        match input.header() {
            Ok(header) => Ok(Extracted {
                input,
                header,
                child,
                name: table.to_owned(),
            }),
            Err(error) => {
                ended(&mut child, table)?;
                Err(error)
            }
        }
    }

    /// Checks, after all records were read, that `extract` succeeded.
    ///
    /// # Errors
    /// `extract` failed; it reported why.
    pub fn finish(mut self) -> anyhow::Result<()> {
        ended(&mut self.child, &self.name)
    }
}

fn ended(child: &mut Child, table: &str) -> anyhow::Result<()> {
    let status = child.wait().context("cannot wait for 'extract'")?;
    if !status.success() {
        bail!("the table '{table}' cannot be read");
    }
    Ok(())
}

/// Returns the `extract` next to this program, or else the one in `PATH`.
fn program() -> PathBuf {
    let beside = std::env::current_exe().ok();
    let beside = beside.map(|own| own.with_file_name("extract"));
    match beside {
        Some(path) if path.is_file() => path,
        _ => PathBuf::from("extract"),
    }
}
