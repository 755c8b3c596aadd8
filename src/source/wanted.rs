//! Which fields are written of records that bring their own names.

use std::ops::Range;

use anyhow::bail;

use crate::record::{Block, Fault, counted};
use crate::stream::{Input, look_ahead};

/// What happens to a field that is none of the known ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extra {
    /// The record is bad.
    Fail,
    /// It is left out.
    Ignore,
    /// All of them become one text in a last column: a JSON object; of CSV, the rest of the record
    /// as it stands in the source.
    Column,
}

impl Extra {
    /// What is meant by a word of the command line.
    ///
    /// # Errors
    /// It is none of the three.
    pub fn named(text: &str) -> Result<Self, String> {
        match text {
            "fail" => Ok(Extra::Fail),
            "ignore" => Ok(Extra::Ignore),
            "column" => Ok(Extra::Column),
            _ => Err("give fail, ignore or column".to_owned()),
        }
    }
}

/// The name of the column for what is none of the known fields.
pub const EXTRA_COLUMN: &str = "_extra";

/// A look at the first records, to know the names of their fields.
pub trait Survey: Default {
    /// Takes in one record.
    ///
    /// # Errors
    /// It is none; nothing is taken in.
    fn look(&mut self, record: &[u8]) -> Result<(), Fault>;

    /// The names found so far, in order.
    ///
    /// # Errors
    /// A name that is not valid UTF-8.
    fn names(&self) -> Result<Vec<String>, Fault>;
}

/// The names of the fields of the first `count` records, which stay in `input`, and how many
/// records there were.
///
/// # Errors
/// No name was found.
pub fn survey<S: Survey>(input: &mut Input, count: usize) -> anyhow::Result<(Vec<String>, usize)> {
    let mut survey = S::default();
    let mut first_fault = None;
    let seen = look_ahead(input, count, &mut |block: &Block, unit: Range<usize>| {
        if let Err(fault) = survey.look(&block.bytes[unit.clone()]) {
            first_fault.get_or_insert_with(|| {
                format!("{}:{}: {fault}", block.place.source, block.line(unit.start))
            });
        }
    })?;
    let name = input.current_name();
    let names = survey
        .names()
        .map_err(|fault| anyhow::anyhow!("{name}: {fault}"))?;
    match (names.is_empty(), first_fault) {
        (false, _) => Ok((names, seen)),
        (true, Some(fault)) => bail!(fault),
        (true, None) if seen == 0 => {
            bail!("{name}: empty, and nothing else tells the columns; name them with -c")
        }
        (true, None) => bail!("{name}: its records have no fields; name columns with -c"),
    }
}

/// The fields that are known, and those of them that are written.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Names of the known fields, none twice.
    pub names: Vec<String>,
    /// What is written, in order, as places in `names`.
    pub picks: Vec<usize>,
    /// How many records were looked at to know the names; none where the user listed them.
    pub sampled: Option<usize>,
    /// What happens to others.
    pub extra: Extra,
    /// Texts that stand for null.
    pub nulls: Vec<Vec<u8>>,
}

impl Wanted {
    pub(super) fn is_null(&self, text: &[u8]) -> bool {
        self.nulls.iter().any(|null| null == text)
    }

    /// The fault that an unknown field is under [`Extra::Fail`].
    #[cold]
    pub(super) fn unknown(&self, name: &[u8]) -> Fault {
        let name = String::from_utf8_lossy(name);
        Fault::new(match self.sampled {
            Some(count) => format!(
                "the key '{name}' is not among those of the first {}; name the columns with -c, \
                 look at more records with --sample, or choose --extra column or --extra ignore",
                counted(count, "record")
            ),
            None => format!(
                "the key '{name}' is not listed by -c; list it, or choose --extra column or \
                 --extra ignore"
            ),
        })
    }
}

/// The fault that a field is when it stands twice in one record.
#[cold]
pub(super) fn repeated(name: &str) -> Fault {
    Fault::new(format!("the key '{name}' stands twice"))
}
