//! Advice about CSV that seems to be read with the wrong settings. Each remedy was tried on the beginning of the
//! source.

use crate::bytes::Dialect;
use crate::format::lenient::{Glance, glance};
use crate::record::{Flaw, counted};

use crate::files::seen::Start;
use crate::format::sniff::header::{is_datum, is_plainly_data};
use crate::format::sniff::{Guess, guess, records};

/// The longest text of a source that a message shows, in characters.
const LONGEST_SHOWN: usize = 60;

/// How CSV is read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms {
    pub(crate) dialect: Dialect,
    /// Whether the first record names the columns, and the user did not.
    pub(crate) has_header: bool,
    /// Whether comments are skipped.
    pub(crate) has_comments: bool,
    pub(crate) is_sniffed: bool,
    /// Whether the delimiter is longer than one byte; that of `dialect` then means nothing.
    pub(crate) has_long_delimiter: bool,
    /// Whether records are read leniently, mended or otherwise.
    pub(crate) is_mended: bool,
}

impl Terms {
    /// Returns a notice about a header of this many columns, which need not be that of this source.
    pub(crate) fn notice(&self, columns: usize, start: &Start) -> Option<String> {
        if columns == 1
            && let Some(hint) = self.one_column(start)
        {
            return Some(hint);
        }
        let records = records(&start.bytes, start.is_whole, self.dialect).list;
        let fields: Vec<_> = records.iter().map(|(_, fields)| fields).collect();
        let is_data = self.has_header && !self.is_sniffed && is_plainly_data(&fields);
        is_data.then(|| format!("{}: the header looks like data: --no-header?", start.name))
    }

    /// Returns a notice if the header is one column and something seems to separate more.
    fn one_column(&self, start: &Start) -> Option<String> {
        let found = records(&start.bytes, start.is_whole, self.dialect).list;
        let (_, first) = found.first()?;
        let only = String::from_utf8_lossy(first.first().filter(|_| first.len() == 1)?);
        let name = &start.name;
        let it = match self.has_header {
            true => "header",
            false => "first record",
        };
        let told = |remedy: String| {
            let end = only.char_indices().nth(LONGEST_SHOWN).map(|(end, _)| end);
            let (shown, more) = match end {
                Some(end) => (&only[..end], "..."),
                None => (&*only, ""),
            };
            Some(format!(
                "{name}: its {it} is one column, '{shown}{more}': {remedy}"
            ))
        };
        if self.has_long_delimiter {
            return None;
        }
        let said = |delimiter| {
            let (shown, said) = names_of(delimiter)?;
            Some(format!("if {shown} is the delimiter, say -d {said}"))
        };
        if !self.is_sniffed {
            if only.starts_with("sep=") {
                return told("--sniff reads what this line says of the delimiter".to_owned());
            }
            let Guess {
                sniffed,
                width,
                is_sure,
            } = self.guess(start);
            if is_sure && width > 1 {
                let fields = counted(width, "field");
                let below = |remedy| told(format!("the records below have {fields}; {remedy}"));
                let other = match sniffed.delimiter == self.dialect.delimiter {
                    true => None,
                    false => names_of(sniffed.delimiter),
                };
                match (sniffed.title_lines, other) {
                    (0, None) => {}
                    (0, Some(_)) if sniffed.lacks_first => {}
                    (0, Some(_)) => return told(said(sniffed.delimiter)?),
                    (lines, _) if self.may_sniff() => {
                        let lines = counted(lines, "line");
                        return below(format!("--sniff skips {lines} and reads them"));
                    }
                    (lines, None) => return below(format!("--skip-lines {lines} reads them")),
                    (lines, Some((_, other))) => {
                        return below(format!("-d {other} and --skip-lines {lines} read them"));
                    }
                }
            }
        }
        let own = self.dialect.delimiter;
        let separates = |byte: &u8| {
            let dialect = Dialect {
                delimiter: *byte,
                ..self.dialect
            };
            let is_other = Dialect::other_delimiter(own, *byte).is_some();
            let read = || records(&start.bytes, start.is_whole, dialect).list;
            is_other && read().first().is_some_and(|(_, first)| first.len() > 1)
        };
        if let Some(other) = only.bytes().find(separates) {
            return told(said(other)?);
        }
        let squeeze = runs_of_blanks(&start.bytes, start.is_whole)?;
        told(format!(
            "runs of blanks seem to separate the fields: {squeeze} <FILE | extract -d space"
        ))
    }

