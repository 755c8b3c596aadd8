//! Decides which of the existing files were read before.
//!
//! A file is recognised by its inode number and creation time, or else by its content under a name that a rotation
//! or a compression gives; either way it must begin with what was read. A copy of an existing file under such a
//! name is not a file of its own.

use std::cmp::Ordering;

use anyhow::bail;

use crate::resume::content::{Holds, beginning_of};
use crate::resume::files::{Files, FoundFile, is_related, name_of};
use crate::resume::known::{Known, Standing};
use crate::resume::names::{Rank, counted, rotation, uncompressed};

/// What an existing file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// None of the known files.
    New,
    /// The known file with this index.
    Known(usize),
    /// A copy of another file; its index if it is known already.
    Copy(Option<usize>),
    /// An older part of a log that is not read; its index if it is known already.
    Before(Option<usize>),
}

/// The existing files, and which of the known ones they are.
pub struct Matches<'m> {
    /// The files that were known before.
    pub known: &'m [Known],
    /// For each existing file, what it is.
    pub fates: Vec<Fate>,
    /// For each known file, the index of the existing file that it is now.
    pub places: Vec<Option<usize>>,
    /// Whether ambiguous files are taken for what they seem to be.
    pub accept_gap: bool,
}

impl<'m> Matches<'m> {
    /// Compares the files with what is known. If a file of a set was renamed to one beside the set, that one is
    /// added.
    ///
    /// # Errors
    /// A file cannot be read, or it cannot be decided which one it is.
    pub fn find(known: &'m [Known], files: &mut Files, accept_gap: bool) -> anyhow::Result<Self> {
        let mut matches = Matches {
            known,
            fates: vec![Fate::New; files.list.len()],
            places: vec![None; known.len()],
            accept_gap,
        };
        matches.by_identity(files, |known| !is_empty(known))?;
        matches.beside_sets(files)?;
        matches.by_content(files)?;
        matches.emptied(files)?;
        matches.copies(files)?;
        // A file that was empty may be anything by now, so all other rules come first.
        matches.by_identity(files, is_empty)?;
        matches.packed_before(files)?;
        Ok(matches)
    }

    fn take(&mut self, place: usize, at: usize) {
        self.fates[at] = match self.known[place].standing {
            Standing::Read => Fate::Known(place),
            Standing::Copy => Fate::Copy(Some(place)),
            Standing::Before => Fate::Before(Some(place)),
        };
        self.places[place] = Some(at);
    }

    fn by_identity(
        &mut self,
        files: &Files,
        is_meant: impl Fn(&Known) -> bool,
    ) -> anyhow::Result<()> {
        let all = self.known.iter().enumerate();
        for (place, known) in all.filter(|(_, known)| is_meant(known)) {
            let Some(at) = files.with_identity((known.device, known.inode)) else {
                continue;
            };
            let found = &files.list[at];
            if self.fates[at] == Fate::New
                && found.is_same(known)
                && self.is_intact(found, known)?
            {
                self.take(place, at);
            }
        }
        Ok(())
    }

    /// Returns whether a file still is what is known about it.
    fn is_intact(&self, found: &FoundFile, known: &Known) -> anyhow::Result<bool> {
        match known.standing {
            Standing::Read => known.is_intact(&found.path, found.modified, found.size),
            Standing::Copy => Ok((found.size, found.modified) == (known.size, known.modified)),
            Standing::Before => Ok(!found.is_meant),
        }
    }

    /// Finds the rest of a file that was renamed so that its glob no longer matches: it is beside the set.
    fn beside_sets(&mut self, files: &mut Files) -> anyhow::Result<()> {
        for (place, known) in self.known.iter().enumerate() {
            if self.places[place].is_some()
                || known.standing != Standing::Read
                || known.log.is_some()
            {
                continue;
            }
            let is_replaced = files
                .list
                .iter()
                .any(|found| found.is_meant && found.log.is_none() && found.is_at(known));
            if is_replaced && let Some(at) = files.add_renamed(known)? {
                self.fates.push(Fate::New);
                if self.is_intact(&files.list[at], known)? {
                    self.take(place, at);
                }
            }
        }
        Ok(())
    }

    /// Finds known files that do not exist any more or have other content: a copy or a compressed file may have
    /// what was read of them.
    fn by_content(&mut self, files: &Files) -> anyhow::Result<()> {
        for (place, known) in self.known.iter().enumerate() {
            if self.places[place].is_some() || known.standing != Standing::Read || known.offset == 0
            {
                continue;
            }
            let mut candidates = Vec::new();
            for (at, found) in files.list.iter().enumerate() {
                let is_free = matches!(self.fates[at], Fate::New | Fate::Copy(_));
                if is_free
                    && self.may_hold(found, known)
                    && known.held_by(&found.path)? != Holds::No
                {
                    candidates.push(at);
                }
            }
            if let [one, other, ..] = candidates[..]
                && !self.accept_gap
            {
                bail!(
                    "'{}' and '{}' both begin with what was read of '{}' before, and which of them it was cannot be told; --accept-gap takes the older one",
                    files.list[one].path.display(),
                    files.list[other].path.display(),
                    known.path
                );
            }
            let Some(at) = self.oldest(&candidates, files) else {
                continue;
            };
            self.take(place, at);
        }
        Ok(())
    }

