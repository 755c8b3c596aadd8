//! Decodes text of another encoding.

use std::io::{self, Read};

use encoding_rs::{Decoder, DecoderResult};

use crate::record::UNDECODED;

/// Bytes per read.
const CHUNK: usize = 256 * 1024;

/// Converts bytes of another encoding to UTF-8.
pub(crate) struct Decoding<R> {
    read: R,
    decoder: Decoder,
    /// Bytes that were read; those from `at` to `end` are not decoded yet.
    bytes: Vec<u8>,
    at: usize,
    end: usize,
    is_last: bool,
    is_done: bool,
    /// Bytes that are still to be returned.
    waiting: Vec<u8>,
    /// The last bytes of earlier reads: a malformed sequence may have begun there.
    before: Vec<u8>,
}

/// No byte sequence of one character is longer.
const LONGEST: usize = 8;

/// The least room that a decoder is given, in bytes.
const ROOM: usize = 64;

impl<R: Read> Decoding<R> {
    pub(crate) fn new(read: R, decoder: Decoder) -> Self {
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

    /// Returns the first byte of a malformed sequence of `bad` bytes, which ended `after` bytes before those that
    /// are not decoded yet.
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

    /// Decodes into `out`, and returns how many bytes were written.
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
