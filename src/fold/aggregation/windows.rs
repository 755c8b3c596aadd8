//! Groups by time windows, which are complete as soon as no more records are expected in them.
//!
//! A window contains the records from its start up to but excluding its end. The watermark is the latest time that
//! counts (see `Clock`) minus the allowed lateness. A window that ends at the watermark or before it is done and is
//! written at once. A record is late if all its windows are done. That depends only on the order of the records, so
//! they are handled one after the other. Only open windows take memory. (Akidau and others, "The Dataflow Model",
//! 2015.)

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use bumpalo::Bump;

use super::speak::Ready;
use super::{Aggregation, GroupStates, renew};
use crate::expr::{BATCH, Batch, Node};
use crate::record::{Fault, Faults, Header, Records};
use crate::value::text::{self, quoted};
use crate::value::{Time, Value};

/// The first columns of the output: start and end of the window.
const COLUMNS: [&str; 2] = ["window_start", "window_end"];

/// How records are assigned to windows. All lengths are in nanoseconds.
pub struct Windows {
    /// The time of a record.
    pub on: Node,
    /// The length of a window.
    pub size: i128,
    /// The distance between the starts of two windows.
    pub slide: i128,
    /// The allowed lateness of a record.
    pub late: i128,
    /// Whether a late record is a bad record, instead of being only counted.
    pub refuses_late: bool,
}

/// The open windows.
#[derive(Default)]
pub struct Open {
    /// By their start.
    windows: BTreeMap<i128, GroupStates>,
    /// The first time of all; it determines how times are written.
    told: Option<Time>,
    clock: Clock,
    /// Number of late records.
    pub late: u64,
    selection: Vec<u32>,
}

/// Number of consecutive records that move the clock, however far ahead they are.
const IN_A_ROW: usize = 3;

/// The latest time that counts.
///
/// A time counts if it is at most one window ahead of the clock, or if [`IN_A_ROW`] consecutive records are as far
/// ahead. So a single wrong time does not make the records after it late, and after a gap in the data the third
/// record moves the clock.
#[derive(Debug, Default)]
struct Clock {
    latest: Option<i128>,
    /// The times of the last records, if they are further ahead.
    ahead: Vec<i128>,
    /// Number of records seen, up to [`IN_A_ROW`].
    seen: usize,
    /// The earliest end of their windows.
    first_end: Option<i128>,
}

impl Clock {
    /// Sets the clock back if one of the first records shows that an earlier time was far ahead. Not after a window
    /// is done, because it stays done.
    fn set_back(&mut self, time: i128, windows: &Windows) {
        if self.seen == IN_A_ROW {
            return;
        }
        self.seen += 1;
        if let (Some(latest), Some(end)) = (&mut self.latest, self.first_end)
            && time + windows.size < *latest
            && *latest - windows.late < end
        {
            *latest = time;
        }
        let end = windows.first_end(time);
        self.first_end = Some(self.first_end.map_or(end, |first| first.min(end)));
    }

    /// Advances the clock by the next record's time.
    fn see(&mut self, time: i128, windows: &Windows) {
        let latest = self.latest.get_or_insert(time);
        if time <= *latest + windows.size {
            *latest = time.max(*latest);
            self.ahead.clear();
            return;
        }
        self.ahead.push(time);
        if let (IN_A_ROW, Some(least)) = (self.ahead.len(), self.ahead.iter().min()) {
            *latest = (*latest).max(*least);
            for time in &self.ahead {
                if *time <= *latest + windows.size {
                    *latest = (*latest).max(*time);
                }
            }
            self.ahead.remove(0);
        }
    }
}

impl Windows {
    /// The header of the output.
    ///
    /// # Errors
    /// A key or an aggregate has the name of one of the windows' columns.
    pub fn header(&self, aggregation: &Aggregation) -> Result<Header, Fault> {
        let mut names = COLUMNS.map(str::to_owned).to_vec();
        let others = aggregation.header();
        for name in others.names() {
            if names.contains(name) {
                return Err(Fault::new(format!(
                    "the column '{name}' is the windows' own here: call the other one by 'name = ...'"
                )));
            }
        }
        names.extend_from_slice(others.names());
        Ok(Header::new(names))
    }

