//! Errors for unknown names, with suggestions.

use super::error::{ProgramError, cut_end};
use super::lex::lex;
use super::token::Span;
use super::token::{Token, is_plain_name, spelled};

/// Maximum number of columns that an error lists.
const LISTED: usize = 10;

/// Maximum width of a name in such a list, in terminal columns.
const LISTED_WIDTH: usize = 30;

impl ProgramError {
    /// Error for a column that the header lacks, at `span` of the program `text`. Suggests the nearest name,
    /// brackets, or quotes, and lists the first columns.
    pub fn unknown_column(text: &str, span: Span, name: &str, header: &[String]) -> Self {
        let is_compared = is_compared(text, &span);
        unknown_column(text, span, name, header, is_compared)
    }

    /// [`unknown_column`](Self::unknown_column) for a list of columns, where text literals do not exist.
    pub(super) fn unlisted_column(text: &str, span: Span, name: &str, header: &[String]) -> Self {
        unknown_column(text, span, name, header, false)
    }

    /// Error for a function that does not exist, at `span` of the program `text`.
    pub fn unknown_function<'n>(
        text: &str,
        span: Span,
        name: &str,
        functions: impl IntoIterator<Item = &'n str>,
    ) -> Self {
        let error = ProgramError::new(text, span, format!("unknown function '{name}'"));
        match nearest(name, functions) {
            Some(near) => error.with_hint(format!("did you mean '{near}'?")),
            None => error,
        }
    }

    /// Error for a setting that was not given, at `span` of the program `text`. `name` has no colon.
    pub fn unknown_setting<'n>(
        text: &str,
        span: Span,
        name: &str,
        given: impl IntoIterator<Item = &'n str>,
    ) -> Self {
        let error = ProgramError::new(text, span, format!("unknown setting ':{name}'"));
        match nearest(name, given) {
            Some(near) => error.with_hint(format!("did you mean ':{near}'?")),
            None => error.with_hint(format!("give it by --set {name}=VALUE")),
        }
    }
}

fn unknown_column(
    text: &str,
    span: Span,
    name: &str,
    header: &[String],
    is_compared: bool,
) -> ProgramError {
    let mut hint = String::new();
    let names = || header.iter().map(String::as_str);
    let whole = bracketable(text, &span, name, header);
    let slip = slipped(name, names());
    if let Some(whole) = whole {
        hint = format!("for the column '{whole}' write {}; ", spelled(whole));
    } else if let Some(near) = slip.or_else(|| containing(name, names())) {
        hint = match is_plain_name(near) {
            true => format!("did you mean '{near}'? "),
            false => format!("did you mean {}? ", spelled(near)),
        };
    }
    if whole.is_none() && slip.is_none() && is_compared {
        hint += &format!("for the text write \"{name}\"; ");
    }
    let hint = hint + &listed("columns", header);
    ProgramError::new(text, span, format!("unknown column '{name}'")).with_hint(hint)
}

/// Returns the candidate that `name` most likely means, if any is close.
pub(super) fn nearest<'n>(
    name: &str,
    candidates: impl IntoIterator<Item = &'n str>,
) -> Option<&'n str> {
    let candidates: Vec<&str> = candidates.into_iter().collect();
    slipped(name, candidates.iter().copied())
        .or_else(|| containing(name, candidates.iter().copied()))
}

/// Returns the candidate that is equal except for letter case and a few typing errors.
fn slipped<'n>(name: &str, candidates: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    let wanted = name.to_lowercase();
    let slips = match wanted.chars().count() {
        0..=2 => 0,
        3..=5 => 1,
        length => length / 3,
    };
    candidates
        .map(|candidate| {
            (
                strsim::osa_distance(&wanted, &candidate.to_lowercase()),
                candidate,
            )
        })
        .filter(|(distance, _)| *distance <= slips)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Returns the only candidate that contains `name`.
