//! Errors in a program, shown with their position marked.

use std::fmt;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::ast::{Expr, ExprKind, Literal};
use super::token::Span;
use super::token::spelled;

/// Maximum width of a program's line in an error, in terminal columns.
const SHOWN_WIDTH: usize = 100;

/// An error in a program, found before any input is read. Shown as
///
/// ```text
/// unknown column 'pirce'
///   pirce > 90
///   ^^^^^ did you mean 'price'? columns: id, ts, customer_id, qty, price
/// ```
///
/// with a line number if the program has several lines. The caller adds its name (`filter: `) in front.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProgramError {
    text: Box<str>,
    span: Span,
    message: String,
    hint: Option<String>,
}

impl ProgramError {
    /// Creates an error about the bytes `span` of the program `text`. An empty span marks a place between two
    /// characters. The message is lower case, with the culprit in single quotes.
    pub fn new(text: &str, span: Span, message: impl Into<String>) -> Self {
        ProgramError {
            text: text.into(),
            span,
            message: message.into(),
            hint: None,
        }
    }

    /// Adds words after the mark: what to do, or what was expected.
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Error for a key, at `expr` of the program `text`, that is a constant.
    pub fn constant_key(text: &str, expr: &Expr) -> Self {
        let written = text.get(expr.span.clone()).unwrap_or_default();
        let name = match &expr.kind {
            ExprKind::Literal(Literal::Text(name)) => name,
            ExprKind::Literal(_) => written,
            _ => "",
        };
        let hint = match (&expr.kind, name) {
            (ExprKind::Setting(_), _) => "--set gives values, not names of columns".to_owned(),
            (_, "") => "a column is written without quotes: price or [First Name]".to_owned(),
            (_, name) => format!("for the column write {}", spelled(name)),
        };
        let message = format!("{written} is a constant, the same for every record");
        ProgramError::new(text, expr.span.clone(), message).with_hint(hint)
    }

    /// Error for a constant, at `left` of the program `text`, before a `=` that should name a column.
    pub(super) fn constant_name(text: &str, left: &Expr) -> Self {
        let written = text.get(left.span.clone()).unwrap_or_default();
        let name = match &left.kind {
            ExprKind::Literal(Literal::Text(name)) => name.as_str(),
            _ => written,
        };
        let message = format!("{written} is a constant, not the name of a column");
        let hint = format!(
            "to name a column write {} = ...; to compare, ==",
            spelled(name)
        );
        ProgramError::new(text, left.span.clone(), message).with_hint(hint)
    }

    /// The message in one line, without the position.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Position of the error in the program.
    pub fn span(&self) -> Span {
        self.span.clone()
    }
}

impl std::error::Error for ProgramError {}

impl fmt::Display for ProgramError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        let place = MarkedLine::of(&self.text, &self.span);
        if place.line.is_empty() {
            return match &self.hint {
                Some(hint) => write!(f, ": {hint}"),
                None => Ok(()),
            };
        }
        write!(f, "\n  {}{}", place.label, place.line)?;
        let indent = place.label.width() + place.before;
        write!(f, "\n  {:indent$}{}", "", "^".repeat(place.marked))?;
        match &self.hint {
            Some(hint) => write!(f, " {hint}"),
            None => Ok(()),
        }
    }
}

/// The marked line of an error, ready to be shown. Widths are in terminal columns.
struct MarkedLine {
    /// `line 3: `; empty if the program is one line.
    label: String,
    line: String,
    before: usize,
    marked: usize,
}

impl MarkedLine {
    fn of(text: &str, span: &Span) -> MarkedLine {
        let boundary = |wanted: usize| {
            let wanted = wanted.min(text.len());
            (0..=wanted)
                .rev()
                .find(|&at| text.is_char_boundary(at))
                .unwrap_or(0)
        };
        let start = boundary(span.start);
        let end = boundary(span.end.max(start));
        let line_start = text[..start].rfind('\n').map_or(0, |at| at + 1);
        let line_end = text[start..].find('\n').map_or(text.len(), |at| start + at);
        let several = text.trim_end().contains('\n');
        let label = match several {
            true => format!("line {}: ", text[..start].matches('\n').count() + 1),
            false => String::new(),
        };
        let parts = [
            shown(text[line_start..start].trim_start()),
            shown(&text[start..end.min(line_end)]),
            shown(&text[end.min(line_end)..line_end]),
        ];
        MarkedLine::windowed(label, parts)
    }

