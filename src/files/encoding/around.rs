//! What is said of records that are no UTF-8, by what stands around them: the same, however the source comes
//! and however often it is asked.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::files::seen::SeenBeginnings;
use crate::record::Place;

use crate::files::encoding::guess::{Advice, NEAR, advice, letters};

/// Asks the beginnings of sources.
pub(crate) struct Around {
    seen: SeenBeginnings,
    /// What the beginnings say, by the sources' names.
    known: Mutex<HashMap<Arc<str>, Known>>,
}

/// What the beginning of a source says, as far as that was asked.
#[derive(Default)]
struct Known {
    /// Of records behind it.
    behind: Option<Says>,
    /// If it is no UTF-8, by the binary logarithm of how many bytes are looked at from there on.
    within: [Option<Advice>; 32],
}

#[derive(Clone, Copy)]
enum Says {
    Advice(Advice),
    /// It is UTF-8, with so many letters near its end that are not ASCII.
    Letters(usize),
}

impl Around {
    pub(crate) fn new(seen: SeenBeginnings) -> Self {
        Around {
            seen,
            known: Mutex::default(),
        }
    }

    /// What this record seems to be, in a block that stood at this place.
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

    /// What is said by the source's beginning, up to the record if that stands in it.
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
    /// What is said of a record of so many bytes by a beginning that has it at `place`, or not at all.
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
        // Most of what is before it is enough, and is asked for by others, too.
        let length = (end - at).ilog2();
        let known = &mut self.within[length as usize];
        Says::Advice(*known.get_or_insert_with(|| advice(&beginning[..at + (1 << length)])))
    }
}

/// Whether more bytes would not make it right: the last character may be cut in two.
fn is_wrong(error: &std::str::Utf8Error) -> bool {
    error.error_len().is_some()
}