    /// Returns whether the delimiter is the default: `--sniff` cannot be combined with `-d`.
    fn may_sniff(&self) -> bool {
        self.dialect.delimiter == Dialect::STREAM.delimiter
    }

    fn guess(&self, start: &Start) -> Guess {
        guess(&start.bytes, start.is_whole, self.dialect.quote)
    }

    /// Returns the remedy for records that do not have as many fields as the header.
    fn count_remedy(&self, (fields, columns): (usize, usize), start: &Start) -> String {
        let pad = match fields < columns {
            true => "--ragged pad fills short records",
            false => "--ragged pad drops surplus fields, and --extra column keeps them",
        };
        if self.is_mended {
            return pad.to_owned();
        }
        let own = [self.dialect.delimiter];
        if !self.has_comments
            && let Some(line) = self.comment(start)
        {
            return format!("line {line} begins with '#': if that is a comment, --comment '#'");
        }
        if self.is_sniffed || !self.has_header {
            return pad.to_owned();
        }
        let Guess {
            sniffed,
            width,
            is_sure,
        } = self.guess(start);
        let title = match sniffed.title_lines {
            0 => None,
            1 => Some("line 1 seems to be a title".to_owned()),
            lines => Some(format!("the first {lines} lines seem to be a title")),
        };
        let is_own = sniffed.delimiter == self.dialect.delimiter;
        let is_table = width > 1 && (is_own || self.may_sniff());
        let lines = sniffed.title_lines;
        match (title, self.may_sniff()) {
            (Some(title), true) if is_sure && is_table => format!("{title}: --sniff skips it"),
            (Some(title), true) if is_table => format!("{title}: try --sniff with --ragged pad"),
            (Some(title), false) if is_sure && is_table => {
                format!("{title}: --skip-lines {lines} skips it")
            }
            (None, may_sniff) if is_sure && is_table && sniffed.lacks_first => {
                let flag = match may_sniff {
                    true => "--sniff",
                    false => "--ragged pad",
                };
                format!("the header has no name for the first column: {flag} reads it")
            }
            (None, _) if is_sure && width > 1 && !is_own && !self.glance(start, &own).is_even() => {
                match names_of(sniffed.delimiter) {
                    Some((shown, said)) => format!("if {shown} is the delimiter, say -d {said}"),
                    None => pad.to_owned(),
                }
            }
            _ => pad.to_owned(),
        }
    }

    /// Returns the line of the first comment, if lines with `#` seem to be comments: without them the records are
    /// less uneven, or the first line is one and does not have the usual number of fields.
    fn comment(&self, start: &Start) -> Option<usize> {
        let lines = || start.bytes.split_inclusive(|byte| *byte == b'\n');
        let place = lines().position(|line| line.starts_with(b"#"))?;
        let without: Vec<u8> = lines()
            .filter(|line| !line.starts_with(b"#"))
            .flatten()
            .copied()
            .collect();
        let own = [self.dialect.delimiter];
        let with = self.glance(start, &own);
        let start = Start {
            bytes: without,
            ..start.clone()
        };
        let without = self.glance(&start, &own);
        let has_less = without.uneven() < with.uneven() && !without.widths.is_empty();
        (has_less || place == 0 && with.widths.first() != Some(&without.width()))
            .then_some(place + 1)
    }

    /// Returns the remedy for a quote where none belongs.
    fn quote_remedy(&self, start: &Start) -> String {
        const MEND: &str = "quote the whole field and double the quote";
        if self.has_long_delimiter {
            return MEND.to_owned();
        }
        let own = [self.dialect.delimiter];
        let as_it_is = self.glance(start, &own);
        let reads = |delimiter: &[u8]| {
            let glance = self.glance(start, delimiter);
            glance.is_even() && glance.strays == 0 && glance.width() > 1
        };
        if as_it_is.strays > 0 && !self.is_mended {
            let blank = [own[0], b' '];
            if own[0] > b' ' && reads(&blank) {
                let blank = String::from_utf8_lossy(&blank).into_owned();
                return format!("blanks stand behind the delimiters: say -d '{blank}'");
            }
            let mut others = b",\t;|^ ".iter().filter(|other| **other != own[0]);
            if let Some(other) = others.find(|other| reads(&[**other]))
                && let Some((shown, said)) = names_of(*other)
            {
                return format!("if {shown} is the delimiter, say -d {said}");
            }
            if self.has_backslashes(start) {
                return "double the quote in place of the backslash before it".to_owned();
            }
            if !self.has_comments
                && let Some(line) = self.comment(start)
            {
                return format!("line {line} begins with '#': if that is a comment, --comment '#'");
            }
        }
        match (as_it_is.is_even(), as_it_is.quoted) {
            (true, 0) => format!("{MEND}, or read quotes as text with --quote none"),
            (true, _) => format!("{MEND}, or keep stray quotes as text with --ragged pad"),
            (false, _) => MEND.to_owned(),
        }
    }

