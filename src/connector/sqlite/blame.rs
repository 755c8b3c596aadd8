//! Finds the programs that hold the locks of a database.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Returns the programs that block others from a database, as `sqlite3 (process 4711)`: those with a lock on its
/// files ("/proc/locks" in proc(5)), or if none is known, those that have it open.
pub fn holders(name: &str) -> Vec<String> {
    let of_file = |ending: &str| fs::metadata(format!("{name}{ending}")).ok();
    let files: Vec<(u64, u64)> = ["", "-shm"]
        .into_iter()
        .filter_map(of_file)
        .map(|file| (file.dev(), file.ino()))
        .collect();
    let mut processes = with_locks(&files);
    if processes.is_empty() {
        processes = with_files(&files);
    }
    processes.retain(|process| *process != std::process::id());
    processes.sort_unstable();
    processes.dedup();
    processes.into_iter().map(shown).collect()
}

fn shown(process: u32) -> String {
    match fs::read_to_string(format!("/proc/{process}/comm")) {
        Ok(program) => format!("{} (process {process})", program.trim_end()),
        Err(_) => format!("process {process}"),
    }
}

fn with_locks(files: &[(u64, u64)]) -> Vec<u32> {
    let locks = fs::read_to_string("/proc/locks").unwrap_or_default();
    locks
        .lines()
        // A line for a waiting lock has an arrow.
        .filter(|line| !line.contains("->"))
        .filter_map(lock)
        .filter(|(_, file)| files.contains(file))
        .map(|(process, _)| process)
        .collect()
}

/// Returns the process and file of a line like `1: POSIX ADVISORY READ 4711 08:01:77 1073741826 1073742335`.
fn lock(line: &str) -> Option<(u32, (u64, u64))> {
    let mut words = line.split_whitespace().skip(4);
    let process = words.next()?.parse().ok()?;
    let mut file = words.next()?.split(':');
    let major = u32::from_str_radix(file.next()?, 16).ok()?;
    let minor = u32::from_str_radix(file.next()?, 16).ok()?;
    let inode = file.next()?.parse().ok()?;
    Some((process, (libc::makedev(major, minor), inode)))
}

fn with_files(files: &[(u64, u64)]) -> Vec<u32> {
    let entries = |path: &Path| fs::read_dir(path).into_iter().flatten().flatten();
    let is_one = |path: PathBuf| {
        fs::metadata(path).is_ok_and(|file| files.contains(&(file.dev(), file.ino())))
    };
    entries(Path::new("/proc"))
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|process: &u32| {
            let open = entries(Path::new(&format!("/proc/{process}/fd")));
            open.into_iter().any(|entry| is_one(entry.path()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locks_are_read() {
        let line = "1: POSIX  ADVISORY  READ 4711 fe:01:77 1073741826 1073742335";
        assert_eq!(lock(line), Some((4711, (libc::makedev(0xfe, 1), 77))));
        assert_eq!(lock("2: OFDLCK ADVISORY  READ -1 fe:01:77 0 EOF"), None);
    }
}
