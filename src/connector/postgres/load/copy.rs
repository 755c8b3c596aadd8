//! Sends records to the server by COPY: in its binary format if every value of a block is spelled in the usual way,
//! otherwise in its text format, which is unambiguous for every byte (its CSV format, before version 17, takes a
//! line `\.` for the end even inside quotes). A change of format ends one COPY and begins another.

use std::io::Write;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use anyhow::anyhow;
use postgres::Client;

use crate::connector::postgres as server;
use crate::load::{Encoder, Parcel};
use crate::load::{Refused, null_in_key};
use crate::record::{Faults, Records, field};
use crate::schema::rule::Rule;
use crate::schema::types::is_text;

use crate::connector::postgres::load::binary;
use crate::connector::postgres::load::binary::Binary;
use crate::connector::postgres::load::column::CopyColumn;
use crate::connector::postgres::load::list;

/// Most blocks that wait for the server.
const WAITING: usize = 2;

/// Records of a block in one of COPY's formats.
pub struct Portion {
    /// Whether it is the binary format.
    pub is_binary: bool,
    /// Never empty.
    pub bytes: Vec<u8>,
}

impl Portion {
    /// Returns 0, followed by the offset of each record's end.
    pub fn ends(&self) -> Vec<usize> {
        let mut ends = vec![0];
        match self.is_binary {
            true => {
                let mut at = 0;
                while let Some(end) = binary::record_end(&self.bytes, at) {
                    ends.push(end);
                    at = end;
                }
            }
            false => ends.extend(memchr::memchr_iter(b'\n', &self.bytes).map(|place| place + 1)),
        }
        ends
    }
}

/// Copies the given records of a portion with one statement. Returns how many the table took.
pub fn copy_once(
    client: &mut Client,
    statement: &str,
    (portion, ends): (&Portion, &[usize]),
    records: &[u64],
) -> Result<u64, postgres::Error> {
    let (options, head, tail) = framing(portion.is_binary);
    let mut writer = client.copy_in(&format!("{statement} {options}"))?;
    let mut send = || -> std::io::Result<()> {
        writer.write_all(head)?;
        for run in records.chunk_by(|one, next| one + 1 == *next) {
            let [first, last] = [run[0], run[run.len() - 1]].map(|record| record as usize);
            writer.write_all(&portion.bytes[ends[first]..ends[last + 1]])?;
        }
        writer.write_all(tail)
    };
    // If writing failed, `finish` returns the reason.
    let _ = send();
    writer.finish()
}

/// Returns the options of a format of COPY, and what precedes and follows its records.
fn framing(is_binary: bool) -> (&'static str, &'static [u8], &'static [u8]) {
    match is_binary {
        true => ("(FORMAT binary)", binary::HEAD, binary::TAIL),
        false => ("(ENCODING 'UTF8')", b"", b""),
    }
}

/// A message to the thread that feeds the server.
enum Told {
    Portion(Portion),
    /// All records were sent, without an error on this side.
    End,
}

/// A COPY in progress: a separate thread feeds the server while further blocks are encoded.
pub struct Copy {
    portions: Option<SyncSender<Told>>,
    thread: Option<JoinHandle<(Client, anyhow::Result<u64>)>>,
}

impl Copy {
    /// Starts a COPY; `statement` is `COPY … FROM STDIN WITH`.
    pub fn start(mut client: Client, statement: String) -> Self {
        let (portions, waiting) = sync_channel(WAITING);
        let thread = std::thread::spawn(move || {
            let copied = copy(&mut client, &statement, &waiting);
            (client, copied)
        });
        Copy {
            portions: Some(portions),
            thread: Some(thread),
        }
    }

    /// Sends more records.
    ///
    /// # Errors
    /// Returns the server's error about these or earlier records.
    pub fn send(&mut self, portion: Portion) -> anyhow::Result<()> {
        let told = Told::Portion(portion);
        let sent = self.portions.as_ref().map(|portions| portions.send(told));
        match sent {
            Some(Ok(())) => Ok(()),
            _ => match self.join() {
                Err(error) => Err(error),
                Ok(_) => Err(anyhow!("the server takes no more records")),
            },
        }
    }

    /// Ends the COPY. Returns the connection and how many records were copied.
    pub fn finish(mut self) -> anyhow::Result<(Client, u64)> {
        if let Some(portions) = &self.portions {
            let _ = portions.send(Told::End);
        }
        self.join()
    }

