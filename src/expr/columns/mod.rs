//! Lists of columns, as used by flags: `id, total=user.order.total, q_*, a..d, !q_tmp`.
//!
//! | written | means |
//! |---|---|
//! | `name`, `[odd, name]` | this column; names with a literal comma, `=`, `..`, `*` or `?` need brackets |
//! | `new=old` | this column under another name |
//! | `q_*`, `day?`, `*` | all columns that match: `*` is any text, `?` any one character |
//! | `a..d`, `d..a`, `a..`, `..d` | from one column to another, in this order |
//! | `!...` | removes what the rest selects; a list that begins with `!` starts from all columns |
//!
//! A column whose name is exactly the written text takes precedence over every other meaning. `*` and ranges add
//! only columns that are not in the list yet, so `id, *` means all columns, with `id` first.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::error::ProgramError;
use super::lex;
use super::token::Span;
use super::unknown::listed;

/// One item of a list of columns, not yet resolved against a header.
#[derive(Clone, Debug)]
pub struct Selector {
    text: Arc<str>,
    span: Span,
    is_excluded: bool,
    meaning: Meaning,
}

/// One column chosen from a header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selected {
    /// Its index in the header, from 0.
    pub index: usize,
    /// Its name in the output.
    pub name: String,
}

#[derive(Clone, Debug)]
enum Meaning {
    One(NamePart),
    Renamed { new: String, old: NamePart },
    Range(NamePart, NamePart),
    Glob(NamePart),
}

/// A name in an item; empty at the open end of a range.
#[derive(Clone, Debug)]
struct NamePart {
    name: String,
    span: Span,
    is_bracketed: bool,
}

/// Parses a list of columns into at least one item. A trailing comma is allowed.
pub fn parse(text: &str) -> Result<Vec<Selector>, ProgramError> {
    let shared: Arc<str> = text.into();
    let mut selectors = Vec::new();
    let mut at = skip_space(text, 0);
    if at == text.len() {
        return Err(ProgramError::new("", 0..0, "the list of columns is empty"));
    }
    while at < text.len() {
        let (selector, end) = selector(&shared, at)?;
        selectors.push(selector);
        at = skip_space(text, end + usize::from(end < text.len()));
    }
    Ok(selectors)
}

/// Returns the columns of the header that the list selects, in the order of the list.
///
/// # Errors
/// A name that the header lacks, a pattern without a match, a column named twice, two columns with one name,
/// nothing selected.
pub fn resolve(selectors: &[Selector], header: &[String]) -> Result<Vec<Selected>, ProgramError> {
    let columns = Columns::of(header);
    let mut chosen = Chosen::of(header);
    if let Some(first) = selectors.first()
        && first.excludes(&columns)
    {
        (0..header.len()).try_for_each(|index| chosen.add(first, index, &header[index]))?;
    }
    for selector in selectors {
        let found = selector.find(&columns)?;
        if found.is_excluded {
            found.indices.iter().for_each(|index| chosen.remove(*index));
        } else if let Some(name) = found.name {
            let index = found.indices[0];
            if chosen.has(index) && name == header[index] {
                return Err(selector.repeated(&name));
            }
            chosen.add(selector, index, &name)?;
        } else {
            for index in found.indices {
                if !chosen.has(index) {
                    chosen.add(selector, index, &header[index])?;
                }
            }
        }
    }
    let selected: Vec<Selected> = chosen.selected.into_iter().flatten().collect();
    match (selected.is_empty(), selectors.last()) {
        (true, Some(last)) => Err(last.error(&last.span, "no column is left")),
        _ => Ok(selected),
    }
}

/// A header with an index of its names, so that a long list costs no scan per item.
struct Columns<'h> {
    names: &'h [String],
    places: HashMap<&'h str, usize>,
}

impl<'h> Columns<'h> {
    fn of(names: &'h [String]) -> Self {
        let mut places = HashMap::with_capacity(names.len());
        for (place, name) in names.iter().enumerate() {
            places.entry(name.as_str()).or_insert(place);
        }
        Columns { names, places }
    }

    fn place(&self, name: &str) -> Option<usize> {
        self.places.get(name).copied()
    }
}

/// The columns chosen so far.
struct Chosen {
    /// In order; `None` if removed again.
    selected: Vec<Option<Selected>>,
    /// Per column of the header, its positions in `selected`.
    places: Vec<Vec<usize>>,
    names: HashSet<String>,
}

