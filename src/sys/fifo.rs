//! Named pipes.

use std::path::Path;

/// Returns device and inode of the named pipe at this path, if it is one. Does not wait for a file system that does
/// not answer, as NFS may. Always `None` on systems other than Linux.
#[cfg(target_os = "linux")]
pub fn identity(path: &Path) -> Option<(u64, u64)> {
    use std::os::unix::ffi::OsStrExt;

    let path = std::ffi::CString::new(path.as_os_str().as_bytes()).ok()?;
    let mut found = std::mem::MaybeUninit::<libc::statx>::zeroed();
    let flags = libc::AT_STATX_DONT_SYNC | libc::AT_NO_AUTOMOUNT;
    let mask = libc::STATX_TYPE | libc::STATX_INO;
    let (to, at) = (found.as_mut_ptr(), libc::AT_FDCWD);
    // SAFETY: the path ends with a zero byte, and statx writes only the struct that it is given, all of whose bytes
    // were initialised before.
    let found = unsafe {
        if libc::statx(at, path.as_ptr(), flags, mask, to) != 0 {
            return None;
        }
        found.assume_init()
    };
    let is_fifo = u32::from(found.stx_mode) & libc::S_IFMT == libc::S_IFIFO;
    let device = libc::makedev(found.stx_dev_major, found.stx_dev_minor);
    is_fifo.then_some((device, found.stx_ino))
}

/// Always `None`: named pipes are not identified on these systems.
#[cfg(not(target_os = "linux"))]
pub fn identity(_: &Path) -> Option<(u64, u64)> {
    None
}
