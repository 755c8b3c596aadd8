//! The faults of one block's records, and which records are left to work on.

use super::Fault;

/// What a bad record does to the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnFault {
    /// The first one ends it; records before it still count.
    Fail,
    /// It is set aside and counted; the others go on.
    SetAside,
}

/// Faults by record number within a block, gathered in any order.
#[derive(Debug)]
pub struct Faults {
    on_fault: OnFault,
    limit: u32,
    list: Vec<(u32, Fault)>,
}

impl Faults {
    /// No faults yet in a block whose records `0..limit` are to be worked on.
    pub fn new(on_fault: OnFault, limit: usize) -> Self {
        Faults {
            on_fault,
            limit: limit as u32,
            list: Vec::new(),
        }
    }

    /// Records a fault. One record may have several; the first one given is kept.
    pub fn add(&mut self, record: u32, fault: Fault) {
        if self.on_fault == OnFault::Fail {
            if record >= self.limit {
                return;
            }
            self.limit = record;
            self.list.clear();
        }
        self.list.push((record, fault));
    }

    /// Whether all is well so far.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Records at and after this one are not to be worked on.
    pub fn limit(&self) -> u32 {
        self.limit
    }

    /// Fills `selection` with the records to work on.
    pub fn select_all(&self, selection: &mut Vec<u32>) {
        selection.clear();
        selection.extend(0..self.limit);
    }

    /// Drops from `selection` (ascending) the records that turned out bad.
    pub fn settle(&mut self, selection: &mut Vec<u32>) {
        if self.list.is_empty() {
            return;
        }
        self.list.sort_by_key(|(record, _)| *record);
        let limit = self.limit;
        let list = &self.list;
        selection.retain(|&record| {
            record < limit && list.binary_search_by_key(&record, |(bad, _)| *bad).is_err()
        });
    }

    /// The faults by ascending record number.
    pub fn into_list(mut self) -> Vec<(u32, Fault)> {
        self.list.sort_by_key(|(record, _)| *record);
        self.list.dedup_by_key(|(record, _)| *record);
        self.list
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