impl Chosen {
    fn of(header: &[String]) -> Self {
        Chosen {
            selected: Vec::new(),
            places: vec![Vec::new(); header.len()],
            names: HashSet::new(),
        }
    }

    fn has(&self, index: usize) -> bool {
        !self.places[index].is_empty()
    }

    /// Adds a column for this selector.
    ///
    /// # Errors
    /// Another selected column has this name.
    fn add(&mut self, selector: &Selector, index: usize, name: &str) -> Result<(), ProgramError> {
        if !self.names.insert(name.to_owned()) {
            let message = format!("two columns would be named '{name}'");
            let error = selector.error(&selector.span, message);
            return Err(error.with_hint("give one another name: new=old"));
        }
        self.places[index].push(self.selected.len());
        let name = name.to_owned();
        self.selected.push(Some(Selected { index, name }));
        Ok(())
    }

    fn remove(&mut self, index: usize) {
        for place in self.places[index].drain(..) {
            if let Some(removed) = self.selected[place].take() {
                self.names.remove(&removed.name);
            }
        }
    }
}

/// Returns the names in the list without duplicates, if all its items are names: what to look for in a source
/// without a header. Each comes with whether it is written bare at least once; a name in brackets means only
/// itself.
pub fn names(selectors: &[Selector]) -> Option<Vec<(String, bool)>> {
    let mut names: Vec<(String, bool)> = Vec::new();
    let mut places = HashMap::new();
    for selector in selectors {
        let part = selector.one()?;
        let place = *places.entry(&part.name).or_insert_with(|| {
            names.push((part.name.clone(), false));
            names.len() - 1
        });
        names[place].1 |= !part.is_bracketed;
    }
    Some(names)
}

/// Returns new and old name of each column that the list selects by name.
pub fn named(selectors: &[Selector]) -> Vec<(String, String)> {
    let one = |selector: &Selector| {
        let old = selector.one()?.name.clone();
        Some(match &selector.meaning {
            Meaning::Renamed { new, .. } => (new.clone(), old),
            _ => (old.clone(), old),
        })
    };
    selectors.iter().filter_map(one).collect()
}

/// Finds the columns of a header that a list selects; see [`finder`].
pub type Finder = Arc<dyn Fn(&[String]) -> Vec<usize> + Send + Sync>;

/// Returns a finder for headers that may lack columns which the list names. An item with a missing column selects
/// nothing, except that a range with a missing end selects all columns, so that no wanted one is missed.
pub fn finder(selectors: &[Selector]) -> Finder {
    let selectors = selectors.to_vec();
    Arc::new(move |header| {
        let columns = Columns::of(header);
        let begins_with_all = (selectors.first()).is_some_and(|first| first.excludes(&columns));
        let mut is_selected = vec![begins_with_all; header.len()];
        for selector in &selectors {
            match (selector.find(&columns), &selector.meaning) {
                (Ok(found), _) => {
                    let is_excluded = found.is_excluded;
                    (found.indices.into_iter()).for_each(|index| is_selected[index] = !is_excluded);
                }
                (Err(_), Meaning::Range(..)) if !selector.is_excluded => is_selected.fill(true),
                (Err(_), _) => {}
            }
        }
        (0..header.len())
            .filter(|&index| is_selected[index])
            .collect()
    })
}

/// Rejects bare names with `[]` or `[-1]` in them; only an index such as `[0]` selects an array element.
pub fn refuse_unknown_indexes(selectors: &[Selector]) -> Result<(), ProgramError> {
    let parts = selectors.iter().filter_map(|one| Some((one, one.one()?)));
    for (selector, part) in parts.filter(|(_, part)| !part.is_bracketed) {
        let name = part.name.as_str();
        let opened = name.match_indices('[').find_map(|(at, _)| {
            let (index, _) = name[at + 1..].split_once(']')?;
            let digits = index.strip_prefix('-');
            let is_negative = digits.is_some_and(|digits| digits.parse::<u64>().is_ok());
            (index.is_empty() || is_negative).then_some((at, index))
        });
        let Some((at, index)) = opened else {
            continue;
        };
        let start = part.span.start + at;
        let span = start..start + index.len() + 2;
        let itself = format!("for the key of this very name write {}", bracketed(name));
        return Err(match index {
            "" => {
                let (array, rest) = (&name[..at], &name[at + 2..]);
                selector
                    .error(&span, format!("'{name}' is many values, and a field holds one"))
                    .with_hint(format!(
                        "take one: {array}[0]{rest}; or make each element a record first: \
                         jq -c '.{array} = .{array}[]' FILE | extract --from jsonl -c {array}{rest}; {itself}"
                    ))
            }
            _ => selector
                .error(&span, "an element is counted from the start, from 0")
                .with_hint(itself),
        });
    }
    Ok(())
}

