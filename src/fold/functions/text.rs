//! All texts of a group, in the order of the stream.

use bumpalo::Bump;

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
    }))
}

struct Strings {
    separator: Vec<u8>,
    /// The texts of all groups.
    bytes: Vec<u8>,
    pieces: Vec<Vec<Piece>>,
}

/// A place in the stream and what stands there, as a range of `bytes`.
#[derive(Clone, Copy)]
struct Piece {
    position: Position,
    start: usize,
    end: usize,
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
            let start = self.bytes.len();
            text::write_text(&value, &mut self.bytes);
            self.pieces[group as usize].push(Piece {
                position,
                start,
                end: self.bytes.len(),
            });
        }
    }

    fn merge(&mut self, other: Box<dyn Accumulator>, map: &[u32]) {
        let other: Self = same(other);
        let offset = self.bytes.len();
        self.bytes.extend_from_slice(&other.bytes);
        for (pieces, &group) in other.pieces.iter().zip(map) {
            self.pieces[group as usize].extend(pieces.iter().map(|piece| Piece {
                position: piece.position,
                start: piece.start + offset,
                end: piece.end + offset,
            }));
        }
    }

    fn finish<'a>(&self, group: u32, arena: &'a Bump) -> Result<Value<'a>, Fault> {
        let mut pieces = self.pieces[group as usize].clone();
        if pieces.is_empty() {
            return Ok(Value::Null);
        }
        pieces.sort_unstable_by_key(|piece| piece.position);
        let texts: Vec<&[u8]> = pieces
            .iter()
            .map(|piece| &self.bytes[piece.start..piece.end])
            .collect();
        let joined = texts.join(&self.separator[..]);
        Ok(Value::Text(arena.alloc_slice_copy(&joined)))
    }
}
