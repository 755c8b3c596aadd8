//! The reader's side of a pipe: whether the end of input is the end of the data.

use std::cmp::Reverse;
use std::fmt;
use std::os::fd::RawFd;

use super::Carried;
use super::note::{self, Ahead, Failed, FoundNote, WriterState};
use super::pipe::Pipe;
use super::process::Life;
use super::{others, runtime};
use crate::record::counted;

/// How a reader treats the ends of its upstreams.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ends {
    /// Fails if an upstream failed. Other programs leave no status, so they are assumed to have succeeded.
    #[default]
    Judged,
    /// Accepts every end of input.
    Accepted,
    /// Fails unless every upstream left a note that it succeeded.
    Required,
}

/// The error that an upstream failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unclean {
    /// The program that failed first, if known.
    pub program: Option<String>,
    /// What happened to it: `ended early (killed)`.
    pub fate: String,
    /// How much was read before.
    pub after: Option<String>,
    /// Its message.
    pub why: Option<String>,
    /// Whether the user was told, by that program or by one downstream.
    pub is_told: bool,
    /// Whether the problem is several writers rather than an early end.
    pub is_several: bool,
}

impl fmt::Display for Unclean {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.program {
            Some(program) => write!(f, "upstream '{program}' {}", self.fate)?,
            None => write!(f, "upstream {}", self.fate)?,
        }
        if let Some(after) = &self.after {
            write!(f, " after {after}")?;
        }
        match &self.why {
            Some(why) => write!(f, ": {why}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Unclean {}

impl Unclean {
    /// Adds how many records were read before.
    pub fn after(self, records: u64) -> Self {
        match self.is_several {
            true => self,
            false => Unclean {
                after: Some(counted(records as usize, "record")),
                ..self
            },
        }
    }

    fn of_stage(failed: &Failed) -> Self {
        Unclean {
            program: Some(failed.program.clone()),
            fate: failed.fate.clone(),
            after: None,
            why: failed.why.clone(),
            is_told: failed.is_told,
            is_several: false,
        }
    }

    fn unnamed(fate: String, why: &str) -> Self {
        Unclean {
            program: None,
            fate,
            after: None,
            why: Some(why.to_owned()),
            is_told: false,
            is_several: false,
        }
    }
}

/// The writer of one of this program's inputs.
#[derive(Clone, Debug)]
pub enum Upstream {
    /// A file, which has no writer that could fail.
    File,
    /// The writers of a pipe, and the earliest time at which this end of it can have been opened, in nanoseconds
    /// since boot.
    Pipe(Pipe, u64),
    /// A socket, a terminal or a device, about which no notes are written.
    Unknown,
}

impl Upstream {
    /// Returns the writer of this descriptor. `opened` is the earliest time at which it can have been opened; None
    /// if it was open when this process started.
    pub fn of(descriptor: RawFd, is_file: bool, opened: Option<u64>) -> Self {
        match Pipe::of(descriptor) {
            _ if is_file => Upstream::File,
            Some(pipe) => Upstream::Pipe(pipe, opened.unwrap_or_else(note::own_start)),
            None => Upstream::Unknown,
        }
    }

    /// Judges the end of the input after `read` bytes, as `ends` says. Notes of a clean or accepted end are
    /// removed. Others stay for another reader of the same pipe, who did not get everything either, unless the pipe
    /// is named: there they would disturb its next use.
    ///
    /// # Errors
    /// It is not a clean end.
    pub fn judge(&self, read: u64, ends: Ends) -> Result<Carried, Unclean> {
        let (pipe, opened) = match self {
            Upstream::File => return Ok(Carried::default()),
            Upstream::Unknown => return foreign(ends),
            Upstream::Pipe(pipe, opened) => (pipe, *opened),
        };
        let mut found = notes_about(pipe);
        let is_of_this_use = |found: &FoundNote| !pipe.is_named || found.note.since >= opened;
        if !found.iter().any(is_of_this_use) {
            found.extend(others::notes_about(pipe, opened));
            found.sort_by_key(|found| Reverse(found.note.since));
        }
        if found.is_empty() {
            return foreign(ends);
        }
        let recent = match pipe.is_named {
            true => found
                .iter()
                .filter(|found| found.note.since >= opened)
                .count(),
            false => found.len(),
        };
        let judged = match pipe.is_named {
            true => judge_named(&found, recent, read),
            false => judge_all(&found, read).map(Some),
        };
        if judged.is_ok() || pipe.is_named || ends == Ends::Accepted {
            found.iter().for_each(|found| forget(found, opened));
        }
        match judged {
            _ if ends == Ends::Accepted => foreign(ends),
            Ok(None) => foreign(ends),
            Ok(Some(carried)) => Ok(carried),
            Err(unclean) => Err(unclean),
        }
    }

    /// Returns what its writers reported before their first byte, once that has arrived.
    pub fn ahead(&self) -> Ahead {
        let mut ahead = Ahead::default();
        let Upstream::Pipe(pipe, opened) = self else {
            return ahead;
        };
        // A note that is being completed may be half written.
        let mut tries = 20;
        let notes = loop {
            let notes = notes_about(pipe);
            if tries == 0 || notes.iter().all(|found| found.note.since > 0) {
                break notes;
            }
            tries -= 1;
            std::thread::sleep(std::time::Duration::from_millis(1));
        };
        for found in notes {
            if !pipe.is_named || found.note.since >= *opened {
                ahead.join(found.note.ahead);
            }
        }
        ahead
    }

    /// Removes its notes, because nobody reads them any more.
    pub fn forget(&self) {
        if let Upstream::Pipe(pipe, _) = self {
            notes_about(pipe).iter().for_each(FoundNote::remove);
        }
    }
}

/// Returns all notes of this user about a pipe, the latest first.
fn notes_about(pipe: &Pipe) -> Vec<FoundNote> {
    let mut found: Vec<FoundNote> = runtime::existing()
        .flat_map(|place| FoundNote::all(&place, pipe))
        .collect();
    found.sort_by_key(|found| Reverse(found.note.since));
    found
}

/// Removes a note unless its writer is still running: it has just opened a named pipe for its next reader. A writer
/// in another namespace cannot be looked up; if it began before this reader opened the pipe, its end is the one
/// that was seen here.
fn forget(found: &FoundNote, opened: u64) {
    let may_run = match found.life {
        Life::Alive => true,
        Life::Dead => false,
        Life::Unknown => found.note.since >= opened,
    };
    if !(may_run && found.note.state == WriterState::Running) {
        found.remove();
    }
}

/// Judges an upstream without notes.
fn foreign(ends: Ends) -> Result<Carried, Unclean> {
    match ends {
        Ends::Required => Err(Unclean::unnamed(
            "left no word that it ended well (--require-clean)".to_owned(),
            "it is no program of ours; 'balance -n 1 -- COMMAND' runs it as one",
        )),
        _ => Ok(Carried::unknown()),
    }
}

/// Judges a pipe without a name: it must have one writer of ours, which is done, and all its bytes must have
/// arrived.
fn judge_all(found: &[FoundNote], read: u64) -> Result<Carried, Unclean> {
    let failed = found.iter().find_map(|found| match &found.note.state {
        WriterState::Failed(failed) => Some(Unclean::of_stage(failed)),
        _ => None,
    });
    let running = found
        .iter()
        .find(|found| found.note.state == WriterState::Running);
    match (failed, running) {
        (Some(failed), _) => return Err(failed),
        (_, Some(running)) => return Err(cut_short(running)),
        _ => {}
    }
    refuse_several(found)?;
    let written = found.iter().map(FoundNote::bytes).sum();
    match read == written {
        true => Ok(gathered(found)),
        false => Err(unbalanced(written, read)),
    }
}

/// Judges a named pipe. It outlives its uses, and so do notes that nobody read. All `recent` notes belong to this
/// use, and as many before them as account for the bytes read. None if no note is recent and the latest one is of a
/// complete earlier use: then the writer was a foreign program.
fn judge_named(found: &[FoundNote], recent: usize, read: u64) -> Result<Option<Carried>, Unclean> {
    let mut written = 0;
    let mut obstacle = None;
    for (place, latest) in found.iter().enumerate() {
        match &latest.note.state {
            WriterState::Done(done) => written += done.bytes,
            WriterState::Failed(failed) => obstacle = Some(Unclean::of_stage(failed)),
            WriterState::Running => obstacle = Some(cut_short(latest)),
        }
        if obstacle.is_some() {
            break;
        }
        if written == read && place + 1 >= recent {
            refuse_several(&found[..=place])?;
            return Ok(Some(gathered(&found[..=place])));
        }
    }
    match found.first().map(|latest| &latest.note.state) {
        Some(WriterState::Done(_)) if recent == 0 => Ok(None),
        _ => Err(obstacle.unwrap_or_else(|| unbalanced(written, read))),
    }
}

/// Rejects several writers of one stream: each begins with a header, which would end up among the records, and
/// writers that run at the same time break each other's records. A writer that wrote nothing does not count.
fn refuse_several(found: &[FoundNote]) -> Result<(), Unclean> {
    let writers = found.iter().filter(|found| found.bytes() > 0);
    let mut programs: Vec<&str> = writers.map(|found| &*found.note.program).collect();
    if programs.len() < 2 {
        return Ok(());
    }
    programs.sort_unstable();
    programs.dedup();
    let fate = format!(
        "has several writers, each with a header of its own ('{}')",
        programs.join("', '")
    );
    let why = "give all files to one program: extract a.csv b.csv";
    Err(Unclean {
        is_several: true,
        ..Unclean::unnamed(fate, why)
    })
}

fn cut_short(running: &FoundNote) -> Unclean {
    let fate = match running.life {
        Life::Alive => "closed its output before it was done",
        Life::Dead => "ended early (killed)",
        // Either of the two.
        Life::Unknown => "ended early",
    };
    Unclean {
        program: Some(running.note.program.clone()),
        fate: fate.to_owned(),
        after: None,
        why: None,
        is_told: false,
        is_several: false,
    }
}

fn unbalanced(written: u64, read: u64) -> Unclean {
    let why = match read < written {
        true => "another program read from the same pipe",
        false => "another program wrote to the same pipe",
    };
    Unclean::unnamed(format!("wrote {written} bytes, and {read} came"), why)
}

fn gathered(found: &[FoundNote]) -> Carried {
    let mut carried = Carried::default();
    for found in found {
        if let WriterState::Done(done) = &found.note.state {
            carried.add(Carried {
                checkpoints: done.checkpoints.clone(),
                rejected: done.rejected,
            });
        }
    }
    carried
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trust::note::{Done, Note};

    fn note(state: WriterState) -> FoundNote {
        FoundNote::unfiled(Note {
            program: "extract".to_owned(),
            since: 0,
            state,
            ahead: Ahead::default(),
        })
    }

    fn done(bytes: u64, rejected: Option<u64>) -> FoundNote {
        note(WriterState::Done(Done {
            bytes,
            rejected,
            ..Done::default()
        }))
    }

    fn failed() -> FoundNote {
        note(WriterState::Failed(Failed {
            program: "filter".to_owned(),
            fate: "failed".to_owned(),
            why: Some("x".to_owned()),
            is_told: true,
        }))
    }

    fn told(result: Result<Carried, Unclean>) -> Result<Option<u64>, String> {
        result
            .map(|carried| carried.rejected)
            .map_err(|unclean| unclean.to_string())
    }

    #[test]
    fn all_writers_of_a_pipe_count() {
        let of = |found: &[FoundNote], read| told(judge_all(found, read));
        assert_eq!(of(&[done(0, Some(1)), done(12, Some(2))], 12), Ok(Some(3)));
        assert_eq!(of(&[done(0, Some(1)), done(12, None)], 12), Ok(None));
        let several = "upstream has several writers, each with a header of its own ('extract'): \
                       give all files to one program: extract a.csv b.csv";
        let two = [done(5, Some(0)), done(7, Some(0))];
        assert_eq!(of(&two, 12), Err(several.to_owned()));
        assert_eq!(
            of(&[done(12, Some(0)), failed()], 12),
            Err("upstream 'filter' failed: x".to_owned())
        );
        // Its process does not exist, so it counts as killed.
        assert_eq!(
            of(&[done(12, Some(0)), note(WriterState::Running)], 12),
            Err("upstream 'extract' ended early (killed)".to_owned())
        );
        assert_eq!(
            of(&[done(5, Some(0))], 4),
            Err(
                "upstream wrote 5 bytes, and 4 came: another program read from the same pipe"
                    .to_owned()
            )
        );
    }

    #[test]
    fn notes_of_earlier_uses_of_a_named_pipe_do_not_count() {
        let of = |found: &[FoundNote], recent, read| {
            let judged = judge_named(found, recent, read);
            told(judged.map(|carried| carried.unwrap_or_else(Carried::unknown)))
        };
        assert_eq!(
            of(&[done(5, Some(1)), failed(), done(9, None)], 1, 5),
            Ok(Some(1))
        );
        assert_eq!(
            of(&[done(7, Some(1)), done(0, Some(1)), failed()], 2, 7),
            Ok(Some(2))
        );
        // The writer may have started before this reader's process did.
        assert_eq!(of(&[done(5, Some(1)), failed()], 0, 5), Ok(Some(1)));
        // A foreign writer, after a use whose reader was foreign.
        assert_eq!(of(&[done(5, Some(1)), failed()], 0, 6), Ok(None));
        let wrong = [
            (vec![done(5, None), done(2, None)], 2, 7),
            (vec![done(5, None), done(2, None), failed()], 1, 7),
            (vec![failed(), done(5, None)], 2, 5),
            (vec![failed(), done(5, None)], 0, 5),
            (vec![note(WriterState::Running), done(5, None)], 1, 5),
            (vec![done(5, None), failed()], 2, 7),
            (vec![done(5, None), failed()], 2, 5),
            (vec![done(5, None), done(4, None)], 1, 7),
        ];
        for (found, recent, read) in wrong {
            assert!(of(&found, recent, read).is_err(), "{found:?}");
        }
    }
}