    /// Takes a block of records and appends the output of windows that are done. Returns the number of output
    /// records.
    ///
    /// # Errors
    /// A group has no result.
    pub fn absorb(
        &self,
        aggregation: &Aggregation,
        open: &mut Open,
        (records, faults): (&Records<'_>, &mut Faults),
        out: &mut Vec<u8>,
    ) -> Result<u64, Fault> {
        let mut selection = std::mem::take(&mut open.selection);
        // No record may wait for another batch, because each must move the clock only once.
        faults.leave_none();
        faults.select_all(&mut selection);
        let mut spoken = 0;
        for chunk in selection.chunks(BATCH) {
            if self.refuses_late {
                // A record that will be rejected must not open a window or move the clock.
                faults.in_parts(chunk, |part, faults| {
                    let arena = Bump::new();
                    aggregation.evaluate(&Batch::over(*records, &arena), part, faults);
                });
            }
            for (start, mut selection) in self.deal(open, records, chunk, faults) {
                faults.settle(&mut selection);
                let state = match open.windows.entry(start) {
                    Entry::Occupied(state) => state.into_mut(),
                    Entry::Vacant(vacant) => vacant.insert(aggregation.start()?),
                };
                faults.in_parts(&selection, |part, faults| {
                    renew(&mut state.arena);
                    aggregation.absorb_batch(state, records, part, faults);
                });
            }
            let mark = self.watermark(open);
            while let Some(window) = open.windows.first_entry()
                && mark.is_some_and(|mark| window.key() + self.size <= mark)
            {
                let (start, state) = window.remove_entry();
                spoken += self.speak(aggregation, (start, &state), open.told, out)?;
            }
        }
        open.selection = selection;
        Ok(spoken)
    }

    /// Appends the output of the windows that are still open.
    ///
    /// # Errors
    /// A group has no result.
    pub fn finish(
        &self,
        aggregation: &Aggregation,
        open: &Open,
        out: &mut Vec<u8>,
    ) -> Result<u64, Fault> {
        let mut spoken = 0;
        for (start, state) in &open.windows {
            spoken += self.speak(aggregation, (*start, state), open.told, out)?;
        }
        Ok(spoken)
    }

    /// Returns the starts of the windows that contain a time, the last one first.
    fn starts(&self, time: i128) -> impl Iterator<Item = i128> {
        let last = time.div_euclid(self.slide) * self.slide;
        let starts = (0..).map(move |nth| last - nth * self.slide);
        starts.take_while(move |start| start + self.size > time)
    }

    /// Returns the end of the first window that contains a time.
    fn first_end(&self, time: i128) -> i128 {
        self.starts(time).last().unwrap_or(time) + self.size
    }

    fn watermark(&self, open: &Open) -> Option<i128> {
        open.clock.latest.map(|latest| latest - self.late)
    }

    /// Assigns the records to windows, by the windows' starts, and moves the watermark.
    fn deal(
        &self,
        open: &mut Open,
        records: &Records<'_>,
        chunk: &[u32],
        faults: &mut Faults,
    ) -> BTreeMap<i128, Vec<u32>> {
        let arena = Bump::new();
        let batch = Batch::over(*records, &arena);
        let times = self.on.evaluate(&batch, chunk, faults);
        let mut dealt: BTreeMap<i128, Vec<u32>> = BTreeMap::new();
        let mut sound = chunk.to_vec();
        faults.settle(&mut sound);
        let mut sound = sound.into_iter().peekable();
        for (place, &record) in chunk.iter().enumerate() {
            if record >= faults.limit() {
                break;
            }
            if sound.next_if_eq(&record).is_none() {
                continue;
            }
            let time = match self.time(open, &times.get(place, record)) {
                Ok(time) => time,
                Err(fault) => {
                    faults.add(record, fault.about(self.on.label()));
                    continue;
                }
            };
            open.clock.set_back(time, self);
            let mark = self.watermark(open);
            let is_open = |start: &i128| mark.is_none_or(|mark| start + self.size > mark);
            let mut is_late = true;
            for start in self.starts(time).filter(is_open) {
                is_late = false;
                dealt.entry(start).or_default().push(record);
            }
            if is_late && self.refuses_late {
                faults.add(record, Fault::new("late: its window is done"));
            } else if is_late {
                open.late += 1;
            }
            open.clock.see(time, self);
        }
        dealt
    }

    fn time(&self, open: &mut Open, value: &Value<'_>) -> Result<i128, Fault> {
        let time = match value {
            Value::Time(time) => Some(*time),
            Value::Raw(text) | Value::Quoted(text) | Value::Text(text) => Time::parse(text),
            _ => None,
        };
        let not_one = || Fault::new(format!("{} is not a time (ISO 8601)", quoted(value)));
        let time = time.ok_or_else(not_one)?;
        let at = time.epoch_nanoseconds();
        // Only a time within one window length of the limits can have a window outside the range of years.
        if !(Time::has_year(at - self.size) && Time::has_year(at + self.size)) {
            let mut starts = self.starts(at);
            if !starts.all(|start| Time::has_year(start) && Time::has_year(start + self.size)) {
                return Err(Fault::new(format!(
                    "the window of '{time}' starts or ends outside the years 0000 to 9999"
                )));
            }
        }
        open.told.get_or_insert(time).same_line(&time)?;
        Ok(at)
    }

    fn speak(
        &self,
        aggregation: &Aggregation,
        (start, state): (i128, &GroupStates),
        told: Option<Time>,
        out: &mut Vec<u8>,
    ) -> Result<u64, Fault> {
        let mut window = Vec::new();
        for (nth, at) in [start, start + self.size].into_iter().enumerate() {
            if nth > 0 {
                window.push(aggregation.delimiter);
            }
            if let Some(told) = told {
                let time = Value::Time(told.told_alike(at)?);
                text::write_value(&time, &mut window, aggregation.delimiter);
            }
        }
        let order = state.groups.in_order();
        for groups in order.chunks(state.lot()) {
            let ready = Ready {
                accumulators: &state.accumulators,
                groups,
                write_keys: Box::new(|group, out| {
                    out.extend_from_slice(&window);
                    if !aggregation.keys.is_empty() {
                        out.push(aggregation.delimiter);
                        state.groups.write_fields(group, out, aggregation.delimiter);
                    }
                }),
                // Windows write results, never states.
                write_letters: Box::new(|_, _| ()),
            };
            aggregation.speak(&ready, out, &mut |_| ())?;
        }
        Ok(order.len() as u64)
    }
}
