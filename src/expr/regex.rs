//! Regular expressions over bytes, with errors in our words.

use regex::bytes::Regex;
use regex_syntax::ParserBuilder;
use regex_syntax::hir::literal::Extractor;

use crate::record::{Records, field};

/// Compiles a regular expression; the error is in our words.
pub(super) fn compile(pattern: &[u8]) -> Result<Regex, String> {
    let text = std::str::from_utf8(pattern)
        .map_err(|_| "the regular expression is not valid UTF-8".to_owned())?;
    Regex::new(text).map_err(|error| match error {
        regex::Error::CompiledTooBig(_) => "the regular expression is too large".to_owned(),
        error => {
            let text = error.to_string();
            let reason = text.lines().last().unwrap_or_default();
            let reason = reason.strip_prefix("error: ").unwrap_or(reason);
            format!("not a regular expression: {reason}")
        }
    })
}

/// A constant regular expression.
pub(super) struct Matcher {
    regex: Regex,
    /// Whether it matches only literal texts without quotes. The raw bytes of a field contain such a text whenever
    /// its content does.
    finds_texts: bool,
}

impl Matcher {
    /// Compiles a pattern.
    pub(super) fn new(pattern: &[u8]) -> Result<Self, String> {
        Ok(Matcher {
            regex: compile(pattern)?,
            finds_texts: str::from_utf8(pattern).is_ok_and(is_for_texts),
        })
    }

    /// Whether it matches anywhere in the text.
    pub(super) fn is_match(&self, text: &[u8]) -> bool {
        self.regex.is_match(text)
    }

    /// Returns, for each selected record, whether it matches in a column; `None` for null. Searches all bytes at
    /// once, because a search per field would spend most of its time starting up. Returns `None` if the expression
    /// matches more than literal texts, or if the fields are far apart.
    pub(super) fn search(
        &self,
        records: &Records<'_>,
        column: usize,
        selection: &[u32],
    ) -> Option<Vec<Option<bool>>> {
        /// Starting a search takes about as long as scanning this many bytes.
        const FAR: usize = 256;
        let place = |record: u32| records.span(record as usize, column, column);
        let (first, last) = (place(*selection.first()?), place(*selection.last()?));
        if !self.finds_texts || last.end - first.start > FAR * selection.len() {
            return None;
        }
        let bytes = &records.bytes()[..last.end];
        let mut next = self.regex.find_at(bytes, first.start);
        let found = selection.iter().map(|&record| {
            let place = place(record);
            if next.is_some_and(|next| next.start() < place.start) {
                next = self.regex.find_at(bytes, place.start);
            }
            let is_found = match next {
                Some(next) if next.end() <= place.end => true,
                // A match that extends past the field may hide one that ends inside it.
                Some(next) if next.start() < place.end => {
                    self.is_match(&field::content(&bytes[place.clone()]))
                }
                _ => false,
            };
            (!place.is_empty()).then_some(is_found)
        });
        Some(found.collect())
    }
}

fn is_for_texts(pattern: &str) -> bool {
    let parsed = ParserBuilder::new().utf8(false).build().parse(pattern);
    parsed.is_ok_and(|hir| {
        let texts = Extractor::new().extract(&hir);
        let is_plain = |text: &[u8]| !text.is_empty() && !text.contains(&b'"');
        hir.properties().look_set().is_empty()
            && texts.is_exact()
            && texts
                .literals()
                .is_some_and(|texts| texts.iter().all(|text| is_plain(text.as_bytes())))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::bytes::Dialect;
    use crate::record::{Block, Index, Layout};

    #[test]
    fn errors_are_in_our_words() {
        assert_eq!(
            compile(b"a(").unwrap_err(),
            "not a regular expression: unclosed group"
        );
        let huge = compile(b"(\\pL{1000}){1000}").unwrap_err();
        assert_eq!(huge, "the regular expression is too large");
        assert!(compile(b"\xFF").unwrap_err().contains("UTF-8"));
    }

    #[test]
    fn texts_are_known() {
        for pattern in ["refund|damaged", "a,b", "(?i)kr", "x[ab]y", "é", "a{2}"] {
            assert!(is_for_texts(pattern), "{pattern}");
        }
        for pattern in ["^a", "a$", r"\ba", "a*", "", "a|", ".", "a+", "\"x"] {
            assert!(!is_for_texts(pattern), "{pattern}");
        }
    }

    proptest! {
        /// One search finds what a search through each field's content finds.
        #[test]
        fn one_search_is_as_good_as_many(
            table in proptest::collection::vec(("[ab,\"\n\r]{0,4}", "[ab,\"\n\r]{0,5}", "[ab,]{0,4}"), 1..30),
            pattern in prop_oneof![Just("ab"), Just("a|b"), Just("b,a|b"), Just("a\n|ba"), Just("a,b|a"), Just("\r|bb"), Just("(?i)AB")],
            kept in any::<u32>(),
            ending in prop_oneof![Just("\n"), Just("\r\n")],
            column in 0usize..3,
        ) {
            let quoted = |text: &String| match text.contains([',', '"', '\n', '\r']) {
                true => format!("\"{}\"", text.replace('"', "\"\"")),
                false => text.clone(),
            };
            let line = |(a, b, c): &(String, String, String)| [quoted(a), quoted(b), quoted(c)].join(",") + ending;
            let bytes: String = table.iter().map(line).collect();
            let mut block = Block { bytes: bytes.into_bytes(), ..Block::default() };
            let (mut index, layout) = (Index::default(), Layout::all(3));
            let records = index.build(&mut block, &layout, Dialect::STREAM).unwrap();
            let selection: Vec<u32> = (0..records.len() as u32).filter(|record| kept >> (record % 32) & 1 == 1).collect();
            let matcher = Matcher::new(pattern.as_bytes()).unwrap();
            let expected: Vec<_> = selection.iter().map(|&record| {
                let raw = records.field(record as usize, column);
                (!raw.is_empty()).then(|| matcher.is_match(&field::content(raw)))
            }).collect();
            let found = matcher.search(&records, column, &selection);
            prop_assert_eq!(found.unwrap_or_default(), expected);
        }
    }
}
