//! Judges records that are not UTF-8 by the text around them. The answer does not depend on how the source is read
//! or how often it is asked.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::files::seen::SeenBeginnings;
use crate::record::Place;

use crate::files::encoding::guess::{Advice, NEAR, advice, letters};

/// Judges records by the beginnings of their sources.
pub(crate) struct Around {
    seen: SeenBeginnings,
    /// What the beginnings say, by source name.
    known: Mutex<HashMap<Arc<str>, Known>>,
}

/// What the beginning of a source says, as far as it was asked.
#[derive(Default)]
struct Known {
    /// About records after the beginning.
    behind: Option<Says>,
    /// If the beginning is not UTF-8: by the binary logarithm of the number of bytes considered from the first
    /// invalid one on.
    within: [Option<Advice>; 32],
}

#[derive(Clone, Copy)]
enum Says {
    Advice(Advice),
    /// The beginning is UTF-8, and this many letters near its end are not ASCII.
    Letters(usize),
}

impl Around {
    pub(crate) fn new(seen: SeenBeginnings) -> Self {
        Around {
            seen,
            known: Mutex::default(),
        }
    }

    /// Returns what a record seems to be; `place` is that of its block.
    pub(crate) fn advice(&self, record: &[u8], place: &Place) -> Advice {
        match self.says(record, place) {
            Says::Advice(advice) => advice,
            Says::Letters(before) => {
                let (good, bad) = letters(record);
                match before + good > bad {
                    true => Advice::Damage,
                    false => advice(record),
                }
            }
        }
    }

    /// Returns what the source's beginning says, up to the record if the record is in it.
    fn says(&self, record: &[u8], place: &Place) -> Says {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let known = known.entry(Arc::clone(&place.source)).or_default();
        if let Some(says) = known.behind
            && self.seen.is_past(place)
        {
            return says;
        }
        self.seen.with(&place.source, |bytes, is_done| {
            let place = memchr::memmem::find(bytes, record);
            let says = known.of(bytes, place, record.len());
            if is_done && place.is_none() {
                known.behind.get_or_insert(says);
            }
            says
        })
    }
}

impl Known {
    /// Returns what a beginning says about a record of this length, which is at `place` in it or not in it.
    fn of(&mut self, beginning: &[u8], place: Option<usize>, length: usize) -> Says {
        let end = place.map_or(beginning.len(), |place| place + length);
        let wrong = std::str::from_utf8(&beginning[..end]).err();
        let Some(at) = wrong.filter(is_wrong).map(|error| error.valid_up_to()) else {
            let near = &beginning[end.saturating_sub(NEAR)..end];
            return Says::Letters(letters(near).0);
        };
        if place.is_some_and(|place| place <= at) {
            return Says::Advice(advice(&beginning[..end]));
        }
        // More than half of the bytes from `at` on are enough, and rounding lets other records share the answer.
        let length = (end - at).ilog2();
        let known = &mut self.within[length as usize];
        Says::Advice(*known.get_or_insert_with(|| advice(&beginning[..at + (1 << length)])))
    }
}

/// Returns whether more bytes could not make it valid: the last character may be cut in two.
fn is_wrong(error: &std::str::Utf8Error) -> bool {
    error.error_len().is_some()
}