    /// Cuts a line that is too wide to a part around the mark.
    fn windowed(label: String, [before, marked, after]: [String; 3]) -> MarkedLine {
        let marked = cut_end(&marked, SHOWN_WIDTH);
        let room = SHOWN_WIDTH - marked.width().min(SHOWN_WIDTH);
        let before = cut_start(&before, room.max(SHOWN_WIDTH / 3) * 2 / 3);
        let room = room.saturating_sub(before.width());
        let after = cut_end(after.trim_end(), room.max(SHOWN_WIDTH / 6));
        MarkedLine {
            label,
            before: before.width(),
            marked: marked.width().max(1),
            line: format!("{before}{marked}{after}").trim_end().to_owned(),
        }
    }
}

/// Replaces each control character, such as a tab, with a space so that widths can be counted.
fn shown(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

/// Returns at most `room` columns from the start of the text; `...` replaces the rest.
pub(super) fn cut_end(text: &str, room: usize) -> String {
    if text.width() <= room {
        return text.to_owned();
    }
    let kept = fitting(text.chars(), room.saturating_sub(3));
    let mut cut: String = text.chars().take(kept).collect();
    cut.push_str("...");
    cut
}

/// Returns at most `room` columns from the end of the text; `...` replaces what came before.
fn cut_start(text: &str, room: usize) -> String {
    if text.width() <= room {
        return text.to_owned();
    }
    let kept = fitting(text.chars().rev(), room.saturating_sub(3));
    let all = text.chars().count();
    let tail: String = text.chars().skip(all - kept).collect();
    format!("...{tail}")
}

/// Returns how many of these characters fit into `room` columns.
fn fitting(characters: impl Iterator<Item = char>, room: usize) -> usize {
    let mut width = 0;
    characters
        .take_while(|c| {
            width += c.width().unwrap_or(0);
            width <= room
        })
        .count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line() {
        let error = ProgramError::new("pirce > 90", 0..5, "unknown column 'pirce'")
            .with_hint("did you mean 'price'?");
        assert_eq!(
            error.to_string(),
            "unknown column 'pirce'\n  pirce > 90\n  ^^^^^ did you mean 'price'?"
        );
    }

    #[test]
    fn the_place_after_the_last_character() {
        let error = ProgramError::new("a and", 5..5, "expected a value after 'and'");
        assert_eq!(
            error.to_string(),
            "expected a value after 'and'\n  a and\n       ^"
        );
    }

    #[test]
    fn several_lines_show_their_number() {
        let text = "# totals\na = 1,\n\tb = pirce\n";
        let at = text.find("pirce").unwrap();
        let error = ProgramError::new(text, at..at + 5, "unknown column 'pirce'");
        assert_eq!(
            error.to_string(),
            "unknown column 'pirce'\n  line 3: b = pirce\n              ^^^^^"
        );
    }

    #[test]
    fn wide_characters_take_two_columns() {
        let text = "\"한국\" = 나라가";
        let at = text.find('나').unwrap();
        let error = ProgramError::new(text, at..text.len(), "unknown column '나라가'");
        assert_eq!(
            error.to_string(),
            "unknown column '나라가'\n  \"한국\" = 나라가\n           ^^^^^^"
        );
    }

    #[test]
    fn a_long_line_is_cut_around_the_mark() {
        let text = format!("{}pirce{}", "a + ".repeat(50), " + b".repeat(50));
        let error = ProgramError::new(&text, 200..205, "unknown column 'pirce'").to_string();
        let lines: Vec<&str> = error.lines().collect();
        assert!(lines[1].starts_with("  ...a + "), "{error}");
        assert!(lines[1].ends_with("..."), "{error}");
        assert!(lines[1].width() <= SHOWN_WIDTH + 2, "{error}");
        assert_eq!(lines[1].find("pirce"), lines[2].find('^'), "{error}");
    }

    #[test]
    fn an_empty_program_has_no_line_to_show() {
        let error = ProgramError::new(" \n", 0..0, "the expression is empty");
        assert_eq!(error.to_string(), "the expression is empty");
    }
}
