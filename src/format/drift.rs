//! CSV files whose headers differ: the columns of the stream are matched by name, and each file's own header says
//! which of its fields they are.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::bail;

use crate::record::nearest;
use crate::record::{Header, Mapping};
use crate::stream::{Input, shell_word};

use crate::record::{Find, List, one_column};

/// The columns of the stream: their names in it, and in the files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Columns {
    pub(crate) names: Vec<String>,
    pub(crate) sources: Vec<String>,
}

impl Columns {
    /// Returns the columns at these places of the files' header, under these names.
    pub(crate) fn of(own: &Header, places: &[usize], names: &Header) -> Self {
        let source = |place: &usize| own.names()[*place].clone();
        Columns {
            names: names.names().to_vec(),
            sources: places.iter().map(source).collect(),
        }
    }

    /// Returns the columns of the last load that `list` still selects, and those that it names in addition.
    ///
    /// # Errors
    /// The listed columns cannot form one header.
    pub(crate) fn of_last_load(before: &[String], list: Option<&List<'_>>) -> anyhow::Result<Self> {
        let Some(list) = list else {
            return Ok(Columns {
                names: before.to_vec(),
                sources: before.to_vec(),
            });
        };
        if let Some(listed) = Self::listed(list)? {
            return Ok(listed);
        }
        let renamed = |name: &String| list.renamed.iter().find(|(new, _)| new == name);
        let is_selected = |name: &&String| {
            renamed(name).is_some() || !(list.find)(std::slice::from_ref(*name)).is_empty()
        };
        let mut names: Vec<String> = before.iter().filter(is_selected).cloned().collect();
        let added = list.renamed.iter().map(|(new, _)| new);
        names.extend(added.filter(|new| !before.contains(new)).cloned());
        let source =
            |name: &String| renamed(name).map_or_else(|| name.clone(), |(_, old)| old.clone());
        Ok(Columns {
            sources: names.iter().map(source).collect(),
            names,
        })
    }

    /// Returns the columns of a list that selects only by names; `None` for other lists.
    pub(crate) fn listed(list: &List<'_>) -> anyhow::Result<Option<Self>> {
        let Some(listed) = &list.names else {
            return Ok(None);
        };
        let listed: Vec<String> = listed.iter().map(|(name, _)| name.clone()).collect();
        let selected = (list.select)(&listed)?.into_iter();
        let (sources, names) = selected
            .map(|(place, name)| (listed[place].clone(), name))
            .unzip();
        Ok(Some(Columns { names, sources }))
    }

    /// Returns the header whose records are read without a mapping: that of the first file if it has all of the
    /// columns, else one of just these columns.
    pub(crate) fn base(&self, first: &Header) -> Header {
        let mut sources = self.sources.iter();
        match sources.all(|source| first.position(source).is_some()) {
            true => first.clone(),
            false => self.of_files(),
        }
    }

    /// Returns the places of the columns in a header that has all of them.
    pub(crate) fn picks(&self, base: &Header) -> Vec<usize> {
        let sources = self.sources.iter();
        sources.filter_map(|source| base.position(source)).collect()
    }

    /// Returns whether a file with this header has any of the columns.
    pub(crate) fn is_any_in(&self, own: &Header) -> bool {
        (self.sources.iter()).any(|source| own.position(source).is_some())
    }

    /// Returns the names in the files, without duplicates.
    pub(crate) fn of_files(&self) -> Header {
        let mut seen = HashSet::new();
        let mut sources = self.sources.clone();
        sources.retain(|name| seen.insert(name.clone()));
        Header::new(sources)
    }

    /// Returns a list for -c, quoted for the shell, that selects these columns and `more`.
    fn to_list(&self, more: &[&String]) -> String {
        let named = |(new, old): (&String, &String)| match new == old {
            true => bracketed(new),
            false => format!("{}={}", bracketed(new), bracketed(old)),
        };
        let own = self.names.iter().zip(&self.sources).map(named);
        let more = more.iter().map(|name| bracketed(name));
        shell_word(&own.chain(more).collect::<Vec<_>>().join(",")).into_owned()
    }
}

/// Returns a name as -c accepts it.
fn bracketed(name: &str) -> String {
    let is_plain = !name.contains([',', '=', '*', '?', '[', ']'])
        && !name.contains("..")
        && !name.starts_with('!')
        && !name.is_empty()
        && name.trim() == name;
    match is_plain {
        true => name.to_owned(),
        false => format!("[{}]", name.replace(']', "]]")),
    }
}

/// Which columns of a file, in addition to those of the stream, count as new.
#[derive(Clone)]
pub(crate) enum New {
    /// None: the user listed the wanted columns.
    None,
    /// All.
    All,
    /// Those that the user's list selects.
    Found(Find),
}

impl New {
    pub(crate) fn of(list: Option<&List<'_>>) -> Self {
        match list {
            None => New::All,
            Some(list) if list.names.is_some() => New::None,
            Some(list) => New::Found(Arc::clone(&list.find)),
        }
    }
}

/// Reads each file by its own header.
pub(crate) struct ByName {
    pub(crate) columns: Columns,
    /// The header whose records are read without a mapping.
    pub(crate) base: Header,
    pub(crate) new: New,
    /// The name of the load that the columns come from, unless this is its first run.
    pub(crate) load: Option<String>,
    /// The columns that no file had so far, if each must be in one of the files.
    pub(crate) unseen: Vec<String>,
    /// Whether the last column of each file was added to it.
    pub(crate) has_extra: bool,
    pub(crate) delimiter: u8,
    pub(crate) absences: Absences,
}

