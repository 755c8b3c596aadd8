//! Pages of memory: how many there are, large ones, and prefetching.

/// Returns the machine's memory in bytes, or the limit of this process's address space if that is smaller; `None`
/// if the system does not tell.
pub fn of_machine() -> Option<u64> {
    // SAFETY: sysconf takes a number and touches no memory of ours.
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
    // SAFETY: `limit` is ours and outlives the call.
    let known = unsafe { libc::getrlimit(libc::RLIMIT_AS, &mut limit) } == 0;
    Some(physical.min(if known { limit.rlim_cur } else { u64::MAX }))
}

/// Makes the allocator return large pieces of memory to the system when they are freed. Otherwise each thread would
/// keep the memory that it once used.
pub fn give_back() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: the call changes a setting of the allocator, under its own lock.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, 1 << 20);
    }
}

/// Requests large pages for the capacity of a vector. Does not change its contents, and may be refused.
pub fn ask_for_large<T>(vector: &Vec<T>) {
    #[cfg(target_os = "linux")]
    advise(vector, libc::MADV_HUGEPAGE);
    #[cfg(not(target_os = "linux"))]
    let _ = vector;
}

/// Requests the memory of a vector's capacity now instead of on first write. Does not change its contents, and may
/// be refused.
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
        // SAFETY: the pages are within the vector's own allocation, and neither advice changes contents. A kernel
        // that does not know the advice refuses it, which does no harm.
        unsafe {
            libc::madvise(first as *mut _, end - first, advice);
        }
    }
}

/// Starts loading the element at `place`, which may be out of range.
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