    fn join(&mut self) -> anyhow::Result<(Client, u64)> {
        self.portions = None;
        let Some(thread) = self.thread.take() else {
            return Err(anyhow!("the server takes no more records"));
        };
        match thread.join() {
            Ok((client, copied)) => Ok((client, copied?)),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }
}

impl Drop for Copy {
    /// Without its end message, the COPY fails on the server, and its transaction with it.
    fn drop(&mut self) {
        self.portions = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Copies all portions, with one statement for each change of format. Returns how many records were copied.
fn copy(client: &mut Client, statement: &str, waiting: &Receiver<Told>) -> anyhow::Result<u64> {
    let mut copied = 0;
    let mut next = receive(waiting)?;
    loop {
        let (of_now, behind) = copy_alike(client, statement, (next, copied), waiting)?;
        copied += of_now;
        match behind {
            Some(portion) => next = Some(portion),
            None => return Ok(copied),
        }
    }
}

/// Runs one COPY for `first` and all following portions in the same format; `copied` counts the records before it.
/// Returns how many records were copied, and the first portion in the other format.
fn copy_alike(
    client: &mut Client,
    statement: &str,
    (first, copied): (Option<Portion>, u64),
    waiting: &Receiver<Told>,
) -> anyhow::Result<(u64, Option<Portion>)> {
    let told = |error: postgres::Error| match server::of_record(&error) {
        Some((record, fault)) => anyhow::Error::new(Refused {
            record: copied + record,
            fault,
        }),
        None => server::told(&error),
    };
    let is_binary = first.as_ref().is_some_and(|portion| portion.is_binary);
    let (options, head, tail) = framing(is_binary);
    let mut writer = client
        .copy_in(&format!("{statement} {options}"))
        .map_err(told)?;
    let mut sent = writer.write_all(head);
    let mut next = first;
    while let Some(portion) = next.take_if(|next| next.is_binary == is_binary) {
        sent = sent.and_then(|()| writer.write_all(&portion.bytes));
        if sent.is_err() {
            break;
        }
        next = receive(waiting)?;
    }
    sent = sent.and_then(|()| writer.write_all(tail));
    // If writing failed, `finish` returns the reason.
    let copied = writer.finish().map_err(told)?;
    sent.map_err(|_| anyhow!("the server takes no more records"))?;
    Ok((copied, next))
}

/// Returns the next portion; None at the end.
///
/// # Errors
/// The load was abandoned.
fn receive(waiting: &Receiver<Told>) -> anyhow::Result<Option<Portion>> {
    match waiting.recv() {
        Ok(Told::Portion(portion)) => Ok(Some(portion)),
        Ok(Told::End) => Ok(None),
        Err(_) => Err(anyhow!("given up")),
    }
}

/// Encodes records in COPY's binary format, or as lines of its text format.
pub struct CopyLines {
    /// The columns of the stream.
    pub columns: Vec<CopyColumn>,
    /// The binary encoder, if all columns allow it.
    pub binary: Option<Binary>,
    /// Whether the whole input is known to be text that a database can store.
    pub is_clean: bool,
}

impl Encoder for CopyLines {
    fn encode(&self, records: &Records<'_>, faults: &mut Faults, parcel: &mut Parcel) {
        let is_clean = self.is_clean || is_text(records.bytes());
        if let Some(binary) = &self.binary {
            let columns = &self.columns;
            parcel.is_binary = parcel.encode_all(records, faults, |limit, out| {
                binary.encode(columns, (records, limit), is_clean, out)
            });
            if parcel.is_binary {
                return;
            }
        }
        let is_plain = memchr::memchr3(b'\t', b'\\', b'\r', records.bytes()).is_none();
        let last = self.columns.len() - 1;
        parcel.encode_each(records, faults, |record, out| {
            for (place, column) in self.columns.iter().enumerate() {
                let raw = records.field(record, place);
                match raw {
                    [] if column.is_key => {
                        return Err(null_in_key().about(&column.name));
                    }
                    [] => out.extend_from_slice(b"\\N"),
                    _ => {
                        let checked = column.rule.check(raw, is_clean);
                        checked.map_err(|fault| fault.about(&column.name))?;
                        match column.rule == (Rule::Server { is_list: true }) {
                            true => push_list(raw, out),
                            false => push_field(raw, is_plain, out),
                        }
                    }
                }
                out.push(if place == last { b'\n' } else { b'\t' });
            }
            Ok(())
        });
    }
}

/// Appends an array, which may be written as a JSON list.
fn push_list(raw: &[u8], out: &mut Vec<u8>) {
    let content = field::content(raw);
    match list::array_of(&content) {
        Some(array) => push_escaped(array.as_bytes(), out),
        None => push_escaped(&content, out),
    }
}

/// Appends a field in COPY's text format. `is_plain`: nothing in the block needs a backslash, except a newline
/// inside quotes.
#[inline]
fn push_field(raw: &[u8], is_plain: bool, out: &mut Vec<u8>) {
    if is_plain && raw[0] != b'"' {
        out.extend_from_slice(raw);
        return;
    }
    push_escaped(&field::content(raw), out);
}

fn push_escaped(content: &[u8], out: &mut Vec<u8>) {
    for &byte in content {
        let letter = match byte {
            b'\\' => b'\\',
            b'\t' => b't',
            b'\n' => b'n',
            b'\r' => b'r',
            _ => {
                out.push(byte);
                continue;
            }
        };
        out.extend_from_slice(&[b'\\', letter]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_has_its_way() {
        for (raw, line) in [
            ("abc", "abc"),
            ("\"\"", ""),
            ("\"a\"\"b\"", "a\"b"),
            ("\"x\n\\.\ny\"", "x\\n\\\\.\\ny"),
            ("\\N", "\\\\N"),
            ("a\tb\rc", "a\\tb\\rc"),
        ] {
            let mut out = Vec::new();
            push_field(raw.as_bytes(), false, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), line);
        }
    }
}