fn bracketed(name: &str) -> String {
    format!("[{}]", name.replace(']', "]]"))
}

/// What one selector selects from a header.
struct SelectorMatch {
    indices: Vec<usize>,
    /// The name of the column, if the selector names exactly one.
    name: Option<String>,
    is_excluded: bool,
}

impl Selector {
    /// Returns the name, if it selects one column by name.
    fn one(&self) -> Option<&NamePart> {
        match &self.meaning {
            Meaning::One(part) | Meaning::Renamed { old: part, .. } if !self.is_excluded => {
                Some(part)
            }
            _ => None,
        }
    }

    fn find(&self, columns: &Columns<'_>) -> Result<SelectorMatch, ProgramError> {
        let (header, is_excluded) = (columns.names, self.is_excluded);
        if let Some((index, is_excluded)) = self.literal(columns) {
            let name = Some(header[index].clone());
            return Ok(SelectorMatch {
                indices: vec![index],
                name,
                is_excluded,
            });
        }
        let (indices, name) = match &self.meaning {
            Meaning::One(part) => {
                let index = self.index(part, columns)?;
                (vec![index], Some(header[index].clone()))
            }
            Meaning::Renamed { .. } if is_excluded => {
                let message = "a column is either taken out or renamed";
                return Err(self
                    .error(&self.span, message)
                    .with_hint("write !old or new=old"));
            }
            Meaning::Renamed { new, old } => (vec![self.index(old, columns)?], Some(new.clone())),
            Meaning::Range(first, last) => {
                let first = self.end_of_range(first, columns, 0)?;
                let last = self.end_of_range(last, columns, header.len().saturating_sub(1))?;
                match first <= last {
                    true => ((first..=last).collect(), None),
                    false => ((last..=first).rev().collect(), None),
                }
            }
            Meaning::Glob(part) => {
                let fits = |index: &usize| is_fitting(&part.name, &header[*index]);
                let indices: Vec<usize> = (0..header.len()).filter(fits).collect();
                if indices.is_empty() {
                    let message = format!("no column fits '{}'", part.name);
                    let error = self.error(&part.span, message);
                    return Err(error.with_hint(listed("columns", header)));
                }
                (indices, None)
            }
        };
        Ok(SelectorMatch {
            indices,
            name,
            is_excluded,
        })
    }

    /// Whether this removes columns: it begins with `!`, and no column has that exact name.
    fn excludes(&self, columns: &Columns<'_>) -> bool {
        self.literal(columns)
            .map_or(self.is_excluded, |(_, is_excluded)| is_excluded)
    }

    /// Returns the column whose name is exactly the written text, and whether it is removed.
    fn literal(&self, columns: &Columns<'_>) -> Option<(usize, bool)> {
        let written = &self.text[self.span.clone()];
        if let Some(index) = columns.place(written) {
            return Some((index, false));
        }
        let body = written.strip_prefix('!').filter(|_| self.is_excluded)?;
        let index = columns.place(body.trim_start());
        index.map(|index| (index, true))
    }

    fn index(&self, part: &NamePart, columns: &Columns<'_>) -> Result<usize, ProgramError> {
        columns.place(&part.name).ok_or_else(|| {
            let (span, header) = (part.span.clone(), columns.names);
            ProgramError::unlisted_column(&self.text, span, &part.name, header)
        })
    }

    fn end_of_range(
        &self,
        part: &NamePart,
        columns: &Columns<'_>,
        open: usize,
    ) -> Result<usize, ProgramError> {
        match part.name.is_empty() {
            true => Ok(open),
            false => self.index(part, columns),
        }
    }

    fn repeated(&self, name: &str) -> ProgramError {
        self.error(&self.span, format!("column '{name}' is selected twice"))
            .with_hint("to have it before the others, name it before them: id, *")
    }

