//! Text that is not UTF-8: which encoding it has, and how it becomes UTF-8.
//!
//! Encodings go by the labels of the WHATWG Encoding Standard, so that `latin1` is windows-1252 and
//! `euc-kr` is Windows's superset of it. A byte that the encoding does not have stays, with
//! [`UNDECODED`] in front, and makes its record a bad one.

use std::io::{self, Cursor, Read};
use std::sync::{Arc, Mutex, PoisonError};

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Decoder, DecoderResult, REPLACEMENT, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

use crate::record::{Malformed, UNDECODED, counted};
use crate::stream::Source;

/// Bytes that one read asks for.
const CHUNK: usize = 256 * 1024;

/// How much is looked at to guess an encoding.
const LOOKED_AT: usize = 64 * 1024;

/// The same of a file that is ASCII so far, which says nothing.
const LOOKED_AT_OF_ASCII: usize = 4 * 1024 * 1024;

/// Names that the standard does not have, and its own for them.
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
    /// As the stream is.
    #[default]
    Utf8,
    /// By its byte order mark, else little-endian.
    Utf16,
    /// Any other that has a name.
    Named(&'static encoding_rs::Encoding),
    /// As the first bytes of a source suggest.
    Auto,
}

impl Encoding {
    /// The encoding of this name, upper and lower case alike.
    ///
    /// # Errors
    /// There is none.
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

    /// Whether bytes come as they are.
    pub fn is_utf8(&self) -> bool {
        *self == Encoding::Utf8
    }

    /// The source in UTF-8; what was guessed goes to `guesses`.
    pub(super) fn decoded(&self, mut source: Source, guesses: &Guesses) -> anyhow::Result<Source> {
        let decoder = match self {
            Encoding::Utf8 => return Ok(source),
            Encoding::Utf16 => UTF_16LE.new_decoder(),
            Encoding::Named(encoding) => encoding.new_decoder_with_bom_removal(),
            Encoding::Auto => {
                let start = beginning(&mut source)?;
                let encoding = guess(&start);
                guesses.add(&source.name, encoding);
                source.read = Box::new(Cursor::new(start).chain(source.read));
                encoding.new_decoder_with_bom_removal()
            }
        };
        source.read = Box::new(Decoding::new(source.read, decoder));
        Ok(source)
    }

    /// How records are told of that are no text.
    pub(super) fn malformed(&self, guesses: &Guesses) -> Malformed {
        match self {
            Encoding::Utf8 => Malformed::read(|bytes| match advice(bytes) {
                Advice::Encoding(encoding) => {
                    format!("is not UTF-8; --encoding {}?", name(encoding))
                }
                Advice::Damage => "is not UTF-8, as the rest is".to_owned(),
                Advice::Binary => "is not UTF-8; is this text at all?".to_owned(),
            }),
            Encoding::Utf16 => Malformed::decoded(|_| "is not UTF-16".to_owned()),
            Encoding::Named(encoding) => {
                Malformed::decoded(|_| format!("is not {}", name(encoding)))
            }
            Encoding::Auto => {
                let guesses = guesses.clone();
                Malformed::decoded(move |_| match guesses.only() {
                    Some(name) => format!("is not {name}, as which this was read"),
                    None => "is not in the encoding that was guessed".to_owned(),
                })
            }
        }
    }
}

/// What was guessed of each source.
#[derive(Clone, Debug, Default)]
pub(super) struct Guesses(Arc<Mutex<Vec<Guess>>>);

