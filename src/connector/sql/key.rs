//! Incremental reads by a growing key: how far the last load came, and how far this one comes.

use anyhow::bail;
use serde::{Deserialize, Serialize};

use crate::checkpoint::Resume;
use crate::record::Header;
use crate::record::nearest_of;
use crate::stream::{Flow, Summary};
use crate::trust::Position;

/// The reason why a key of mixed types is refused.
pub const MIXED: &str = "some records have a number there and some a text";

/// Values that nothing is greater than; `HAVE_ENDS` lists the types that have them.
const ENDS: [&str; 3] = ["NaN", "Infinity", "infinity"];
const HAVE_ENDS: [&str; 7] = [
    "real",
    "numeric",
    "float4",
    "float8",
    "date",
    "timestamp",
    "timestamptz",
];

/// The greatest key that was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Last {
    /// The database's name for the type of the value.
    #[serde(rename = "type")]
    pub kind: String,
    /// The value exactly as the database writes it.
    pub value: String,
}

/// A source's position as it is stored.
#[derive(Serialize, Deserialize)]
struct Stored {
    query: KeyPlace,
}

#[derive(Serialize, Deserialize)]
struct KeyPlace {
    by: String,
    /// None if no record was read yet.
    last: Option<Last>,
}

/// How a relation is read incrementally.
#[derive(Debug)]
pub struct ByKey<'b> {
    /// Where the last load ended.
    pub resume: Resume,
    /// The column of the key.
    pub by: &'b str,
    /// Whether to continue even if all keys are smaller than the last one.
    pub accept_gap: bool,
}

/// The key of an incremental read.
#[derive(Debug)]
pub struct Key {
    resume: Resume,
    by: String,
    accept_gap: bool,
    from: Option<Last>,
}

impl Key {
    /// Creates the key of an incremental read.
    ///
    /// # Errors
    /// The last load was from another kind of source, or by another column.
    pub fn new(how: ByKey<'_>) -> anyhow::Result<Self> {
        let ByKey {
            resume,
            by,
            accept_gap,
        } = how;
        let stored = resume.from().cloned().map(serde_json::from_value);
        let from = match stored {
            None => None,
            Some(Err(_)) => return resume.stranger(),
            Some(Ok(Stored { query })) if query.by != by => bail!(
                "the last load of '{}' went by '{}', and this one goes by '{by}'; give it a name of its own",
                resume.name(),
                query.by
            ),
            Some(Ok(Stored { query })) => query.last,
        };
        Ok(Key {
            resume,
            by: by.to_owned(),
            accept_gap,
            from,
        })
    }

    /// Returns the greatest key that was loaded.
    pub fn from(&self) -> Option<&Last> {
        self.from.as_ref()
    }

    /// Returns the key's position among the relation's columns.
    ///
    /// # Errors
    /// The relation has no such column.
    pub fn place(&self, columns: &Header) -> anyhow::Result<usize> {
        columns.position(&self.by).ok_or_else(|| {
            anyhow::anyhow!(
                "--resume-by: there is no column '{}': {}",
                self.by,
                nearest_of(&self.by, "columns", columns.names())
            )
        })
    }

    /// Returns the error for a key that cannot be used.
    pub fn refuse<T>(&self, why: &str) -> anyhow::Result<T> {
        refuse(&self.by, why)
    }

    /// Checks that the key can be used: `has_null` is whether it is null in any record, `with_last` how many
    /// records have the last key.
    pub fn check(&self, has_null: bool, with_last: i64) -> anyhow::Result<()> {
        if has_null {
            return self.refuse("a record has none (null), and would never be read");
        }
        match &self.from {
            Some(last) if with_last > 1 => self.refuse(&format!(
                "{with_last} records or more have '{}', which was loaded already; those that came later would be lost. Choose a key that never repeats",
                last.value
            )),
            _ => Ok(()),
        }
    }

    /// Returns whether the greatest key must be checked: if no record has the last key, all keys may be smaller.
    pub fn may_have_gap(&self, with_last: i64) -> bool {
        self.from.is_some() && with_last == 0 && !self.accept_gap
    }

    /// Returns the error for a greatest key below the last one.
    pub fn gap<T>(&self, greatest: &str) -> anyhow::Result<T> {
        let (name, target) = (self.resume.name(), self.resume.target());
        let last = self.from.as_ref().map_or("", |last| &last.value);
        self.refuse(&format!(
            "the greatest is '{greatest}', and the last load of '{name}' ended at '{last}': the numbers began anew, or the last records were deleted. Wait for greater ones with --accept-gap, or read all from the start after: load {target} --forget {name}"
        ))
    }

