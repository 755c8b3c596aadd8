//! Where records come from: sources read in big blocks that are cut at whole records.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read};
use std::mem::ManuallyDrop;
use std::ops::Range;
use std::os::fd::{AsRawFd, FromRawFd};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, bail};

use crate::record::{Block, Dialect, Header, Index, Place, Unreadable, scan};

/// What one read asks for. Larger blocks bring nothing more and fall out of the cache.
const BLOCK: usize = 256 * 1024;

/// The longest record: offsets within a block are 32 bits wide.
const LONGEST: usize = u32::MAX as usize - 64;

/// How a stream of bytes falls into units that must stay whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// Records of CSV: a newline inside quotes ends nothing.
    Records(Dialect),
    /// Lines.
    Lines,
}

impl Framing {
    fn quote(self) -> Option<u8> {
        match self {
            Framing::Records(dialect) => dialect.quote,
            Framing::Lines => None,
        }
    }
}

/// Something that can be read, by the name that errors give it.
pub struct Source {
    /// The path as the user wrote it, or `standard input`.
    pub name: Arc<str>,
    /// Its bytes.
    pub read: Box<dyn Read + Send>,
}

impl Source {
    /// The program's standard input. Its pipe is made larger where the kernel allows.
    pub fn standard() -> Self {
        widen_pipe(libc::STDIN_FILENO);
        // SAFETY: descriptor 0 is only borrowed: ManuallyDrop never closes it.
        let file = unsafe { File::from_raw_fd(libc::STDIN_FILENO) };
        Source {
            name: Arc::from("standard input"),
            read: Box::new(Unclosed(ManuallyDrop::new(file))),
        }
    }

    /// A file; `-` is standard input.
    pub fn open(path: &Path) -> anyhow::Result<Self> {
        if path.as_os_str() == "-" {
            return Ok(Self::standard());
        }
        let name = path.display().to_string();
        let file = File::open(path).with_context(|| format!("cannot open '{name}'"))?;
        if file.metadata().is_ok_and(|metadata| metadata.is_dir()) {
            bail!("'{name}' is a directory");
        }
        widen_pipe(file.as_raw_fd());
        Ok(Source {
            name: Arc::from(name),
            read: Box::new(file),
        })
    }
}

struct Unclosed(ManuallyDrop<File>);

impl Read for Unclosed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

/// Asks for a pipe of 1 MiB: fewer, larger hand-overs. Where it is no pipe, or the user may not,
/// nothing changes.
pub(super) fn widen_pipe(descriptor: i32) {
    #[cfg(target_os = "linux")]
    // SAFETY: fcntl with an integer argument touches no memory of ours.
    unsafe {
        libc::fcntl(descriptor, libc::F_SETPIPE_SZ, 1 << 20);
    }
    #[cfg(not(target_os = "linux"))]
    let _ = descriptor;
}

/// One source, cut into blocks.
struct Reader {
    source: Source,
    framing: Framing,
    /// Bytes read and not yet handed on; all of them were looked at.
    pending: Vec<u8>,
    /// Whether `pending` ends inside quotes.
    is_inside: bool,
    /// When `pending` grows to this without holding a whole record, it is looked at for quotes
    /// gone astray.
    suspicious: usize,
    line: u64,
    /// Whether the first bytes were looked at.
    is_started: bool,
    is_done: bool,
}

impl Reader {
    fn new(source: Source, framing: Framing) -> Self {
        Reader {
            source,
            framing,
            pending: Vec::new(),
            is_inside: false,
            suspicious: 4 * BLOCK,
            line: 1,
            is_started: false,
            is_done: false,
        }
    }

    /// The next whole records: as many as one read brings. `spare` lends its memory.
    fn next(&mut self, spare: &mut Vec<u8>) -> anyhow::Result<Option<Vec<u8>>> {
        while !self.is_done {
            let old = self.pending.len();
            let read = self.read_more()?;
            if read == 0 {
                self.is_done = true;
                return self.last();
            }
            let mut fresh = old;
            if !self.is_started {
                self.is_started = self.look_at_start()?;
                if !self.is_started {
                    continue;
                }
                fresh = 0;
            }
            if let Some(end) = self.whole_until(fresh) {
                spare.clear();
                spare.extend_from_slice(&self.pending[end..]);
                self.pending.truncate(end);
                self.suspicious = 4 * BLOCK;
                self.line += scan::count_byte(&self.pending, b'\n') as u64;
                return Ok(Some(std::mem::replace(
                    &mut self.pending,
                    std::mem::take(spare),
                )));
            }
            self.refuse_endless()?;
        }
        Ok(None)
    }

