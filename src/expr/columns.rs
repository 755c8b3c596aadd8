//! Lists of columns, as flags take them: `id, total=user.order.total, q_*, a..d, !q_tmp`.
//!
//! | written | means |
//! |---|---|
//! | `name`, `[odd, name]` | this column; brackets are needed where a comma is in the name, or `=`, `..`, `*` or `?` that should mean themselves |
//! | `new=old` | this column under another name |
//! | `q_*`, `day?`, `*` | all columns that fit: `*` is any text, `?` any one character |
//! | `a..d`, `d..a`, `a..`, `..d` | from one column to another, in this order |
//! | `!...` | what the rest selects is taken out again; a list that begins so begins with all |
//!
//! A column whose name is exactly what was written wins over every other meaning. What `*` and
//! ranges find is added only where it is not there yet, so `id, *` is all columns, `id` first.

use std::collections::HashSet;
use std::sync::Arc;

use super::ast::Span;
use super::error::ProgramError;
use super::lex;
use super::unknown::listed;

/// One item of a list of columns, not yet held against a header.
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
    /// Its place in the header, from 0.
    pub index: usize,
    /// Its name from here on.
    pub name: String,
}

#[derive(Clone, Debug)]
enum Meaning {
    One(Part),
    Renamed { new: String, old: Part },
    Range(Part, Part),
    Glob(Part),
}

/// A name within an item; empty at the open end of a range.
#[derive(Clone, Debug)]
struct Part {
    name: String,
    span: Span,
    is_bracketed: bool,
}

/// The items of a list of columns; at least one. A trailing comma is allowed.
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

/// The columns that the list selects from the header, in the order of the list.
///
/// # Errors
/// A name that the header lacks, a pattern that fits nothing, a column named twice, two columns
/// of one name, nothing selected.
pub fn resolve(selectors: &[Selector], header: &[String]) -> Result<Vec<Selected>, ProgramError> {
    let named = |index: usize| Selected {
        index,
        name: header[index].clone(),
    };
    let mut selected: Vec<Selected> = match selectors.first() {
        Some(first) if first.excludes(header) => (0..header.len()).map(named).collect(),
        _ => Vec::new(),
    };
    for selector in selectors {
        let found = selector.find(header)?;
        let is_there = |index: usize| selected.iter().any(|there| there.index == index);
        if found.is_excluded {
            let out: HashSet<usize> = found.indices.into_iter().collect();
            selected.retain(|there| !out.contains(&there.index));
        } else if let Some(name) = found.name {
            let index = found.indices[0];
            if is_there(index) && name == header[index] {
                return Err(selector.repeated(&name));
            }
            selected.push(Selected { index, name });
        } else {
            let there: HashSet<usize> = selected.iter().map(|there| there.index).collect();
            let new = found
                .indices
                .into_iter()
                .filter(|index| !there.contains(index));
            selected.extend(new.map(named));
        }
        selector.refuse_twins(&selected)?;
    }
    match (selected.is_empty(), selectors.last()) {
        (true, Some(last)) => Err(last.error(&last.span, "no column is left")),
        _ => Ok(selected),
    }
}

/// The names that the list asks for, none twice, where it asks for columns by nothing but their
/// names: what a source that has no header is to look for. To be resolved against just these.
pub fn names(selectors: &[Selector]) -> Option<Vec<String>> {
    let mut names = Vec::new();
    for selector in selectors {
        let name = match &selector.meaning {
            _ if selector.is_excluded => return None,
            Meaning::One(part) | Meaning::Renamed { old: part, .. } => &part.name,
            Meaning::Range(..) | Meaning::Glob(_) => return None,
        };
        if !names.contains(name) {
            names.push(name.clone());
        }
    }
    Some(names)
}

/// What one selector finds in a header.
struct Found {
    indices: Vec<usize>,
    /// The name of the one column, where the selector names one.
    name: Option<String>,
    is_excluded: bool,
}