    /// Returns the receiver for the keys of the records that are read.
    pub fn seen(&self) -> SeenKeys {
        SeenKeys {
            by: self.by.clone(),
            kind: self
                .from
                .as_ref()
                .map_or_else(String::new, |last| last.kind.clone()),
            value: Vec::new(),
            has_any: false,
        }
    }

    /// Ends the run: adds the new position to the summary if the reader took the whole stream, and a notice if no
    /// record was read.
    pub fn end(self, seen: &SeenKeys, flow: Flow, summary: &mut Summary) -> anyhow::Result<()> {
        let last = match seen.has_any {
            true => Some(seen.last()?),
            false => self.from.clone(),
        };
        let notice = (!seen.has_any).then(|| match &self.from {
            Some(last) => format!(
                "nothing new since the last load of '{}', which ended at {} = '{}'",
                self.resume.name(),
                self.by,
                last.value
            ),
            None => "there are no records yet".to_owned(),
        });
        if flow == Flow::More {
            let query = KeyPlace { by: self.by, last };
            summary
                .carried
                .add(self.resume.end(position(Stored { query })?));
        }
        summary.notices.extend(notice);
        Ok(())
    }
}

fn position(stored: Stored) -> anyhow::Result<Position> {
    Ok(serde_json::to_value(stored)?)
}

fn refuse<T>(by: &str, why: &str) -> anyhow::Result<T> {
    bail!("--resume-by '{by}': {why}")
}

/// The keys of the records that are read, in ascending order.
pub struct SeenKeys {
    by: String,
    kind: String,
    value: Vec<u8>,
    has_any: bool,
}

impl SeenKeys {
    /// Takes the next record's key, of type `kind`.
    ///
    /// # Errors
    /// The key equals that of the record before; it is bytes; some keys are numbers and some are text.
    #[inline]
    pub fn take(&mut self, kind: &str, value: &[u8]) -> anyhow::Result<()> {
        if kind != self.kind {
            self.take_kind(kind)?;
        }
        if self.has_any && value == self.value {
            let shown = String::from_utf8_lossy(value);
            return refuse(
                &self.by,
                &format!(
                    "more than one record has '{shown}', and one that came later with the same key would be lost. Choose a key that never repeats"
                ),
            );
        }
        self.value.clear();
        self.value.extend_from_slice(value);
        self.has_any = true;
        Ok(())
    }

    #[cold]
    fn take_kind(&mut self, kind: &str) -> anyhow::Result<()> {
        if kind == "blob" {
            return refuse(&self.by, "a record has bytes there, not a number or a text");
        }
        // SQLite's type names: its columns may hold values of any type.
        let is_number = |kind: &str| matches!(kind, "integer" | "real");
        let is_text = |kind: &str| kind == "text";
        if is_number(kind) && is_text(&self.kind) || is_text(kind) && is_number(&self.kind) {
            return refuse(&self.by, MIXED);
        }
        kind.clone_into(&mut self.kind);
        Ok(())
    }

    fn last(&self) -> anyhow::Result<Last> {
        let Ok(value) = std::str::from_utf8(&self.value) else {
            let shown = String::from_utf8_lossy(&self.value);
            return refuse(&self.by, &format!("'{shown}' is not valid UTF-8"));
        };
        if HAVE_ENDS.contains(&self.kind.as_str()) && ENDS.contains(&value) {
            return refuse(&self.by, &format!("nothing can be greater than '{value}'"));
        }
        Ok(Last {
            kind: self.kind.clone(),
            value: value.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen() -> SeenKeys {
        SeenKeys {
            by: "id".to_owned(),
            kind: String::new(),
            value: Vec::new(),
            has_any: false,
        }
    }

    #[test]
    fn the_greatest_key_is_the_last_one() {
        let mut seen = seen();
        for (kind, value) in [("integer", "1"), ("real", "1.5"), ("integer", "20")] {
            seen.take(kind, value.as_bytes()).unwrap();
        }
        let last = seen.last().unwrap();
        assert_eq!((last.kind.as_str(), last.value.as_str()), ("integer", "20"));
        let error = seen.take("integer", b"20").unwrap_err().to_string();
        assert!(error.contains("never repeats"), "{error}");
        let error = seen.take("text", b"21").unwrap_err().to_string();
        assert!(error.contains("some a text"), "{error}");
    }

    #[test]
    fn what_ends_all_growth_is_refused() {
        for (kind, value, is_key) in [
            ("timestamp", "infinity", false),
            ("real", "Infinity", false),
            ("float8", "NaN", false),
            ("text", "infinity", true),
            ("timestamp", "-infinity", true),
        ] {
            let mut seen = seen();
            seen.take(kind, value.as_bytes()).unwrap();
            assert_eq!(seen.last().is_ok(), is_key, "{kind} {value}");
        }
    }
}
