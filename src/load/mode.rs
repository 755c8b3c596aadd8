//! What a load does to existing data.

use std::str::FromStr;

/// What happens to the target's existing data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// The target must not exist.
    Create,
    /// Records are added; the target is created if it does not exist.
    Append,
    /// The target is recreated.
    Replace,
    /// Records replace those with the same key; the others are added.
    Upsert,
    /// Records are added, except those whose key exists already; existing records are not changed.
    Insert,
}

impl Mode {
    /// Returns its name on the command line and in receipts.
    pub fn word(self) -> &'static str {
        match self {
            Mode::Create => "create",
            Mode::Append => "append",
            Mode::Replace => "replace",
            Mode::Upsert => "upsert",
            Mode::Insert => "insert",
        }
    }
}

impl FromStr for Mode {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let modes = [
            Mode::Create,
            Mode::Append,
            Mode::Insert,
            Mode::Replace,
            Mode::Upsert,
        ];
        modes
            .into_iter()
            .find(|mode| mode.word() == text)
            .ok_or_else(|| "the modes are append, create, insert, replace and upsert".to_owned())
    }
}
