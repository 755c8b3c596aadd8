//! Types of PostgreSQL: what a column accepts, and how the server checks values that only it can parse.

use crate::schema::rule::{Digits, Rule};
use crate::schema::types::ColumnKind;
use crate::schema::{Fit, plain};
use crate::value::{Interval, parse};

use crate::connector::postgres::load::column::BinaryForm;
use crate::record::Fault;

/// What a column accepts.
#[derive(Clone, Debug, PartialEq)]
pub struct Typed {
    /// The rule that values are checked against before they are sent.
    pub rule: Rule,
    /// How COPY's binary format encodes the values; None if that is not known here.
    pub form: Option<BinaryForm>,
    /// How the server checks the values.
    pub check: Option<Check>,
}

/// How a value is checked if only the server can parse its type: cast, written again, and compared.
#[derive(Clone, Debug, PartialEq)]
pub struct Check {
    /// The column's type with its modifiers, in SQL.
    pub cast: String,
    /// How the stored value is compared with the sent one.
    pub likeness: Likeness,
}

/// What the server's text for a stored value is compared with.
#[derive(Clone, Debug, PartialEq)]
pub enum Likeness {
    /// The sent text, apart from blanks outside quotes and the spelling of numbers.
    Sent,
    /// An equal interval.
    Interval,
    /// An equal amount.
    Money,
    /// The value cast to this type without modifiers: an extension's type may have its own spelling.
    Unmodified(String),
}

/// What the catalog says about a column's type, with domains resolved.
pub struct Declaration {
    /// Its name in the catalog.
    pub name: String,
    /// Its modifier; -1 for none.
    pub modifier: i32,
    /// The labels of an enumeration.
    pub labels: Vec<String>,
    /// Whether the column has the type itself rather than a domain over it.
    pub is_base: bool,
    /// Whether the type is built in or composed of built-in types, rather than an extension's.
    pub is_of_server: bool,
    /// The column's type in SQL.
    pub full: String,
    /// The type without modifiers, in SQL.
    pub bare: String,
    /// Whether it is an array.
    pub is_list: bool,
    /// The catalog's letter for its kind: `b` base type, `c` composite, `e` enumeration, `r` range.
    pub class: String,
}

/// Returns what a column of this type accepts.
pub fn rule(declared: Declaration) -> Typed {
    let Declaration { name, modifier, .. } = &declared;
    let places = match *modifier {
        -1 => 6,
        places => places as usize,
    };
    let integer = |least: i64, most: i64| Rule::Integer { least, most };
    let is_base = declared.class == "b" && declared.is_of_server && !declared.is_list;
    let rule = match name.as_str() {
        _ if declared.class == "e" => Rule::Label(declared.labels.clone()),
        _ if !is_base => return by_server(declared),
        "int2" => integer(i16::MIN.into(), i16::MAX.into()),
        "int4" => integer(i32::MIN.into(), i32::MAX.into()),
        "int8" => integer(i64::MIN, i64::MAX),
        "numeric" if *modifier < 4 => Rule::Numeric(None),
        // See `make_numeric_typmod` in PostgreSQL's source: the precision in the upper half, an 11-bit signed
        // scale.
        "numeric" => Rule::Numeric(Some(Digits {
            precision: i64::from((modifier - 4) >> 16 & 0xFFFF),
            scale: i64::from(((modifier - 4) & 0x7FF) ^ 1024) - 1024,
        })),
        "float8" => Rule::Double,
        "float4" => Rule::Single,
        "bool" => Rule::Boolean,
        "date" => Rule::Date,
        "timestamp" => Rule::Civil { places },
        "timestamptz" => Rule::Instant { places },
        "time" | "timetz" => Rule::Clock {
            places,
            has_zone: name == "timetz",
        },
        "varchar" | "bpchar" if *modifier >= 4 => Rule::Length(*modifier as usize - 4),
        "text" | "varchar" | "bpchar" => Rule::Text,
        "uuid" => Rule::Uuid,
        "json" => Rule::Json,
        "jsonb" => Rule::JsonValues,
        "bytea" => Rule::Bytes,
        _ => return by_server(declared),
    };
    Typed {
        rule,
        form: BinaryForm::of(name).filter(|_| declared.is_base),
        check: None,
    }
}

/// Returns what a column accepts if only the server can parse its type.
fn by_server(declared: Declaration) -> Typed {
    let likeness = match declared.name.as_str() {
        "interval" => Some(Likeness::Interval),
        "money" => Some(Likeness::Money),
        _ if declared.is_of_server => Some(Likeness::Sent),
        _ if declared.modifier != -1 => Some(Likeness::Unmodified(declared.bare)),
        _ => None,
    };
    Typed {
        rule: match &likeness {
            None => Rule::Text,
            Some(_) => Rule::Server {
                is_list: declared.is_list,
            },
        },
        form: None,
        check: likeness.map(|likeness| Check {
            cast: declared.full,
            likeness,
        }),
    }
}

impl Typed {
    /// Returns what a column that is created for `kind` accepts.
    pub fn found(kind: ColumnKind) -> Self {
        Typed {
            rule: Rule::found(kind),
            form: Some(BinaryForm::found(kind)),
            check: None,
        }
    }
}