/// A source and the name of its encoding.
type Guess = (Arc<str>, &'static str);

impl Guesses {
    fn add(&self, source: &Arc<str>, encoding: &'static encoding_rs::Encoding) {
        let mut guesses = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        guesses.push((Arc::clone(source), name(encoding)));
    }

    /// The encoding, where all sources have the same.
    fn only(&self) -> Option<&'static str> {
        let guesses = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (_, first) = guesses.first()?;
        guesses
            .iter()
            .all(|(_, name)| name == first)
            .then_some(*first)
    }

    /// What was guessed, in words, where anything was.
    pub(super) fn notice(&self) -> Option<String> {
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

/// The name that is given to an encoding: of one that is a part of another, the other's.
fn name(encoding: &'static encoding_rs::Encoding) -> &'static str {
    match encoding.name() {
        "GBK" => "gb18030",
        name => name,
    }
}

/// What bytes seem to be that are no UTF-8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Advice {
    /// Text of this encoding.
    Encoding(&'static encoding_rs::Encoding),
    /// UTF-8 for the most part.
    Damage,
    /// No text.
    Binary,
}

fn advice(bytes: &[u8]) -> Advice {
    if let Some(encoding) = by_zeros(&bytes[..bytes.len().min(LOOKED_AT)]) {
        return Advice::Encoding(encoding);
    }
    let wrong = std::str::from_utf8(bytes).err();
    let at = wrong.map_or(0, |error| error.valid_up_to());
    let start = at.saturating_sub(LOOKED_AT / 8);
    let sample = &bytes[start..bytes.len().min(start + LOOKED_AT / 4)];
    if sample.contains(&0) {
        return Advice::Binary;
    }
    let (mut good, mut bad) = (0, 0);
    for chunk in sample.utf8_chunks() {
        let is_other = |letter: &char| !letter.is_ascii();
        good += chunk.valid().chars().filter(is_other).count();
        bad += usize::from(!chunk.invalid().is_empty());
    }
    if good > bad {
        return Advice::Damage;
    }
    if is_western(sample) {
        return Advice::Encoding(WINDOWS_1252);
    }
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
    detector.feed(sample, true);
    Advice::Encoding(detector.guess(None, Utf8Detection::Deny))
}

/// Whether the little that is not ASCII stands alone each time, as in `1,£1.50`, `5 µg` and `naïve`: too
/// little to guess by, and in windows-1252 plausible. Words in other alphabets have several such bytes side
/// by side. So many signs as there may be, but few letters.
fn is_western(sample: &[u8]) -> bool {
    /// More letters tell the language.
    const FEW: usize = 4;
    let mut letters = 0;
    for (place, &byte) in sample.iter().enumerate() {
        if byte.is_ascii() {
            continue;
        }
        let before = place.checked_sub(1).map_or(b' ', |place| sample[place]);
        let after = sample.get(place + 1).copied().unwrap_or(b' ');
        if !before.is_ascii() || !after.is_ascii() {
            return false;
        }
        let is_amount = before.is_ascii_digit() || after.is_ascii_digit();
        match byte {
            // The euro, the pound and the cent are letters elsewhere.
            0x80 | 0xA2 | 0xA3 if is_amount => {}
            // The degree, plus-minus, micro and section signs, and the middle dot.
            0xB0 | 0xB1 | 0xB5 | 0xA7 | 0xB7 if !is_within_word(before, after) => {}
            // Squares and cubes.
            0xB2 | 0xB3 if before.is_ascii_alphabetic() && !after.is_ascii_alphanumeric() => {}
            0xC0.. if before.is_ascii_alphabetic() || after.is_ascii_alphabetic() => letters += 1,
            _ => return false,
        }
    }
    letters <= FEW
}

fn is_within_word(before: u8, after: u8) -> bool {
    before.is_ascii_alphabetic() && after.is_ascii_alphabetic()
}

/// UTF-16 without its mark: of a line end, or of any ASCII, one byte of two is zero, and always the same
/// one.
fn by_zeros(start: &[u8]) -> Option<&'static encoding_rs::Encoding> {
    let (pairs, _) = start.as_chunks::<2>();
    let zeros = |place: usize| pairs.iter().filter(|pair| pair[place] == 0).count();
    let is_line_end = |pair: &&[u8; 2]| matches!(pair, [b'\n', 0] | [0, b'\n']);
    let has_line_end = pairs.iter().any(|pair| is_line_end(&pair));
    match (zeros(0), zeros(1)) {
        (high, low) if low <= high / 8 && (high > pairs.len() / 2 || has_line_end && high > 0) => {
            Some(UTF_16BE)
        }
        (high, low) if high <= low / 8 && (low > pairs.len() / 2 || has_line_end && low > 0) => {
            Some(UTF_16LE)
        }
        _ => None,
    }
}

/// The encoding of a text that begins like this.
fn guess(start: &[u8]) -> &'static encoding_rs::Encoding {
    if let Some((encoding, _)) = encoding_rs::Encoding::for_bom(start) {
        return encoding;
    }
    if let Some(encoding) = by_zeros(start) {
        return encoding;
    }
    match std::str::from_utf8(start) {
        // The last character may be cut in two.
        Err(error) if error.error_len().is_some() => match advice(start) {
            Advice::Encoding(encoding) => encoding,
            Advice::Damage | Advice::Binary => UTF_8,
        },
        _ => UTF_8,
    }
}

/// The bytes that tell the encoding.
fn beginning(source: &mut Source) -> anyhow::Result<Vec<u8>> {
    let mut start = Vec::new();
    let most = match source.size {
        Some(_) => LOOKED_AT_OF_ASCII,
        None => LOOKED_AT,
    };
    let wants_more =
        |start: &Vec<u8>| start.len() < LOOKED_AT || start.len() < most && start.is_ascii();
    while wants_more(&start) && source.read_ahead(LOOKED_AT, &mut start)? {}
    Ok(start)
}

/// Bytes of another encoding as UTF-8.
struct Decoding<R> {
    read: R,
    decoder: Decoder,
    /// Bytes that were read, from `at` to `end` not yet decoded.
    bytes: Vec<u8>,
    at: usize,
    end: usize,
    is_last: bool,
    is_done: bool,
    /// What is still to be written.
    waiting: Vec<u8>,
    /// The last bytes that were decoded: a malformed sequence may have begun in the read before.
    before: Vec<u8>,
}

/// No sequence of bytes that stand for a character is longer.
const LONGEST: usize = 8;

/// A decoder wants room for so many bytes at least.
const ROOM: usize = 64;

impl<R: Read> Decoding<R> {
    fn new(read: R, decoder: Decoder) -> Self {
        Decoding {
            read,
            decoder,
            bytes: vec![0; CHUNK],
            at: 0,
            end: 0,
            is_last: false,
            is_done: false,
            waiting: Vec::new(),
            before: Vec::new(),
        }
    }

    fn fill(&mut self) -> io::Result<()> {
        let kept = self.end.saturating_sub(LONGEST);
        self.before.extend_from_slice(&self.bytes[kept..self.end]);
        let surplus = self.before.len().saturating_sub(LONGEST);
        self.before.drain(..surplus);
        self.end = self.read.read(&mut self.bytes)?;
        self.at = 0;
        self.is_last = self.end == 0;
        Ok(())
    }

    /// The byte that began a malformed sequence of `bad` bytes, which ended `after` bytes before those
    /// that are not decoded yet.
    fn culprit(&self, bad: usize, after: usize) -> u8 {
        let back = bad + after;
        let place = match self.at.checked_sub(back) {
            Some(place) => self.bytes.get(place),
            None => {
                let before = self.before.len() + self.at;
                self.before.get(before.saturating_sub(back))
            }
        };
        place.copied().unwrap_or_default()
    }

    /// Decodes into `out`; how much was written.
    fn decode(&mut self, out: &mut [u8]) -> usize {
        let source = &self.bytes[self.at..self.end];
        let (result, read, written) =
            self.decoder
                .decode_to_utf8_without_replacement(source, out, self.is_last);
        self.at += read;
        match result {
            DecoderResult::InputEmpty => self.is_done = self.is_last,
            DecoderResult::OutputFull => {}
            DecoderResult::Malformed(bad, after) => {
                let culprit = self.culprit(bad.into(), after.into());
                self.waiting.extend_from_slice(&[UNDECODED, culprit]);
            }
        }
        written
    }
}

impl<R: Read> Read for Decoding<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if !self.waiting.is_empty() {
                let count = self.waiting.len().min(buffer.len());
                buffer[..count].copy_from_slice(&self.waiting[..count]);
                self.waiting.drain(..count);
                return Ok(count);
            }
            if self.is_done || buffer.is_empty() {
                return Ok(0);
            }
            if self.at == self.end && !self.is_last {
                self.fill()?;
            }
            let written = match buffer.len() < ROOM {
                false => self.decode(buffer),
                true => {
                    let mut room = [0; ROOM];
                    let written = self.decode(&mut room);
                    self.waiting.splice(0..0, room[..written].iter().copied());
                    0
                }
            };
            if written > 0 {
                return Ok(written);
            }
        }
    }
}
