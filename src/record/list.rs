//! The columns that the user lists, and the header that comes of them.

use std::sync::Arc;

use super::Header;
use crate::bytes::Dialect;

/// A list of columns, whatever language it is written in.
pub struct List<'l> {
    /// The names that it asks for, where it asks by nothing else, and of each whether an index in it
    /// counts: `a[0]` is then the first element of `a`, too.
    pub names: Option<Vec<(String, bool)>>,
    /// The columns that it selects of a header: place and name of each.
    pub select: &'l Select<'l>,
    /// The new and the old names of the columns that it asks for by their names.
    pub renamed: Vec<(String, String)>,
    /// Finds the columns that it selects of a header that may lack some.
    pub find: Find,
}

/// The places of the columns that are selected of a header that may lack some.
pub type Find = Arc<dyn Fn(&[String]) -> Vec<usize> + Send + Sync>;

/// The places and names of the columns that are selected of a header.
pub type Select<'l> = dyn Fn(&[String]) -> anyhow::Result<Vec<(usize, String)>> + 'l;

/// What to say of a header that is one column and has in it what may be the delimiter.
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
