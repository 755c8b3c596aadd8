//! Keeps the beginning of each source while it is read, for messages and guesses.

use std::collections::VecDeque;
use std::io::{self, Read};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::files::Lead;
use crate::record::Place;
use crate::stream::Opener;

/// Bytes that are kept of each source.
pub(crate) const LOOKED_AT: usize = 64 * 1024;

/// The beginnings of the first source and of the most recent ones.
#[derive(Clone, Default)]
pub(crate) struct SeenBeginnings(Arc<Mutex<Beginnings>>);

#[derive(Default)]
struct Beginnings {
    first: Option<Start>,
    /// The last one is being read; records of others may still be in work.
    recent: VecDeque<Start>,
}

/// How many recent beginnings are kept.
const RECENT: usize = 64;

/// The beginning of a source.
#[derive(Clone, Debug, Default)]
pub(crate) struct Start {
    pub(crate) name: Arc<str>,
    pub(crate) bytes: Vec<u8>,
    /// Whether it is the whole source.
    pub(crate) is_whole: bool,
    /// Whether it is complete: no bytes are added any more.
    pub(crate) is_done: bool,
    /// The number of its last line, from 1.
    pub(crate) lines: u64,
}

impl Beginnings {
    fn of_source(&self, name: &str) -> Option<&Start> {
        self.recent.iter().rev().find(|start| *start.name == *name)
    }
}

impl Start {
    /// Returns it with blank lines in place of those that are skipped.
    pub(crate) fn without(mut self, lead: Lead) -> Self {
        self.bytes = lead.blanked(&self.bytes).into_owned();
        self
    }
}

impl SeenBeginnings {
    /// Returns openers of the same sources that keep their beginnings.
    pub(crate) fn of(&self, openers: Vec<Opener>) -> Vec<Opener> {
        let openers = openers.into_iter().map(|opener| -> Opener {
            let seen = self.clone();
            Box::new(move || {
                let mut source = opener()?;
                seen.begin(&source.name);
                source.read = Box::new(Watched {
                    read: source.read,
                    seen,
                    is_done: false,
                });
                Ok(source)
            })
        });
        openers.collect()
    }

    /// Returns the beginning of the first source.
    pub(crate) fn first(&self) -> Start {
        let beginnings = self.lock();
        let first = beginnings.first.as_ref().or(beginnings.recent.front());
        first.cloned().unwrap_or_default()
    }

    /// Returns the beginning of the source that was opened last.
    pub(crate) fn last(&self) -> Start {
        self.lock().recent.back().cloned().unwrap_or_default()
    }

    /// Calls `work` with the beginning of a source, blank lines in place of skipped ones, and whether it is
    /// complete.
    pub(crate) fn with<R>(&self, name: &str, work: impl FnOnce(&[u8], bool) -> R) -> R {
        let beginnings = self.lock();
        match beginnings.of_source(name) {
            Some(start) => work(&Lead::default().blanked(&start.bytes), start.is_done),
            None => work(b"", false),
        }
    }

    /// Returns whether a place in a source is after its beginning.
    pub(crate) fn is_past(&self, place: &Place) -> bool {
        let beginnings = self.lock();
        let start = beginnings.of_source(&place.source);
        start.is_some_and(|start| start.is_done && place.line > start.lines)
    }

    fn begin(&self, name: &Arc<str>) {
        let mut beginnings = self.lock();
        beginnings.recent.push_back(Start {
            name: Arc::clone(name),
            ..Start::default()
        });
        if beginnings.recent.len() > RECENT {
            let oldest = beginnings.recent.pop_front();
            beginnings.first = beginnings.first.take().or(oldest);
        }
    }

    /// Keeps what was read, and returns whether no more is wanted.
    fn keep(&self, bytes: &[u8]) -> bool {
        let mut beginnings = self.lock();
        let Some(start) = beginnings.recent.back_mut() else {
            return true;
        };
        let room = LOOKED_AT - start.bytes.len();
        start
            .bytes
            .extend_from_slice(&bytes[..bytes.len().min(room)]);
        start.is_whole = bytes.is_empty();
        start.is_done = start.is_whole || bytes.len() > room;
        if start.is_done {
            start.lines = 1 + memchr::memchr_iter(b'\n', &start.bytes).count() as u64;
        }
        start.is_done
    }

    fn lock(&self) -> MutexGuard<'_, Beginnings> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A source whose beginning is kept.
struct Watched<R> {
    read: R,
    seen: SeenBeginnings,
    is_done: bool,
}

impl<R: Read> Read for Watched<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.read.read(buffer)?;
        if !self.is_done && !buffer.is_empty() {
            self.is_done = self.seen.keep(&buffer[..count]);
        }
        Ok(count)
    }
}
