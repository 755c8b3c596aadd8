//! Readers of lines and values: all formats except CSV, whose units are records already.

use crate::bytes::Dialect;
use crate::record::{Header, List};
use crate::stream::{Convert, Converted, Framing, Input, Output, Settings, Summary, convert};

use super::picked::Picked;
use super::wanted::{
    EXTRA_COLUMN, Extra, Keyed, Survey, WantedFields, glance, notice_of_unseen, survey,
};

/// A format, with the user's settings for it.
pub trait Reader: Send {
    /// Returns what its units are.
    fn framing(&self) -> Framing {
        Framing::Lines
    }

    /// Returns whether its records carry the names of their columns.
    fn is_keyed(&self) -> bool {
        false
    }

    /// Returns whether a column's name may be a path, `a.b` or `a[0]`.
    fn has_paths(&self) -> bool {
        false
    }

    /// Returns why its sources cannot be resumed from where the last load ended, if they cannot.
    fn refuses_resume(&self) -> Option<&'static str> {
        None
    }

    /// Reads all units, and writes the stream.
    ///
    /// # Errors
    /// The input cannot be read, its columns are not those that were asked for, or a record is bad and the policy
    /// does not allow it.
    fn run(self: Box<Self>, asked: &Asked<'_>, way: Way<'_>) -> anyhow::Result<Summary>;
}

/// What the user asked for, in any format.
pub struct Asked<'l> {
    /// The columns that the user listed; all if `None`.
    pub list: Option<List<'l>>,
    /// Texts that stand for null.
    pub nulls: Vec<Vec<u8>>,
    /// For records that carry their names: how many are looked at to find the names.
    pub sample: usize,
    /// For records that carry their names: what happens to other fields. If `None`, they are ignored if the user
    /// listed columns, and a fault otherwise.
    pub extra: Option<Extra>,
}

/// Where units come from, and where the stream goes.
pub struct Way<'w> {
    /// The units.
    pub input: Input,
    /// How they are read.
    pub settings: &'w Settings,
    /// The stream.
    pub output: &'w mut Output,
}

impl Asked<'_> {
    /// Returns what the list selects of a header.
    ///
    /// # Errors
    /// The list names a column that does not exist.
    pub fn picked(&self, header: Header) -> anyhow::Result<(Header, Picked)> {
        let nulls = self.nulls.clone();
        let Some(list) = &self.list else {
            let picks = (0..header.len()).collect();
            return Ok((header, Picked { picks, nulls }));
        };
        let (picks, names) = (list.select)(header.names())?.into_iter().unzip();
        Ok((Header::new(names), Picked { picks, nulls }))
    }

    /// Runs a converter of units with these columns.
    ///
    /// # Errors
    /// As [`Reader::run`].
    pub fn lines<C: Convert>(
        &self,
        columns: Vec<String>,
        make: impl FnOnce(Picked) -> C,
        way: Way<'_>,
    ) -> anyhow::Result<Summary> {
        let (header, picked) = self.picked(Header::new(columns))?;
        let Way {
            mut input,
            settings,
            output,
        } = way;
        output.write_header(&header, Dialect::STREAM.delimiter)?;
        Ok(convert(&mut input, settings, &make(picked), output)?.summary)
    }

    /// Runs a converter of records that carry their names. Reports which of the requested names no record has.
    ///
    /// # Errors
    /// As [`Reader::run`].
    pub fn keyed<S: Survey, C: Keyed>(
        &self,
        make: impl FnOnce(WantedFields) -> C,
        way: Way<'_>,
    ) -> anyhow::Result<Summary> {
        let (header, wanted, mut input) = self.wanted::<S>(way.input)?;
        let asked = wanted.asked();
        way.output
            .write_header(&header, Dialect::STREAM.delimiter)?;
        let there = match &asked[..] {
            [] => Vec::new(),
            _ => glance::<S>(&mut input)?,
        };
        let Converted {
            mut summary,
            scratches,
        } = convert(&mut input, way.settings, &make(wanted), way.output)?;
        let Some(scratches) = scratches.filter(|_| summary.records_out > 0) else {
            return Ok(summary);
        };
        let is_unseen = |place: &usize| {
            let mut scratches = scratches.iter();
            scratches.all(|scratch| C::unseen(scratch).contains(place))
        };
        let unseen = (0..asked.len()).filter(is_unseen);
        let notice = notice_of_unseen(unseen.map(|place| &asked[place]), &there);
        summary.notices.extend(notice);
        Ok(summary)
    }

    /// Decides which fields are read of records that carry their names.
    fn wanted<S: Survey>(&self, mut input: Input) -> anyhow::Result<(Header, WantedFields, Input)> {
        let asked = self.list.as_ref().and_then(|list| list.names.clone());
        let ((names, indexed), sampled) = match asked {
            Some(names) => (names.into_iter().unzip(), None),
            None => {
                let (names, count) = survey::<S>(&mut input, self.sample)?;
                ((names, Vec::new()), Some(count))
            }
        };
        let extra = self.extra.unwrap_or(match sampled {
            Some(_) => Extra::Fail,
            None => Extra::Ignore,
        });
        let (header, Picked { picks, nulls }) = self.picked(Header::new(names.clone()))?;
        let header = match extra {
            Extra::Column => with_extra(&header),
            _ => header.repaired(),
        };
        let wanted = WantedFields {
            names,
            indexed,
            picks,
            sampled,
            extra,
            nulls,
        };
        Ok((header, wanted, input))
    }
}

/// Returns the header with a last column for unknown fields.
pub fn with_extra(header: &Header) -> Header {
    let mut names = header.names().to_vec();
    names.push(EXTRA_COLUMN.to_owned());
    Header::new(names).repaired()
}
