//! How much memory a program takes before it goes on on disk.

use clap::Args;

use super::bytes;
use crate::sys::pages;

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
        pages::give_back();
        let bytes = self.memory.unwrap_or_else(|| of_machine() / 4);
        usize::try_from(bytes).unwrap_or(usize::MAX)
    }
}

fn memory(text: &str) -> Result<u64, String> {
    const LEAST: u64 = 1_000_000;
    match bytes(text)? {
        size if size >= LEAST => Ok(size),
        _ => Err("at least 1M".to_owned()),
    }
}

/// The machine's memory in bytes, or the part of it that this process may have by its control group
/// or its limit of addresses.
fn of_machine() -> u64 {
    let machine = pages::of_machine().unwrap_or(UNKNOWN);
    machine.min(of_group().unwrap_or(u64::MAX))
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
