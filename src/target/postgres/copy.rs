//! Records to the server by COPY, in its text format: of PostgreSQL's formats the one that says
//! every byte without doubt (its CSV, before version 17, takes a line `\.` for the end even inside
//! quotes), and the quickest to read for the server.

use std::io::Write;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use anyhow::anyhow;
use postgres::Client;

use crate::database::postgres as database;
use crate::record::{Fault, Faults, Records, field};
use crate::target::Refused;
use crate::target::rule::Rule;
use crate::target::types::is_text;
use crate::target::{Encoder, Parcel};

/// Blocks that may wait for the server.
const WAITING: usize = 2;

/// A COPY under way: a thread of its own feeds the server, so that it never waits for us.
pub struct Copy {
    blocks: Option<SyncSender<Vec<u8>>>,
    thread: Option<JoinHandle<(Client, anyhow::Result<u64>)>>,
}

impl Copy {
    /// Begins `COPY … FROM STDIN`.
    pub fn start(mut client: Client, statement: String) -> Self {
        let (blocks, waiting) = sync_channel(WAITING);
        let thread = std::thread::spawn(move || {
            let copied = copy(&mut client, &statement, &waiting);
            (client, copied)
        });
        Copy {
            blocks: Some(blocks),
            thread: Some(thread),
        }
    }

    /// Sends more records.
    ///
    /// # Errors
    /// What the server said of these or of earlier ones.
    pub fn send(&mut self, bytes: Vec<u8>) -> anyhow::Result<()> {
        let sent = self.blocks.as_ref().map(|blocks| blocks.send(bytes));
        match sent {
            Some(Ok(())) => Ok(()),
            _ => match self.join() {
                Err(error) => Err(error),
                Ok(_) => Err(anyhow!("the server takes no more records")),
            },
        }
    }

    /// Ends it: how many records were copied, and the connection.
    pub fn finish(mut self) -> anyhow::Result<(Client, u64)> {
        // An empty block is the sign that nothing went wrong on this side.
        if let Some(blocks) = &self.blocks {
            let _ = blocks.send(Vec::new());
        }
        self.join()
    }

    fn join(&mut self) -> anyhow::Result<(Client, u64)> {
        self.blocks = None;
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
    /// Without its end, the COPY fails on the server, and with it the transaction.
    fn drop(&mut self) {
        self.blocks = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn copy(client: &mut Client, statement: &str, blocks: &Receiver<Vec<u8>>) -> anyhow::Result<u64> {
    let told = |error: postgres::Error| match database::of_record(&error) {
        Some((record, fault)) => anyhow::Error::new(Refused { record, fault }),
        None => database::told(&error),
    };
    let mut writer = client.copy_in(statement).map_err(told)?;
    loop {
        match blocks.recv() {
            Err(_) => return Err(anyhow!("given up")),
            Ok(bytes) if bytes.is_empty() => break,
            Ok(bytes) => {
                let written = writer.write_all(&bytes);
                if written.is_err() {
                    break;
                }
            }
        }
    }
    // Where writing failed, the end says why.
    writer.finish().map_err(told)
}

/// One column of the stream, and what the table's takes.
#[derive(Clone, Debug)]
pub struct Column {
    /// Its name, for faults.
    pub name: String,
    /// What it takes.
    pub rule: Rule,
    /// Whether it must not be null, being part of the key.
    pub is_key: bool,
}

/// Makes lines of COPY's text format.
pub struct Lines {
    /// The columns of the stream.
    pub columns: Vec<Column>,
    /// Whether all is known to be text that a database holds.
    pub is_clean: bool,
}

impl Encoder for Lines {
    fn encode(&self, records: &Records<'_>, faults: &mut Faults, parcel: &mut Parcel) {
        let is_clean = self.is_clean || is_text(records.bytes());
        let is_plain = memchr::memchr3(b'\t', b'\\', b'\r', records.bytes()).is_none();
        let last = self.columns.len() - 1;
        parcel.encode_each(records, faults, |record, out| {
            for (place, column) in self.columns.iter().enumerate() {
                let raw = records.field(record, place);
                match raw {
                    [] if column.is_key => {
                        let fault = Fault::new("null in a column of the key");
                        return Err(fault.about(&column.name));
                    }
                    [] => out.extend_from_slice(b"\\N"),
                    _ => {
                        let checked = column.rule.check(raw, is_clean);
                        checked.map_err(|fault| fault.about(&column.name))?;
                        push_field(raw, is_plain, out);
                    }
                }
                out.push(if place == last { b'\n' } else { b'\t' });
            }
            Ok(())
        });
    }
}

/// Appends a field as COPY's text format has it. `is_plain`: nothing in the block needs a
/// backslash but a newline inside quotes.
#[inline]
fn push_field(raw: &[u8], is_plain: bool, out: &mut Vec<u8>) {
    if is_plain && raw[0] != b'"' {
        out.extend_from_slice(raw);
        return;
    }
    for &byte in field::content(raw).iter() {
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
