//! The entries of the table of formats.

use std::fmt;

use super::read::Reader;

/// A format that `extract` reads: its entry in the table.
pub struct Format {
    /// Its name for `--from`.
    pub name: &'static str,
    /// Other names.
    pub aliases: &'static [&'static str],
    /// Endings of files in this format, without the dot.
    pub endings: &'static [&'static str],
    /// Flags of `extract` for this format alone.
    pub flags: &'static [Flag],
    /// Whether `--names` can name its columns.
    pub takes_names: bool,
    /// How it is read.
    pub read: Read,
}

/// A flag for one format.
pub struct Flag {
    /// Its name, without the dashes.
    pub name: &'static str,
    /// What stands for its value in the help.
    pub value: &'static str,
    /// Its help text.
    pub help: &'static str,
}

/// How a format is read.
pub enum Read {
    /// As CSV with this delimiter.
    Csv(u8),
    /// As lines or values, by a reader that is built from the user's settings.
    Units(fn(&Said<'_>) -> Result<Box<dyn Reader>, String>),
}

/// The user's settings for a format.
pub struct Said<'s> {
    /// Returns the value of a flag.
    pub flag: &'s dyn Fn(&str) -> Option<&'s str>,
    /// The names of the columns from `--names`.
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
