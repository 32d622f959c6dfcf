//! What is counted of some events in both ranges.

use millimetric_core::query::{ChangeMetric, Measured};

use super::occurrences::Occurrence;
use crate::query::count::groups::Distinct;
use crate::query::count::numbers::Sum;

/// What is counted of some events in the range, and in the one that it is compared with.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Measures([Measure; 2]);

#[derive(Debug, Clone, Copy, Default)]
struct Measure {
    events: u64,
    visitors: Distinct,
    /// The sum of the numbers.
    sum: Sum,
}

impl Measures {
    /// Adds events of a range.
    pub(super) fn add(&mut self, side: usize, occurrence: &Occurrence<'_>) {
        let Measure { events, visitors, sum } = &mut self.0[side];
        *events += occurrence.events;
        visitors.add(occurrence.visitor);
        sum.add(occurrence.number);
    }

    /// The events of both ranges.
    pub(super) fn events(&self) -> u64 {
        self.0.iter().map(|measure| measure.events).sum()
    }

    /// What a metric is in each range.
    pub(super) fn measured(&self, metric: &ChangeMetric) -> [Measured; 2] {
        self.0.map(|Measure { events, visitors, sum }| match metric {
            ChangeMetric::Count | ChangeMetric::Conversions => Measured::count(events),
            ChangeMetric::Uniques => Measured::count(visitors.count),
            ChangeMetric::Sum { .. } => Measured { total: sum.total() + 0.0, squares: sum.squares },
        })
    }
}
