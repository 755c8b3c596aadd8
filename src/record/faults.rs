//! The faults of one block's records, and the records that are left to process.

use super::Fault;

/// What happens after a bad record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnFault {
    /// The first one ends the run; records before it still count.
    Fail,
    /// It is set aside and counted; the run continues.
    SetAside,
}

/// Faults by record number in a block, added in any order.
#[derive(Debug)]
pub struct Faults {
    /// How many bad records the run may still accept; one more ends it.
    allowed: usize,
    /// For each ragged record, the number of regular records before it.
    ragged: Vec<u32>,
    /// The first record to process.
    first: u32,
    limit: u32,
    /// Records from this one on are left for later; the greatest number means none.
    left: u32,
    /// Whether records can be left for later at all.
    leaves: bool,
    list: Vec<(u32, Fault)>,
    /// How many entries of the list are known to be in order and without duplicates.
    in_order: usize,
}

impl Faults {
    /// Returns no faults, for a block whose records `0..limit` are to be processed.
    pub fn new(on_fault: OnFault, limit: usize) -> Self {
        let allowed = match on_fault {
            OnFault::Fail => 0,
            OnFault::SetAside => usize::MAX,
        };
        Self::up_to(allowed, limit, std::iter::empty())
    }

    /// Returns no faults, for a block with `records` regular records, of which `allowed` may be bad. Ragged records
    /// are bad, too; each is given by the number of regular records before it.
    pub fn up_to(allowed: usize, records: usize, ragged: impl Iterator<Item = u32>) -> Self {
        let mut faults = Faults {
            allowed,
            ragged: match allowed {
                usize::MAX => Vec::new(),
                _ => ragged.collect(),
            },
            first: 0,
            limit: records as u32,
            left: u32::MAX,
            leaves: false,
            list: Vec::new(),
            in_order: 0,
        };
        if faults.ragged.len() > allowed {
            faults.tighten();
        }
        faults
    }

    /// Adds a fault. Only the first fault of a record is kept.
    pub fn add(&mut self, record: u32, fault: Fault) {
        if record >= self.limit() {
            return;
        }
        let is_last = self.list.last().is_none_or(|(last, _)| *last < record);
        self.list.push((record, fault));
        let is_one_too_many = self.list.len() + self.ragged.len() > self.allowed;
        // Out of order, a record may be in the list twice; `settle` checks all of them at once. If no bad record is
        // allowed, the limit is exact at any time.
        if is_one_too_many && (is_last || self.allowed == 0) {
            self.tighten();
        }
    }

    /// Starts at this record, and allows leaving others for later.
    pub fn leaving(mut self, first: u32) -> Self {
        self.first = first;
        self.leaves = true;
        self
    }

    /// Allows no record to be left for later.
    pub fn leave_none(&mut self) {
        self.leaves = false;
    }

    /// Whether records can be left for later.
    pub fn can_leave(&self) -> bool {
        self.leaves
    }

    /// Leaves this record and all after it for later, if that is allowed, because the results so far have become
    /// large.
    pub fn leave_from(&mut self, record: u32) {
        if self.leaves {
            self.left = self.left.min(record);
        }
    }

    /// Processes all these records, in their order. If `work` leaves records for later, it is called again for
    /// them.
    pub fn in_parts(&mut self, records: &[u32], mut work: impl FnMut(&[u32], &mut Self)) {
        let (before, mut rest) = (self.leaves, records);
        while !rest.is_empty() {
            self.leaves = true;
            work(rest, self);
            let left = std::mem::replace(&mut self.left, u32::MAX);
            rest = &rest[rest.partition_point(|record| *record < left)..];
        }
        self.leaves = before;
    }

    /// Returns the first record that is left for later.
    pub fn left(&self) -> Option<u32> {
        (self.left < self.limit).then_some(self.left)
    }

