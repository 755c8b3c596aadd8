//! Holds records until all of them were read: in memory while they are few, then in an unnamed temporary file,
//! which disappears however the program ends.

use std::io::{Seek, SeekFrom, Write};
use std::sync::Arc;

use anyhow::Context;
use tempfile::SpooledTempFile;

use crate::bytes::Dialect;
use crate::record::{Block, Header};
use crate::stream::{Framing, Input, Made, Opener, Source};

/// Bytes kept in memory before spilling to disk.
const IN_MEMORY: usize = 32 << 20;

/// Records that all have the same number of columns.
pub struct Spool {
    file: SpooledTempFile,
    dialect: Dialect,
}

impl Spool {
    /// Creates an empty spool for records with this many columns.
    pub fn new(columns: usize, dialect: Dialect) -> anyhow::Result<Self> {
        let mut spool = Spool {
            file: SpooledTempFile::new(IN_MEMORY),
            dialect,
        };
        // The reader ignores these names, but with a header no data can be mistaken for a byte order mark or for
        // the magic number of a compressed file.
        let names = (1..=columns).map(|number| format!("c{number}")).collect();
        let mut head = Vec::new();
        Header::new(names).write(dialect.delimiter, &mut head);
        spool.file.write_all(&head).context("cannot keep records")?;
        Ok(spool)
    }

    /// Writes what was made from a block.
    pub fn write(&mut self, block: &Block, made: &mut Made) -> anyhow::Result<()> {
        for slice in made.slices(&block.bytes) {
            self.file.write_all(&slice).with_context(|| {
                format!(
                    "cannot keep records in the temporary directory '{}' (set TMPDIR for another)",
                    std::env::temp_dir().display()
                )
            })?;
        }
        Ok(())
    }

    /// Returns the records as an input.
    pub fn into_input(mut self) -> anyhow::Result<Input> {
        self.file
            .seek(SeekFrom::Start(0))
            .context("cannot read the kept records")?;
        let file = self.file;
        let opener: Opener =
            Box::new(move || Ok(Source::own(Arc::from("the kept records"), Box::new(file))));
        let mut input = Input::new([opener], Framing::Records(self.dialect)).again();
        input.header()?;
        Ok(input)
    }
}
