//! Regular expressions and `like`. They match bytes: a character class matches whole UTF-8 characters, and invalid
//! bytes match nothing.

use bumpalo::Bump;
use regex::bytes::{Regex, RegexBuilder};

use super::argument::{Prepared, bounded, bytes, known, text_of, whole};
use super::{Body, Function, MakeFault, Yields, body};
use crate::expr::regex::compile;
use crate::record::Fault;
use crate::value::Value;
use crate::value::text::quoted;

pub(super) static FUNCTIONS: &[Function] = &[
    Function::new(
        "regexp_matches",
        "text, pattern",
        2..=2,
        "whether the regular expression matches somewhere, as text ~ pattern",
        (r#"regexp_matches("/api/v1", "^/api/")"#, "true"),
        |literals| {
            let pattern = Prepared::new(literals, 1, regex)?;
            body(move |arena, arguments| {
                let text = bytes(arena, &arguments[0]);
                pattern.with(&arguments[1], |regex| Ok(Value::Bool(regex.is_match(text))))
            })
        },
    )
    .also(&["regexp_like"]),
    Function::new(
        "regexp_count",
        "text, pattern",
        2..=2,
        "how many times the regular expression matches",
        (r#"regexp_count("a1b22c", "[0-9]+")"#, "2"),
        |literals| {
            let pattern = Prepared::new(literals, 1, regex)?;
            body(move |arena, arguments| {
                let text = bytes(arena, &arguments[0]);
                pattern.with(&arguments[1], |regex| {
                    Ok(whole(regex.find_iter(text).count() as i64))
                })
            })
        },
    ),
    Function::new(
        "regexp_extract",
        "text, pattern[, group]",
        2..=3,
        "the first match, or a group of it by number or name; null where nothing matches",
        (
            r#"regexp_extract("v1.22", "([0-9]+)[.]([0-9]+)", 2)"#,
            "\"22\"",
        ),
        extract,
    )
    .yielding(Yields::Text),
    Function::new(
        "regexp_replace",
        "text, pattern, replacement",
        3..=3,
        r"with every match replaced; \1, $1 or ${name} in the replacement stand for groups",
        (
            r#"regexp_replace("Doe, Jane", "(.*), (.*)", "$2 $1")"#,
            "Jane Doe",
        ),
        replace,
    )
    .yielding(Yields::Text),
    Function::new(
        "like",
        "text, pattern",
        2..=2,
        "whether the whole text is like the pattern: % stands for any text, _ for one character",
        (r#"like("database", "data%")"#, "true"),
        |literals| like(literals, |value| wildcard(text_of(value)?, false)),
    ),
    Function::new(
        "ilike",
        "text, pattern",
        2..=2,
        "like, in any case of letters",
        (r#"ilike("DATABASE", "data_ase")"#, "true"),
        |literals| like(literals, |value| wildcard(text_of(value)?, true)),
    ),
];

fn regex(value: &Value<'_>) -> Result<Regex, Fault> {
    compile(text_of(value)?.as_bytes())
        .map_err(|reason| Fault::new(format!("{} is {reason}", quoted(value))))
}

/// Returns the number of the group that `value` names or numbers; 0 if `value` is absent.
fn group(regex: &Regex, value: Option<&Value<'_>>) -> Result<usize, Fault> {
    let Some(value) = value else { return Ok(0) };
    let found = match super::argument::integer(value) {
        Ok(number) => usize::try_from(number).ok(),
        Err(_) => {
            let name = text_of(value)?;
            regex.capture_names().position(|known| known == Some(name))
        }
    };
    found
        .filter(|&group| group < regex.captures_len())
        .ok_or_else(|| {
            let expression = Value::Text(regex.as_str().as_bytes());
            Fault::new(format!(
                "{} has no group {}",
                quoted(&expression),
                quoted(value)
            ))
        })
}

fn extract(literals: &[Option<Value<'static>>]) -> Result<Body, MakeFault> {
    let pattern = Prepared::new(literals, 1, regex)?;
    let ready = match (pattern.known(), known(literals, 2)) {
        (Some(regex), Some(name)) => Some(group(regex, Some(name))),
        _ => None,
    };
    let ready = ready
        .transpose()
        .map_err(|fault| MakeFault { argument: 2, fault })?;
    body(move |arena, arguments| {
        let text = bytes(arena, &arguments[0]);
        pattern.with(&arguments[1], |regex| {
            let number = match ready {
                Some(number) => number,
                None => group(regex, arguments.get(2))?,
            };
            let found = match number {
                0 => regex.find(text),
                _ => regex
                    .captures(text)
                    .and_then(|captures| captures.get(number)),
            };
            Ok(found.map_or(Value::Null, |part| Value::Text(&text[part.range()])))
        })
    })
}

/// A replacement with references to groups.
struct Template(Vec<Replacement>);

enum Replacement {
    Literal(Vec<u8>),
    /// A group's number or name.
    Group(String),
}

impl Template {
    /// Parses `\1`, `\&` (the whole match), `\\`, `$1`, `$name`, `${name}` and `$$`; any other `$` or `\` is
    /// literal.
    fn new(value: &Value<'_>) -> Result<Template, Fault> {
        let mut rest = text_of(value)?;
        let mut pieces = Vec::new();
        let mut literal = String::new();
        while let Some(at) = rest.find(['\\', '$']) {
            literal.push_str(&rest[..at]);
            let (mark, after) = rest[at..].split_at(1);
            let (name, length) = match (mark, after.as_bytes().first()) {
                ("\\", Some(b'0'..=b'9')) => (&after[..1], 1),
                ("\\", Some(b'&')) => ("0", 1),
                ("\\", Some(b'\\')) | ("$", Some(b'$')) => ("", 1),
                ("$", Some(b'{')) if after.contains('}') => {
                    let end = after.find('}').unwrap_or(after.len());
                    (&after[1..end], end + 1)
                }
                ("$", _) => {
                    let end = after.find(|c: char| !c.is_alphanumeric() && c != '_');
                    let name = &after[..end.unwrap_or(after.len())];
                    (name, name.len())
                }
                _ => ("", 0),
            };
            if name.is_empty() {
                literal.push_str(mark);
            } else {
                pieces.push(Replacement::Literal(
                    std::mem::take(&mut literal).into_bytes(),
                ));
                pieces.push(Replacement::Group(name.to_string()));
            }
            rest = &after[length..];
        }
        literal.push_str(rest);
        pieces.push(Replacement::Literal(literal.into_bytes()));
        Ok(Template(pieces))
    }

    /// Resolves the groups for a regular expression, which must have them.
    fn resolve(&self, regex: &Regex) -> Result<Vec<TemplatePart>, Fault> {
        let resolved = self.0.iter().map(|piece| match piece {
            Replacement::Literal(text) => Ok(TemplatePart::Literal(text.clone())),
            Replacement::Group(name) => {
                group(regex, Some(&Value::Text(name.as_bytes()))).map(TemplatePart::Group)
            }
        });
        resolved.collect()
    }
}

/// A part of a template, resolved for one regular expression.
enum TemplatePart {
    Literal(Vec<u8>),
    Group(usize),
}

fn replace(literals: &[Option<Value<'static>>]) -> Result<Body, MakeFault> {
    let pattern = Prepared::new(literals, 1, regex)?;
    let template = Prepared::new(literals, 2, Template::new)?;
    let ready = match (pattern.known(), template.known()) {
        (Some(regex), Some(template)) => Some(template.resolve(regex)),
        _ => None,
    };
    let ready = ready
        .transpose()
        .map_err(|fault| MakeFault { argument: 2, fault })?;
    body(move |arena, arguments| {
        let text = bytes(arena, &arguments[0]);
        pattern.with(&arguments[1], |regex| match &ready {
            Some(parts) => replace_all(arena, text, regex, parts),
            None => template.with(&arguments[2], |template| {
                replace_all(arena, text, regex, &template.resolve(regex)?)
            }),
        })
    })
}

fn replace_all<'a>(
    arena: &'a Bump,
    text: &'a [u8],
    regex: &Regex,
    parts: &[TemplatePart],
) -> Result<Value<'a>, Fault> {
    if !regex.is_match(text) {
        return Ok(Value::Text(text));
    }
    let mut out = bumpalo::collections::Vec::with_capacity_in(text.len(), arena);
    let mut rest = 0;
    for captures in regex.captures_iter(text) {
        let range = |group: usize| captures.get(group).map_or(0..0, |part| part.range());
        out.extend_from_slice_copy(&text[rest..range(0).start]);
        for part in parts {
            match part {
                TemplatePart::Literal(literal) => out.extend_from_slice_copy(literal),
                TemplatePart::Group(group) => out.extend_from_slice_copy(&text[range(*group)]),
            }
        }
        bounded(Some(out.len()))?;
        rest = range(0).end;
    }
    out.extend_from_slice_copy(&text[rest..]);
    Ok(Value::Text(out.into_bump_slice()))
}

fn like(
    literals: &[Option<Value<'static>>],
    prepare: fn(&Value<'_>) -> Result<Regex, Fault>,
) -> Result<Body, MakeFault> {
    let pattern = Prepared::new(literals, 1, prepare)?;
    body(move |arena, arguments| {
        let text = bytes(arena, &arguments[0]);
        pattern.with(&arguments[1], |regex| Ok(Value::Bool(regex.is_match(text))))
    })
}

/// Compiles a `like` pattern. A `%` at either end leaves that end unanchored, so `%abc%` becomes a plain search.
fn wildcard(pattern: &str, any_case: bool) -> Result<Regex, Fault> {
    let mut expression = String::from("\\A");
    let mut characters = pattern.chars();
    while let Some(c) = characters.next() {
        match c {
            '%' if expression == "\\A" => expression.clear(),
            '%' if characters.as_str().is_empty() => return build(&expression, any_case, pattern),
            '%' => expression.push_str("(?s-u:.)*"),
            '_' => expression.push_str("(?s:.)"),
            _ => {
                let literal = if c == '\\' {
                    characters.next()
                } else {
                    Some(c)
                };
                let Some(literal) = literal else {
                    let pattern = quoted(&Value::Text(pattern.as_bytes()));
                    return Err(Fault::new(format!("{pattern} ends in a lone backslash")));
                };
                expression.push_str(&regex::escape(literal.encode_utf8(&mut [0; 4])));
            }
        }
    }
    expression.push_str("\\z");
    build(&expression, any_case, pattern)
}

fn build(expression: &str, any_case: bool, pattern: &str) -> Result<Regex, Fault> {
    RegexBuilder::new(expression)
        .case_insensitive(any_case)
        .build()
        .map_err(|_| {
            Fault::new(format!(
                "{} is too large a pattern",
                quoted(&Value::Text(pattern.as_bytes()))
            ))
        })
}