    fn read_more(&mut self) -> anyhow::Result<usize> {
        let old = self.pending.len();
        let want = match old {
            0..BLOCK => BLOCK - old / 2,
            _ => 4 * BLOCK,
        };
        self.pending.resize(old + want, 0);
        let result = loop {
            match self.source.read.read(&mut self.pending[old..]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => break result,
            }
        };
        self.pending
            .truncate(old + result.as_ref().copied().unwrap_or(0));
        result.with_context(|| format!("cannot read {}", self.source.name))
    }

    /// Drops a byte order mark and names what is no text at all; false where more bytes must tell.
    fn look_at_start(&mut self) -> anyhow::Result<bool> {
        let name = &self.source.name;
        match self.pending[..] {
            [0xEF, 0xBB, 0xBF, ..] => {
                self.pending.drain(..3);
            }
            [0x1F, 0x8B, ..] | [0x28, 0xB5, 0x2F, 0xFD, ..] => {
                bail!("{name}: compressed data; 'extract' reads it")
            }
            [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] => {
                bail!("{name}: UTF-16 text; convert it first, for example with 'iconv -f UTF-16'")
            }
            [0xEF | 0x1F | 0x28 | 0xFF | 0xFE]
            | [0xEF, 0xBB]
            | [0x28, 0xB5]
            | [0x28, 0xB5, 0x2F] => {
                return Ok(false);
            }
            _ => {}
        }
        Ok(true)
    }

    /// Where the last whole record in `pending` ends, its bytes before `old` already looked at.
    fn whole_until(&mut self, old: usize) -> Option<usize> {
        let fresh = &self.pending[old..];
        if let Some(quote) = self.framing.quote() {
            let mut parity = scan::Parity {
                is_inside: self.is_inside,
            };
            parity.extend(fresh, quote);
            self.is_inside = parity.is_inside;
        }
        let end = scan::last_record_end(fresh, self.framing.quote(), self.is_inside)?;
        Some(old + end)
    }

    /// A quote gone astray makes one record of all that follows: better said early than after
    /// the whole input was taken in.
    fn refuse_endless(&mut self) -> anyhow::Result<()> {
        if self.pending.len() > LONGEST {
            bail!(
                "{}:{}: a record longer than 4 GiB",
                self.source.name,
                self.line
            );
        }
        if self.pending.len() >= self.suspicious {
            self.suspicious = self.pending.len() * 2;
            self.refuse_stray_quote()?;
        }
        Ok(())
    }

    fn refuse_stray_quote(&self) -> anyhow::Result<()> {
        let Framing::Records(dialect) = self.framing else {
            return Ok(());
        };
        match scan::field_bounds(&self.pending, dialect, &mut Vec::new()).stray_quote {
            None => Ok(()),
            Some(place) => {
                let lines = scan::count_byte(&self.pending[..place], b'\n') as u64;
                let error = Unreadable::stray_quote(self.line + lines);
                bail!("{}:{}: {}", self.source.name, error.line, error.fault)
            }
        }
    }

    /// What is left when the source has ended: a last record without a newline.
    fn last(&mut self) -> anyhow::Result<Option<Vec<u8>>> {
        if self.is_inside {
            self.refuse_stray_quote()?;
            bail!(
                "{}:{}: a quoted field begins in this record and never ends",
                self.source.name,
                self.line
            );
        }
        if self.pending.is_empty() {
            return Ok(None);
        }
        self.pending.push(b'\n');
        self.line += scan::count_byte(&self.pending, b'\n') as u64;
        Ok(Some(std::mem::take(&mut self.pending)))
    }
}

/// All sources of a program, one after the other.
pub struct Input {
    waiting: VecDeque<Opener>,
    current: Option<Reader>,
    framing: Framing,
    sequence: u64,
    /// Blocks that were looked at and given back: the rest behind a header, a sample.
    ahead: VecDeque<Block>,
    /// What every further source's header must equal.
    header: Option<(Header, Arc<str>)>,
}

/// Opens a source when its turn comes.
pub type Opener = Box<dyn FnOnce() -> anyhow::Result<Source> + Send>;

impl Input {
    /// These sources under one framing; none is opened yet.
    pub fn new(sources: impl IntoIterator<Item = Opener>, framing: Framing) -> Self {
        Input {
            waiting: sources.into_iter().collect(),
            current: None,
            framing,
            sequence: 0,
            ahead: VecDeque::new(),
            header: None,
        }
    }

    /// The files that a program was given, or standard input where there is none.
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

    /// Reads the header of the first source, which keeps the stream's contract: every column has a
    /// name and no two have the same. Every further source must begin with an equal header, which
    /// is passed over.
    pub fn header(&mut self) -> anyhow::Result<Header> {
        let header = self.header_as_it_stands()?;
        let name = self.current_name();
        header.checked().with_context(|| format!("{name}:1"))
    }

    /// As [`Input::header`], with whatever names stand there.
    pub fn header_as_it_stands(&mut self) -> anyhow::Result<Header> {
        let Some((names, rest)) = self.next_header()? else {
            let name = self.current_name();
            bail!("{name}: empty; not even a header");
        };
        self.ahead.push_back(rest);
        self.header = Some((names.clone(), self.current_name()));
        Ok(names)
    }