    /// Returns whether a file may have what was read of a known one: it is at its path, or a rotation that copies,
    /// compresses or moves files has made it.
    fn may_hold(&self, found: &FoundFile, known: &Known) -> bool {
        if found.is_at(known) {
            return true;
        }
        if !is_related(found, known) {
            return false;
        }
        let (own, other) = (found.name(), name_of(known.path.as_ref()));
        let is_packed = uncompressed(&own) != own;
        let is_of_log = found.log.is_some();
        let was_current = rotation(&own, uncompressed(&other)).is_some();
        let is_moved = found.identity.0 != known.device;
        is_packed || is_of_log || was_current || is_moved
    }

    /// Returns the one of these files that was rotated first.
    fn oldest(&self, places: &[usize], files: &Files) -> Option<usize> {
        let rank = |at: usize| {
            let found = &files.list[at];
            let older = found.older.as_ref().map(|older| older.rank.clone());
            let number =
                || counted(uncompressed(&found.name())).map(|(_, number)| Rank::Number(number));
            older.or_else(number)
        };
        let mut oldest = *places.first()?;
        for &at in &places[1..] {
            if let (Some(one), Some(other)) = (rank(at), rank(oldest))
                && one.compare(&other) == Some(Ordering::Less)
            {
                oldest = at;
            }
        }
        Some(oldest)
    }

    /// Finds logs that were copied and truncated, and begin with the same lines again: the copy continues after
    /// what was read, and not as the log does.
    fn emptied(&mut self, files: &Files) -> anyhow::Result<()> {
        for (place, known) in self.known.iter().enumerate() {
            let Some(at) = self.places[place] else {
                continue;
            };
            if known.standing != Standing::Read || known.offset == 0 {
                continue;
            }
            let log = &files.list[at];
            let mut copies = Vec::new();
            for (other, found) in files.list.iter().enumerate() {
                let is_free = matches!(self.fates[other], Fate::New | Fate::Copy(_));
                if !is_free || !is_copy_of(found, log) || known.held_by(&found.path)? == Holds::No {
                    continue;
                }
                match beginning_of(&found.path, &log.path)? {
                    Holds::No => copies.push(other),
                    Holds::More if !self.accept_gap => return cannot_tell(found, log),
                    _ => {}
                }
            }
            if let Some(copy) = self.oldest(&copies, files) {
                self.fates[at] = Fate::New;
                self.take(place, copy);
            }
        }
        Ok(())
    }

    /// Finds files that hold what another one does: one is being compressed, or was copied to be truncated.
    fn copies(&mut self, files: &Files) -> anyhow::Result<()> {
        for (at, found) in files.list.iter().enumerate() {
            if self.fates[at] != Fate::New || found.size == 0 {
                continue;
            }
            let name = found.name();
            let original = uncompressed(&name);
            if original != name
                && let Some(original) = files.beside(found, original)
            {
                let original = &files.list[original];
                match beginning_of(&found.path, &original.path)? {
                    Holds::No => {}
                    Holds::More if !self.accept_gap => return cannot_tell(found, original),
                    _ => self.fates[at] = Fate::Copy(None),
                }
                continue;
            }
            for (log, fate) in files.list.iter().zip(self.fates.clone()) {
                // A log that was renamed is older than the one that replaced it.
                let is_later = found
                    .born
                    .zip(log.born)
                    .is_none_or(|(own, other)| own >= other);
                if !is_copy_of(found, log) || fate == Fate::New && !is_later {
                    continue;
                }
                match beginning_of(&found.path, &log.path)? {
                    Holds::No => {}
                    Holds::More if !self.accept_gap => return cannot_tell(found, log),
                    _ => self.fates[at] = Fate::Copy(None),
                }
            }
        }
        Ok(())
    }

    /// Finds older parts of logs that are not read and were compressed since.
    fn packed_before(&mut self, files: &Files) -> anyhow::Result<()> {
        for (place, known) in self.known.iter().enumerate() {
            if self.places[place].is_some()
                || known.standing != Standing::Before
                || known.is_compressed
            {
                continue;
            }
            for (at, found) in files.list.iter().enumerate() {
                let name = found.name();
                let is_packed = uncompressed(&name) != name && !found.is_meant;
                if self.fates[at] == Fate::New
                    && is_packed
                    && is_related(found, known)
                    && known.held_by(&found.path)? == Holds::Whole
                {
                    self.take(place, at);
                    break;
                }
            }
        }
        Ok(())
    }
}

/// Returns whether nothing was read of a file.
fn is_empty(known: &Known) -> bool {
    known.standing == Standing::Read && known.offset == 0
}

fn cannot_tell(found: &FoundFile, log: &FoundFile) -> anyhow::Result<()> {
    bail!(
        "'{}' holds the beginning of '{}': a copy of it, or what it was before it was emptied or made anew, and which cannot be told; run the pipeline again, or with --accept-gap, which takes it for a copy",
        found.path.display(),
        log.path.display()
    )
}

/// Returns whether a file may, by its name, be a copy that a rotation makes of a log before truncating it.
fn is_copy_of(found: &FoundFile, log: &FoundFile) -> bool {
    let (name, other) = (found.name(), log.name());
    let is_beside = found.real.parent() == log.real.parent() && uncompressed(&name) == name;
    let is_of_log = found.log.is_some() && found.log == log.log;
    let rotation = rotation(&name, &other);
    is_beside && rotation.is_some_and(|rotation| rotation.is_behind || is_of_log)
}
