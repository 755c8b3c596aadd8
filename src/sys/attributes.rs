//! Extended attributes of files: access control lists, security labels, and user attributes.

use std::fs::File;
use std::io;

/// Copies the extended attributes of `from` to `to`, and removes an access control list that `from` lacks. System
/// labels (`security.*`, `trusted.*`) are copied if the system allows it. Does nothing on systems other than Linux.
///
/// # Errors
/// An access control list or a user attribute (`user.*`) cannot be set.
#[cfg(target_os = "linux")]
pub fn copy(from: &File, to: &File) -> io::Result<()> {
    let kept = linux::names(from)?;
    for name in linux::names(to)? {
        // The directory's default list could give more users access than before.
        if name.to_bytes() == LIST && !kept.contains(&name) {
            linux::remove(to, &name)?;
        }
    }
    for name in kept {
        let is_needed = name.to_bytes() == LIST || name.to_bytes().starts_with(b"user.");
        let set = linux::value(from, &name).and_then(|value| linux::set(to, &name, &value));
        if is_needed {
            set?;
        }
    }
    Ok(())
}

/// Does nothing: we know of no such attributes here.
#[cfg(not(target_os = "linux"))]
pub fn copy(_: &File, _: &File) -> io::Result<()> {
    Ok(())
}

/// The attribute that contains the access control list.
#[cfg(target_os = "linux")]
const LIST: &[u8] = b"system.posix_acl_access";

#[cfg(target_os = "linux")]
mod linux {
    use std::ffi::{CStr, CString};
    use std::fs::File;
    use std::io;
    use std::os::fd::AsRawFd;

    /// Returns the names of a file's attributes; none if the file system does not support attributes.
    pub fn names(file: &File) -> io::Result<Vec<CString>> {
        let list = sized(|buffer, length| {
            // SAFETY: flistxattr writes at most `length` bytes to `buffer`, which holds as many.
            unsafe { libc::flistxattr(file.as_raw_fd(), buffer.cast(), length) }
        });
        let list = match list {
            Err(error) if error.raw_os_error() == Some(libc::EOPNOTSUPP) => Vec::new(),
            list => list?,
        };
        let names = list.split_inclusive(|byte| *byte == 0);
        Ok(names
            .filter_map(|name| CStr::from_bytes_with_nul(name).ok())
            .map(CStr::to_owned)
            .collect())
    }

    /// Returns the value of an attribute.
    pub fn value(file: &File, name: &CStr) -> io::Result<Vec<u8>> {
        sized(|buffer, length| {
            // SAFETY: `name` ends in a zero; fgetxattr writes at most `length` bytes to `buffer`.
            unsafe { libc::fgetxattr(file.as_raw_fd(), name.as_ptr(), buffer.cast(), length) }
        })
    }

    /// Sets an attribute.
    pub fn set(file: &File, name: &CStr, value: &[u8]) -> io::Result<()> {
        // SAFETY: `name` ends in a zero; fsetxattr reads `value.len()` bytes of `value`.
        let result = unsafe {
            let (value, length) = (value.as_ptr(), value.len());
            libc::fsetxattr(file.as_raw_fd(), name.as_ptr(), value.cast(), length, 0)
        };
        done(result)
    }

    /// Removes an attribute.
    pub fn remove(file: &File, name: &CStr) -> io::Result<()> {
        // SAFETY: `name` ends in a zero.
        done(unsafe { libc::fremovexattr(file.as_raw_fd(), name.as_ptr()) })
    }

    fn done(result: libc::c_int) -> io::Result<()> {
        match result {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    }

    /// Returns the output of a call that, without a buffer, returns the length of its output.
    fn sized(call: impl Fn(*mut u8, usize) -> isize) -> io::Result<Vec<u8>> {
        loop {
            let length = usize::try_from(call(std::ptr::null_mut(), 0))
                .map_err(|_| io::Error::last_os_error())?;
            let mut buffer = vec![0; length];
            let written = call(buffer.as_mut_ptr(), length);
            match usize::try_from(written) {
                // If `length` is 0, the second call only returned the current length.
                Ok(written) if written <= length => {
                    buffer.truncate(written);
                    return Ok(buffer);
                }
                Ok(_) => {}
                Err(_) => match io::Error::last_os_error() {
                    // It has grown since the first call.
                    error if error.raw_os_error() == Some(libc::ERANGE) => {}
                    error => return Err(error),
                },
            }
        }
    }
}
