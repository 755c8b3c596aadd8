//! Room for records that are made of short copies.

use std::ops::Range;

/// A piece this short is copied as that many bytes: a copy of a fixed length is two instructions.
const SHORT: usize = 32;

/// The part of a buffer behind what was in it. The buffer is longer than what it holds, so that no
/// byte is cleared before it is written.
pub struct Room<'o> {
    bytes: &'o mut Vec<u8>,
    /// How much of it is filled.
    at: usize,
    /// How much is not, once the room is closed.
    surplus: &'o mut usize,
}

impl<'o> Room<'o> {
    /// Room for about `guess` bytes behind those that are filled; it grows.
    pub(super) fn behind(bytes: &'o mut Vec<u8>, surplus: &'o mut usize, guess: usize) -> Self {
        let at = bytes.len() - *surplus;
        let wanted = at + guess + SHORT;
        if bytes.len() < wanted {
            bytes.resize(wanted, 0);
        }
        Room { bytes, at, surplus }
    }

    /// A line of at most `most` bytes.
    #[inline(always)]
    pub fn line(&mut self, most: usize) -> Line<'_> {
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
    pub fn push_made(&mut self, make: impl FnOnce(&mut Vec<u8>), apart: &mut Vec<u8>) {
        apart.clear();
        make(apart);
        let line = self.line(apart.len());
        line.out[..apart.len()].copy_from_slice(apart);
        self.at += apart.len();
    }

    /// Counts the line that was just written.
    #[inline(always)]
    pub fn keep(&mut self, length: usize) {
        self.at += length;
    }

    /// What was written is the buffer's.
    pub fn close(self) {
        *self.surplus = self.bytes.len() - self.at;
    }
}

/// A record that is being written.
pub struct Line<'o> {
    /// Its bytes, and room behind them.
    pub out: &'o mut [u8],
    /// How many are written.
    pub at: usize,
}

impl Line<'_> {
    /// Copies a piece of the block.
    #[inline(always)]
    pub fn push(&mut self, block: &[u8], range: Range<usize>) {
        let length = range.len();
        let wide = block[range.start..].first_chunk::<SHORT>();
        let to = self.out[self.at..].first_chunk_mut::<SHORT>();
        match (wide, to) {
            (Some(wide), Some(to)) if length <= SHORT => *to = *wide,
            _ => self.out[self.at..self.at + length].copy_from_slice(&block[range]),
        }
        self.at += length;
    }

    /// Copies bytes that were made.
    #[inline(always)]
    pub fn push_bytes(&mut self, bytes: &[u8]) {
        self.out[self.at..self.at + bytes.len()].copy_from_slice(bytes);
        self.at += bytes.len();
    }

    /// Appends what `write` writes into that much room: as many bytes as it says.
    #[inline(always)]
    pub fn push_with<const ROOM: usize>(&mut self, write: impl FnOnce(&mut [u8; ROOM]) -> usize) {
        if let Some(room) = self.out[self.at..].first_chunk_mut() {
            self.at += write(room);
        }
    }

    /// Appends a byte.
    #[inline(always)]
    pub fn push_byte(&mut self, byte: u8) {
        self.out[self.at] = byte;
        self.at += 1;
    }

    /// Whether the last field, behind which there is a delimiter, ends in a carriage return.
    #[inline(always)]
    pub fn ends_in_return(&self) -> bool {
        self.at >= 2 && self.out[self.at - 2] == b'\r'
    }

    /// Makes a newline of the last delimiter; the record's length.
    #[inline(always)]
    pub fn ended(self) -> usize {
        self.out[self.at - 1] = b'\n';
        self.at
    }
}
