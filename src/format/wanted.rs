//! Which fields are written of records that carry their own names.

use std::ops::Range;

use anyhow::bail;

use crate::record::nearest;
use crate::record::{Block, Fault, counted};
use crate::stream::{Convert, Input, look_ahead};

/// What happens to an unknown field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extra {
    /// The record is bad.
    Fail,
    /// It is left out.
    Ignore,
    /// All unknown fields become one text in a last column: a JSON object, or in CSV the rest of the record as it
    /// is in the source.
    Column,
}

impl Extra {
    /// Returns what a word of the command line means.
    ///
    /// # Errors
    /// The word is none of the three.
    pub fn named(text: &str) -> Result<Self, String> {
        match text {
            "fail" => Ok(Extra::Fail),
            "ignore" => Ok(Extra::Ignore),
            "column" => Ok(Extra::Column),
            _ => Err("give fail, ignore or column".to_owned()),
        }
    }
}

/// The name of the column for unknown fields.
pub const EXTRA_COLUMN: &str = "_extra";

/// Looks at the first records to find the names of their fields.
pub trait Survey: Default {
    /// Adds the names of one record.
    ///
    /// # Errors
    /// It is not a record; no name is added.
    fn look(&mut self, record: &[u8]) -> Result<(), Fault>;

    /// Returns the names found so far, in order.
    ///
    /// # Errors
    /// A name is not valid UTF-8.
    fn names(&self) -> Result<Vec<String>, Fault>;
}

/// Returns the names of the fields of the first `count` records, which stay in `input`, and how many records there
/// were.
///
/// # Errors
/// No name was found, or the input cannot be read.
pub fn survey<S: Survey>(input: &mut Input, count: usize) -> anyhow::Result<(Vec<String>, usize)> {
    let mut survey = S::default();
    let mut first_fault = None;
    let seen = look_ahead(
        input,
        count..=count,
        &mut |block: &Block, unit: Range<usize>| {
            if let Err(fault) = survey.look(&block.bytes[unit.clone()]) {
                first_fault.get_or_insert_with(|| {
                    format!("{}:{}: {fault}", block.place.source, block.line(unit.start))
                });
            }
        },
    )?;
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

/// Returns the names of the fields of some of the first records, which stay in `input`: those that arrive together
/// with the first one. Units that are not records are ignored.
///
/// # Errors
/// The input cannot be read.
pub fn glance<S: Survey>(input: &mut Input) -> anyhow::Result<Vec<String>> {
    const MOST: usize = 100;
    let mut survey = S::default();
    look_ahead(input, 1..=MOST, &mut |block: &Block, unit: Range<usize>| {
        let _ = survey.look(&block.bytes[unit]);
    })?;
    Ok(survey.names().unwrap_or_default())
}

/// A converter that knows which requested fields no record had.
pub trait Keyed: Convert {
    /// Returns the fields that none of a thread's records had, as indexes into [`WantedFields::names`].
    fn unseen(scratch: &Self::Scratch) -> &[usize];
}

/// Removes from `unseen` the fields that a record has.
#[inline(always)]
pub(crate) fn see(unseen: &mut Vec<usize>, is_absent: impl Fn(usize) -> bool) {
    if !unseen.is_empty() {
        unseen.retain(|name| is_absent(*name));
    }
}

/// Returns a notice about requested fields that are in no record; `there` are fields that exist.
pub fn notice_of_unseen<'n>(
    unseen: impl Iterator<Item = &'n String>,
    there: &[String],
) -> Option<String> {
    const LISTED: usize = 10;
    let shown = |name: &String| name.replace(char::is_control, " ");
    let named = |name: &String| match nearest(name, there) {
        Some(near) => format!("'{}' (did you mean '{}'?)", shown(name), shown(near)),
        None => format!("'{}'", shown(name)),
    };
    let unseen: Vec<&String> = unseen.collect();
    let listed: Vec<String> = unseen.iter().take(LISTED).map(|name| named(name)).collect();
    let more = match unseen.len() - listed.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let keys = if unseen.len() == 1 { "key" } else { "keys" };
    let listed = listed.join(", ");
    (!unseen.is_empty()).then(|| format!("no record has the {keys} {listed}{more}"))
}

/// The known fields, and which of them are written.
#[derive(Clone, Debug)]
pub struct WantedFields {
    /// Names of the known fields, without duplicates.
    pub names: Vec<String>,
    /// For each name, whether an index in it counts: `a[0]` is then also the first element of `a`. If this is
    /// empty, no index counts.
    pub indexed: Vec<bool>,
    /// What is written, in order, as indexes into `names`.
    pub picks: Vec<usize>,
    /// How many records were looked at to find the names; `None` if the user listed them.
    pub sampled: Option<usize>,
    /// What happens to unknown fields.
    pub extra: Extra,
    /// Texts that stand for null.
    pub nulls: Vec<Vec<u8>>,
}

impl WantedFields {
    pub(crate) fn is_null(&self, text: &[u8]) -> bool {
        self.nulls.iter().any(|null| null == text)
    }

    /// Returns the names that the user listed; none if they are those of the first records.
    pub(crate) fn asked(&self) -> Vec<String> {
        match self.sampled {
            None => self.names.clone(),
            Some(_) => Vec::new(),
        }
    }

    /// Returns what a thread has not seen at its start: all that the user listed.
    pub(crate) fn unseen(&self) -> Vec<usize> {
        match self.sampled {
            None => (0..self.names.len()).collect(),
            Some(_) => Vec::new(),
        }
    }

    /// Returns the fault for an unknown field under [`Extra::Fail`].
    #[cold]
    pub(crate) fn unknown(&self, name: &[u8]) -> Fault {
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

/// Returns the fault for a field that occurs twice in one record.
#[cold]
pub(crate) fn repeated(name: &str) -> Fault {
    Fault::new(format!("the key '{name}' stands twice"))
}
