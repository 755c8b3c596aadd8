//! Regular expressions over bytes, with errors in our words.

use regex::bytes::Regex;

/// Compiles a regular expression.
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

#[cfg(test)]
mod tests {
    use super::compile;

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
}
