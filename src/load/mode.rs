//! What a load does to what was there before.

use std::str::FromStr;

/// What happens to what the target held before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// The target must not be there yet.
    Create,
    /// Records are added; the target is made where it is absent.
    Append,
    /// The target is made anew.
    Replace,
    /// Records replace those with the same key; others are added.
    Upsert,
    /// Records are added, except those that are there already: they stay as they are.
    Insert,
}

impl Mode {
    /// The word for it on the command line and in receipts.
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