    /// Returns whether quotes are escaped by backslashes, and all is well if they are doubled instead.
    fn has_backslashes(&self, start: &Start) -> bool {
        let finder = memchr::memmem::Finder::new(b"\\\"");
        if self.dialect.quote != Some(b'"') || finder.find(&start.bytes).is_none() {
            return false;
        }
        let mut start = start.clone();
        let places: Vec<usize> = finder.find_iter(&start.bytes).collect();
        for place in places {
            start.bytes[place] = b'"';
        }
        let glance = self.glance(&start, &[self.dialect.delimiter]);
        glance.is_even() && glance.strays == 0
    }

    fn glance(&self, start: &Start, delimiter: &[u8]) -> Glance {
        glance(&start.bytes, start.is_whole, delimiter, self.dialect.quote)
    }

    /// Returns the error with a remedy if it is a fault of CSV, else with the hint about a header of one column.
    pub(crate) fn explained(
        &self,
        error: anyhow::Error,
        hint: Option<String>,
        start: &Start,
    ) -> anyhow::Error {
        // An error that is not just a text is of another kind.
        let text = error.downcast_ref::<String>();
        let remedied = text.and_then(|text| self.with_remedy(text, hint.is_some(), start));
        match (remedied, hint) {
            (Some(text), _) => anyhow::anyhow!(text),
            (None, Some(hint)) => error.context(hint),
            (None, None) => error,
        }
    }

    /// Returns the text of an error with a remedy, if there is a better one than the hint.
    fn with_remedy(&self, message: &str, has_hint: bool, start: &Start) -> Option<String> {
        match Flaw::told_in(message)? {
            Flaw::Count { .. }
                if has_hint && (self.has_comments || self.comment(start).is_none()) =>
            {
                None
            }
            Flaw::Count { fields, columns } => {
                let remedy = self.count_remedy((fields, columns), start);
                Some(format!("{message}; {remedy}"))
            }
            Flaw::Quote(before) => {
                let remedy = self.quote_remedy(start);
                Some(Flaw::with_quote_remedy(before, &remedy))
            }
        }
    }
}

/// Returns a delimiter as messages show it, and as `-d` accepts it.
fn names_of(delimiter: u8) -> Option<(&'static str, &'static str)> {
    match delimiter {
        b' ' => Some(("a blank", "space")),
        b':' => Some(("':'", "':'")),
        _ => Dialect::other_delimiter(0, delimiter),
    }
}

/// Returns the command that reduces runs of blanks to one blank each, if they seem to separate fields.
fn runs_of_blanks(bytes: &[u8], is_whole: bool) -> Option<&'static str> {
    let mut lines: Vec<&[u8]> = bytes.split(|byte| *byte == b'\n').collect();
    if !is_whole {
        lines.pop();
    }
    let lines: Vec<&[u8]> = (lines.into_iter())
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
        .filter(|line| !line.is_empty())
        .collect();
    let words = |line: &[u8]| -> Vec<Vec<u8>> {
        let words = line.split(|byte| *byte == b' ');
        words
            .filter(|word| !word.is_empty())
            .map(<[u8]>::to_vec)
            .collect()
    };
    let has_margin = |line: &&[u8]| line.starts_with(b" ") || line.ends_with(b" ");
    let has_run = |line: &&[u8]| line.windows(2).any(|pair| pair == b"  ");
    if !lines.iter().any(|line| has_margin(line) || has_run(line)) {
        return None;
    }
    let words: Vec<_> = lines.iter().map(|line| words(line)).collect();
    let (first, others) = words.split_first()?;
    let width = others.first()?.len().max(1);
    // The header may have no name for the first column.
    let is_even = (width - 1..=width).contains(&first.len())
        && others.iter().all(|words| words.len() == width);
    let is_column_of_data = |column: usize| others.iter().all(|words| is_datum(&words[column]));
    if !is_even || width < 2 || width == 2 && !(0..width).any(is_column_of_data) {
        return None;
    }
    match lines.iter().any(has_margin) {
        true => Some("sed -E 's/^ +| +$//g; s/ +/ /g'"),
        false => Some("tr -s ' '"),
    }
}
