//! Errors in the way a program was called.

use crate::expr::ProgramError;

/// A mistake on the command line: exit status 2, and standard input was not read.
#[derive(Debug)]
pub struct Usage(String);

impl Usage {
    /// Returns a usage error with this message.
    pub fn error(message: impl Into<String>) -> anyhow::Error {
        anyhow::Error::new(Usage(message.into()))
    }
}

impl std::fmt::Display for Usage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Usage {}

/// A program that cannot be parsed is a usage error; one that does not fit the data is not.
impl From<ProgramError> for Usage {
    fn from(error: ProgramError) -> Self {
        Usage(error.to_string())
    }
}
