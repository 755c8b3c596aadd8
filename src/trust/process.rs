//! Processes, as procfs shows them.

use std::fs;
use std::io::{self, ErrorKind};

/// The flag of a process that is ending: `PF_EXITING` in the kernel's `include/linux/sched.h`.
const IS_ENDING: u32 = 0x4;

/// The flag of a thread of the kernel: `PF_KTHREAD`.
const IS_KERNEL: u32 = 0x0020_0000;

/// The namespace of process ids that contains all others: `PROC_PID_INIT_INO` in the kernel's
/// `include/linux/proc_ns.h`.
const INITIAL: u64 = 0xEFFF_FFFC;

/// One process.
#[derive(Debug)]
pub(super) struct Process {
    /// Its id in the namespace that procfs shows.
    pub id: u32,
    /// Its session; 0 if its leader is outside of that namespace.
    pub session: u32,
    /// When it started, in ticks since the machine did. With the id, it tells one process from
    /// all others of this boot.
    pub start: String,
    /// Whether it is a thread of the kernel, which holds no pipe.
    pub is_kernel: bool,
    /// Whether its first thread has ended, and its parent has not asked for it yet.
    pub is_zombie: bool,
    is_ending: bool,
}

impl Process {
    /// Reads proc(5)'s `stat` of `process`: an id or `self`. Words are counted after the program's
    /// name, which may contain anything.
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

/// When a process was started, in ticks since the machine was. One that is ending counts as gone:
/// its pipes are closed before its parent hears of its end.
pub fn started(process: &str) -> io::Result<String> {
    let process = Process::read(process)?;
    match process.is_ending {
        true => Err(ErrorKind::NotFound.into()),
        false => Ok(process.start),
    }
}

/// The namespace of a process's ids, as the number of its inode.
pub(super) fn namespace(process: &str) -> Option<u64> {
    let link = fs::read_link(format!("/proc/{process}/ns/pid")).ok()?;
    let number = link.to_str()?.strip_prefix("pid:[")?.strip_suffix(']')?;
    number.parse().ok()
}

/// Whether procfs shows the processes of all namespaces to this one.
pub(super) fn is_in_initial_namespace() -> bool {
    let is_own_procfs = || Process::read("self").is_ok_and(|own| own.id == std::process::id());
    namespace("self") == Some(INITIAL) && is_own_procfs()
}

/// What can be said about the life of a note's writer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Life {
    /// It runs.
    Alive,
    /// It has ended.
    Dead,
    /// It belongs to another namespace, and cannot be looked up from here.
    Unknown,
}

/// Who wrote a note. This is the name of the note's file, so that a note can be judged as stale
/// without opening it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Writer {
    id: u32,
    start: String,
    /// Its session, if it could be told.
    pub session: Option<u32>,
    namespace: Option<u64>,
}

impl Writer {
    /// This process.
    pub fn own() -> io::Result<Self> {
        let own = Process::read("self")?;
        Ok(Writer {
            // The id that procfs shows: it may belong to a namespace above this process's own.
            id: own.id,
            start: own.start,
            session: Some(own.session),
            namespace: namespace("self"),
        })
    }

    /// The name of its note number `number`.
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

    /// The writer of the note in a file of this name.
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

    /// Its namespace, if that is not `own`.
    pub fn foreign_namespace(&self, own: Option<u64>) -> Option<u64> {
        self.namespace
            .filter(|_| own.is_some() && self.namespace != own)
    }

    /// Whether it runs, as far as can be told from here.
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
