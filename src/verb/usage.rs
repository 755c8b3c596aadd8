//! A program that was called in a wrong way.

use crate::expr::ProgramError;

/// A mistake in how a program was called: exit 2, and standard input was not touched.
#[derive(Debug)]
pub struct Usage(String);

impl Usage {
    /// A usage error in these words.
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

/// A program that cannot be read is a wrong call; one that does not fit the data is not.
impl From<ProgramError> for Usage {
    fn from(error: ProgramError) -> Self {
        Usage(error.to_string())
    }
}
