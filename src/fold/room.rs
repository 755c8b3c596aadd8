//! Memory for tables that are larger than the caches.
//!
//! Gives two hints to the machine, neither of which changes a result. Random access to a large table waits for
//! memory, and with 4 KiB pages first for an address translation. 2 MiB pages avoid the translation, and early
//! loads hide the wait for memory.

use crate::sys::pages;
pub(super) use crate::sys::pages::prefetch;

/// Size in bytes from which large pages are requested for a vector.
const LARGE: usize = 4 << 20;

/// Makes room for `more` elements, at least doubling the capacity if it is too small.
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
    // Not in place, because pages that were moved stay small.
    let mut larger = with_room(capacity);
    larger.append(vector);
    *vector = larger;
}

/// [`Vec::resize`] that uses large pages if that pays.
#[inline]
pub(super) fn resize<T: Clone>(vector: &mut Vec<T>, len: usize, value: T) {
    reserve(vector, len.saturating_sub(vector.len()));
    vector.resize(len, value);
}

/// Returns an empty vector with room for `capacity` elements.
pub(super) fn with_room<T>(capacity: usize) -> Vec<T> {
    let vector = Vec::with_capacity(capacity);
    if vector.capacity() * size_of::<T>() >= LARGE {
        pages::ask_for_large(&vector);
    }
    vector
}

/// [`with_room`], but the memory is requested from the system at once instead of on first write.
pub(super) fn with_room_at_hand<T>(capacity: usize) -> Vec<T> {
    let vector = with_room(capacity);
    pages::get(&vector);
    vector
}

/// Starts loading the elements at the places of a lot, unless the table is in a near cache anyway.
#[inline(always)]
pub(super) fn prefetch_all<T>(slice: &[T], places: &[u32]) {
    /// Size in bytes of a table that stays in a near cache next to everything else.
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
