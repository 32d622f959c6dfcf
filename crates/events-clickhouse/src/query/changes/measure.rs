//! What is counted of some events in both ranges.

use millimetric_core::query::{ChangeMetric, Measured};

use crate::query::count::groups::Distinct;
use crate::query::count::numbers::Sum;

/// What is counted of some events in the range, and in the one that it is compared with.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Measures([Measure; 2]);

#[derive(Debug, Clone, Copy, Default)]
struct Measure {
    visitors: Distinct,
    /// The sum of the numbers, and how many events there are.
    sum: Sum,
}

impl Measures {
    /// Adds an event of a visitor in a range, with its number.
    pub(super) fn add(&mut self, side: usize, visitor: u64, number: f64) {
        self.0[side].visitors.add(visitor);
        self.0[side].sum.add(number);
    }

    /// The events of both ranges.
    pub(super) fn events(&self) -> u64 {
        self.0.iter().map(|measure| measure.sum.count).sum()
    }

    /// What a metric is in each range.
    pub(super) fn measured(&self, metric: &ChangeMetric) -> [Measured; 2] {
        self.0.map(|Measure { visitors, sum }| match metric {
            ChangeMetric::Count | ChangeMetric::Conversions => Measured::count(sum.count),
            ChangeMetric::Uniques => Measured::count(visitors.count),
            ChangeMetric::Sum { .. } => Measured { total: sum.total() + 0.0, squares: sum.squares },
        })
    }
}
