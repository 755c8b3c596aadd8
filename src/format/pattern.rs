//! Lines read by a regular expression whose named groups are the columns.

use regex::bytes::{CaptureLocations, Regex};

use crate::record::Fault;
use crate::stream::{Convert, Summary};

use crate::format::picked::{Picked, shown};
use crate::format::read::{Asked, Reader, Way};

/// A pattern with at least one named group.
pub struct Pattern {
    regex: Regex,
    /// The index of each named group, in order.
    groups: Vec<usize>,
}

impl Pattern {
    /// Compiles a pattern.
    ///
    /// # Errors
    /// The pattern is invalid or has no named group.
    pub fn new(text: &str) -> Result<Self, String> {
        let regex = Regex::new(text).map_err(|error| format!("--pattern: {error}"))?;
        let groups: Vec<usize> = regex
            .capture_names()
            .enumerate()
            .filter_map(|(number, name)| name.map(|_| number))
            .collect();
        match groups.is_empty() {
            true => Err("--pattern: no group has a name; name columns by (?<name>...)".to_owned()),
            false => Ok(Pattern { regex, groups }),
        }
    }

    /// Returns the names of the groups.
    pub fn columns(&self) -> Vec<String> {
        self.regex
            .capture_names()
            .flatten()
            .map(str::to_owned)
            .collect()
    }

    /// Returns a converter of the lines that the pattern matches.
    pub fn picking(self, picked: Picked) -> Matching {
        Matching {
            pattern: self,
            picked,
        }
    }
}

impl Reader for Pattern {
    fn run(self: Box<Self>, asked: &Asked<'_>, way: Way<'_>) -> anyhow::Result<Summary> {
        asked.lines(self.columns(), |picked| self.picking(picked), way)
    }
}

/// Converts lines to records.
pub struct Matching {
    pattern: Pattern,
    picked: Picked,
}

impl Convert for Matching {
    type Scratch = CaptureLocations;

    fn scratch(&self) -> CaptureLocations {
        self.pattern.regex.capture_locations()
    }

    fn unit(
        &self,
        found: &mut CaptureLocations,
        line: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<usize, Fault> {
        if self.pattern.regex.captures_read(found, line).is_none() {
            let line = shown(line);
            return Err(Fault::new(format!("--pattern does not match {line}")));
        }
        let group = |place: usize| {
            let (start, end) = found.get(self.pattern.groups[place]).unwrap_or_default();
            &line[start..end]
        };
        self.picked.write(group, out);
        Ok(line.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_become_fields() {
        let pattern =
            Pattern::new(r"^(?<level>\w+)(?: (\d+))?: (?<text>.*?)(?<at> @\w+)?$").unwrap();
        assert_eq!(pattern.columns(), ["level", "text", "at"]);
        let matching = pattern.picking(Picked {
            picks: vec![2, 0, 1],
            nulls: vec![b"none".to_vec()],
        });
        let mut out = Vec::new();
        let mut scratch = matching.scratch();
        for line in ["WARN 7: a, \"b\" @x", "INFO: none", "INFO: ÿ"] {
            matching
                .unit(&mut scratch, line.as_bytes(), &mut out)
                .unwrap();
        }
        assert_eq!(
            String::from_utf8(out).unwrap(),
            " @x,WARN,\"a, \"\"b\"\"\"\n,INFO,\n,INFO,ÿ\n"
        );
        let fault = matching
            .unit(&mut scratch, b"hello", &mut Vec::new())
            .unwrap_err();
        assert_eq!(fault.to_string(), "--pattern does not match 'hello'");
        assert!(Pattern::new("(a)").is_err());
        assert!(Pattern::new("(?<a>").is_err());
    }
}
