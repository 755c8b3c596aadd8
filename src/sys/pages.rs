//! Pages of memory: how much there is, large ones, and what stands on them.

/// The machine's memory in bytes, or the part of it that this process may have by its limit of addresses; none
/// if the system does not say.
pub fn of_machine() -> Option<u64> {
    // SAFETY: sysconf only answers.
    let [pages, size] =
        [libc::_SC_PHYS_PAGES, libc::_SC_PAGESIZE].map(|asked| unsafe { libc::sysconf(asked) });
    let physical = match (u64::try_from(pages), u64::try_from(size)) {
        (Ok(pages), Ok(size)) if pages > 0 => pages.saturating_mul(size),
        _ => return None,
    };
    let mut limit = libc::rlimit {
        rlim_cur: libc::RLIM_INFINITY,
        rlim_max: libc::RLIM_INFINITY,
    };
    // SAFETY: `limit` is ours, and outlives the call.
    let known = unsafe { libc::getrlimit(libc::RLIMIT_AS, &mut limit) } == 0;
    Some(physical.min(if known { limit.rlim_cur } else { u64::MAX }))
}

/// Has large pieces of memory given back to the system as soon as they are not needed. Otherwise each
/// thread would keep those for itself that it once had.
pub fn give_back() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: the call changes a setting of the allocator, under its own lock.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, 1 << 20);
    }
}

/// Asks for large pages for the room of a vector. It changes no contents, and may be refused.
pub fn ask_for_large<T>(vector: &Vec<T>) {
    #[cfg(target_os = "linux")]
    advise(vector, libc::MADV_HUGEPAGE);
    #[cfg(not(target_os = "linux"))]
    let _ = vector;
}

/// Has the room of a vector got from the system at once rather than when it is written. It changes no
/// contents, and may be refused.
pub fn get<T>(vector: &Vec<T>) {
    #[cfg(target_os = "linux")]
    advise(vector, libc::MADV_POPULATE_WRITE);
    #[cfg(not(target_os = "linux"))]
    let _ = vector;
}

#[cfg(target_os = "linux")]
fn advise<T>(vector: &Vec<T>, advice: libc::c_int) {
    const PAGE: usize = 4096;
    let start = vector.as_ptr() as usize;
    let first = start.next_multiple_of(PAGE);
    let end = (start + vector.capacity() * size_of::<T>()) / PAGE * PAGE;
    if first < end {
        // SAFETY: the pages lie within the vector's own allocation, and neither advice changes contents. A
        // kernel that does not know it refuses, and nothing is lost.
        unsafe {
            libc::madvise(first as *mut _, end - first, advice);
        }
    }
}

/// Begins to load what stands at `place`, which may be outside.
#[inline(always)]
pub fn prefetch<T>(slice: &[T], place: usize) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: a prefetch reads nothing and never faults, whatever the address.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(slice.as_ptr().wrapping_add(place).cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (slice, place);
}
