//! All texts of a group, in the order of the stream.

use bumpalo::Bump;

use super::state::{Saved, Words};
use super::{Accumulator, Aggregate, Batch, Position, same};
use crate::record::Fault;
use crate::value::{Value, text};

pub(super) static AGGREGATES: &[Aggregate] = &[Aggregate {
    name: "string_agg",
    aliases: &["group_concat", "listagg"],
    parameters: "x[, separator]",
    arity: 1..=2,
    purpose: "all values as one text, with the separator (a comma) between them",
    numeric: &[],
    make: make_strings,
}];

fn make_strings(arguments: &[Option<Value<'static>>]) -> Result<Box<dyn Accumulator>, Fault> {
    let mut separator = Vec::new();
    match arguments.get(1) {
        None => separator.push(b','),
        Some(Some(value)) => text::write_text(value, &mut separator),
        Some(None) => return Err(Fault::new("the separator must be a constant")),
    }
    Ok(Box::new(Strings {
        separator,
        bytes: Vec::new(),
        pieces: Vec::new(),
        count: 0,
    }))
}

struct Strings {
    separator: Vec<u8>,
    /// The texts of all groups.
    bytes: Vec<u8>,
    pieces: Vec<Vec<TextAt>>,
    /// Number of texts.
    count: usize,
}

/// A position in the stream and its text, as a range of `bytes`.
#[derive(Clone, Copy)]
struct TextAt {
    position: Position,
    start: usize,
    end: usize,
}

impl Strings {
    /// Adds the text that `write` appends.
    fn add(&mut self, group: u32, position: Position, write: impl FnOnce(&mut Vec<u8>)) {
        let start = self.bytes.len();
        write(&mut self.bytes);
        self.count += 1;
        self.pieces[group as usize].push(TextAt {
            position,
            start,
            end: self.bytes.len(),
        });
    }

    /// Returns a group's texts in the order of the stream. Texts with the same position keep their order.
    fn in_order(&self, group: u32) -> impl Iterator<Item = (Position, &[u8])> {
        let mut pieces = self.pieces[group as usize].clone();
        pieces.sort_by_key(|piece| piece.position);
        let text = |piece: TextAt| (piece.position, &self.bytes[piece.start..piece.end]);
        pieces.into_iter().map(text)
    }
}

impl Accumulator for Strings {
    fn grow(&mut self, groups: usize) {
        self.pieces.resize_with(groups, Vec::new);
    }

    fn absorb(&mut self, batch: &Batch<'_, '_>) {
        for (place, (&group, value)) in batch.groups.iter().zip(batch.values(0)).enumerate() {
            let position = batch.position(place);
            if matches!(value, Value::Null) {
                continue;
            }
            self.add(group, position, |bytes| text::write_text(&value, bytes));
        }
    }

    fn merge(&mut self, other: Box<dyn Accumulator>, map: &[u32]) {
        let other: Self = same(other);
        let offset = self.bytes.len();
        self.count += other.count;
        self.bytes.extend_from_slice(&other.bytes);
        for (pieces, &group) in other.pieces.iter().zip(map) {
            self.pieces[group as usize].extend(pieces.iter().map(|piece| TextAt {
                position: piece.position,
                start: piece.start + offset,
                end: piece.end + offset,
            }));
        }
    }

    fn save(&self, group: u32, saved: &mut Saved<'_>) {
        for (position, text) in self.in_order(group) {
            saved.place(position);
            saved.text(text);
        }
    }

    fn load(&mut self, group: u32, words: &mut Words<'_>) -> Result<(), Fault> {
        while !words.is_empty() {
            let position = words.place()?;
            let text = words.text()?;
            self.add(group, position, |bytes| bytes.extend_from_slice(text));
        }
        Ok(())
    }

    fn bytes(&self) -> usize {
        // Each group has its own list, whose spare capacity is half its length on average.
        let lists = self.pieces.len() * size_of::<Vec<TextAt>>();
        self.bytes.len() + self.count * size_of::<TextAt>() * 3 / 2 + lists
    }

    fn finish<'a>(&self, group: u32, arena: &'a Bump) -> Result<Value<'a>, Fault> {
        if self.pieces[group as usize].is_empty() {
            return Ok(Value::Null);
        }
        let texts: Vec<&[u8]> = self.in_order(group).map(|(_, text)| text).collect();
        let joined = texts.join(&self.separator[..]);
        Ok(Value::Text(arena.alloc_slice_copy(&joined)))
    }
}
