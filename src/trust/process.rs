//! Processes in procfs.

use std::fs;
use std::io::{self, ErrorKind};

/// The flag of a process that is exiting: `PF_EXITING` in the kernel's `include/linux/sched.h`.
const IS_ENDING: u32 = 0x4;

/// The flag of a kernel thread: `PF_KTHREAD`.
const IS_KERNEL: u32 = 0x0020_0000;

/// The inode of the initial process id namespace: `PROC_PID_INIT_INO` in the kernel's `include/linux/proc_ns.h`.
const INITIAL: u64 = 0xEFFF_FFFC;

/// A process.
#[derive(Debug)]
pub(super) struct Process {
    /// Its id in the namespace of procfs.
    pub id: u32,
    /// Its session; 0 if the session's leader is outside of that namespace.
    pub session: u32,
    /// When it started, in ticks since boot. With the id, it is unique within this boot.
    pub start: String,
    /// Whether it is a kernel thread, which holds no pipes.
    pub is_kernel: bool,
    /// Whether its first thread has ended and was not reaped yet.
    pub is_zombie: bool,
    is_ending: bool,
}

impl Process {
    /// Reads proc(5)'s `stat` of `process`: an id or `self`. Fields are counted from the end of the program's name,
    /// which may contain anything.
    pub fn read(process: &str) -> io::Result<Self> {
        let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
        let parsed = || {
            let id = stat.split(' ').next()?.parse().ok()?;
            let (_, rest) = stat.rsplit_once(')')?;
            let mut words = rest.split_ascii_whitespace();
            let is_zombie = words.next()? == "Z";
            let session = words.nth(2)?.parse().ok()?;
            let flags: u32 = words.nth(2)?.parse().ok()?;
            Some(Process {
                id,
                session,
                start: words.nth(12)?.to_owned(),
                is_kernel: flags & IS_KERNEL != 0,
                is_zombie,
                is_ending: flags & IS_ENDING != 0,
            })
        };
        parsed().ok_or(ErrorKind::InvalidData.into())
    }
}

/// Returns when a process was started, in ticks since boot. One that is exiting counts as gone: its pipes are
/// closed before its parent learns of its end.
pub fn started(process: &str) -> io::Result<String> {
    let process = Process::read(process)?;
    match process.is_ending {
        true => Err(ErrorKind::NotFound.into()),
        false => Ok(process.start),
    }
}

/// Returns the process id namespace of a process, as its inode number.
pub(super) fn namespace(process: &str) -> Option<u64> {
    let link = fs::read_link(format!("/proc/{process}/ns/pid")).ok()?;
    let number = link.to_str()?.strip_prefix("pid:[")?.strip_suffix(']')?;
    number.parse().ok()
}

/// Whether this process sees the processes of all namespaces in procfs.
pub(super) fn is_in_initial_namespace() -> bool {
    let is_own_procfs = || Process::read("self").is_ok_and(|own| own.id == std::process::id());
    namespace("self") == Some(INITIAL) && is_own_procfs()
}

/// Whether the writer of a note is alive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Life {
    /// It is running.
    Alive,
    /// It has ended.
    Dead,
    /// It is in another namespace, so it cannot be looked up from here.
    Unknown,
}

/// The writer of a note. It is encoded in the name of the note's file, so that a stale note can be recognised
/// without opening it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Writer {
    id: u32,
    start: String,
    /// Its session, if known.
    pub session: Option<u32>,
    namespace: Option<u64>,
}

impl Writer {
    /// Returns this process as a writer.
    pub fn own() -> io::Result<Self> {
        let own = Process::read("self")?;
        Ok(Writer {
            // The id in procfs may be that of a parent namespace.
            id: own.id,
            start: own.start,
            session: Some(own.session),
            namespace: namespace("self"),
        })
    }

    /// Returns the file name of its note with this number.
    pub fn file_name(&self, number: u32) -> String {
        let (session, namespace) = (self.session, self.namespace);
        format!(
            "{}.{}.{number}.{}.{}",
            self.id,
            self.start,
            session.unwrap_or_default(),
            namespace.unwrap_or_default()
        )
    }

    /// Parses the writer from the name of a note's file.
    pub fn of(file_name: &str) -> Option<Self> {
        let mut parts = file_name.split('.');
        let (id, start, _number) = (parts.next()?, parts.next()?, parts.next()?);
        let session = parts.next().and_then(|part| part.parse().ok());
        let namespace = parts.next().and_then(|part| part.parse().ok());
        Some(Writer {
            id: id.parse().ok()?,
            start: start.to_owned(),
            session,
            namespace: namespace.filter(|&number| number != 0),
        })
    }

    /// Returns its namespace if it is not `own`.
    pub fn foreign_namespace(&self, own: Option<u64>) -> Option<u64> {
        self.namespace
            .filter(|_| own.is_some() && self.namespace != own)
    }

    /// Returns whether it is running, as far as can be seen from here.
    pub fn life(&self) -> Life {
        if self.foreign_namespace(namespace("self")).is_some() {
            return Life::Unknown;
        }
        match started(&self.id.to_string()).is_ok_and(|found| found == self.start) {
            true => Life::Alive,
            false => Life::Dead,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_writer_is_read_back_from_the_name_of_its_note() {
        let own = Writer::own().unwrap();
        assert_eq!(Writer::of(&own.file_name(3)), Some(own));
        assert_eq!(Writer::of("a note"), None);
        assert_eq!(Writer::of(""), None);
    }

    #[test]
    fn the_life_of_a_writer_is_told_within_one_namespace_only() {
        let own = Writer::own().unwrap();
        assert_eq!(own.life(), Life::Alive);
        assert_eq!(Writer::of("4194305.1.0").unwrap().life(), Life::Dead);
        let elsewhere = Writer {
            namespace: Some(1),
            ..own
        };
        assert_eq!(elsewhere.life(), Life::Unknown);
    }
}
