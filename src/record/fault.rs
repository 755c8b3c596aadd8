//! What is wrong with one record, in words for the person who must mend it.

use std::fmt;

/// A reason why one record cannot be used, without its place: the driver knows file and line and
/// puts them in front. Worded as `price: 'abc' is not a number`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault(Box<str>);

impl Fault {
    /// A fault with this wording: lower case, the culprit in single quotes, no full stop.
    pub fn new(message: impl Into<String>) -> Self {
        Fault(message.into().into_boxed_str())
    }

    /// The same fault with the name of the column or expression it is about in front.
    pub fn about(self, name: &str) -> Self {
        Fault(format!("{name}: {}", self.0).into_boxed_str())
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Fault {}