impl Fit for Typed {
    fn fit(&self, raw: &[u8], is_clean: bool) -> Result<(), Fault> {
        self.rule.check(raw, is_clean)
    }
}

impl Check {
    /// Returns, as SQL, the server's text for a value in a text column, and what it is compared with.
    pub fn shown(&self, column: &str) -> (String, String) {
        let cast = &self.cast;
        // The text that the type's output function writes; a cast to text may differ (inet).
        let stored = format!("concat({column}::{cast})");
        match &self.likeness {
            Likeness::Sent | Likeness::Interval => (stored, column.to_owned()),
            Likeness::Money => (
                format!(
                    "CASE WHEN {stored} = {column} THEN {column} ELSE ({column}::{cast})::numeric::text END"
                ),
                column.to_owned(),
            ),
            Likeness::Unmodified(bare) => (stored, format!("concat({column}::{bare})")),
        }
    }

    /// Returns whether the server's text is equivalent to what was sent.
    pub fn is_like(&self, sent: &str, shown: &str) -> bool {
        match self.likeness {
            Likeness::Interval => {
                let [sent, shown] = [sent, shown].map(|text| Interval::parse(text.as_bytes()));
                sent.is_some() && sent == shown
            }
            Likeness::Sent | Likeness::Money => pieces(sent).eq(pieces(shown)),
            Likeness::Unmodified(_) => sent == shown,
        }
    }
}

/// A part of a text that is compared as a unit.
#[derive(Debug, PartialEq)]
enum TextPart {
    /// A number by its value: whether it is negative, its digits, and the power of ten of the point before them.
    Number(bool, Vec<u8>, i64),
    Letter(char),
}

/// Returns the parts of a text: its numbers, and all other characters except blanks outside double quotes.
fn pieces(text: &str) -> impl Iterator<Item = TextPart> {
    let mut rest = text;
    let mut is_quoted = false;
    let mut is_behind_word = false;
    std::iter::from_fn(move || {
        loop {
            let letter = rest.chars().next()?;
            let end = number_end(rest);
            if !is_quoted && !is_behind_word && end > 0 {
                let (number, behind) = rest.split_at(end);
                rest = behind;
                is_behind_word = true;
                return Some(number_of(number));
            }
            rest = &rest[letter.len_utf8()..];
            is_behind_word = letter.is_alphanumeric() || letter == '_' || letter == '.';
            if letter == '"' {
                is_quoted = !is_quoted;
            }
            if is_quoted || !letter.is_ascii_whitespace() {
                return Some(TextPart::Letter(letter));
            }
        }
    })
}

/// Returns where a plain number at the start of a text ends; 0 if it starts with none, or if more letters follow
/// it.
fn number_end(text: &str) -> usize {
    let is_part = |letter: char| letter.is_alphanumeric() || "+-._:".contains(letter);
    let end = text.find(|letter| !is_part(letter)).unwrap_or(text.len());
    match parse::is_plain(&text.as_bytes()[..end]) {
        true => end,
        false => 0,
    }
}

fn number_of(text: &str) -> TextPart {
    let (digits, power) = plain::significant(text.as_bytes()).unwrap_or_default();
    TextPart::Number(text.starts_with('-') && !digits.is_empty(), digits, power)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn declared(name: &str, modifier: i32) -> Declaration {
        Declaration {
            name: name.to_owned(),
            modifier,
            labels: Vec::new(),
            is_base: true,
            is_of_server: true,
            full: name.to_owned(),
            bare: name.to_owned(),
            is_list: false,
            class: "b".to_owned(),
        }
    }

    #[test]
    fn modifiers_are_read() {
        let of = |name: &str, modifier: i32| rule(declared(name, modifier)).rule;
        let digits = |precision, scale| Rule::Numeric(Some(Digits { precision, scale }));
        assert_eq!(of("numeric", (10 << 16 | 2) + 4), digits(10, 2));
        assert_eq!(of("numeric", (4 << 16 | 0x7FE) + 4), digits(4, -2));
        assert_eq!(of("varchar", 24), Rule::Length(20));
    }

    #[test]
    fn texts_are_like_each_other_by_their_numbers_and_letters() {
        for (sent, shown, is_like) in [
            ("{1,2}", "{1,2}", true),
            ("{ 1, 2.50 }", "{1,2.5}", true),
            ("{1.005}", "{1.01}", false),
            ("{1e+5}", "{100000}", true),
            ("{-0}", "{0}", true),
            ("{-1}", "{1}", false),
            ("{\"a b\"}", "{\"ab\"}", false),
            ("{a1.0}", "{a1}", false),
            ("10.0.0.1", "10.0.0.1/32", false),
            ("1.50", "1.5", true),
            ("1.0.0", "1.0", false),
            ("12:00:00.50", "12:00:00.5", false),
            ("(1,2)", "(1.0,2)", true),
            ("007", "7", false),
        ] {
            let check = Check {
                cast: String::new(),
                likeness: Likeness::Sent,
            };
            assert_eq!(check.is_like(sent, shown), is_like, "{sent} {shown}");
        }
    }
}
