//! Keys of records that carry their own names, found fast if they come in the usual order.

use std::collections::HashMap;

use crate::bytes::seek;

/// Up to this many keys are searched one by one.
const FEW: usize = 8;

/// Keys in order, each with its value.
#[derive(Clone, Debug)]
pub(crate) struct Keys<T> {
    list: Vec<(Box<[u8]>, T)>,
    /// For each key, whether JSON writes it without escapes.
    is_plain: Vec<bool>,
    places: HashMap<Box<[u8]>, usize>,
}

impl<T> Default for Keys<T> {
    fn default() -> Self {
        Keys {
            list: Vec::new(),
            is_plain: Vec::new(),
            places: HashMap::new(),
        }
    }
}

impl<T> Keys<T> {
    /// Returns the value of `key`, tried at `guess` first. If it is found, `guess` becomes the place after it,
    /// where the next key of the record is likely to be.
    #[inline]
    pub(crate) fn find(&self, key: &[u8], guess: &mut usize) -> Option<&T> {
        if let Some((candidate, value)) = self.list.get(*guess)
            && **candidate == *key
        {
            *guess += 1;
            return Some(value);
        }
        let place = match self.list.len() {
            0..=FEW => self.list.iter().position(|(known, _)| **known == *key),
            _ => self.places.get(key).copied(),
        }?;
        *guess = place + 1;
        Some(&self.list[place].1)
    }

    /// Returns the key at this place and its value, if JSON writes the key without escapes.
    #[inline]
    pub(crate) fn plain_at(&self, place: usize) -> Option<(&[u8], &T)> {
        let (key, value) = self.list.get(place)?;
        self.is_plain[place].then_some((&**key, value))
    }

    /// Returns the place of a key.
    pub(crate) fn place(&self, key: &[u8]) -> Option<usize> {
        self.places.get(key).copied()
    }

    /// Returns the value of the key at this place.
    #[inline(always)]
    pub(crate) fn at(&self, place: usize) -> Option<&T> {
        self.list.get(place).map(|(_, value)| value)
    }

    /// Returns the value of `key`, inserted if the key is new.
    pub(crate) fn find_or_insert(&mut self, key: &[u8], new: impl FnOnce() -> T) -> &mut T {
        let place = match self.places.get(key) {
            Some(&place) => place,
            None => {
                self.places.insert(key.into(), self.list.len());
                self.list.push((key.into(), new()));
                self.is_plain.push(seek::string_stop(key).at == key.len());
                self.list.len() - 1
            }
        };
        &mut self.list[place].1
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Returns all of them in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&[u8], &T)> {
        self.list.iter().map(|(key, value)| (&**key, value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_found_in_any_order() {
        for count in [3, 20] {
            let mut keys = Keys::default();
            for number in (0..count).chain(0..count) {
                *keys.find_or_insert(format!("k{number}").as_bytes(), || number) += 100;
            }
            let mut guess = 0;
            for number in (0..count).chain((0..count).rev()) {
                let found = keys.find(format!("k{number}").as_bytes(), &mut guess);
                assert_eq!(found, Some(&(number + 200)));
                assert_eq!(guess, number + 1);
            }
            assert_eq!(keys.find(b"other", &mut guess), None);
        }
    }
}
