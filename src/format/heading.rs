//! The column names of CSV.

use anyhow::bail;

use crate::record::{Header, counted};
use crate::stream::Input;

/// Where the names come from.
#[derive(Clone, Debug)]
pub struct Heading {
    /// Whether the first record of every source is a header.
    pub is_there: bool,
    /// Names that the user gave instead, if any.
    pub names: Vec<String>,
}

impl Heading {
    /// Returns the header, with unique names; `input` then returns the records. If `has_extra`, the last column is
    /// not the source's own and is left out.
    ///
    /// # Errors
    /// The input is empty and nothing else tells the columns, or the number of names that the user gave differs
    /// from the number of columns.
    pub fn read(&self, input: &mut Input, has_extra: bool) -> anyhow::Result<Header> {
        let found = match self.is_there {
            true => Some(input.header_as_it_stands()?),
            false => input
                .first_record()?
                .map(|columns| Header::new(vec![String::new(); columns])),
        };
        let found = found.map(|found| {
            let own = found.len() - usize::from(has_extra);
            Header::new(found.names()[..own].to_vec())
        });
        let given = Header::new(self.names.clone());
        let name = input.current_name();
        match found {
            None if given.is_empty() => {
                bail!("{name}: empty, and without --names nothing tells its columns")
            }
            Some(found) if given.is_empty() => Ok(found.repaired()),
            Some(found) if found.len() != given.len() => bail!(
                "{name}: --names gives {} to {}",
                counted(given.len(), "name"),
                counted(found.len(), "column")
            ),
            _ => Ok(given.repaired()),
        }
    }
}
