//! What is wrong with one record, in words for the person who must mend it.

use std::fmt;

use super::Dialect;

/// The most characters of a name that a fault shows.
const LONGEST_NAME: usize = 100;

/// A reason why one record cannot be used, without its place: the driver knows file and line and
/// puts them in front. Worded as `price: 'abc' is not a number`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault(Box<str>);

impl Fault {
    /// A fault with this wording: lower case, the culprit in single quotes, no full stop.
    pub fn new(message: impl Into<String>) -> Self {
        Fault(message.into().into_boxed_str())
    }

    /// A quote that opens or closes where no field begins or ends.
    pub fn stray_quote() -> Self {
        Fault::new(
            "a quote in the middle of a field; quote the whole field and double the quote, or \
             read quotes as text with 'extract --quote none'",
        )
    }

    /// The same of a quote that stands here, or right before here, in bytes with this delimiter: with
    /// what its neighbour suggests.
    pub fn stray_quote_in(bytes: &[u8], place: usize, delimiter: u8) -> Self {
        let before = place.checked_sub(1).and_then(|before| bytes.get(before));
        let beside = match bytes.get(place) {
            Some(b'"' | b'\'') => before,
            other => other,
        };
        if before == Some(&b'\r') {
            return Fault::new(
                "a quoted field ends before a CR: if the lines end in CR alone, convert them first: \
                 tr '\\r' '\\n'",
            );
        }
        let other = beside.and_then(|byte| Dialect::other_delimiter(delimiter, *byte));
        let Some((shown, said)) = other else {
            return Fault::stray_quote();
        };
        Fault::new(format!(
            "a quote beside {shown}: if that is the delimiter, say -d {said}; if not, quote the \
             whole field and double the quote, or read quotes as text with 'extract --quote none'"
        ))
    }

    /// The same fault with the name of the column or expression it is about in front; of a long
    /// one its beginning.
    pub fn about(self, name: &str) -> Self {
        let end = name.char_indices().nth(LONGEST_NAME).map(|(end, _)| end);
        let name = end.map_or_else(|| name.to_owned(), |end| format!("{}...", &name[..end]));
        Fault(format!("{name}: {}", self.0).into_boxed_str())
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Fault {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_name_is_cut() {
        let fault = Fault::new("not a number").about(&"é".repeat(200));
        assert_eq!(
            fault.to_string(),
            format!("{}...: not a number", "é".repeat(100))
        );
        assert_eq!(Fault::new("no").about("a").to_string(), "a: no");
    }
}
