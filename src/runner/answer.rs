//! The output of a command, which may have to be abandoned.

use std::fs::File;
use std::io::{self, PipeReader, Read};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::process::ChildStdout;
use std::sync::Arc;

use crate::stream::Source;
use crate::sys::descriptor::either;

/// The capacity of a pipe: output written before the command was abandoned is still read.
const REST: usize = 1 << 20;

/// Returns the output of a command. A process that left the command's process group can keep the output open after
/// all others were ended, so the output also ends when `given_up` is closed.
pub fn answer(stdout: ChildStdout, name: &str, given_up: Option<PipeReader>) -> Source {
    let stdout = File::from(OwnedFd::from(stdout));
    let descriptor = stdout.as_raw_fd();
    let mut source = Source::inner(Arc::from(format!("'{name}'")), stdout);
    if let Some(given_up) = given_up {
        source.read = Box::new(Answer {
            read: source.read,
            descriptor,
            given_up,
            rest: REST,
        });
    }
    source
}

struct Answer {
    read: Box<dyn Read + Send>,
    /// The descriptor that `read` reads from.
    descriptor: RawFd,
    given_up: PipeReader,
    rest: usize,
}

impl Read for Answer {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let [answer, given_up] = either([self.descriptor, self.given_up.as_raw_fd()])?;
        if given_up && (!answer || self.rest == 0) {
            return Ok(0);
        }
        let count = self.read.read(buffer)?;
        if given_up {
            self.rest = self.rest.saturating_sub(count);
        }
        Ok(count)
    }
}
