//! Text that is not UTF-8: which encoding it has, and how it becomes UTF-8.
//!
//! Encodings are named by the labels of the WHATWG Encoding Standard, so `latin1` is windows-1252 and `euc-kr` is
//! Windows's superset of it. A byte that the encoding does not define is kept, with
//! [`UNDECODED`](crate::record::UNDECODED) in front, and makes its record a bad one.

mod around;
mod auto;
mod decoding;
mod guess;

use std::sync::{Arc, Mutex, PoisonError};

use encoding_rs::{REPLACEMENT, UTF_8, UTF_16LE};

use crate::record::{Malformed, counted};
use crate::stream::Source;

use crate::files::seen::SeenBeginnings;
use around::Around;
use auto::Guessing;
use decoding::Decoding;
use guess::Advice;

/// Names that the standard lacks, and its own names for them.
const ALIASES: [(&str, &str); 7] = [
    ("cp949", "euc-kr"),
    ("uhc", "euc-kr"),
    ("cp932", "shift_jis"),
    ("cp936", "gbk"),
    ("cp950", "big5"),
    ("latin-1", "latin1"),
    ("ansi", "windows-1252"),
];

/// How text is encoded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Encoding {
    /// UTF-8, like the stream.
    #[default]
    Utf8,
    /// UTF-16, by its byte order mark, else little-endian.
    Utf16,
    /// Any other named encoding.
    Named(&'static encoding_rs::Encoding),
    /// Guessed from the first bytes of a source that are not ASCII.
    Auto,
}

impl Encoding {
    /// Returns the encoding of this name, ignoring case.
    ///
    /// # Errors
    /// The name is unknown.
    pub fn named(name: &str) -> Result<Self, String> {
        let lower = name.trim().to_ascii_lowercase();
        let alias = ALIASES.iter().find(|(alias, _)| *alias == lower);
        match alias.map_or(&*lower, |(_, label)| *label) {
            "auto" => Ok(Encoding::Auto),
            "utf-16" | "utf16" => Ok(Encoding::Utf16),
            label => match encoding_rs::Encoding::for_label(label.as_bytes()) {
                Some(encoding) if encoding == UTF_8 => Ok(Encoding::Utf8),
                Some(encoding) if encoding != REPLACEMENT => Ok(Encoding::Named(encoding)),
                _ => Err(format!(
                    "'{name}' is no encoding that is known here: utf-8, utf-16, utf-16le, utf-16be, \
                     windows-1252 (latin1), windows-1251, iso-8859-2, koi8-r, shift_jis, euc-jp, euc-kr, \
                     gb18030, big5 ..., or auto; for others there is 'iconv'"
                )),
            },
        }
    }

    /// Returns whether bytes stay as they are.
    pub fn is_utf8(&self) -> bool {
        *self == Encoding::Utf8
    }

    /// Returns the source in UTF-8; records guesses in `guesses`.
    pub(crate) fn decoded(&self, mut source: Source, guesses: &Guesses) -> anyhow::Result<Source> {
        let decoder = match self {
            Encoding::Utf8 => return source.text(),
            Encoding::Utf16 => UTF_16LE.new_decoder(),
            Encoding::Named(encoding) => encoding.new_decoder_with_bom_removal(),
            Encoding::Auto => {
                let name = Arc::clone(&source.name);
                source.read = Box::new(Guessing::new(source.read, name, guesses.clone()));
                return Ok(source);
            }
        };
        source.read = Box::new(Decoding::new(source.read, decoder));
        Ok(source)
    }

    /// Returns how to report records that are not text, in sources whose beginnings are `seen`.
    pub(crate) fn malformed(&self, guesses: &Guesses, seen: &SeenBeginnings) -> Malformed {
        match self {
            Encoding::Utf8 => {
                let around = Around::new(seen.clone());
                Malformed::read(move |record, place| match around.advice(record, place) {
                    Advice::Encoding(encoding) => {
                        format!("is not UTF-8; --encoding {}?", name(encoding))
                    }
                    Advice::Damage => "is not UTF-8, as the rest is".to_owned(),
                    Advice::Binary => "is not UTF-8; is this text at all?".to_owned(),
                })
            }
            Encoding::Utf16 => Malformed::decoded(|_, _| "is not UTF-16".to_owned()),
            Encoding::Named(encoding) => {
                Malformed::decoded(|_, _| format!("is not {}", name(encoding)))
            }
            Encoding::Auto => {
                let guesses = guesses.clone();
                Malformed::decoded(move |_, place| match guesses.of(&place.source) {
                    Some(name) => format!("is not {name}, as which this was read"),
                    None => "is not in the encoding that was guessed".to_owned(),
                })
            }
        }
    }
}

/// The encodings that were guessed, by source.
#[derive(Clone, Debug, Default)]
pub struct Guesses(Arc<Mutex<Vec<Guess>>>);

/// A source and the name of its encoding.
type Guess = (Arc<str>, &'static str);

impl Guesses {
    fn add(&self, source: &Arc<str>, encoding: &'static encoding_rs::Encoding) {
        let mut guesses = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        guesses.push((Arc::clone(source), name(encoding)));
    }

    /// Returns the encoding that was guessed for a source.
    fn of(&self, source: &str) -> Option<&'static str> {
        let guesses = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut guesses = guesses.iter();
        guesses
            .find(|(name, _)| **name == *source)
            .map(|(_, name)| *name)
    }

    /// Returns a message about the guesses, if there are any.
    pub(crate) fn notice(&self) -> Option<String> {
        let mut guesses = self
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let mut told = Vec::new();
        while let Some((source, name)) = guesses.first().cloned() {
            let (same, others): (Vec<_>, Vec<_>) =
                guesses.into_iter().partition(|(_, other)| *other == name);
            told.push(match same.len() {
                1 => format!("{source} was read as {name}"),
                count => format!("{} were read as {name}", counted(count, "source")),
            });
            guesses = others;
        }
        (!told.is_empty()).then(|| told.join(", "))
    }
}

/// Returns the name that is shown for an encoding: that of the superset, if it is a part of another.
fn name(encoding: &'static encoding_rs::Encoding) -> &'static str {
    match encoding.name() {
        "GBK" => "gb18030",
        name => name,
    }
}
