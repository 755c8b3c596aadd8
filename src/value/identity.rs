//! When two values count as one: for distinct counts, groups and keys.

use super::parse::{self, is_plain};
use super::{Number, Value, print, text};

/// The longest integer that stands for itself.
const LONGEST: usize = 38;

/// Append bytes that are the same for two values just where the language's `=` holds between
/// them as fields: plain numbers by value (`1`, `1.0` and `1e0` are one, `007` is another), all
/// else by its text. Null is nothing, and so is the empty text.
pub fn write_identity(value: &Value<'_>, out: &mut Vec<u8>) {
    match value {
        Value::Raw(field) | Value::Text(field) => write_field(field, out),
        Value::Double(double) => {
            let mut printed = Vec::new();
            print::write_double(*double, &mut printed);
            write_field(&printed, out);
        }
        _ => text::write_text(value, out),
    }
}

/// Whether a field's bytes are its identity: it is text, or an integer written the one way there
/// is.
#[inline]
pub fn is_own_identity(field: &[u8]) -> bool {
    let begins_a_number = matches!(field.first(), Some(b'0'..=b'9' | b'-'));
    !begins_a_number || is_canonical_integer(field) || !is_plain(field)
}

fn write_field(field: &[u8], out: &mut Vec<u8>) {
    if is_own_identity(field) {
        out.extend_from_slice(field);
        return;
    }
    match parse::parse(field) {
        Ok(Number::Decimal(decimal)) => decimal.write(out),
        _ => parse::write_canonical(field, out),
    }
}

/// Is this an integer written the one way there is? (Or a code such as `007`, which is text.)
fn is_canonical_integer(field: &[u8]) -> bool {
    let digits = field.strip_prefix(b"-").unwrap_or(field);
    digits.len() <= LONGEST && field != b"-0" && digits.iter().all(u8::is_ascii_digit)
}
