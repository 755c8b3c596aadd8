//! Groups of stretches of time, done as soon as no more records are expected there.
//!
//! A window holds the records from its start on and before its end. The watermark is the latest time
//! that counts (see `Clock`), less what records may be late: a window that ends at it or before is
//! done, and said at once. A record all of whose windows are done is late. Which ones are, depends on
//! the order of the records alone, so records are taken one behind the other; memory is that of the
//! windows that are open. (Akidau and others, "The Dataflow Model", 2015.)

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use bumpalo::Bump;

use super::speak::Ready;
use super::{Aggregation, GroupStates, renew};
use crate::expr::{BATCH, Batch, Node};
use crate::record::{Fault, Faults, Header, Records};
use crate::value::text::{self, quoted};
use crate::value::{Time, Value};

/// The columns in front of the others: where a window starts, and where it ends.
const COLUMNS: [&str; 2] = ["window_start", "window_end"];

/// How records go to windows. All lengths are nanoseconds.
pub struct Windows {
    /// Each record's time.
    pub on: Node,
    /// How long a window is.
    pub size: i128,
    /// How long after the one before it starts.
    pub slide: i128,
    /// How much later than others a record may come.
    pub late: i128,
    /// Whether a late record is a bad one, rather than one that is counted.
    pub refuses_late: bool,
}

/// Windows that are open.
#[derive(Default)]
pub struct Open {
    /// By their starts.
    windows: BTreeMap<i128, GroupStates>,
    /// The first time of all, which says how times are told.
    told: Option<Time>,
    clock: Clock,
    /// Records that came late.
    pub late: u64,
    selection: Vec<u32>,
}

/// So many records in a row move the clock, however far ahead they are.
const IN_A_ROW: usize = 3;

/// The latest time that counts.
///
/// A time counts if it is at most one window ahead of it, or if [`IN_A_ROW`] records in a row have
/// come as far: one record with a wrong time does not make those after it late, and after a gap in
/// the data the third record moves the clock.
#[derive(Debug, Default)]
struct Clock {
    latest: Option<i128>,
    /// The times of the last records, if they are further ahead.
    ahead: Vec<i128>,
    /// How many records came, up to [`IN_A_ROW`].
    seen: usize,
    /// The earliest end of a window of those.
    first_end: Option<i128>,
}

impl Clock {
    /// Looks at the next record's time: the second and the third record tell whether the times before
    /// were far ahead. A window that is done stays done.
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

    /// Takes the next record's time.
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
    /// The output's names.
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

    /// Takes in a block of records, and appends what is said of windows that are done: how many
    /// records that is.
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
        // A record moves the clock once.
        faults.leave_none();
        faults.select_all(&mut selection);
        let mut spoken = 0;
        for chunk in selection.chunks(BATCH) {
            if self.refuses_late {
                // A record that is set aside opens no window, and makes none late.
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

    /// Appends what is said of the windows that are still open.
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

    /// The starts of the windows that a time is in, the last one first.
    fn starts(&self, time: i128) -> impl Iterator<Item = i128> {
        let last = time.div_euclid(self.slide) * self.slide;
        let starts = (0..).map(move |nth| last - nth * self.slide);
        starts.take_while(move |start| start + self.size > time)
    }

    /// The end of the first window that a time is in.
    fn first_end(&self, time: i128) -> i128 {
        self.starts(time).last().unwrap_or(time) + self.size
    }

    fn watermark(&self, open: &Open) -> Option<i128> {
        open.clock.latest.map(|latest| latest - self.late)
    }

    /// Which of these records go to which windows, by their starts; moves the watermark.
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
        // Its windows are within their length around it.
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
                // Windows have results and no states.
                write_letters: Box::new(|_, _| ()),
            };
            aggregation.speak(&ready, out, &mut |_| ())?;
        }
        Ok(order.len() as u64)
    }
}
