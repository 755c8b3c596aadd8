//! What the table of formats says of each.

use std::fmt;

use super::read::Reader;

/// A format that `extract` reads: its line in the table.
pub struct Format {
    /// What `--from` calls it.
    pub name: &'static str,
    /// Other names.
    pub aliases: &'static [&'static str],
    /// Endings of files that have it, without the point.
    pub endings: &'static [&'static str],
    /// Flags of `extract` that are about it alone.
    pub flags: &'static [Flag],
    /// Whether `--names` can name its columns.
    pub takes_names: bool,
    /// How it is read.
    pub read: Read,
}

/// A flag that is about one format.
pub struct Flag {
    /// Its name, without the dashes.
    pub name: &'static str,
    /// What stands for its value in help.
    pub value: &'static str,
    /// What it says.
    pub help: &'static str,
}

/// How a format is read.
pub enum Read {
    /// As CSV with this delimiter.
    Csv(u8),
    /// As lines or values, by the reader that comes of what the user said.
    Units(fn(&Said<'_>) -> Result<Box<dyn Reader>, String>),
}

/// What the user said about a format.
pub struct Said<'s> {
    /// The value of a flag.
    pub flag: &'s dyn Fn(&str) -> Option<&'s str>,
    /// The columns' names by `--names`.
    pub names: &'s [String],
}

impl PartialEq for Format {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl fmt::Debug for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}
