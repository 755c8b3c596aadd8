//! Which columns of a relation are asked for, and in which places of the answer they stand.

use crate::record::Header;

use super::super::List;

/// The columns that are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selection {
    /// Their names on the stream.
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
        let header = Header::new(columns).repaired();
        Ok(match list {
            None => Selection {
                picks: (0..header.len()).collect(),
                header,
            },
            Some(list) => {
                let (picks, names) = (list.select)(header.names())?.into_iter().unzip();
                Selection {
                    header: Header::new(names),
                    picks,
                }
            }
        })
    }
}

/// A query without what may stand behind its last word, so that another statement can enclose it.
pub fn sole(query: &str) -> &str {
    query.trim_end_matches(|letter: char| letter.is_whitespace() || letter == ';')
}