impl ByName {
    /// Makes `input` read each source by its own header. The first header was read as `first`.
    ///
    /// # Errors
    /// The first source has a new column or none of those of the stream, or it is the only one and lacks a listed
    /// column.
    pub(crate) fn apply(mut self, first: &Header, input: &mut Input) -> anyhow::Result<()> {
        let (name, is_last) = (input.current_name(), input.is_last());
        let mapping = self.mapping(first, &name, is_last)?;
        let mapper = move |header: Header, name: &Arc<str>, is_last: bool| {
            let own = header.len() - usize::from(self.has_extra);
            let own = Header::new(header.names()[..own].to_vec()).repaired();
            self.mapping(&own, name, is_last)
        };
        input.map(mapping, Box::new(mapper));
        Ok(())
    }

    /// Returns how a file's records become those of the stream; `None` if they need no mapping.
    fn mapping(
        &mut self,
        own: &Header,
        file: &str,
        is_last: bool,
    ) -> anyhow::Result<Option<Arc<Mapping>>> {
        self.refuse_strangers(own, file)?;
        self.refuse_new(own, file)?;
        self.unseen.retain(|source| own.position(source).is_none());
        if let (true, Some(unseen)) = (is_last, self.unseen.first()) {
            let near = nearest(unseen, own.names());
            let near = near.map_or_else(String::new, |near| format!("; did you mean '{near}'?"));
            bail!("no file has the column '{unseen}'{near}");
        }
        if *own == self.base {
            return Ok(None);
        }
        let sources = self.columns.sources.iter();
        let mut picks: Vec<_> = sources.map(|source| own.position(source)).collect();
        let wanted = self.columns.of_files();
        let absent = wanted.names().iter();
        (self.absences).add(file, absent.filter(|name| own.position(name).is_none()));
        if self.has_extra {
            picks.push(Some(own.len()));
        }
        let columns = own.len() + usize::from(self.has_extra);
        Ok(Some(Arc::new(Mapping::new(columns, picks))))
    }

    /// Refuses a file that has none of the columns: its header may be a record, or its delimiter may be another
    /// one.
    fn refuse_strangers(&self, own: &Header, file: &str) -> anyhow::Result<()> {
        if self.columns.is_any_in(own) {
            return Ok(());
        }
        if let Some(hint) = one_column(own, self.delimiter, file) {
            bail!(hint);
        }
        bail!(
            "{file}: its header has none of the columns {}: it is {}",
            self.columns.of_files().names().join(", "),
            own.names().join(", ")
        )
    }

    fn refuse_new(&self, own: &Header, file: &str) -> anyhow::Result<()> {
        let is_known = self.columns.of_files();
        let is_new = |name: &&String| is_known.position(name).is_none();
        let new: Vec<&String> = match &self.new {
            New::None => return Ok(()),
            New::All => own.names().iter().filter(is_new).collect(),
            New::Found(find) => {
                // Columns that the file lacks are added, so that each name of the list is found.
                let absent = is_known.names().iter();
                let absent = absent.filter(|name| own.position(name).is_none());
                let all: Vec<String> = own.names().iter().chain(absent).cloned().collect();
                let found = find(&all).into_iter();
                let own = found.filter_map(|place| own.names().get(place));
                own.filter(is_new).collect()
            }
        };
        let named: Vec<String> = new.iter().map(|name| format!("'{name}'")).collect();
        let columns = match named[..] {
            [] => return Ok(()),
            [_] => "the column",
            _ => "the columns",
        };
        let named = named.join(", ");
        let without = self.columns.to_list(&[]);
        let (are, them) = match new.len() {
            1 => ("is", "it"),
            _ => ("are", "them"),
        };
        match &self.load {
            Some(load) => bail!(
                "{file}: {columns} {named} came after the first load of '{load}'; -c {without} leaves {them} out"
            ),
            None => bail!(
                "{file}: {columns} {named} {are} not in the files before; -c {without} leaves {them} out, \
                 -c {} takes {them} in",
                self.columns.to_list(&new)
            ),
        }
    }
}

/// Which columns files lacked, for messages.
#[derive(Clone, Debug, Default)]
pub(crate) struct Absences(Arc<Mutex<Absent>>);

#[derive(Debug, Default)]
struct Absent {
    files: usize,
    told: Vec<String>,
}

/// How many files are reported one by one.
const TOLD: usize = 10;

impl Absences {
    fn lock(&self) -> MutexGuard<'_, Absent> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add<'n>(&self, file: &str, names: impl Iterator<Item = &'n String>) {
        let names: Vec<String> = names.map(|name| format!("'{name}'")).collect();
        let columns = match names.len() {
            0 => return,
            1 => "column",
            _ => "columns",
        };
        let mut absent = self.lock();
        absent.files += 1;
        if absent.told.len() < TOLD {
            let told = format!("'{file}' has no {columns} {}: null there", names.join(", "));
            absent.told.push(told);
        }
    }

    /// Returns a line for each of the first files, and one for the rest.
    pub(crate) fn notices(&self) -> Vec<String> {
        let absent = self.lock();
        let mut told = absent.told.clone();
        match absent.files - told.len() {
            0 => {}
            1 => told.push("1 more file lacks columns: null there".to_owned()),
            more => told.push(format!("{more} more files lack columns: null there")),
        }
        told
    }
}