fn containing<'n>(name: &str, candidates: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    let wanted = name.to_lowercase();
    let mut longer = candidates.filter(|candidate| candidate.to_lowercase().contains(&wanted));
    let found = longer.next().filter(|_| wanted.chars().count() >= 3);
    found.filter(|_| longer.next().is_none())
}

/// `columns: a, b, c ... and 91 more`
pub(super) fn listed(label: &str, names: &[String]) -> String {
    let shown = if names.len() <= LISTED + 1 {
        names.len()
    } else {
        LISTED
    };
    let list = names[..shown]
        .iter()
        .map(|name| cut_end(&name.replace(char::is_control, " "), LISTED_WIDTH))
        .collect::<Vec<_>>()
        .join(", ");
    match names.len() - shown {
        0 => format!("{label}: {list}"),
        more => format!("{label}: {list} ... and {more} more"),
    }
}

/// Returns the column of which `name` is only the part that needs no brackets: `first` of `first-name`.
fn bracketable<'h>(text: &str, span: &Span, name: &str, header: &'h [String]) -> Option<&'h str> {
    let covers = |column: &str| {
        text.match_indices(column)
            .any(|(at, _)| at <= span.start && span.end <= at + column.len())
    };
    header
        .iter()
        .map(String::as_str)
        .filter(|column| column.len() > name.len() && covers(column))
        .max_by_key(|column| column.len())
}

