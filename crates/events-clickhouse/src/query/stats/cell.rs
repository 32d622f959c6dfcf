//! What is counted of the events of one group and bucket.

use millimetric_core::query::{Aggregate, Metric, Number};

use crate::query::count::groups::Distinct;
use crate::query::count::numbers::Numbers;

/// What is counted of some events.
#[derive(Debug, Clone, Default)]
pub(super) struct Cell {
    pub(super) events: u64,
    /// How many of them have a number.
    pub(super) with_number: u64,
    pub(super) visitors: Distinct,
    /// The visitors who reach the goal.
    pub(super) reached: Distinct,
    numbers: Option<Numbers>,
}

impl Cell {
    /// Nothing yet.
    pub(super) fn new(metric: &Metric) -> Self {
        let numbers = match metric {
            Metric::Of(aggregate, _) => Some(Numbers::new(*aggregate)),
            Metric::Count | Metric::Uniques | Metric::Conversions | Metric::ConversionRate => None,
        };
        Self { numbers, ..Self::default() }
    }

    /// Adds an event of a visitor.
    pub(super) fn add(&mut self, visitor: u64, reached: bool, number: Option<f64>) {
        self.events += 1;
        self.visitors.add(visitor);
        if reached {
            self.reached.add(visitor);
        }
        if let (Some(numbers), Some(number)) = (&mut self.numbers, number) {
            self.with_number += 1;
            numbers.add(number);
        }
    }

    /// Memory that a number takes, in bytes.
    pub(super) const fn bytes_of_number(metric: &Metric) -> usize {
        match metric {
            // A vector has up to twice the capacity that it uses.
            Metric::Of(Aggregate::Median | Aggregate::P95, _) => 2 * size_of::<f64>(),
            _ => 0,
        }
    }

    /// The value of the metric.
    pub(super) fn value(self, metric: &Metric) -> Option<Number> {
        match metric {
            Metric::Count | Metric::Conversions => Some(Number::Integer(self.events)),
            Metric::Uniques => Some(Number::Integer(self.visitors.count)),
            Metric::ConversionRate => {
                let rate = self.reached.count as f64 / self.visitors.count.max(1) as f64;
                Some(Number::Float(rate))
            }
            Metric::Of(aggregate, _) => self.numbers?.finish(*aggregate).map(Number::Float),
        }
    }
}
