//! The columns that the user lists, and the resulting header.

use std::sync::Arc;

use super::Header;
use crate::bytes::Dialect;

/// A list of columns, in whatever syntax it is written.
pub struct List<'l> {
    /// The names in the list, if it consists only of names. The flag says whether an index in the name counts, so
    /// that `a[0]` can also be the first element of `a`.
    pub names: Option<Vec<(String, bool)>>,
    /// Selects columns of a header; returns index and name of each.
    pub select: &'l Select<'l>,
    /// New and old name of each column that is listed by its name.
    pub renamed: Vec<(String, String)>,
    /// Finds the selected columns of a header that may lack some of them.
    pub find: Find,
}

/// Returns the indexes of the selected columns of a header that may lack some of them.
pub type Find = Arc<dyn Fn(&[String]) -> Vec<usize> + Send + Sync>;

/// Returns the indexes and names of the selected columns of a header.
pub type Select<'l> = dyn Fn(&[String]) -> anyhow::Result<Vec<(usize, String)>> + 'l;

/// Returns a message for a header with one column whose name contains a possible delimiter.
pub fn one_column(header: &Header, delimiter: u8, name: &str) -> Option<String> {
    let [only] = header.names() else {
        return None;
    };
    let mut bytes = only.bytes();
    let (shown, said) = bytes.find_map(|byte| Dialect::other_delimiter(delimiter, byte))?;
    let remedy = match only.strip_prefix("sep=") {
        Some(_) => "--sniff reads what this line says of the delimiter".to_owned(),
        None => format!("if {shown} is the delimiter, say -d {said}"),
    };
    Some(format!(
        "{name}: its header is one column, '{only}': {remedy}"
    ))
}