/// Whether the word at `span` stands where a text is likely: after a comparison operator, in the list of an `in`,
/// or as a result of an `if` or a `case`.
fn is_compared(text: &str, span: &Span) -> bool {
    let Ok(mut before) = lex(text) else {
        return false;
    };
    before.retain(|lexeme| lexeme.span.end <= span.start && lexeme.token != Token::End);
    let mut depth = 0;
    let Some(last) = before.last().map(|lexeme| lexeme.token.clone()) else {
        return false;
    };
    match last {
        Token::Symbol("=" | "==" | "!=" | "<>" | "<" | "<=" | ">" | ">=" | "~" | "=~" | "!~") => {
            return true;
        }
        Token::Keyword("then" | "else") => return true,
        Token::Symbol("(" | ",") => {}
        _ => return false,
    }
    let opening = before.iter().rposition(|lexeme| match lexeme.token {
        Token::Symbol("(") if depth == 0 => true,
        Token::Symbol("(") => {
            depth -= 1;
            false
        }
        Token::Symbol(")") => {
            depth += 1;
            false
        }
        _ => false,
    });
    let caller = opening
        .and_then(|at| at.checked_sub(1))
        .map(|at| &before[at].token);
    match caller {
        Some(Token::Keyword("in")) => true,
        Some(Token::Name(name)) => name.eq_ignore_ascii_case("if") && last == Token::Symbol(","),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the error for the first `name` in the program.
    fn unknown(text: &str, name: &str, header: &[&str]) -> String {
        let at = text.find(name).unwrap();
        let header: Vec<String> = header.iter().map(|&name| name.to_owned()).collect();
        ProgramError::unknown_column(text, at..at + name.len(), name, &header).to_string()
    }

    const SALES: &[&str] = &["id", "ts", "customer_id", "qty", "price"];

    #[test]
    fn a_slip_is_mended() {
        assert_eq!(
            unknown("pirce > 90", "pirce", SALES),
            "unknown column 'pirce'\n  pirce > 90\n  \
             ^^^^^ did you mean 'price'? columns: id, ts, customer_id, qty, price"
        );
        assert_eq!(
            unknown("qty > PRICE", "PRICE", SALES),
            "unknown column 'PRICE'\n  qty > PRICE\n        \
             ^^^^^ did you mean 'price'? columns: id, ts, customer_id, qty, price"
        );
        assert_eq!(
            unknown("frist_name ~ 'x'", "frist_name", &["First Name", "a"]),
            "unknown column 'frist_name'\n  frist_name ~ 'x'\n  \
             ^^^^^^^^^^ did you mean [First Name]? columns: First Name, a"
        );
    }

    #[test]
    fn a_piece_is_completed() {
        assert_eq!(
            unknown("customer = 3", "customer", SALES),
            "unknown column 'customer'\n  customer = 3\n  \
             ^^^^^^^^ did you mean 'customer_id'? columns: id, ts, customer_id, qty, price"
        );
        assert_eq!(
            unknown("status = paid", "paid", &["status", "paid_at"]),
            "unknown column 'paid'\n  status = paid\n           \
             ^^^^ did you mean 'paid_at'? for the text write \"paid\"; columns: status, paid_at"
        );
    }

    #[test]
    fn a_word_that_was_meant_as_text() {
        let country = &["country", "x"][..];
        for text in [
            "country == KR",
            "country != KR",
            "country in (\"JP\", KR)",
            "country in (f(1, 2), KR)",
            "if(x > 1, KR, null)",
            "case when x then KR end",
        ] {
            let message = unknown(text, "KR", country);
            assert!(
                message.ends_with("^^ for the text write \"KR\"; columns: country, x"),
                "{message}"
            );
        }
        for text in [
            "KR = country",
            "sum(KR)",
            "1 + KR",
            "if(KR, 1, 2)",
            "f(if(1, 2), KR)",
        ] {
            let message = unknown(text, "KR", country);
            assert!(message.ends_with("^^ columns: country, x"), "{message}");
        }
    }

    #[test]
    fn a_name_that_needs_brackets() {
        assert_eq!(
            unknown("first-name = 'x'", "first", &["first-name", "id"]),
            "unknown column 'first'\n  first-name = 'x'\n  \
             ^^^^^ for the column 'first-name' write [first-name]; columns: first-name, id"
        );
        assert_eq!(
            unknown("first-name = 'x'", "name", &["first-name", "first"]),
            "unknown column 'name'\n  first-name = 'x'\n        \
             ^^^^ for the column 'first-name' write [first-name]; columns: first-name, first"
        );
    }

    #[test]
    fn a_long_list_is_cut() {
        let header: Vec<String> = (1..=101).map(|n| format!("c{n}")).collect();
        let error = ProgramError::unknown_column("zzz", 0..3, "zzz", &header).to_string();
        assert_eq!(
            error,
            "unknown column 'zzz'\n  zzz\n  \
             ^^^ columns: c1, c2, c3, c4, c5, c6, c7, c8, c9, c10 ... and 91 more"
        );
        assert_eq!(
            listed("columns", &header[..11]),
            "columns: c1, c2, c3, c4, c5, c6, c7, c8, c9, c10, c11"
        );
        let long = "x".repeat(50);
        assert_eq!(
            listed("columns", &[long]),
            format!("columns: {}...", "x".repeat(27))
        );
    }

    #[test]
    fn functions_and_settings() {
        let error = ProgramError::unknown_function("uper(a)", 0..4, "uper", ["lower", "upper"]);
        assert_eq!(
            error.to_string(),
            "unknown function 'uper'\n  uper(a)\n  ^^^^ did you mean 'upper'?"
        );
        let error = ProgramError::unknown_function("zork(a)", 0..4, "zork", ["lower", "upper"]);
        assert_eq!(
            error.to_string(),
            "unknown function 'zork'\n  zork(a)\n  ^^^^"
        );
        let error = ProgramError::unknown_setting("t > :sinc", 4..9, "sinc", ["since"]);
        assert_eq!(
            error.to_string(),
            "unknown setting ':sinc'\n  t > :sinc\n      ^^^^^ did you mean ':since'?"
        );
        let error = ProgramError::unknown_setting("t > :since", 4..10, "since", []);
        assert_eq!(
            error.to_string(),
            "unknown setting ':since'\n  t > :since\n      ^^^^^^ give it by --set since=VALUE"
        );
    }
}