impl Selector {
    fn find(&self, header: &[String]) -> Result<Found, ProgramError> {
        let is_excluded = self.is_excluded;
        if let Some((index, is_excluded)) = self.literal(header) {
            let name = Some(header[index].clone());
            return Ok(Found {
                indices: vec![index],
                name,
                is_excluded,
            });
        }
        let (indices, name) = match &self.meaning {
            Meaning::One(part) => {
                let index = self.index(part, header)?;
                (vec![index], Some(header[index].clone()))
            }
            Meaning::Renamed { .. } if is_excluded => {
                let message = "a column is either taken out or renamed";
                return Err(self
                    .error(&self.span, message)
                    .with_hint("write !old or new=old"));
            }
            Meaning::Renamed { new, old } => (vec![self.index(old, header)?], Some(new.clone())),
            Meaning::Range(first, last) => {
                let first = self.end_of_range(first, header, 0)?;
                let last = self.end_of_range(last, header, header.len().saturating_sub(1))?;
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
        Ok(Found {
            indices,
            name,
            is_excluded,
        })
    }

    /// Whether this takes columns out: `!a`, unless a column is named so.
    fn excludes(&self, header: &[String]) -> bool {
        self.literal(header)
            .map_or(self.is_excluded, |(_, is_excluded)| is_excluded)
    }

    /// The column whose name is what was written, sign by sign, and whether it is taken out.
    fn literal(&self, header: &[String]) -> Option<(usize, bool)> {
        let written = &self.text[self.span.clone()];
        let place = |name: &str| header.iter().position(|column| column == name);
        if let Some(index) = place(written) {
            return Some((index, false));
        }
        let body = written.strip_prefix('!').filter(|_| self.is_excluded)?;
        place(body.trim_start()).map(|index| (index, true))
    }

    fn index(&self, part: &Part, header: &[String]) -> Result<usize, ProgramError> {
        header
            .iter()
            .position(|column| *column == part.name)
            .ok_or_else(|| {
                ProgramError::unlisted_column(&self.text, part.span.clone(), &part.name, header)
            })
    }

    fn end_of_range(
        &self,
        part: &Part,
        header: &[String],
        open: usize,
    ) -> Result<usize, ProgramError> {
        match part.name.is_empty() {
            true => Ok(open),
            false => self.index(part, header),
        }
    }

    fn repeated(&self, name: &str) -> ProgramError {
        self.error(&self.span, format!("column '{name}' is selected twice"))
            .with_hint("to have it before the others, name it before them: id, *")
    }

    /// An error where two of the columns have one name; this selector has just added its own.
    fn refuse_twins(&self, selected: &[Selected]) -> Result<(), ProgramError> {
        let mut names = HashSet::new();
        match selected
            .iter()
            .find(|column| !names.insert(column.name.as_str()))
        {
            None => Ok(()),
            Some(Selected { name, .. }) => Err(self
                .error(&self.span, format!("two columns would be named '{name}'"))
                .with_hint("give one another name: new=old")),
        }
    }

    fn error(&self, span: &Span, message: impl Into<String>) -> ProgramError {
        ProgramError::new(&self.text, span.clone(), message)
    }
}

/// The item that begins at `start`, and where it ends: at a comma or the end of the text.
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

fn renamed(text: &str, new: Part, old: Part) -> Result<Meaning, ProgramError> {
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

/// The name from `start` to the next of the separators, a comma or the end, and where that is.
fn part(text: &str, start: usize, separators: &[&str]) -> Result<(Part, usize), ProgramError> {
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
            Part {
                name,
                span: start..close,
                is_bracketed: true,
            },
            end,
        ));
    }
    let rest = &text[start..];
    let end = separators
        .iter()
        .chain([&","])
        .filter_map(|separator| rest.find(separator))
        .min()
        .map_or(text.len(), |end| start + end);
    let name = text[start..end].trim_end().to_owned();
    let span = start..start + name.len();
    Ok((
        Part {
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

/// Whether the name fits the pattern of `*` and `?`: goes back to the last star where it fails.
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