    fn error(&self, span: &Span, message: impl Into<String>) -> ProgramError {
        ProgramError::new(&self.text, span.clone(), message)
    }
}

/// Parses the item that begins at `start`; returns it and its end, which is a comma or the end of the text.
fn selector(text: &Arc<str>, start: usize) -> Result<(Selector, usize), ProgramError> {
    let is_excluded = text[start..].starts_with('!');
    let from = skip_space(text, start + usize::from(is_excluded));
    let (first, mut end) = part(text, from, &["=", ".."])?;
    let separator = ["=", ".."]
        .into_iter()
        .find(|separator| text[end..].starts_with(separator));
    let meaning = match separator {
        Some(separator) => {
            let (second, second_end) = part(text, skip_space(text, end + separator.len()), &[])?;
            end = second_end;
            match separator {
                "=" => renamed(text, first, second)?,
                _ => Meaning::Range(first, second),
            }
        }
        None if first.name.is_empty() => return Err(missing(text, start..end)),
        None if !first.is_bracketed && first.name.contains(['*', '?']) => Meaning::Glob(first),
        None => Meaning::One(first),
    };
    let span = start..start + text[start..end].trim_end().len();
    Ok((
        Selector {
            text: text.clone(),
            span,
            is_excluded,
            meaning,
        },
        end,
    ))
}

fn renamed(text: &str, new: NamePart, old: NamePart) -> Result<Meaning, ProgramError> {
    if new.name.is_empty() {
        let error = ProgramError::new(text, new.span, "expected a new name before '='");
        return Err(error.with_hint("write new=old"));
    }
    if old.name.is_empty() {
        let error = ProgramError::new(text, old.span, "expected a column after '='");
        return Err(error.with_hint("write new=old"));
    }
    Ok(Meaning::Renamed { new: new.name, old })
}

fn missing(text: &str, span: Span) -> ProgramError {
    let before = text[..span.start]
        .trim_end()
        .chars()
        .next_back()
        .filter(|c| *c == ',');
    let written = text[span.clone()].trim_end();
    let after = match (written, before) {
        ("", None) => "",
        ("", Some(_)) => " after ','",
        _ => " after '!'",
    };
    let at = span.start + written.len();
    ProgramError::new(text, at..at, format!("expected a column{after}"))
}

/// Returns the name from `start` to the next separator, comma or end of text, and where that is.
fn part(text: &str, start: usize, separators: &[&str]) -> Result<(NamePart, usize), ProgramError> {
    if text[start..].starts_with('[') {
        let (name, close) = lex::bracketed(text, start)?;
        let end = skip_space(text, close);
        let goes_on = end < text.len() && !text[end..].starts_with(',');
        if goes_on
            && !separators
                .iter()
                .any(|separator| text[end..].starts_with(separator))
        {
            let error = ProgramError::new(text, end..end, "expected ',' after ']'");
            return Err(error.with_hint("a ] within a name is written ]]"));
        }
        return Ok((
            NamePart {
                name,
                span: start..close,
                is_bracketed: true,
            },
            end,
        ));
    }
    // Search only up to the comma, so that a long list is not scanned again for each item.
    let comma = text[start..].find(',').map(|end| start + end);
    let item = &text[start..comma.unwrap_or(text.len())];
    let end = separators
        .iter()
        .filter_map(|separator| item.find(separator))
        .min()
        .map_or(start + item.len(), |end| start + end);
    let name = text[start..end].trim_end().to_owned();
    let span = start..start + name.len();
    Ok((
        NamePart {
            name,
            span,
            is_bracketed: false,
        },
        end,
    ))
}

fn skip_space(text: &str, at: usize) -> usize {
    text.len() - text[at..].trim_start().len()
}

/// Whether the name matches the pattern of `*` and `?`. On a mismatch, goes back to the last star.
fn is_fitting(pattern: &str, name: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let name: Vec<char> = name.chars().collect();
    let (mut p, mut n) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while n < name.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, n));
                p += 1;
            }
            Some(&c) if c == '?' || c == name[n] => {
                p += 1;
                n += 1;
            }
            _ => {
                let Some((at, taken)) = star else {
                    return false;
                };
                star = Some((at, taken + 1));
                p = at + 1;
                n = taken + 1;
            }
        }
    }
    pattern[p..].iter().all(|&c| c == '*')
}

#[cfg(test)]
mod tests;
