//! A buffer for records that are assembled from short copies.

use std::ops::Range;

/// Pieces up to this length are copied as exactly this many bytes: a copy of fixed length is two instructions.
const SHORT: usize = 32;

/// The free part of a buffer. The buffer is longer than its content, so that bytes need not be zeroed before they
/// are written.
pub struct Room<'o> {
    bytes: &'o mut Vec<u8>,
    /// The number of bytes filled.
    at: usize,
    /// The number of bytes not filled, set when the room is closed.
    surplus: &'o mut usize,
}

impl<'o> Room<'o> {
    /// Creates room for about `guess` bytes after those that are filled; it grows.
    pub(super) fn behind(bytes: &'o mut Vec<u8>, surplus: &'o mut usize, guess: usize) -> Self {
        let at = bytes.len() - *surplus;
        let wanted = at + guess + SHORT;
        if bytes.len() < wanted {
            bytes.resize(wanted, 0);
        }
        Room { bytes, at, surplus }
    }

    /// Starts a line of at most `most` bytes.
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

    /// Appends the bytes that `make` writes; `apart` provides memory for them.
    #[cold]
    pub fn push_made(&mut self, make: impl FnOnce(&mut Vec<u8>), apart: &mut Vec<u8>) {
        apart.clear();
        make(apart);
        let line = self.line(apart.len());
        line.out[..apart.len()].copy_from_slice(apart);
        self.at += apart.len();
    }

    /// Adds the line that was just written.
    #[inline(always)]
    pub fn keep(&mut self, length: usize) {
        self.at += length;
    }

    /// Closes the room, which makes the bytes written part of the buffer.
    pub fn close(self) {
        *self.surplus = self.bytes.len() - self.at;
    }
}

/// A record that is being written.
pub struct Line<'o> {
    /// Its bytes, followed by free space.
    pub out: &'o mut [u8],
    /// The number of bytes written.
    pub at: usize,
}

impl Line<'_> {
    /// Appends a range of the block.
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

    /// Appends bytes.
    #[inline(always)]
    pub fn push_bytes(&mut self, bytes: &[u8]) {
        self.out[self.at..self.at + bytes.len()].copy_from_slice(bytes);
        self.at += bytes.len();
    }

    /// Appends up to `ROOM` bytes: `write` returns how many it wrote.
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

    /// Whether the last field, which a delimiter follows, ends in a carriage return.
    #[inline(always)]
    pub fn ends_in_return(&self) -> bool {
        self.at >= 2 && self.out[self.at - 2] == b'\r'
    }

    /// Replaces the last delimiter by a newline. Returns the record's length.
    #[inline(always)]
    pub fn ended(self) -> usize {
        self.out[self.at - 1] = b'\n';
        self.at
    }
}