    /// Whether all records are good so far, and none is left for later.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty() && self.left == u32::MAX
    }

    /// Returns the first record that is not to be processed, with all after it.
    pub fn limit(&self) -> u32 {
        self.limit.min(self.left)
    }

    /// Fills `selection` with the records to process.
    pub fn select_all(&self, selection: &mut Vec<u32>) {
        selection.clear();
        selection.extend(self.first..self.limit());
    }

    /// Removes records that turned out bad or are left for later from `selection`, which is ascending.
    pub fn settle(&mut self, selection: &mut Vec<u32>) {
        if self.is_empty() {
            return;
        }
        self.tighten();
        let limit = self.limit();
        let list = &self.list;
        selection.retain(|&record| {
            record < limit && list.binary_search_by_key(&record, |(bad, _)| *bad).is_err()
        });
    }

    /// Returns the faults in ascending order of records; the last may be the one that exceeds the allowed number.
    pub fn into_list(mut self) -> Vec<(u32, Fault)> {
        self.tighten();
        self.list.retain(|(record, _)| *record < self.left);
        self.list
    }

    /// Sorts the list, and lowers the limit to the first bad record that is not allowed.
    fn tighten(&mut self) {
        self.sort();
        if self.list.len() + self.ragged.len() <= self.allowed {
            return;
        }
        let (mut taken, mut ragged) = (0, self.ragged.iter().copied().peekable());
        for place in 0..=self.list.len() {
            let record = self
                .list
                .get(place)
                .map_or(self.limit, |(record, _)| *record);
            while let Some(before) = ragged.next_if(|before| *before <= record) {
                taken += 1;
                if taken > self.allowed {
                    self.limit = before;
                    self.list.truncate(place);
                    return;
                }
            }
            taken += 1;
            if taken > self.allowed && place < self.list.len() {
                self.limit = record;
                self.list.truncate(place + 1);
                return;
            }
        }
    }

    /// Sorts the faults added since the last call. If all of them come after the earlier ones, those are
    /// not sorted again, so the cost for a block of bad records is linear.
    fn sort(&mut self) {
        let known = self.in_order.min(self.list.len());
        let end = self.list[..known].last().map(|(record, _)| *record);
        let fresh = &mut self.list[known..];
        fresh.sort_by_key(|(record, _)| *record);
        let is_after = match (end, fresh.first()) {
            (Some(end), Some((first, _))) => end < *first,
            _ => true,
        };
        let first = if is_after { known } else { 0 };
        if !is_after {
            self.list.sort_by_key(|(record, _)| *record);
        }
        let mut tail = self.list.split_off(first);
        tail.dedup_by_key(|(record, _)| *record);
        self.list.append(&mut tail);
        self.in_order = self.list.len();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failing_keeps_the_earliest() {
        let mut faults = Faults::new(OnFault::Fail, 10);
        faults.add(5, Fault::new("five"));
        faults.add(7, Fault::new("seven"));
        faults.add(3, Fault::new("three"));
        let mut selection = (0..10).collect();
        faults.settle(&mut selection);
        assert_eq!(selection, [0, 1, 2]);
        assert_eq!(faults.into_list(), [(3, Fault::new("three"))]);
    }

    #[test]
    fn one_bad_record_too_many_is_the_limit() {
        let of = |allowed, ragged: &[u32], bad: &[u32]| {
            let mut faults = Faults::up_to(allowed, 10, ragged.iter().copied());
            for &record in bad {
                faults.add(record, Fault::new(record.to_string()));
            }
            let mut selection = Vec::new();
            faults.select_all(&mut selection);
            faults.settle(&mut selection);
            let limit = faults.limit();
            let list: Vec<u32> = faults
                .into_list()
                .iter()
                .map(|(record, _)| *record)
                .collect();
            (limit, selection, list)
        };
        assert_eq!(
            of(1, &[], &[2]),
            (10, vec![0, 1, 3, 4, 5, 6, 7, 8, 9], vec![2])
        );
        assert_eq!(of(1, &[], &[7, 2, 2]).0, 7);
        assert_eq!(of(1, &[], &[7, 4, 2]), (4, vec![0, 1, 3], vec![2, 4]));
        // A ragged record comes before the regular record with its number.
        assert_eq!(of(1, &[3, 5], &[8]), (5, vec![0, 1, 2, 3, 4], vec![]));
        assert_eq!(of(1, &[3, 5], &[8, 3]), (3, vec![0, 1, 2], vec![3]));
        assert_eq!(of(1, &[3, 5], &[8, 2]), (3, vec![0, 1], vec![2]));
        assert_eq!(of(0, &[4], &[]), (4, vec![0, 1, 2, 3], vec![]));
        assert_eq!(of(2, &[10], &[9, 0]).0, 10);
        assert_eq!(of(2, &[10, 10], &[9]).0, 10);
    }

    #[test]
    fn records_that_are_left_are_worked_on_later() {
        let mut faults = Faults::new(OnFault::SetAside, 9).leaving(2);
        let mut selection = Vec::new();
        faults.select_all(&mut selection);
        assert_eq!(selection, [2, 3, 4, 5, 6, 7, 8]);
        faults.add(3, Fault::new("three"));
        faults.add(7, Fault::new("seven"));
        assert_eq!(faults.left(), None);
        faults.leave_from(6);
        faults.leave_from(8);
        faults.add(8, Fault::new("of what was not made"));
        assert_eq!((faults.limit(), faults.left()), (6, Some(6)));
        faults.settle(&mut selection);
        assert_eq!(selection, [2, 4, 5]);
        assert_eq!(faults.into_list(), [(3, Fault::new("three"))]);
        // The first error ends the run, so nothing after it is left for later.
        let mut faults = Faults::new(OnFault::Fail, 9).leaving(0);
        faults.add(4, Fault::new("four"));
        faults.leave_from(6);
        assert_eq!((faults.limit(), faults.left()), (4, None));
        assert_eq!(faults.into_list(), [(4, Fault::new("four"))]);
    }

    #[test]
    fn setting_aside_keeps_the_others() {
        let mut faults = Faults::new(OnFault::SetAside, 4);
        faults.add(2, Fault::new("two"));
        faults.add(0, Fault::new("zero"));
        faults.add(2, Fault::new("again"));
        let mut selection = (0..4).collect();
        faults.settle(&mut selection);
        assert_eq!(selection, [1, 3]);
        assert_eq!(
            faults.into_list(),
            [(0, Fault::new("zero")), (2, Fault::new("two"))]
        );
    }
}
