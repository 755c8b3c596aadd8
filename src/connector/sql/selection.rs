//! The columns that are read of a relation, and the SELECTs for them.

use crate::record::Header;

use crate::record::List;

/// The columns that are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selection {
    /// All of the relation's columns, with unique names.
    pub columns: Header,
    /// Their names on the stream.
    pub header: Header,
    /// Their positions among the relation's columns.
    pub picks: Vec<usize>,
}

impl Selection {
    /// Returns what `list` selects of a relation with these columns; all columns without a list.
    ///
    /// # Errors
    /// It selects a column that the relation does not have.
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

/// The parts of a SELECT from a relation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// What precedes the SELECT.
    pub with: String,
    /// What it selects from.
    pub from: String,
    /// The names of the relation's columns in it.
    pub columns: Vec<String>,
}

impl Asked {
    /// Returns the SELECT of the columns at these positions; `behind` is a condition or an order at its end.
    pub fn select(&self, places: &[usize], behind: &str) -> String {
        let columns: Vec<&str> = places
            .iter()
            .map(|&place| self.columns[place].as_str())
            .collect();
        let columns = columns.join(", ");
        format!("{}SELECT {columns} FROM {} {behind}", self.with, self.from)
    }

    /// Returns the SELECT of whether any record fulfils a condition.
    pub fn exists(&self, condition: &str) -> String {
        let (with, from) = (&self.with, &self.from);
        format!("{with}SELECT EXISTS (SELECT 1 FROM {from} WHERE {condition})")
    }

    /// Returns the SELECT of the number of records, at most 2, that fulfil a condition.
    pub fn count_to_two(&self, condition: &str) -> String {
        let (with, from) = (&self.with, &self.from);
        format!(
            "{with}SELECT count(*) FROM (SELECT 1 FROM {from} WHERE {condition} LIMIT 2) AS found"
        )
    }

    /// Returns the SELECT of an expression over the first record in the order of a column.
    pub fn first(&self, expression: &str, column: &str) -> String {
        let (with, from) = (&self.with, &self.from);
        format!("{with}SELECT {expression} FROM {from} ORDER BY {column} LIMIT 1")
    }

    /// Returns names for `count` columns, independent of the relation's own: a query may use one name twice.
    pub fn numbered(count: usize) -> Vec<String> {
        (1..=count).map(|number| format!("c{number}")).collect()
    }
}

/// Returns a query without trailing white space and semicolons, so that another statement can contain it.
pub fn sole(query: &str) -> &str {
    query.trim_end_matches(|letter: char| letter.is_whitespace() || letter == ';')
}
