pub(super) static AGGREGATES: &[super::Aggregate] = &[];