    /// How many fields the first record has, where there is no header; the record stays. None where
    /// the input is empty.
    pub fn first_record(&mut self) -> anyhow::Result<Option<usize>> {
        let Framing::Records(dialect) = self.framing else {
            bail!("lines have no fields");
        };
        loop {
            let Some(block) = self.next(&mut Vec::new())? else {
                return Ok(None);
            };
            self.sequence -= 1;
            if let Some((_, fields)) = first_record(&block, dialect)? {
                self.ahead.push_back(block);
                return Ok(Some(fields));
            }
        }
    }

    /// Gives blocks back, in their order; they come again from [`Input::next`].
    pub fn give_back(&mut self, blocks: Vec<Block>) {
        self.sequence -= blocks.len() as u64;
        for block in blocks.into_iter().rev() {
            self.ahead.push_front(block);
        }
    }

    /// The number that the next block will have.
    pub(super) fn sequence(&self) -> u64 {
        self.sequence
    }

    /// Lets nothing more come.
    pub(super) fn stop(&mut self) {
        self.waiting.clear();
        self.current = None;
        self.ahead.clear();
    }

    /// Name of the source being read, or the last one read.
    pub fn current_name(&self) -> Arc<str> {
        self.current.as_ref().map_or_else(
            || Arc::from("standard input"),
            |reader| reader.source.name.clone(),
        )
    }

    /// The next block; `spare` lends its memory.
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
        Ok(reader.next(spare)?.map(|bytes| Block { bytes, place }))
    }

    /// Goes on to the next source, and past its header where headers are read.
    fn open_next(&mut self) -> anyhow::Result<()> {
        let Some(opener) = self.waiting.pop_front() else {
            return Ok(());
        };
        self.current = Some(Reader::new(opener()?, self.framing));
        let Some((expected, first_name)) = self.header.clone() else {
            return Ok(());
        };
        let name = self.current_name();
        match self.read_header()? {
            None => bail!("{name}: empty; not even a header"),
            Some((names, rest)) if names == expected => {
                self.ahead.push_back(rest);
                Ok(())
            }
            Some((names, _)) => bail!(
                "{name}: its header differs from that of {first_name}: {}",
                difference(&expected, &names)
            ),
        }
    }

    fn next_header(&mut self) -> anyhow::Result<Option<(Header, Block)>> {
        if let Some(opener) = self.waiting.pop_front() {
            self.current = Some(Reader::new(opener()?, self.framing));
        }
        self.read_header()
    }

    /// The header record of the current source, and the rest of the block it stood in. Blank lines
    /// before it are passed over.
    fn read_header(&mut self) -> anyhow::Result<Option<(Header, Block)>> {
        let Framing::Records(dialect) = self.framing else {
            bail!("lines have no header");
        };
        loop {
            let Some(mut block) = self.read_block(&mut Vec::new())? else {
                return Ok(None);
            };
            let Some((range, fields)) = first_record(&block, dialect)? else {
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
            };
            let lines = scan::count_byte(&head.bytes, b'\n') as u64;
            let mut index = Index::default();
            let name = &block.place.source;
            let records = index
                .build(&mut head, fields, dialect)
                .map_err(|error| anyhow::anyhow!("{name}:{}: {}", error.line, error.fault))?;
            let header = Header::from_fields((0..fields).map(|column| records.field(0, column)))
                .with_context(|| format!("{name}:{line}"))?;
            block.place.line = line + lines;
            block.bytes.drain(..range.end);
            return Ok(Some((header, block)));
        }
    }
}

/// Where the first record that is no blank line stands in a block, and how many fields it has.
fn first_record(block: &Block, dialect: Dialect) -> anyhow::Result<Option<(Range<usize>, usize)>> {
    let bytes = &block.bytes;
    let mut start = 0;
    loop {
        match bytes[start..] {
            [] => return Ok(None),
            [b'\n', ..] => start += 1,
            [b'\r', b'\n', ..] => start += 2,
            _ => break,
        }
    }
    let mut bounds = vec![];
    let found = scan::field_bounds(&bytes[start..], dialect, &mut bounds);
    let last = bounds
        .iter()
        .position(|&bound| bytes[start + bound as usize - 1] == b'\n')
        .unwrap_or(bounds.len() - 1);
    let end = start + bounds[last] as usize;
    if found.stray_quote.is_some_and(|place| start + place < end) {
        let line = block.place.line + scan::count_byte(&bytes[..start], b'\n') as u64;
        let fault = Unreadable::stray_quote(line).fault;
        bail!("{}:{line}: {fault}", block.place.source);
    }
    Ok(Some((start..end, last + 1)))
}

/// Where two headers part, in words.
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
