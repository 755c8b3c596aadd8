//! Which columns of a relation are asked for, and the SELECT that asks for them.

use crate::record::Header;

use crate::record::List;

/// The columns that are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selection {
    /// All of the relation's columns, each by a name of its own.
    pub columns: Header,
    /// The names on the stream.
    pub header: Header,
    /// Their places among the relation's columns.
    pub picks: Vec<usize>,
}

impl Selection {
    /// What `list` selects of a relation with these columns; all where there is none.
    ///
    /// # Errors
    /// It selects what the relation does not have.
    pub fn new(columns: Vec<String>, list: Option<&List<'_>>) -> anyhow::Result<Self> {
        let columns = Header::new(columns).repaired();
        let (picks, header) = match list {
            None => ((0..columns.len()).collect(), columns.clone()),
            Some(list) => {
                let (picks, names) = (list.select)(columns.names())?.into_iter().unzip();
                (picks, Header::new(names))
            }
        };
        Ok(Selection {
            columns,
            header,
            picks,
        })
    }
}

/// A relation as a SELECT has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// What stands before the SELECT.
    pub with: String,
    /// What it selects from.
    pub from: String,
    /// What it calls the relation's columns.
    pub columns: Vec<String>,
}

impl Asked {
    /// The SELECT of the columns at these places, with what stands behind it: a condition, an order.
    pub fn select(&self, places: &[usize], behind: &str) -> String {
        let columns: Vec<&str> = places
            .iter()
            .map(|&place| self.columns[place].as_str())
            .collect();
        let columns = columns.join(", ");
        format!("{}SELECT {columns} FROM {} {behind}", self.with, self.from)
    }

    /// The SELECT of the truth of whether a record fulfils a condition.
    pub fn exists(&self, condition: &str) -> String {
        let (with, from) = (&self.with, &self.from);
        format!("{with}SELECT EXISTS (SELECT 1 FROM {from} WHERE {condition})")
    }

    /// The SELECT of the number of records, 2 at most, that fulfil a condition.
    pub fn count_to_two(&self, condition: &str) -> String {
        let (with, from) = (&self.with, &self.from);
        format!(
            "{with}SELECT count(*) FROM (SELECT 1 FROM {from} WHERE {condition} LIMIT 2) AS found"
        )
    }

    /// The SELECT of an expression over the record that is the first in the order of a column.
    pub fn first(&self, expression: &str, column: &str) -> String {
        let (with, from) = (&self.with, &self.from);
        format!("{with}SELECT {expression} FROM {from} ORDER BY {column} LIMIT 1")
    }

    /// Names for so many columns, whatever the relation calls them: a query may give one name twice.
    pub fn numbered(count: usize) -> Vec<String> {
        (1..=count).map(|number| format!("c{number}")).collect()
    }
}

/// A query without what may stand behind its last word, so that another statement can enclose it.
pub fn sole(query: &str) -> &str {
    query.trim_end_matches(|letter: char| letter.is_whitespace() || letter == ';')
}
