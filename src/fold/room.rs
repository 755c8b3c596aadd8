//! Memory for tables that are larger than the caches.
//!
//! Two hints to the machine, neither of which changes a result. Random access to a large table
//! waits for memory, and on pages of 4 KB for the page's address before that: pages of 2 MB do
//! away with the second, and a load begun early hides the first.

use crate::sys::pages;
pub(super) use crate::sys::pages::prefetch;

/// From this size on, in bytes, a vector is asked to stand on large pages.
const LARGE: usize = 4 << 20;

/// Make room for `more` elements, twice as many as before where there is not enough.
#[inline(always)]
pub(super) fn reserve<T>(vector: &mut Vec<T>, more: usize) {
    if vector.capacity() - vector.len() < more {
        move_to_larger(vector, more);
    }
}

#[cold]
#[inline(never)]
fn move_to_larger<T>(vector: &mut Vec<T>, more: usize) {
    let capacity = (vector.capacity() * 2).max(vector.len() + more);
    if capacity * size_of::<T>() < LARGE {
        vector.reserve(capacity - vector.len());
        return;
    }
    // Not in place: pages that have been moved stay small.
    let mut larger = with_room(capacity);
    larger.append(vector);
    *vector = larger;
}

/// As [`Vec::resize`], on large pages where it pays.
#[inline]
pub(super) fn resize<T: Clone>(vector: &mut Vec<T>, len: usize, value: T) {
    reserve(vector, len.saturating_sub(vector.len()));
    vector.resize(len, value);
}

/// An empty vector with room for `capacity` elements.
pub(super) fn with_room<T>(capacity: usize) -> Vec<T> {
    let vector = Vec::with_capacity(capacity);
    if vector.capacity() * size_of::<T>() >= LARGE {
        pages::ask_for_large(&vector);
    }
    vector
}

/// The same, its memory got from the system at once rather than when it is written.
pub(super) fn with_room_at_hand<T>(capacity: usize) -> Vec<T> {
    let vector = with_room(capacity);
    pages::get(&vector);
    vector
}

/// Begins to load what stands at the places of a lot, where the table is not near anyway.
#[inline(always)]
pub(super) fn prefetch_all<T>(slice: &[T], places: &[u32]) {
    /// What a near cache holds beside all else, in bytes.
    const NEAR: usize = 256 * 1024;
    if size_of_val(slice) > NEAR {
        for &place in places {
            prefetch(slice, place as usize);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_vectors_are_as_others() {
        let (mut ours, mut plain) = (Vec::new(), Vec::new());
        for number in 0..2_000_000u64 {
            reserve(&mut ours, 1);
            ours.push(number);
            plain.push(number);
        }
        resize(&mut ours, 3_000_000, 7);
        plain.resize(3_000_000, 7);
        resize(&mut ours, 2_500_000, 0);
        plain.resize(2_500_000, 0);
        prefetch(&ours, 2_499_999);
        prefetch(&ours, usize::MAX);
        assert!(ours == plain);
    }
}
