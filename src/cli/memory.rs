//! How much memory a program takes before it goes on on disk.

use clap::Args;

use super::bytes;

/// What is taken where the system does not say how much there is.
const UNKNOWN: u64 = 1 << 30;

/// `--memory`, for programs that keep records.
#[derive(Args, Clone, Debug)]
pub struct MemoryFlag {
    /// Go on on disk (in TMPDIR) when records take more memory than this [default: a quarter of the machine's]
    #[arg(long, value_name = "SIZE", value_parser = memory)]
    memory: Option<u64>,
}

impl MemoryFlag {
    /// Bytes of memory, from now on counted as given back where they are.
    pub fn bytes(&self) -> usize {
        give_back();
        let bytes = self.memory.unwrap_or_else(|| of_machine() / 4);
        usize::try_from(bytes).unwrap_or(usize::MAX)
    }
}

/// Has large pieces of memory given back to the system as soon as they are not needed. Otherwise each
/// thread would keep those for itself that it once had.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn give_back() {
    // SAFETY: the call changes a setting of the allocator, under its own lock.
    unsafe { libc::mallopt(libc::M_MMAP_THRESHOLD, 1 << 20) };
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn give_back() {}

fn memory(text: &str) -> Result<u64, String> {
    const LEAST: u64 = 1_000_000;
    match bytes(text)? {
        size if size >= LEAST => Ok(size),
        _ => Err("at least 1M".to_owned()),
    }
}

/// The machine's memory in bytes, or the part of it that this process may have by its control group
/// or its limit of addresses.
#[cfg(unix)]
fn of_machine() -> u64 {
    // SAFETY: sysconf only answers.
    let [pages, size] =
        [libc::_SC_PHYS_PAGES, libc::_SC_PAGESIZE].map(|asked| unsafe { libc::sysconf(asked) });
    let physical = match (u64::try_from(pages), u64::try_from(size)) {
        (Ok(pages), Ok(size)) if pages > 0 => pages.saturating_mul(size),
        _ => UNKNOWN,
    };
    let mut limit = libc::rlimit {
        rlim_cur: libc::RLIM_INFINITY,
        rlim_max: libc::RLIM_INFINITY,
    };
    // SAFETY: `limit` is ours, and outlives the call.
    let known = unsafe { libc::getrlimit(libc::RLIMIT_AS, &mut limit) } == 0;
    let addresses = if known { limit.rlim_cur } else { u64::MAX };
    physical.min(addresses).min(of_group().unwrap_or(u64::MAX))
}

#[cfg(not(unix))]
fn of_machine() -> u64 {
    UNKNOWN
}

/// What the control group may have (Linux, version 2 and 1).
fn of_group() -> Option<u64> {
    let files = [
        "/sys/fs/cgroup/memory.max",
        "/sys/fs/cgroup/memory/memory.limit_in_bytes",
    ];
    let read = |file: &&str| std::fs::read_to_string(file).ok();
    files.iter().find_map(read)?.trim().parse().ok()
}
