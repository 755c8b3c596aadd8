//! The input of a program: sources read in large blocks that end at whole records.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use anyhow::{Context, bail};

use crate::bytes::{Dialect, scan};
use crate::record::{Block, Fault, Header, Index, Layout, Malformed, Mapping, PASSED_OVER, Place};
use crate::trust::{Carried, Ends};

use super::Source;
use super::reader::{BLOCK, Framing, Reader};

/// All sources of a program, one after another.
pub struct Input {
    waiting: VecDeque<Opener>,
    current: Option<Reader>,
    framing: Framing,
    ends: Ends,
    /// How records that are not valid UTF-8 are reported; None if they are not checked.
    malformed: Option<Malformed>,
    is_counted: bool,
    sequence: u64,
    /// Bytes per read.
    block: usize,
    /// Blocks that were read ahead and given back: the rest of a block after its header, a sample.
    ahead: VecDeque<Block>,
    /// The header that every further source must have, unless there is a `mapper`.
    header: Option<(Header, Arc<str>)>,
    mapper: Option<Mapper>,
    /// Whether the headers must follow the rules of the stream.
    is_stream: bool,
    /// The mapping of the current source.
    mapping: Option<Arc<Mapping>>,
    /// What the sources that have ended so far carried.
    carried: Carried,
}

/// Returns how the records of a further source, which has this header, are mapped to the stream; None if they are
/// like those of the first source. Its arguments are the header, the source's name, and whether the source is the
/// last.
pub type Mapper =
    Box<dyn FnMut(Header, &Arc<str>, bool) -> anyhow::Result<Option<Arc<Mapping>>> + Send>;

/// Opens a source when its turn comes.
pub type Opener = Box<dyn FnOnce() -> anyhow::Result<Source> + Send>;

impl Input {
    /// Creates an input of these sources, which all have this framing; none is opened yet.
    pub fn new(sources: impl IntoIterator<Item = Opener>, framing: Framing) -> Self {
        Input {
            waiting: sources.into_iter().collect(),
            current: None,
            framing,
            ends: Ends::default(),
            malformed: None,
            is_counted: true,
            sequence: 0,
            block: BLOCK,
            ahead: VecDeque::new(),
            header: None,
            mapper: None,
            is_stream: false,
            mapping: None,
            carried: Carried::default(),
        }
    }

    /// Returns what the sources that have ended so far carried; complete once all have ended.
    pub fn carried(&self) -> &Carried {
        &self.carried
    }

    /// Creates an input of these files, or of standard input if there are none.
    pub fn files(paths: &[std::path::PathBuf], framing: Framing) -> Self {
        let openers: Vec<Opener> = if paths.is_empty() {
            vec![Box::new(|| Ok(Source::standard()))]
        } else {
            let open = |path: &std::path::PathBuf| -> Opener {
                let path = path.clone();
                Box::new(move || Source::open(&path))
            };
            paths.iter().map(open).collect()
        };
        Self::new(openers, framing)
    }

    /// Sets how the ends of its sources are judged.
    pub fn judging(mut self, ends: Ends) -> Self {
        self.ends = ends;
        self
    }

    /// Makes the input check for UTF-8: a record that is not valid is bad and reported by `malformed`.
    pub fn of_text(mut self, malformed: Malformed) -> Self {
        self.malformed = Some(malformed);
        self
    }

    /// Marks its records as already counted.
    pub fn again(mut self) -> Self {
        self.is_counted = false;
        self
    }

    /// Whether its records are counted as read by this stage.
    pub(super) fn is_counted(&self) -> bool {
        self.is_counted
    }

    /// Reads the header of the first source, which must follow the rules of the stream: every column has a name,
    /// and no two have the same. Every further source must begin with an equal header, which is skipped.
    pub fn header(&mut self) -> anyhow::Result<Header> {
        self.is_stream = true;
        let header = self.header_as_it_stands()?;
        let name = self.current_name();
        header.checked().with_context(|| format!("{name}:1"))
    }

    /// Like [`Input::header`], but accepts any names.
    pub fn header_as_it_stands(&mut self) -> anyhow::Result<Header> {
        let Some((names, rest)) = self.next_header()? else {
            let name = self.current_name();
            bail!("{name}: empty; not even a header");
        };
        self.ahead.push_back(rest);
        self.header = Some((names.clone(), self.current_name()));
        Ok(names)
    }

