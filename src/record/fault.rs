//! What is wrong with one record, worded for the person who has to fix it.

use std::fmt;

use crate::bytes::Dialect;

/// Maximum number of characters of a name in a fault.
const LONGEST_NAME: usize = 100;

const WHERE_THE_HEADER_HAS: &str = " where the header has ";
const A_QUOTE: &str = "a quote ";
const IN_THE_MIDDLE: &str = "a quote in the middle of a field";
const QUOTE_REMEDY: &str = "quote the whole field and double the quote, or read quotes as text with 'extract --quote none'";

/// A fault of the CSV syntax, recognised at the end of an error's text, so that code that knows the source can
/// suggest a better fix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw<'m> {
    /// See [`Fault::wrong_count`].
    Count {
        /// Fields in the record.
        fields: usize,
        /// Columns in the header.
        columns: usize,
    },
    /// See [`Fault::stray_quote`]; has the text before the fault.
    Quote(&'m str),
}

impl<'m> Flaw<'m> {
    /// Returns the flaw at the end of this message.
    pub fn told_in(message: &'m str) -> Option<Self> {
        if let Some(before) = message.strip_suffix(QUOTE_REMEDY) {
            let place = before.rfind(A_QUOTE)?;
            return Some(Flaw::Quote(&before[..place]));
        }
        let (before, columns) = message.rsplit_once(WHERE_THE_HEADER_HAS)?;
        let (before, _) = before.rsplit_once(" field")?;
        let (_, fields) = before.rsplit_once(' ').unwrap_or(("", before));
        Some(Flaw::Count {
            fields: fields.replace(',', "").parse().ok()?,
            columns: columns.parse().ok()?,
        })
    }

    /// Returns an error's text with another suggestion for a stray quote.
    pub fn with_quote_remedy(before: &str, remedy: &str) -> String {
        format!("{before}{IN_THE_MIDDLE}; {remedy}")
    }
}

/// Why one record cannot be used, without its position: the driver knows file and line and adds them in front.
/// Worded as `price: 'abc' is not a number`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault(Box<str>);

impl Fault {
    /// Creates a fault with this wording: lower case, the culprit in single quotes, no full stop.
    pub fn new(message: impl Into<String>) -> Self {
        Fault(message.into().into_boxed_str())
    }

    /// Fault for a record whose number of fields differs from the number of columns.
    pub fn wrong_count(fields: usize, columns: usize) -> Self {
        let fields = counted(fields, "field");
        Fault::new(format!("{fields}{WHERE_THE_HEADER_HAS}{columns}"))
    }

    /// Fault for a quote in the middle of a field.
    pub fn stray_quote() -> Self {
        Fault::new(format!("{IN_THE_MIDDLE}; {QUOTE_REMEDY}"))
    }

    /// [`Fault::stray_quote`] for a quote at this offset, or right before it, in bytes with this delimiter.
    /// Suggests a fix according to the byte next to the quote.
    pub fn stray_quote_in(bytes: &[u8], place: usize, delimiter: u8) -> Self {
        let before = place.checked_sub(1).and_then(|before| bytes.get(before));
        let is_quote = |byte: Option<&u8>| matches!(byte, Some(b'"' | b'\''));
        let (beside, beyond) = match bytes.get(place) {
            Some(b'"' | b'\'') => (before, place.checked_sub(2).and_then(|at| bytes.get(at))),
            other => (other, bytes.get(place + 1)),
        };
        if before == Some(&b'\r') {
            return Fault::new(
                "a quoted field ends before a CR: if the lines end in CR alone, convert them first: \
                 tr '\\r' '\\n'",
            );
        }
        let other = match beside {
            Some(b' ') if delimiter != b' ' && is_quote(beyond) => Some(("a blank", "space")),
            Some(byte) => Dialect::other_delimiter(delimiter, *byte),
            None => None,
        };
        let Some((shown, said)) = other else {
            return Fault::stray_quote();
        };
        Fault::new(format!(
            "{A_QUOTE}beside {shown}: if that is the delimiter, say -d {said}; if not, {QUOTE_REMEDY}"
        ))
    }

    /// Adds the name of a column or expression in front; a long name is cut.
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

/// `1 field`, `2 fields`, `1,204,113 records`.
pub fn counted(count: usize, noun: &str) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    let plural = if count == 1 { "" } else { "s" };
    format!("{text} {noun}{plural}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flaws_are_found_in_messages() {
        let told = |fault: Fault| format!("in.csv:3: record 2: {fault}");
        for (fields, columns) in [(1, 2), (1200, 3), (2, 1000)] {
            let message = told(Fault::wrong_count(fields, columns));
            let expected = Some(Flaw::Count { fields, columns });
            assert_eq!(Flaw::told_in(&message), expected);
        }
        let before = Some(Flaw::Quote("in.csv:3: record 2: "));
        for text in ["a\"b", "\"a\"x", "\"a\";\"b\""] {
            let place = text.rfind('"').unwrap_or_default();
            let message = told(Fault::stray_quote_in(text.as_bytes(), place, b','));
            assert_eq!(Flaw::told_in(&message), before, "{message}");
        }
        assert_eq!(Flaw::told_in("in.csv: is a directory"), None);
    }

    #[test]
    fn what_stands_beside_a_stray_quote_may_be_the_delimiter() {
        for (text, place, said) in [
            ("\"a\" \"b\"", 3, "-d space"),
            ("\"a\"^\"b\"", 3, "-d '^'"),
            ("\"a\";\"b\"", 3, "-d ';'"),
        ] {
            let fault = Fault::stray_quote_in(text.as_bytes(), place, b',').to_string();
            assert!(fault.contains(said), "{text}: {fault}");
        }
        let fault = Fault::stray_quote_in(b"a \"b\"", 2, b',');
        assert_eq!(fault, Fault::stray_quote());
    }

    #[test]
    fn a_long_name_is_cut() {
        let fault = Fault::new("not a number").about(&"é".repeat(200));
        assert_eq!(
            fault.to_string(),
            format!("{}...: not a number", "é".repeat(100))
        );
        assert_eq!(Fault::new("no").about("a").to_string(), "a: no");
    }

    #[test]
    fn counts_read_well() {
        assert_eq!(counted(1, "record"), "1 record");
        assert_eq!(counted(1204113, "record"), "1,204,113 records");
    }
}
