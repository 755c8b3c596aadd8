//! Finds keys that differ only in their quotes, such as the number `3.10` and the text `"3.10"`, in order to warn
//! about them.

use std::sync::{Mutex, PoisonError};

use bumpalo::Bump;

use super::{On, Rows};
use crate::fold::groups::{encode, push_key};
use crate::fold::table::{KeyKind, Lot};
use crate::record::Records;
use crate::value::parse::is_plain;
use crate::value::text::write_value;
use crate::value::{Value, identity};

/// Number of unmatched records per block that are checked.
const LOOKED_AT: u64 = 64;

/// The unmatched records of a block: their number, and the first of them.
#[derive(Debug, Default)]
pub struct Unmatched {
    /// The number of unmatched records.
    pub count: u64,
    first: Vec<u32>,
}

impl Unmatched {
    /// Adds the next record.
    #[inline(always)]
    pub fn add(&mut self, record: u32) {
        if self.count < LOOKED_AT {
            self.first.push(record);
        }
        self.count += 1;
    }
}

/// The first record of a stream whose key differs from one of the table only in its quotes.
#[derive(Debug, Default)]
pub struct NearMisses(Mutex<Option<NearMiss>>);

/// A record's field, and the table's field that differs only in its quotes.
#[derive(Clone, Debug)]
pub struct NearMiss {
    /// The record's block, and its index in it.
    place: (u64, u32),
    /// The column in the stream.
    pub column: usize,
    /// The field in the stream.
    pub here: String,
    /// The field in the table.
    pub there: String,
}

impl NearMisses {
    /// Checks some unmatched records of a block.
    pub fn look(&self, rows: &Rows, on: &On, records: &Records<'_>, unmatched: &Unmatched) {
        let sequence = records.place().sequence;
        let is_before = |first: &NearMiss| first.place.0 < sequence;
        if self.first().as_ref().is_some_and(is_before) {
            return;
        }
        let arena = Bump::new();
        let near = |record: &u32| {
            let (nth, here, there) = rows.near(on.fields(records, *record), &arena)?;
            Some(NearMiss {
                place: (sequence, *record),
                column: on.column(nth),
                here,
                there,
            })
        };
        let Some(miss) = unmatched.first.iter().find_map(near) else {
            return;
        };
        let mut first = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if first.as_ref().is_none_or(|first| miss.place < first.place) {
            *first = Some(miss);
        }
    }

    /// Returns the first one, if any.
    pub fn first(&self) -> Option<NearMiss> {
        let first = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        first.clone()
    }
}

impl Rows {
    /// Finds a key field of a record that would match a row if its quotes were changed. Returns its index, its
    /// spelling, and the spelling that matches.
    fn near<'r>(
        &self,
        fields: impl Iterator<Item = &'r [u8]>,
        arena: &'r Bump,
    ) -> Option<(usize, String, String)> {
        let mut keys: Vec<Value<'r>> = fields.map(|raw| Value::of_field(raw, arena)).collect();
        if keys.iter().any(|key| matches!(key, Value::Null)) {
            return None;
        }
        let flipped: Vec<(usize, Value<'r>)> = (0..)
            .zip(&keys)
            .filter_map(|(nth, key)| Some((nth, flipped(key)?)))
            .collect();
        let shown = |value: &Value<'_>| {
            let mut field = Vec::new();
            write_value(value, &mut field, b',');
            String::from_utf8_lossy(&field).into_owned()
        };
        for (nth, other) in &flipped {
            let own = std::mem::replace(&mut keys[*nth], *other);
            if self.has(&keys) {
                return Some((*nth, shown(&own), shown(other)));
            }
            keys[*nth] = own;
        }
        let (first, other) = *flipped.first()?;
        let own = keys[first];
        flipped.iter().for_each(|(nth, other)| keys[*nth] = *other);
        self.has(&keys).then(|| (first, shown(&own), shown(&other)))
    }

    fn has(&self, keys: &[Value<'_>]) -> bool {
        let mut lot = Lot::default();
        match keys {
            [key] => push_key(&mut lot, key),
            keys => lot.push_written(KeyKind::Several, |bytes| encode(keys, bytes)),
        }
        self.knows(&mut lot)
    }
}

/// Returns the field with its quotes removed or added, if that makes it a different value.
fn flipped<'v>(value: &Value<'v>) -> Option<Value<'v>> {
    let (text, other) = match *value {
        Value::Raw(text) => (text, Value::Quoted(text)),
        Value::Quoted(text) => (text, Value::Raw(text)),
        _ => return None,
    };
    let is_other = is_plain(text) && identity::within(&Value::Raw(text)) != Some(text);
    is_other.then_some(other)
}
