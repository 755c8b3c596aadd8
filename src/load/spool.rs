//! Records kept aside until all of them were seen: in memory as long as they are few, then in a
//! file without a name, which is gone whatever becomes of the program.

use std::io::{Seek, SeekFrom, Write};
use std::sync::Arc;

use anyhow::Context;
use tempfile::SpooledTempFile;

use crate::bytes::Dialect;
use crate::record::{Block, Header};
use crate::stream::{Framing, Input, Made, Opener, Source};

/// Bytes kept in memory.
const IN_MEMORY: usize = 32 << 20;

/// Records of one number of columns.
pub struct Spool {
    file: SpooledTempFile,
    dialect: Dialect,
}

impl Spool {
    /// An empty spool for records of so many columns.
    pub fn new(columns: usize, dialect: Dialect) -> anyhow::Result<Self> {
        let mut spool = Spool {
            file: SpooledTempFile::new(IN_MEMORY),
            dialect,
        };
        // The names are of no use to the reader, but no byte of data may stand where a byte
        // order mark or a compressed file's magic number would be looked for.
        let names = (1..=columns).map(|number| format!("c{number}")).collect();
        let mut head = Vec::new();
        Header::new(names).write(dialect.delimiter, &mut head);
        spool.file.write_all(&head).context("cannot keep records")?;
        Ok(spool)
    }

    /// Keeps what was made of a block.
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

    /// All that was kept, to be read again.
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
