//! Room for records that are made of short copies.

use std::ops::Range;

/// A piece this short is copied as that many bytes: a copy of a fixed length is two instructions.
const SHORT: usize = 32;

/// The part of a buffer behind what was in it, filled up to `at`.
pub(super) struct Room<'o> {
    bytes: &'o mut Vec<u8>,
    pub(super) at: usize,
}

impl<'o> Room<'o> {
    /// Room for about `guess` bytes; it grows.
    pub(super) fn behind(bytes: &'o mut Vec<u8>, guess: usize) -> Self {
        let at = bytes.len();
        bytes.resize(at + guess + SHORT, 0);
        Room { bytes, at }
    }

    /// A line of at most `most` bytes.
    #[inline(always)]
    pub(super) fn line(&mut self, most: usize) -> Line<'_> {
        if self.at + most + SHORT > self.bytes.len() {
            self.grow(most);
        }
        Line {
            out: &mut self.bytes[self.at..],
            at: 0,
        }
    }

    #[cold]
    fn grow(&mut self, most: usize) {
        let length = self.bytes.len();
        self.bytes.resize(length + length / 2 + most + SHORT, 0);
    }

    /// Pushes what `make` makes; `apart` lends its memory.
    #[cold]
    pub(super) fn push_made(&mut self, make: impl FnOnce(&mut Vec<u8>), apart: &mut Vec<u8>) {
        apart.clear();
        make(apart);
        let line = self.line(apart.len());
        line.out[..apart.len()].copy_from_slice(apart);
        self.at += apart.len();
    }

    /// Drops what was not filled.
    pub(super) fn close(self) {
        self.bytes.truncate(self.at);
    }
}

/// A record that is being written.
pub(super) struct Line<'o> {
    pub(super) out: &'o mut [u8],
    pub(super) at: usize,
}

impl Line<'_> {
    #[inline(always)]
    pub(super) fn push(&mut self, block: &[u8], range: Range<usize>) {
        let length = range.len();
        let wide = block[range.start..].first_chunk::<SHORT>();
        let to = self.out[self.at..].first_chunk_mut::<SHORT>();
        match (wide, to) {
            (Some(wide), Some(to)) if length <= SHORT => *to = *wide,
            _ => self.out[self.at..self.at + length].copy_from_slice(&block[range]),
        }
        self.at += length;
    }

    #[inline(always)]
    pub(super) fn push_byte(&mut self, byte: u8) {
        self.out[self.at] = byte;
        self.at += 1;
    }

    /// Whether the last field, behind which there is a delimiter, ends in a carriage return.
    #[inline(always)]
    pub(super) fn ends_in_return(&self) -> bool {
        self.at >= 2 && self.out[self.at - 2] == b'\r'
    }

    /// Makes a newline of the last delimiter; the record's length.
    #[inline(always)]
    pub(super) fn ended(self) -> usize {
        self.out[self.at - 1] = b'\n';
        self.at
    }
}
