//! The header: the names of the columns.

use std::collections::HashMap;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::{Fault, field};

/// The unique names of a stream's columns, in order.
#[derive(Clone, Debug)]
pub struct Header {
    names: Vec<String>,
    index: Index,
}

/// The index of each name, built only for a wide header that is asked for many names, as by a program that names
/// 10,000 of 100,000 columns.
#[derive(Debug, Default)]
struct Index {
    asked: AtomicUsize,
    places: OnceLock<HashMap<String, usize>>,
}

/// Up to this many names or lookups, scanning the names is the cheapest way to find one.
const FEW: usize = 16;

impl Clone for Index {
    /// The copy builds its own index if needed.
    fn clone(&self) -> Self {
        Index::default()
    }
}

impl PartialEq for Header {
    fn eq(&self, other: &Self) -> bool {
        self.names == other.names
    }
}

impl Eq for Header {}

impl Header {
    /// Creates a header from these names, which must be unique.
    pub fn new(names: Vec<String>) -> Self {
        Header {
            names,
            index: Index::default(),
        }
    }

    /// Returns the header with the contents of these raw fields as names.
    pub fn from_fields<'f>(
        fields: impl Iterator<Item = &'f [u8]>,
        quote: Option<u8>,
    ) -> Result<Self, Fault> {
        let names = fields
            .map(|raw| {
                String::from_utf8(field::content_in(raw, quote).into_owned()).map_err(|error| {
                    Fault::new(format!(
                        "the column name '{}' is not valid UTF-8",
                        String::from_utf8_lossy(error.as_bytes())
                    ))
                })
            })
            .collect::<Result<_, _>>()?;
        Ok(Header::new(names))
    }

    /// Checks the contract: no name is empty, and none occurs twice.
    pub fn checked(self) -> Result<Self, Fault> {
        let mut seen = std::collections::HashSet::new();
        for (place, name) in self.names.iter().enumerate() {
            if name.is_empty() {
                return Err(Fault::new(format!(
                    "column {} has no name; 'extract' repairs headers",
                    place + 1
                )));
            }
            if !seen.insert(name) {
                return Err(Fault::new(format!(
                    "the column name '{name}' stands twice; 'extract' repairs headers"
                )));
            }
        }
        Ok(self)
    }

    /// Replaces every empty name by `column_N` and every repeated one by `name_2` and so on.
    pub fn repaired(self) -> Self {
        let mut taken: std::collections::HashSet<String> = self.names.iter().cloned().collect();
        let mut seen = std::collections::HashSet::new();
        // The next number to try for each repeated name; smaller ones stay taken.
        let mut next = std::collections::HashMap::new();
        let mut names = Vec::with_capacity(self.names.len());
        for (place, name) in self.names.into_iter().enumerate() {
            let name = match name.is_empty() {
                true => format!("column_{}", place + 1),
                false => name,
            };
            if seen.insert(name.clone()) {
                names.push(name);
                continue;
            }
            let number = next.entry(name.clone()).or_insert(2u64);
            let free = loop {
                let candidate = format!("{name}_{number}");
                *number += 1;
                if !taken.contains(&candidate) && !seen.contains(&candidate) {
                    break candidate;
                }
            };
            taken.insert(free.clone());
            seen.insert(free.clone());
            names.push(free);
        }
        Header::new(names)
    }

    /// Returns the names in order.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Returns the number of columns.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether there are no columns.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// Returns the index of the column with this name.
    pub fn position(&self, name: &str) -> Option<usize> {
        if self.names.len() <= FEW || self.index.asked.fetch_add(1, Ordering::Relaxed) < FEW {
            return self.names.iter().position(|candidate| candidate == name);
        }
        let places = self.index.places.get_or_init(|| {
            let mut places = HashMap::with_capacity(self.names.len());
            for (place, name) in self.names.iter().enumerate() {
                places.entry(name.clone()).or_insert(place);
            }
            places
        });
        places.get(name).copied()
    }

    /// Appends the header as a record of the stream.
    pub fn write(&self, delimiter: u8, out: &mut Vec<u8>) {
        for (place, name) in self.names.iter().enumerate() {
            if place > 0 {
                out.push(delimiter);
            }
            field::push_text(name.as_bytes(), delimiter, out);
        }
        out.push(b'\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repair_makes_names_unique_without_taking_others() {
        let names = ["a", "", "a", "a_2", "a", ""].map(String::from).to_vec();
        let repaired = Header::new(names).repaired();
        assert_eq!(
            repaired.names(),
            ["a", "column_2", "a_3", "a_2", "a_4", "column_6"]
        );
    }

    #[test]
    fn many_repeated_names_are_repaired_in_linear_time() {
        let repaired = Header::new(vec!["a".to_owned(); 100_000]).repaired();
        assert_eq!(repaired.names()[99_999], "a_100000");
        assert!(repaired.checked().is_ok());
    }

    #[test]
    fn a_name_is_found_however_often_it_is_asked_for() {
        let names: Vec<String> = (0..100).map(|number| format!("c{number}")).collect();
        let header = Header::new(names);
        for _ in 0..FEW {
            assert_eq!(header.position("c7"), Some(7));
            assert_eq!(header.position("c99"), Some(99));
            assert_eq!(header.position("d"), None);
        }
        assert_eq!(header.clone(), header);
    }

    #[test]
    fn the_contract_is_checked() {
        let twice = Header::new(vec!["a".into(), "a".into()]);
        assert!(
            twice
                .checked()
                .unwrap_err()
                .to_string()
                .contains("'a' stands twice")
        );
        let empty = Header::new(vec!["a".into(), String::new()]);
        assert!(empty.checked().is_err());
    }
}