    /// Maps the records of the first source, whose header was read, by `mapping`, and those of every further source
    /// as `mapper` decides.
    pub fn map(&mut self, mapping: Option<Arc<Mapping>>, mapper: Mapper) {
        for block in &mut self.ahead {
            block.mapping.clone_from(&mapping);
        }
        self.mapping = mapping;
        self.mapper = Some(mapper);
    }

    /// Whether the current source is the last.
    pub fn is_last(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Returns the number of fields in the first record that is not blank, for sources without a header. The record
    /// is not consumed, nor are blank lines before it, which are records of one column. None if there is no such
    /// record.
    pub fn first_record(&mut self) -> anyhow::Result<Option<usize>> {
        let Framing::Records(dialect) = self.framing else {
            bail!("lines have no fields");
        };
        let mut blocks = Vec::new();
        let mut found = None;
        while found.is_none()
            && let Some(mut block) = self.next(&mut Vec::new())?
        {
            found = first_record(&mut block, dialect)?;
            blocks.push(block);
        }
        if let (Some((range, _)), Some(block)) = (&found, blocks.last())
            && let Some(place) = lone_return(&block.bytes, range.clone(), dialect)
        {
            let refused = format!(
                "{}:{}: {LONE_RETURNS}",
                block.place.source,
                block.line(place)
            );
            if !self.goes_on(&mut blocks)? {
                bail!(refused);
            }
        }
        self.give_back(blocks);
        Ok(found.map(|(_, fields)| fields))
    }

    /// Whether the current source has anything more that is not blank. The blocks read to find out are added to
    /// `blocks`.
    fn goes_on(&mut self, blocks: &mut Vec<Block>) -> anyhow::Result<bool> {
        while let Some(block) = self.read_block(&mut Vec::new())? {
            let is_blank = block.bytes.iter().all(u8::is_ascii_whitespace);
            let block = self.numbered(block);
            blocks.push(block);
            if !is_blank {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Prepares for this many threads that read in turn. Each then reads more at once, up to `longest` bytes,
    /// because every block is handed from thread to thread, and usually to another program.
    pub(super) fn share(&mut self, threads: usize, longest: usize) {
        /// The total that all of them may hold.
        const ALL: usize = 32 * BLOCK;
        self.block = (ALL / threads).min(longest).clamp(BLOCK, 4 * BLOCK);
    }

    /// Returns how its bytes are split into units.
    pub(super) fn framing(&self) -> Framing {
        self.framing
    }

    /// Gives blocks back, in their order; [`Input::next`] returns them again.
    pub fn give_back(&mut self, blocks: Vec<Block>) {
        self.sequence -= blocks.len() as u64;
        for block in blocks.into_iter().rev() {
            self.ahead.push_front(block);
        }
    }

    /// Returns the number that the next block will have.
    pub(super) fn sequence(&self) -> u64 {
        self.sequence
    }

    /// Ends the input: no more blocks are returned.
    pub(super) fn stop(&mut self) {
        self.waiting.clear();
        self.current = None;
        self.ahead.clear();
    }

    /// Returns the name of the source being read, or of the last one read.
    pub fn current_name(&self) -> Arc<str> {
        self.current.as_ref().map_or_else(
            || Arc::from("standard input"),
            |reader| reader.source.name.clone(),
        )
    }

    /// Returns the next block; `spare` provides memory for it.
    pub fn next(&mut self, spare: &mut Vec<u8>) -> anyhow::Result<Option<Block>> {
        loop {
            if let Some(ahead) = self.ahead.pop_front() {
                if !ahead.bytes.is_empty() {
                    return Ok(Some(self.numbered(ahead)));
                }
                continue;
            }
            match self.read_block(spare)? {
                Some(block) => return Ok(Some(self.numbered(block))),
                None if self.waiting.is_empty() => return Ok(None),
                None => self.open_next()?,
            }
        }
    }

    fn reader(&self, source: Source) -> Reader {
        let reader = Reader::new(source, self.framing, self.ends);
        match self.malformed {
            Some(_) => reader.of_text(),
            None => reader,
        }
    }

    fn numbered(&mut self, mut block: Block) -> Block {
        block.place.sequence = self.sequence;
        self.sequence += 1;
        block
    }

    fn read_block(&mut self, spare: &mut Vec<u8>) -> anyhow::Result<Option<Block>> {
        let Some(reader) = &mut self.current else {
            return Ok(None);
        };
        let place = Place {
            source: reader.source.name.clone(),
            line: reader.line,
            sequence: 0,
        };
        let next = reader.next(spare, self.block);
        self.carried.add(reader.take_carried());
        let next = next?;
        Ok(next.map(|(bytes, is_utf8)| Block {
            bytes,
            place,
            malformed: self.malformed.clone().filter(|_| !is_utf8),
            mapping: self.mapping.clone(),
        }))
    }

    /// Opens the next source, and skips its header if headers are read.
    fn open_next(&mut self) -> anyhow::Result<()> {
        let Some(opener) = self.waiting.pop_front() else {
            return Ok(());
        };
        self.current = Some(self.reader(opener()?));
        let Some((expected, first_name)) = self.header.clone() else {
            return Ok(());
        };
        let name = self.current_name();
        let is_last = self.is_last();
        let Some((names, mut rest)) = self.read_header()? else {
            bail!("{name}: empty; not even a header");
        };
        match &mut self.mapper {
            Some(mapper) => self.mapping = mapper(names, &name, is_last)?,
            None if names == expected => {}
            None => {
                let difference = difference(&expected, &names);
                let argument = |name: &str| match name {
                    "standard input" => "-".to_owned(),
                    file => shell_word(file).into_owned(),
                };
                let remedy = match self.is_stream {
                    true => format!(
                        "; to read columns by name: extract {} {} | ...",
                        argument(&first_name),
                        argument(&name)
                    ),
                    false => String::new(),
                };
                bail!("{name}: its header differs from that of {first_name}: {difference}{remedy}")
            }
        }
        rest.mapping.clone_from(&self.mapping);
        self.ahead.push_back(rest);
        Ok(())
    }

    fn next_header(&mut self) -> anyhow::Result<Option<(Header, Block)>> {
        if let Some(opener) = self.waiting.pop_front() {
            self.current = Some(self.reader(opener()?));
        }
        self.read_header()
    }

    /// Reads the header of the current source, skipping blank lines before it. Returns it with the rest of its
    /// block.
    fn read_header(&mut self) -> anyhow::Result<Option<(Header, Block)>> {
        let Framing::Records(dialect) = self.framing else {
            bail!("lines have no header");
        };
        loop {
            let Some(mut block) = self.read_block(&mut Vec::new())? else {
                return Ok(None);
            };
            let Some((range, fields)) = first_record(&mut block, dialect)? else {
                continue;
            };
            let line =
                block.place.line + scan::count_byte(&block.bytes[..range.start], b'\n') as u64;
            let mut head = Block {
                bytes: block.bytes[range.clone()].to_vec(),
                place: Place {
                    line,
                    ..block.place.clone()
                },
                malformed: None,
                mapping: None,
            };
            if let Some(broken) = block.broken()
                && let Some(fault) = broken.fault(&head.bytes, &block.place)
            {
                bail!("{}:{line}: the header: {fault}", block.place.source);
            }
            let lines = scan::count_byte(&head.bytes, b'\n') as u64;
            drop_mark(&mut head.bytes, dialect);
            let (mut index, layout) = (Index::default(), Layout::all(fields));
            let name = &block.place.source;
            let records = index
                .build(&mut head, &layout, dialect)
                .map_err(|error| anyhow::anyhow!("{name}:{}: {}", error.line, error.fault))?;
            let names = (0..fields).map(|column| records.field(0, column));
            let has_return =
                |raw: &[u8]| raw.contains(&b'\r') && raw.first().copied() != dialect.quote;
            if names.clone().any(has_return) {
                bail!("{name}:{line}: {LONE_RETURNS}");
            }
            let header = Header::from_fields(names, dialect.quote)
                .with_context(|| format!("{name}:{line}"))?;
            block.place.line = line + lines;
            block.bytes.drain(..range.end);
            return Ok(Some((header, block)));
        }
    }
}

/// A byte order mark; concatenated files have more than one.
const MARK: &[u8] = "\u{FEFF}".as_bytes();

/// Removes byte order marks from within the first quoted name of a header.
fn drop_mark(head: &mut Vec<u8>, dialect: Dialect) {
    let is_quoted = head
        .first()
        .is_some_and(|first| Some(*first) == dialect.quote);
    while is_quoted && head[1..].starts_with(MARK) {
        head.drain(1..=MARK.len());
    }
}

/// Returns the range of the first record in a block that is not blank, and its number of fields. Removes byte order
/// marks before it.
fn first_record(
    block: &mut Block,
    dialect: Dialect,
) -> anyhow::Result<Option<(Range<usize>, usize)>> {
    let mut start = 0;
    loop {
        match block.bytes[start..] {
            [] => return Ok(None),
            [b'\n', ..] => start += 1,
            [b'\r' | PASSED_OVER, b'\n', ..] => start += 2,
            _ => break,
        }
    }
    while block.bytes[start..].starts_with(MARK) {
        block.bytes.drain(start..start + MARK.len());
    }
    let bytes = &block.bytes;
    let mut bounds = vec![];
    let found = scan::field_bounds(&bytes[start..], dialect, &mut bounds);
    let last = bounds
        .iter()
        .position(|&bound| bytes[start + bound as usize - 1] == b'\n')
        .unwrap_or(bounds.len() - 1);
    let end = start + bounds[last] as usize;
    if found.stray_quote.is_some_and(|place| start + place < end) {
        let line = block.place.line + scan::count_byte(&bytes[..start], b'\n') as u64;
        let name = &block.place.source;
        if matches!(bytes[start], b'{' | b'[') {
            bail!("{name}:{line}: this looks like JSON; 'extract --from jsonl' reads it");
        }
        let place = start + found.stray_quote.unwrap_or_default();
        let fault = Fault::stray_quote_in(bytes, place, dialect.delimiter);
        bail!("{name}:{line}: {fault}");
    }
    Ok(Some((start..end, last + 1)))
}

/// Returns the start of the first record if the source may consist of lines that end in CR alone: the record
/// contains a CR outside quotes, and only white space follows it.
fn lone_return(bytes: &[u8], range: Range<usize>, dialect: Dialect) -> Option<usize> {
    let record = &bytes[range.clone()];
    let record = record.strip_suffix(b"\n").unwrap_or(record);
    let record = record.strip_suffix(b"\r").unwrap_or(record);
    let is_all = bytes[range.end..].iter().all(u8::is_ascii_whitespace);
    if !is_all || !record.contains(&b'\r') {
        return None;
    }
    let (mut start, mut is_inside) = (0, false);
    for piece in record.split_inclusive(|byte| *byte == b'\r') {
        let quotes = |byte: &&u8| Some(**byte) == dialect.quote;
        is_inside ^= piece.iter().filter(quotes).count() % 2 == 1;
        start += piece.len();
        if piece.ends_with(b"\r") && !is_inside && start < record.len() {
            return Some(range.start);
        }
    }
    None
}

const LONE_RETURNS: &str = "the lines end in CR alone; convert them first: tr '\\r' '\\n'";

/// Quotes a text as one word for a shell.
pub fn shell_word(text: &str) -> Cow<'_, str> {
    let is_plain = |letter: char| letter.is_alphanumeric() || "_-.,=:/+@%".contains(letter);
    match text.chars().all(is_plain) {
        true => text.into(),
        false => format!("'{}'", text.replace('\'', "'\\''")).into(),
    }
}

/// Describes the first difference between two headers.
fn difference(expected: &Header, found: &Header) -> String {
    for (place, name) in expected.names().iter().enumerate() {
        match found.names().get(place) {
            Some(other) if other == name => {}
            Some(other) => {
                return format!("column {} is '{other}', not '{name}'", place + 1);
            }
            None => return format!("the column '{name}' is missing"),
        }
    }
    match found.names().get(expected.len()) {
        Some(other) => format!("it has one more column, '{other}'"),
        None => "they are equal".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(text: &'static [u8]) -> Result<Header, String> {
        let opener: Opener = Box::new(move || Ok(Source::own(Arc::from("x.csv"), Box::new(text))));
        Input::new([opener], Framing::Records(Dialect::STREAM))
            .header()
            .map_err(|error| error.to_string())
    }

    #[test]
    fn a_mark_is_no_part_of_a_name() {
        for text in [
            "\u{FEFF}a,b\n",
            "\n\u{FEFF}\u{FEFF}a,b\n",
            "\n\u{FEFF}\"a\",b\n",
            "\"\u{FEFF}a\",b\n",
        ] {
            let found = header(text.as_bytes()).unwrap();
            assert_eq!(found.names(), ["a", "b"], "{text:?}");
        }
    }

    #[test]
    fn lines_that_end_in_cr_alone_are_refused() {
        let refused = "x.csv:1: the lines end in CR alone; convert them first: tr '\\r' '\\n'";
        assert_eq!(header(b"a,b\r1,2\r3,4\r"), Err(refused.to_owned()));
        assert_eq!(header(b"a\r1\n2\n"), Err(refused.to_owned()));
        for fine in [&b"a,b\r\n1,2\r\n"[..], b"a,b\r", b"a,\"b\rc\"\n"] {
            assert_eq!(header(fine).map(|header| header.len()), Ok(2));
        }
    }
}
